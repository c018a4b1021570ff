//! How values of the chain look as JSON. Nothing here reads anything.

mod block;
mod header;
mod log;
mod quantity;
mod raw_json;
mod receipt;
mod transaction;

use alloy_primitives::B256;
use phala_primitives::SealedHeader;

pub(crate) use block::BlockJson;
pub(crate) use header::HeaderJson;
pub(crate) use log::LogJson;
pub(crate) use quantity::{Quantity, quantity_of};
pub(crate) use raw_json::Json;
pub(crate) use receipt::{ReceiptJson, ReceiptPlace};
pub(crate) use transaction::{DepositExecution, TransactionJson};

/// The block something is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockPlace {
    pub(crate) hash: B256,
    pub(crate) number: u64,
    pub(crate) timestamp: u64,
}

impl From<&SealedHeader> for BlockPlace {
    fn from(header: &SealedHeader) -> Self {
        Self { hash: header.hash(), number: header.number, timestamp: header.timestamp }
    }
}
