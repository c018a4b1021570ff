//! Fee parameters in a header's extra data.
#![no_main]

use libfuzzer_sys::fuzz_target;
use phala_chainspec::ExtraData;

fuzz_target!(|data: &[u8]| {
    if let Ok(extra) = ExtraData::decode(data) {
        assert_eq!(&extra.encode()[..], data);
    }
});
