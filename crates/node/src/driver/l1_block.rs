use alloy_consensus::{Transaction as _, Typed2718 as _};
use alloy_primitives::{Address, Bytes};
use phala_chainspec::{ChainSpec, RollupParams};
use phala_derive::{BlobId, InboxTransaction, L1Block, L1Header, L1Log};

/// Transaction types that can carry batches; blobs are type 3. The OP stack adds deposits (0x7E),
/// which no L1 that is Ethereum has.
const LEGACY_TO_BLOB: std::ops::RangeInclusive<u8> = 0..=3;

/// Type of transactions with blobs.
const BLOB: u8 = 3;

/// What derivation reads of a block, from one that was verified.
///
/// Senders are recovered for transactions to the batch inbox only.
pub(super) fn derivation_block(spec: &ChainSpec, block: &phala_l1::L1Block) -> L1Block {
    let rollup = spec.rollup.as_ref();
    L1Block {
        header: L1Header::new(block.hash(), block.header().header()),
        logs: rollup.map(|rollup| logs(rollup, block)).unwrap_or_default(),
        inbox: rollup.map(|rollup| inbox(rollup, block)).unwrap_or_default(),
    }
}

fn logs(rollup: &RollupParams, block: &phala_l1::L1Block) -> Vec<L1Log> {
    let Some(contracts) = &rollup.l1_contracts else { return Vec::new() };
    let is_ours = |address: &Address| {
        *address == contracts.deposit_contract || *address == contracts.system_config
    };
    let ours = block.logs().filter(|log| log.success && is_ours(&log.log.address));
    ours.map(|log| L1Log {
        address: log.log.address,
        topics: log.log.topics().to_vec(),
        data: log.log.data.data.clone(),
        log_index: log.log_index,
    })
    .collect()
}

fn inbox(rollup: &RollupParams, block: &phala_l1::L1Block) -> Vec<InboxTransaction> {
    let mut inbox = Vec::new();
    for (index, tx) in block.transactions().iter().enumerate() {
        let is_ours = tx.to() == Some(rollup.batch_inbox_address);
        if !is_ours || !LEGACY_TO_BLOB.contains(&tx.ty()) {
            continue;
        }
        // A signature of nobody cannot be in a block of L1.
        let Some(from) = block.sender(index) else { continue };
        let is_blob = tx.ty() == BLOB;
        let blobs = block.blobs_of(index).into_iter();
        let blobs = blobs.map(|(index, versioned_hash)| BlobId { index, versioned_hash });
        let input = if is_blob { Bytes::new() } else { tx.input().clone() };
        inbox.push(InboxTransaction { from, input, blobs: blobs.collect(), is_blob });
    }
    inbox
}
