use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::Bytes;
use phala_batch::{
    AddOutcome, BatchBlock, BatchContext, BatchType, ChannelBuilder, ChannelConfig, ChannelId,
    Compression, encode_frames,
};
use phala_chainspec::L1Attributes;
use phala_primitives::{BlockRef, RecoveredBlock, Transaction};

use crate::world::{TestNode, World};

/// Posts blocks of a node as one channel, one frame a transaction, and returns the L1 block of the
/// last.
pub async fn post(world: &World, node: &TestNode, range: std::ops::RangeInclusive<u64>) -> u64 {
    let mut included = 0;
    for data in frames(world, node, range, BatchType::Span, |_, _| {}) {
        included = world.anvil.post(&world.inbox(), &data).await;
    }
    included
}

/// The same with frames of so many bytes, and as many L1 transactions.
pub async fn post_in_frames_of(
    bytes: usize,
    world: &World,
    node: &TestNode,
    range: std::ops::RangeInclusive<u64>,
) {
    for data in frames_of(bytes, world, node, range, BatchType::Span, |_, _| {}) {
        world.anvil.post(&world.inbox(), &data).await;
    }
}

/// Calldata of each frame of a channel with these blocks, whose transactions may be changed.
pub fn frames(
    world: &World,
    node: &TestNode,
    range: std::ops::RangeInclusive<u64>,
    batch_type: BatchType,
    change: impl Fn(u64, &mut Vec<Bytes>),
) -> Vec<Vec<u8>> {
    frames_of(100_000, world, node, range, batch_type, change)
}

fn frames_of(
    frame_data_max: usize,
    world: &World,
    node: &TestNode,
    range: std::ops::RangeInclusive<u64>,
    batch_type: BatchType,
    change: impl Fn(u64, &mut Vec<Bytes>),
) -> Vec<Vec<u8>> {
    let context = BatchContext {
        chain_id: world.spec.chain_id,
        genesis_time: world.spec.genesis.timestamp,
        block_time_secs: world.spec.block_time_secs,
    };
    let config = ChannelConfig {
        batch_type,
        compression: Compression::Brotli { quality: 10 },
        frame_data_max,
        target_frames: 100,
        max_blocks: 10_000,
    };
    let mut id = [0; 16];
    id[..8].copy_from_slice(&range.start().to_be_bytes());
    id[8..].copy_from_slice(&range.end().to_be_bytes());
    let mut channel = ChannelBuilder::new(ChannelId(id), config, context);
    for number in range {
        let block = node.node.engine().store().block_by_number(number).unwrap().unwrap();
        let mut block = batch_block(&block);
        change(number, &mut block.transactions);
        assert_eq!(channel.add(&block).unwrap(), AddOutcome::Added);
    }
    let frames = channel.close().unwrap();
    frames.iter().map(|frame| encode_frames(std::slice::from_ref(frame))).collect()
}

fn batch_block(block: &RecoveredBlock) -> BatchBlock {
    let transactions = &block.body().transactions;
    let Some(Transaction::Deposit(deposit)) = transactions.first() else {
        panic!("no l1 attributes")
    };
    let l1 = L1Attributes::decode(&deposit.input).unwrap();
    let users = transactions.iter().filter(|tx| !tx.is_deposit());
    BatchBlock {
        hash: block.hash(),
        parent_hash: block.header().parent_hash,
        number: block.header().number,
        timestamp: block.header().timestamp,
        epoch: BlockRef { number: l1.number, hash: l1.hash },
        sequence_number: l1.sequence_number,
        transactions: users.map(|tx| tx.encoded_2718().into()).collect(),
    }
}
