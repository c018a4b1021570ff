use alloy_eips::eip4844::Blob;
use alloy_primitives::Bytes;

use crate::BlobError;

/// Bytes of batcher data a blob holds.
pub const BLOB_DATA_MAX: usize = 130_044;

/// Reads the data of a batcher transaction out of a blob.
pub fn decode_blob(_blob: &Blob) -> Result<Bytes, BlobError> {
    todo!()
}

/// Writes the data of a batcher transaction as a blob.
pub fn encode_blob(_data: &[u8]) -> Result<Box<Blob>, BlobError> {
    todo!()
}
