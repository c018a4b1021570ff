//! `GPU_SETTLE`: which worker signed each receipt of a batch of GPU jobs.
//!
//! The batch is judged receipt by receipt, so a bad one never blocks the others. No balance is
//! touched: the escrow contract reads the verdicts and pays.

mod input;
mod receipt;

pub use input::SettleInput;
pub use receipt::{RECEIPT_TYPE, SignedReceipt};

use std::collections::BTreeSet;

use alloy_primitives::U256;
use alloy_sol_types::{SolValue, sol};

use crate::{ACCEPTED, Frame, reader::words};

/// Reading the call.
const GAS_BASE: u64 = 5_000;

/// One recovery at the price of `ecrecover`, three hashes and the entry in the output.
const GAS_PER_RECEIPT: u64 = 3_600;

/// What copying costs everywhere.
const GAS_PER_WORD: u64 = 3;

/// A good receipt.
pub const VERDICT_OK: u8 = 0;

/// No key signed it: `v` is not 27 or 28, `s` is high, or nothing can be recovered.
pub const VERDICT_SIGNATURE: u8 = 1;

/// A word is outside its type's range, or the job finished before it started.
pub const VERDICT_RANGE: u8 = 2;

/// A good receipt for this job came earlier in the batch.
pub const VERDICT_DUPLICATE: u8 = 3;

sol! {
    /// What the batch says of one receipt.
    #[derive(Debug, PartialEq, Eq)]
    struct Settled {
        /// As in the receipt.
        bytes32 jobId;
        /// The EIP-712 digest, of a malformed receipt too.
        bytes32 digest;
        /// Who signed; zero if nobody did.
        address worker;
        /// As in the receipt.
        uint256 amount;
        /// As in the receipt; zero if it does not fit.
        uint64 gpuSeconds;
        /// 0 good, 1 bad signature, 2 out of range, 3 job settled earlier in the batch.
        uint8 verdict;
    }
}

/// The price of an input that is a frame; it grows with the number of receipts it announces.
pub fn gas(input: &[u8]) -> Result<u64, Frame> {
    let receipts = SettleInput::count(input)?;
    Ok(GAS_BASE + GAS_PER_RECEIPT * receipts as u64 + GAS_PER_WORD * words(input.len()))
}

/// `abi.encode(uint256 status, Settled[] settled)`; the status is 0, verdicts are per receipt.
pub fn verify(input: &[u8]) -> Result<Vec<u8>, Frame> {
    Ok((U256::from(ACCEPTED), explain(input)?).abi_encode_params())
}

/// The same before it is encoded.
pub fn explain(input: &[u8]) -> Result<Vec<Settled>, Frame> {
    let input = SettleInput::decode(input)?;
    let mut seen = BTreeSet::new();
    let settled = input.receipts.iter().map(|receipt| {
        let mut settled = receipt.judge(&input.domain);
        // Only a good receipt counts: a worthless copy must not shut out the real one.
        if settled.verdict == VERDICT_OK && !seen.insert(settled.jobId) {
            settled.verdict = VERDICT_DUPLICATE;
        }
        settled
    });
    Ok(settled.collect())
}
