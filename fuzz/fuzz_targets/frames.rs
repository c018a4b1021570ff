//! Frames of a batcher transaction: what parses is what encodes to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use phala_batch::{encode_frames, parse_frames};

fuzz_target!(|data: &[u8]| {
    if let Ok(frames) = parse_frames(data) {
        assert_eq!(encode_frames(&frames), data);
    }
});
