//! Transactions as they come from payloads, batches and users.
#![no_main]

use alloy_eips::eip2718::Encodable2718;
use libfuzzer_sys::fuzz_target;
use phala_primitives::decode_transaction;

fuzz_target!(|data: &[u8]| {
    if let Ok(transaction) = decode_transaction(data) {
        assert_eq!(transaction.encoded_2718(), data);
    }
});
