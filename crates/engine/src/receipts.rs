use alloy_consensus::{EMPTY_ROOT_HASH, TxReceipt, proofs::ordered_trie_root_encoded};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, Bloom};
use phala_primitives::Receipt;
use rayon::prelude::*;

/// Receipts from which a second core is worth its wake-up.
const PARALLEL_MIN: usize = 256;

/// Root and bloom filter of a block's receipts. Each log is hashed into a filter once.
pub(crate) fn root_and_bloom(receipts: &[Receipt]) -> (B256, Bloom) {
    if receipts.is_empty() {
        return (EMPTY_ROOT_HASH, Bloom::ZERO);
    }
    let encode = |receipt: &Receipt| {
        let with_bloom = receipt.with_bloom_ref();
        (with_bloom.encoded_2718(), with_bloom.logs_bloom)
    };
    let (encoded, blooms): (Vec<_>, Vec<_>) = if receipts.len() < PARALLEL_MIN {
        receipts.iter().map(encode).unzip()
    } else {
        receipts.par_iter().with_min_len(64).map(encode).unzip()
    };
    let bloom = blooms.into_iter().fold(Bloom::ZERO, |all, bloom| all | bloom);
    (ordered_trie_root_encoded(&encoded), bloom)
}
