//! `SUBSTRATE_VERIFY`: a word for every input, in time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use phala_fuzz::in_time;
use phala_precompiles::substrate::verify;

fuzz_target!(|data: &[u8]| {
    let word = in_time(|| verify(data)).expect("has no frame errors");
    assert_eq!(word.len(), 32);
    assert!(word[..31].iter().all(|byte| *byte == 0) && word[31] <= 1);
});
