//! `GPU_VERIFY`: an answer for every input, in time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use phala_fuzz::in_time;
use phala_precompiles::gpu::{GpuInput, gas, verify};

fuzz_target!(|data: &[u8]| {
    let output = in_time(|| verify(data));
    assert_eq!(output.is_ok(), GpuInput::decode(data).is_ok());
    if let Ok(input) = GpuInput::decode(data) {
        assert_eq!(input.encode(), data);
        assert!(gas(data).is_ok());
    }
});
