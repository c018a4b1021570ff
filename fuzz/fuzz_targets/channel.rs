//! Channel data: reading ends, whatever it holds.
#![no_main]

use alloy_primitives::Bytes;
use libfuzzer_sys::fuzz_target;
use phala_batch::{BatchContext, BatchReader};

fuzz_target!(|data: &[u8]| {
    let context = BatchContext { chain_id: 20_351_337, genesis_time: 1_000, block_time_secs: 2 };
    let mut reader = BatchReader::new(Bytes::copy_from_slice(data), context);
    while reader.next_batch().is_some() {}
    // Once at its end it stays there.
    assert!(reader.next_batch().is_none());
});
