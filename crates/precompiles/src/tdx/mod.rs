//! `TDX_VERIFY`: an Intel TDX quote under the collateral given with it, at the time given with it.

mod claims;
mod collateral;
mod input;
mod pck_chain;
mod quote;
mod td_report;
mod verifier;

pub use claims::TdxClaims;
pub use collateral::{Collateral, NotCollateral};
pub use input::TdxInput;
pub use quote::trim_quote;
pub use td_report::TdReport;

use alloy_sol_types::SolValue;

use crate::{Frame, Roots, TdxRefusal, reader::words, unwind::or_on_panic, verdict};

/// Nine P-256 verifications, 1.8 ms where `ecrecover` takes 30 us: 1.4 times its time per gas.
const GAS_BASE: u64 = 250_000;

/// Parsing and hashing take at most 5 ns a byte; as for `ecrecover` a gas is worth 10 ns.
const GAS_PER_WORD: u64 = 32;

/// The price of an input, whatever it says.
pub const fn gas(input: &[u8]) -> u64 {
    GAS_BASE + GAS_PER_WORD * words(input.len())
}

/// `abi.encode(uint256 status, bytes payload)` with [`TdxClaims`] as payload of an acceptance.
pub fn verify(input: &[u8]) -> Result<Vec<u8>, Frame> {
    let claims = explain(input)?.ok();
    Ok(verdict::encode(claims.map(|claims| claims.abi_encode())))
}

/// The same verdict with the reason of a refusal, which is not part of consensus.
pub fn explain(input: &[u8]) -> Result<Result<TdxClaims, TdxRefusal>, Frame> {
    explain_under(Roots::in_force(), input)
}

/// The same under roots of the caller's choice.
pub fn explain_under(roots: &Roots, input: &[u8]) -> Result<Result<TdxClaims, TdxRefusal>, Frame> {
    let input = TdxInput::decode(input)?;
    Ok(or_on_panic("TDX_VERIFY", Err(TdxRefusal::Panic), || verifier::verify(roots, &input)))
}
