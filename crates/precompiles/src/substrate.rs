//! `SUBSTRATE_VERIFY`: signatures of parachain keys, sr25519 and ed25519.

use ed25519_dalek::{Signature as Ed25519Signature, VerifyingKey};
use schnorrkel::{PublicKey as Sr25519Key, Signature as Sr25519Signature};

use crate::{Frame, reader::Reader, reader::words, unwind::or_on_panic};

/// Either signature takes less than two `ecrecover`.
const GAS_BASE: u64 = 20_000;

/// The transcript of sr25519 hashes at the rate of Keccak-256, twice the price of which this is.
const GAS_PER_WORD: u64 = 12;

/// Scheme, key and signature before the payload.
const PREFIX_LEN: usize = 1 + 32 + 64;

/// A claim message has 300 bytes; a wallet's wrapping adds 15.
const PAYLOAD_LEN_MAX: usize = 4_096;

const ED25519: u8 = 0;
const SR25519: u8 = 1;

/// The signing context of Substrate's sr25519 accounts.
const CONTEXT: &[u8] = b"substrate";

/// The price of an input, whatever it says.
pub const fn gas(input: &[u8]) -> u64 {
    GAS_BASE + GAS_PER_WORD * words(input.len().saturating_sub(PREFIX_LEN))
}

/// A word that is 1 if the signature is good. Anything else, malformed input too, is 0; there
/// are no frame errors.
///
/// The input is `scheme(1: 0 ed25519, 1 sr25519) || key(32) || signature(64) || payload`.
pub fn verify(input: &[u8]) -> Result<Vec<u8>, Frame> {
    let valid = or_on_panic("SUBSTRATE_VERIFY", None, || check(input)).is_some();
    let mut word = vec![0; 32];
    word[31] = valid.into();
    Ok(word)
}

fn check(input: &[u8]) -> Option<()> {
    let mut reader = Reader::new(input);
    let (scheme, key, signature) = (reader.u8()?, reader.array::<32>()?, reader.array::<64>()?);
    let payload = reader.rest();
    if payload.len() > PAYLOAD_LEN_MAX {
        return None;
    }
    match scheme {
        ED25519 => ed25519(&key, &signature, payload),
        SR25519 => sr25519(&key, &signature, payload),
        _ => None,
    }
}

/// Strict: keys of small order, for which one signature fits every message, are refused.
fn ed25519(key: &[u8; 32], signature: &[u8; 64], payload: &[u8]) -> Option<()> {
    let key = VerifyingKey::from_bytes(key).ok()?;
    key.verify_strict(payload, &Ed25519Signature::from_bytes(signature)).ok()
}

/// Only signatures marked as schnorrkel's own, as Substrate has it since 2019.
fn sr25519(key: &[u8; 32], signature: &[u8; 64], payload: &[u8]) -> Option<()> {
    let key = Sr25519Key::from_bytes(key).ok()?;
    let signature = Sr25519Signature::from_bytes(signature).ok()?;
    key.verify_simple(CONTEXT, payload, &signature).ok()
}
