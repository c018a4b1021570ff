use ed25519_dalek::SigningKey;
use parity_scale_codec::Encode;
use schnorrkel::{ExpansionMode, MiniSecretKey, derive::ChainCode};
use secp256k1::{PublicKey, SecretKey};

use super::account_id::{AccountId, blake2_256};

/// The seed of `bottom drive obey lake curtain smoke basket hold race lonely fit walk`, the phrase
/// every Substrate tool derives its development keys from. It is public: nothing of value may
/// ever be held by its keys.
const DEV_SEED: [u8; 32] =
    alloy_primitives::hex!("fac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e");

/// Kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Sr25519,
    Ed25519,
    Ecdsa,
}

impl Scheme {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sr25519 => "sr25519",
            Self::Ed25519 => "ed25519",
            Self::Ecdsa => "ecdsa",
        }
    }
}

/// A development key, whose secret everybody knows.
#[derive(Clone, Debug)]
pub(super) struct DevKey {
    pub(super) scheme: Scheme,
    /// What wallets import as a raw seed.
    pub(super) seed: [u8; 32],
    /// 32 bytes, for ecdsa 33.
    pub(super) public: Vec<u8>,
    pub(super) account: AccountId,
}

impl DevKey {
    /// The key of `//name`: one hard junction below the phrase.
    pub(super) fn derive(scheme: Scheme, name: &str) -> Self {
        let code = chain_code(name);
        let derived = |domain: &str| blake2_256(&(domain, DEV_SEED, code).encode());
        let (seed, public) = match scheme {
            Scheme::Sr25519 => {
                let root = MiniSecretKey::from_bytes(&DEV_SEED).expect("32 bytes");
                let (mini, _) = root
                    .expand(ExpansionMode::Ed25519)
                    .hard_derive_mini_secret_key(Some(ChainCode(code)), b"");
                let public = mini.expand_to_public(ExpansionMode::Ed25519);
                (mini.to_bytes(), public.to_bytes().to_vec())
            }
            Scheme::Ed25519 => {
                let seed = derived("Ed25519HDKD");
                (seed, SigningKey::from_bytes(&seed).verifying_key().to_bytes().to_vec())
            }
            Scheme::Ecdsa => {
                let seed = derived("Secp256k1HDKD");
                let secret = SecretKey::from_byte_array(seed).expect("hash within the group order");
                (seed, PublicKey::from_secret_key_global(&secret).serialize().to_vec())
            }
        };
        let account =
            <[u8; 32]>::try_from(public.as_slice()).unwrap_or_else(|_| blake2_256(&public));
        Self { scheme, seed, public, account }
    }
}

/// A junction's name as SCALE writes a string, padded with zeros. Names are shorter than 32 bytes.
fn chain_code(name: &str) -> [u8; 32] {
    let mut code = [0; 32];
    let encoded = name.encode();
    code[..encoded.len()].copy_from_slice(&encoded);
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As printed by every Substrate tool (`subkey inspect //Alice`).
    #[test]
    fn published_development_keys_are_derived() {
        let cases = [
            (
                Scheme::Sr25519,
                "Alice",
                "e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a",
                "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d",
            ),
            (
                Scheme::Sr25519,
                "Bob",
                "398f0c28f98885e046333d4a41c19cee4c37368a9832c6502f6cfd182e2aef89",
                "8eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48",
            ),
            (
                Scheme::Ed25519,
                "Alice",
                "abf8e5bdbe30c65656c0a3cbd181ff8a56294a69dfedd27982aace4a76909115",
                "88dc3417d5058ec4b4503e0c12ea1a0a89be200fe98922423d4334014fa6b0ee",
            ),
            (
                Scheme::Ecdsa,
                "Alice",
                "cb6df9de1efca7a3998a8ead4e02159d5fa99c3e0d4fd6432667390bb4726854",
                "020a1091341fe5664bfa1782d5e04779689068c916b04cb365ec3153755684d9a1",
            ),
        ];
        for (scheme, name, seed, public) in cases {
            let key = DevKey::derive(scheme, name);
            assert_eq!(alloy_primitives::hex::encode(key.seed), seed, "{scheme:?} //{name}");
            assert_eq!(alloy_primitives::hex::encode(&key.public), public, "{scheme:?} //{name}");
        }
    }
}
