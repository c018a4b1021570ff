use alloy_primitives::{B256, keccak256};
use p384::ecdsa::{Signature, VerifyingKey, signature::Verifier};

use super::der::{self, Der};

/// SEC1, uncompressed.
pub(super) const KEY_LEN: usize = 97;

/// `r || s`.
pub(super) const SIGNATURE_LEN: usize = 96;

const SCALAR_LEN: usize = 48;

/// A P-384 public key as 0x04, x, y; not yet known to be a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key<'a>(pub(super) &'a [u8; KEY_LEN]);

impl Key<'_> {
    pub(super) fn hash(&self) -> B256 {
        keccak256(self.0)
    }

    /// ECDSA over SHA-384; `None` if the key is no point of the curve.
    pub(super) fn has_signed(
        &self,
        message: &[u8],
        signature: &[u8; SIGNATURE_LEN],
    ) -> Option<bool> {
        let key = VerifyingKey::from_sec1_bytes(self.0).ok()?;
        let valid = Signature::from_slice(signature)
            .is_ok_and(|signature| key.verify(message, &signature).is_ok());
        Some(valid)
    }
}

/// `r || s` of an `ECDSA-Sig-Value`.
pub(super) fn signature_from_der(bytes: &[u8]) -> Option<[u8; SIGNATURE_LEN]> {
    let mut der = Der::new(der::only(bytes, der::SEQUENCE)?);
    let r = scalar(&mut der)?;
    let s = scalar(&mut der)?;
    der.end()?;
    let mut signature = [0; SIGNATURE_LEN];
    signature[..SCALAR_LEN].copy_from_slice(&r);
    signature[SCALAR_LEN..].copy_from_slice(&s);
    Some(signature)
}

fn scalar(der: &mut Der<'_>) -> Option<[u8; SCALAR_LEN]> {
    let magnitude = der::positive(der.expect(der::INTEGER)?.value)?;
    let mut scalar = [0; SCALAR_LEN];
    let start = SCALAR_LEN.checked_sub(magnitude.len())?;
    scalar[start..].copy_from_slice(magnitude);
    Some(scalar)
}
