//! Span batches: what decodes and can be encoded decodes to the same batch.
#![no_main]

use libfuzzer_sys::fuzz_target;
use phala_batch::{BatchContext, SpanBatch};

fuzz_target!(|data: &[u8]| {
    let context = BatchContext { chain_id: 20_351_337, genesis_time: 1_000, block_time_secs: 2 };
    let Ok(batch) = SpanBatch::decode(data, &context) else { return };
    assert!(!batch.blocks.is_empty());
    if let Ok(encoded) = batch.encode(&context) {
        assert_eq!(SpanBatch::decode(&encoded, &context).expect("own encoding"), batch);
    }
});
