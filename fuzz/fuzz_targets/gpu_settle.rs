//! `GPU_SETTLE`: a verdict for each receipt of every frame, in time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use phala_fuzz::in_time;
use phala_precompiles::settle::{SettleInput, explain, gas};

fuzz_target!(|data: &[u8]| {
    let Ok(settled) = in_time(|| explain(data)) else { return };
    let input = SettleInput::decode(data).expect("was a frame");
    assert_eq!(input.encode(), data);
    assert_eq!(input.receipts.len(), settled.len());
    assert!(gas(data).is_ok());
    for settled in settled {
        assert_eq!(settled.worker.is_zero(), settled.verdict == 1);
    }
});
