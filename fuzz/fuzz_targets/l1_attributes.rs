//! Calldata of the L1-attributes transaction.
#![no_main]

use libfuzzer_sys::fuzz_target;
use phala_chainspec::{Fork, L1Attributes, L1AttributesFormat};

fuzz_target!(|data: &[u8]| {
    let Ok(attributes) = L1Attributes::decode(data) else { return };
    let format = L1AttributesFormat::detect(data).expect("it decoded");
    let fork = Fork::ALL.into_iter().find(|fork| L1AttributesFormat::of(*fork) == format);
    assert_eq!(&attributes.encode(fork.expect("every format has a fork"))[..], data);
});
