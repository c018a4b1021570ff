//! Logs of the portal.
#![no_main]

use alloy_primitives::{B256, b256};
use libfuzzer_sys::fuzz_target;
use phala_chainspec::{DepositLog, decode_user_deposit};

/// keccak256 of `TransactionDeposited(address,address,uint256,bytes)`.
const DEPOSIT_EVENT: B256 =
    b256!("0xb3813568d9991fc951961fcb4c784893574240a28925604d09fc577c55bb7c32");

fuzz_target!(|data: &[u8]| {
    let Some((topic_count, rest)) = data.split_first() else { return };
    let count = usize::from(topic_count % 6).min(rest.len() / 32);
    let (topics, data) = rest.split_at(count * 32);
    let mut topics: Vec<B256> = topics.chunks_exact(32).map(B256::from_slice).collect();
    // Half the inputs have the event's topic, which random bytes never would.
    if topic_count & 0x80 != 0 && let Some(first) = topics.first_mut() {
        *first = DEPOSIT_EVENT;
    }
    let log = DepositLog { l1_block: B256::ZERO, log_index: 0, topics: &topics, data };
    let _ = decode_user_deposit(&log);
});
