//! `GPU_VERIFY`: evidence of an NVIDIA GPU or switch in confidential-computing mode.
//!
//! The device's chain of P-384 certificates up to NVIDIA's root, or to a key the caller knows,
//! and the SPDM measurement report signed by the leaf. Neither expires: certificates run to the
//! year 9999, so revocation and allow-lists are for contracts.

mod certificate;
mod chain;
mod claims;
mod der;
mod firmware_id;
mod input;
mod key;
mod opaque;
mod report;
mod verifier;

pub use claims::GpuClaims;
pub use input::{Challenge, GpuAnchor, GpuInput};

use alloy_sol_types::SolValue;

use crate::{Frame, GpuRefusal, Roots, reader::words, unwind::or_on_panic, verdict};

/// Parsing of four certificates and the report.
const GAS_BASE: u64 = 10_000;

/// One P-384 verification, 0.53 ms where `ecrecover` takes 30 us: 1.4 times its time per gas.
const GAS_PER_SIGNATURE: u64 = 75_000;

/// As in `TDX_VERIFY`.
const GAS_PER_WORD: u64 = 32;

/// The price of an input that is a frame; it grows with the number of signatures.
pub fn gas(input: &[u8]) -> Result<u64, Frame> {
    let signatures = input::signatures(input)?;
    Ok(GAS_BASE + GAS_PER_SIGNATURE * signatures + GAS_PER_WORD * words(input.len()))
}

/// `abi.encode(uint256 status, bytes payload)` with [`GpuClaims`] as payload of an acceptance.
pub fn verify(input: &[u8]) -> Result<Vec<u8>, Frame> {
    let claims = explain(input)?.ok();
    Ok(verdict::encode(claims.map(|claims| claims.abi_encode())))
}

/// The same verdict with the reason of a refusal, which is not part of consensus.
pub fn explain(input: &[u8]) -> Result<Result<GpuClaims, GpuRefusal>, Frame> {
    explain_under(Roots::in_force(), input)
}

/// The same under roots of the caller's choice.
pub fn explain_under(roots: &Roots, input: &[u8]) -> Result<Result<GpuClaims, GpuRefusal>, Frame> {
    let input = GpuInput::decode(input)?;
    Ok(or_on_panic("GPU_VERIFY", Err(GpuRefusal::Panic), || verifier::verify(roots, &input)))
}
