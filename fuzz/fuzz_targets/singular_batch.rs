//! Singular batches: what decodes encodes to something that decodes to the same batch.
#![no_main]

use libfuzzer_sys::fuzz_target;
use phala_batch::SingularBatch;

fuzz_target!(|data: &[u8]| {
    if let Ok(batch) = SingularBatch::decode(data) {
        let encoded = batch.encode();
        // The version byte goes first.
        let content = encoded.strip_prefix(&[0]).unwrap_or(&encoded);
        assert_eq!(SingularBatch::decode(content).expect("own encoding"), batch);
    }
});
