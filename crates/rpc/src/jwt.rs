use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, header::AUTHORIZATION};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// How far `iat` may be from this machine's clock.
const IAT_WINDOW_SECS: u64 = 60;

/// Tokens are about 150 bytes; more is not looked at.
const TOKEN_BYTES_MAX: usize = 4_096;

/// Block size of SHA-256, in bytes.
const BLOCK_BYTES: usize = 64;

/// The secret a consensus client signs its tokens with. It never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct JwtSecret([u8; 32]);

/// Why a request is not let through. The reasons hold nothing of the secret or of a valid token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// No `Authorization` header, or not of the form `Bearer <token>`.
    #[error("missing bearer token")]
    Missing,
    /// Not three parts of base64url, or no JSON in them.
    #[error("token does not decode")]
    Malformed,
    /// Anything but HS256.
    #[error("unsupported signature algorithm, only HS256 is")]
    Algorithm,
    /// Signed with another secret.
    #[error("signature is invalid")]
    Signature,
    /// Too old, or from the future.
    #[error("iat {iat} is not within {IAT_WINDOW_SECS} seconds of {now}")]
    IssuedAt {
        /// Time in the token.
        iat: u64,
        /// Time of this machine.
        now: u64,
    },
    /// The token says itself that it is over.
    #[error("token expired at {exp}, it is {now}")]
    Expired {
        /// Time in the token.
        exp: u64,
        /// Time of this machine.
        now: u64,
    },
}

#[derive(Deserialize)]
struct TokenHeader {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iat: u64,
    exp: Option<u64>,
}

impl JwtSecret {
    /// A secret from its 32 bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A token issued now, for clients and tests.
    pub fn token(&self) -> String {
        self.token_at(unix_time())
    }

    /// A token issued at a time.
    pub fn token_at(&self, iat: u64) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"iat":{iat}}}"#));
        let signed = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(hmac_sha256(&self.0, signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// Lets a request through if it carries a token signed with this secret, issued just now.
    pub(crate) fn authorize(&self, headers: &HeaderMap) -> Result<(), JwtError> {
        let value = headers.get(AUTHORIZATION).ok_or(JwtError::Missing)?;
        let value = value.to_str().map_err(|_| JwtError::Missing)?;
        let (scheme, token) = value.split_once(' ').ok_or(JwtError::Missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(JwtError::Missing);
        }
        self.verify(token.trim(), unix_time())
    }

    fn verify(&self, token: &str, now: u64) -> Result<(), JwtError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(JwtError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(JwtError::Malformed)?;
        let header: TokenHeader = decode(header)?;
        if header.alg != "HS256" {
            return Err(JwtError::Algorithm);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| JwtError::Malformed)?;
        if !is_equal(&signature, &hmac_sha256(&self.0, signed.as_bytes())) {
            return Err(JwtError::Signature);
        }
        let Claims { iat, exp } = decode(claims)?;
        if now.abs_diff(iat) > IAT_WINDOW_SECS {
            return Err(JwtError::IssuedAt { iat, now });
        }
        match exp {
            Some(exp) if exp < now => Err(JwtError::Expired { exp, now }),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JwtSecret(..)")
    }
}

fn decode<T: for<'a> Deserialize<'a>>(part: &str) -> Result<T, JwtError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| JwtError::Malformed)
}

/// RFC 2104 with SHA-256, for keys up to one block.
fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut inner = [0x36; BLOCK_BYTES];
    let mut outer = [0x5c; BLOCK_BYTES];
    for (position, byte) in key.iter().enumerate() {
        inner[position] ^= byte;
        outer[position] ^= byte;
    }
    let digest = Sha256::new().chain_update(inner).chain_update(message).finalize();
    Sha256::new().chain_update(outer).chain_update(digest).finalize().into()
}

/// Compares without telling by its time where the difference is.
fn is_equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use alloy_primitives::hex;

    use super::*;

    const SECRET: JwtSecret = JwtSecret::new([7; 32]);
    const NOW: u64 = 1_700_000_000;

    #[test]
    fn hmac_agrees_with_the_published_vectors() {
        // RFC 4231, cases 1 and 2: shorter keys are padded with zeros, which is the same key.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        assert_eq!(
            hmac_sha256(&key, b"Hi There"),
            hex!("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        );
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        assert_eq!(
            hmac_sha256(&key, b"what do ya want for nothing?"),
            hex!("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        );
    }

    #[test]
    fn takes_a_token_of_the_same_secret_within_a_minute() {
        for iat in [NOW - 60, NOW, NOW + 60] {
            assert_eq!(SECRET.verify(&SECRET.token_at(iat), NOW), Ok(()));
        }
        for iat in [0, NOW - 61, NOW + 61, u64::MAX] {
            assert_eq!(
                SECRET.verify(&SECRET.token_at(iat), NOW),
                Err(JwtError::IssuedAt { iat, now: NOW })
            );
        }
    }

    #[test]
    fn refuses_another_secret_and_changed_tokens() {
        let token = JwtSecret::new([8; 32]).token_at(NOW);
        assert_eq!(SECRET.verify(&token, NOW), Err(JwtError::Signature));
        let good = SECRET.token_at(NOW);
        for position in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            // The last digit of a signature has bits that do not count, and decoding refuses them.
            assert!(SECRET.verify(&changed, NOW).is_err(), "{position}");
        }
        for malformed in ["", ".", "..", "a.b.c", "a", &"a.".repeat(5_000)] {
            assert!(SECRET.verify(malformed, NOW).is_err(), "{malformed}");
        }
    }

    #[test]
    fn refuses_other_algorithms_and_expired_tokens() {
        let sign = |header: &str, claims: &str| {
            let signed =
                format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
            let signature = URL_SAFE_NO_PAD.encode(hmac_sha256(&SECRET.0, signed.as_bytes()));
            format!("{signed}.{signature}")
        };
        let claims = format!(r#"{{"iat":{NOW}}}"#);
        for alg in ["none", "HS512", "RS256", "hs256"] {
            let token = sign(&format!(r#"{{"alg":"{alg}"}}"#), &claims);
            assert_eq!(SECRET.verify(&token, NOW), Err(JwtError::Algorithm));
        }
        let header = r#"{"alg":"HS256"}"#;
        let expired = sign(header, &format!(r#"{{"iat":{NOW},"exp":{}}}"#, NOW - 1));
        assert_eq!(SECRET.verify(&expired, NOW), Err(JwtError::Expired { exp: NOW - 1, now: NOW }));
        assert_eq!(SECRET.verify(&sign(header, "{}"), NOW), Err(JwtError::Malformed));
    }

    #[test]
    fn reads_the_bearer_header() {
        let mut headers = HeaderMap::new();
        assert_eq!(SECRET.authorize(&headers), Err(JwtError::Missing));
        for wrong in ["Basic abc", "Bearer", ""] {
            headers.insert(AUTHORIZATION, wrong.parse().unwrap());
            assert_eq!(SECRET.authorize(&headers), Err(JwtError::Missing), "{wrong}");
        }
        headers.insert(AUTHORIZATION, format!("Bearer {}", SECRET.token()).parse().unwrap());
        assert_eq!(SECRET.authorize(&headers), Ok(()));
        assert!(!format!("{SECRET:?}").contains('7'));
    }
}
