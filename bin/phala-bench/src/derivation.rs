//! Measures derivation alone, from L1 data in memory, and the size of batches.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    sync::Arc,
    time::Instant,
};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use eyre::{WrapErr, ensure};
use op_alloy_rpc_types_engine::OpExecutionPayloadV4;
use phala_batch::{
    AddOutcome, BatchBlock, BatchContext, BatchType, ChannelBuilder, ChannelConfig, ChannelId,
    Compression, Frame, encode_frames,
};
use phala_chainspec::{ChainSpec, L1Anchor, L1Contracts};
use phala_derive::{
    Deriver, InboxTransaction, L1Block, L1Header, SafePoint, Step, next_attributes,
};
use phala_primitives::{L2BlockRef, Transaction};
use serde::Serialize;

use crate::generate::Run;

/// Blocks with one transfer each.
const SMALL_BLOCKS: usize = 60_000;

/// L2 blocks of one channel, and of one L1 block: an L1 block every twelve seconds.
const BLOCKS_PER_CHANNEL: usize = 600;
const BLOCKS_PER_L1_BLOCK: u64 = 6;

const L1_BLOCK_SECS: u64 = 12;

/// Bytes of one frame: a blob of each.
const FRAME_DATA_MAX: usize = 130_020;

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct DerivationReport {
    /// Blocks with one transfer, derived in a second.
    pub(crate) small_blocks_per_second: f64,
    /// Milliseconds to derive a block of the mixed workload, 30 Mgas.
    pub(crate) mixed_block_ms: f64,
    /// Bytes of the mixed workload in span batches with brotli.
    pub(crate) span_brotli_bytes: usize,
    /// Bytes of it in singular batches with zlib.
    pub(crate) singular_zlib_bytes: usize,
    /// Milliseconds to pack a block of it into a span batch with brotli.
    pub(crate) pack_block_ms: f64,
    /// Peak memory of this process.
    pub(crate) peak_memory_bytes: u64,
}

/// Measures all of it; blocks of the mixed workload are read from `workload`.
pub(crate) fn measure(workload: &Path) -> eyre::Result<DerivationReport> {
    let small = vec![vec![transfer()]; SMALL_BLOCKS];
    let small_world = World::new(small, BLOCKS_PER_CHANNEL)?;
    let small_blocks_per_second = SMALL_BLOCKS as f64 / small_world.derive()?;

    let mixed = read_transactions(workload, Run { kind: crate::workload::Kind::Mix, mgas: 30 })?;
    let count = mixed.len();
    let world = World::new(mixed, 10)?;
    let mixed_block_ms = world.derive()? * 1_000.0 / count as f64;
    let zlib = pack(&world.blocks, 10, BatchType::Singular, Compression::Zlib)?;
    let start = Instant::now();
    let brotli = pack(&world.blocks, 10, BatchType::Span, Compression::default())?;
    let pack_block_ms = start.elapsed().as_secs_f64() * 1_000.0 / count as f64;
    Ok(DerivationReport {
        small_blocks_per_second,
        mixed_block_ms,
        span_brotli_bytes: bytes(&brotli),
        singular_zlib_bytes: bytes(&zlib),
        pack_block_ms,
        peak_memory_bytes: crate::import::peak_memory_bytes()?,
    })
}

/// Prints it.
pub(crate) fn print(report: &DerivationReport) {
    println!();
    println!("| derivation | |");
    println!("|---|--:|");
    println!("| blocks with one transfer, per second | {:.0} |", report.small_blocks_per_second);
    println!("| ms to derive a block of mix 30 Mgas | {:.2} |", report.mixed_block_ms);
    println!("| ms to pack it (span, brotli) | {:.1} |", report.pack_block_ms);
    println!(
        "| bytes: span brotli / singular zlib | {:.3} ({} / {}) |",
        report.span_brotli_bytes as f64 / report.singular_zlib_bytes as f64,
        report.span_brotli_bytes,
        report.singular_zlib_bytes
    );
    println!("| peak MB | {} |", report.peak_memory_bytes >> 20);
}

/// An L1 chain in memory that carries given transactions.
struct World {
    spec: Arc<ChainSpec>,
    start: SafePoint,
    l1: Vec<L1Block>,
    blocks: Vec<BatchBlock>,
}

impl World {
    fn new(transactions: Vec<Vec<Bytes>>, blocks_per_channel: usize) -> eyre::Result<Self> {
        let mut spec = ChainSpec::dev();
        let time = spec.genesis.timestamp;
        let header = |number: u64, parent_hash: B256| L1Header {
            hash: keccak256(number.to_be_bytes()),
            number,
            parent_hash,
            timestamp: time + number * L1_BLOCK_SECS,
            base_fee: 1_000_000_000,
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            ..L1Header::default()
        };
        let anchor = header(0, B256::ZERO);
        let rollup = spec.rollup.as_mut().ok_or_else(|| eyre::eyre!("dev is a rollup"))?;
        rollup.l1_anchor = Some(L1Anchor { number: 0, hash: anchor.hash });
        rollup.l1_contracts = Some(L1Contracts {
            deposit_contract: Address::repeat_byte(1),
            system_config: Address::repeat_byte(2),
            ..L1Contracts::default()
        });
        let config =
            rollup.system_config.clone().ok_or_else(|| eyre::eyre!("dev has a system config"))?;
        let batcher = config.batcher_address;
        let genesis = L2BlockRef {
            hash: block_hash(0),
            timestamp: time,
            l1_origin: anchor.id(),
            ..L2BlockRef::default()
        };
        let start = SafePoint {
            safe: genesis,
            safe_config: config.clone(),
            origin: anchor.block_ref(),
            origin_config: config.clone(),
            cursor: None,
        };

        let mut headers = vec![anchor];
        let (mut parent, mut parent_config) = (genesis, config);
        let mut blocks = Vec::with_capacity(transactions.len());
        for (index, transactions) in transactions.into_iter().enumerate() {
            let number = index as u64 + 1;
            let origin = number / BLOCKS_PER_L1_BLOCK;
            while headers.len() as u64 <= origin {
                let last = headers[headers.len() - 1];
                headers.push(header(last.number + 1, last.hash));
            }
            let origin = headers[usize::try_from(origin)?];
            let next =
                next_attributes(&spec, &parent, &parent_config, &origin, &[], Vec::new(), true)?;
            let block = BatchBlock {
                hash: block_hash(number),
                parent_hash: parent.hash,
                number,
                timestamp: next.attributes.payload_attributes.timestamp,
                epoch: next.l1_origin,
                sequence_number: next.sequence_number,
                transactions,
            };
            parent = L2BlockRef {
                hash: block.hash,
                number,
                parent_hash: block.parent_hash,
                timestamp: block.timestamp,
                l1_origin: block.epoch,
                sequence_number: block.sequence_number,
            };
            parent_config = next.system_config;
            blocks.push(block);
        }

        let frames = pack(&blocks, blocks_per_channel, BatchType::Span, Compression::default())?;
        let mut l1: Vec<L1Block> = headers
            .iter()
            .map(|header| L1Block { header: *header, ..L1Block::default() })
            .collect();
        for (channel, frames) in frames.into_iter().enumerate() {
            // The channel goes in after the last epoch it names, each frame in a transaction.
            let last = ((channel + 1) * blocks_per_channel).min(blocks.len());
            let height = usize::try_from(blocks[last - 1].epoch.number)? + 1;
            while l1.len() <= height {
                let last = l1[l1.len() - 1].header;
                let header = header(last.number + 1, last.hash);
                l1.push(L1Block { header, ..L1Block::default() });
            }
            l1[height].inbox.extend(frames.iter().map(|frame| InboxTransaction {
                from: batcher,
                input: encode_frames(std::slice::from_ref(frame)).into(),
                ..InboxTransaction::default()
            }));
        }
        Ok(Self { spec: Arc::new(spec), start, l1, blocks })
    }

    /// Derives all blocks; the seconds it took.
    fn derive(&self) -> eyre::Result<f64> {
        let l1 = self.l1.clone();
        let mut l1 = l1.into_iter();
        let start = Instant::now();
        let mut deriver = Deriver::new(Arc::clone(&self.spec), self.start.clone())?;
        let mut derived = 0;
        while derived < self.blocks.len() {
            match deriver.step()? {
                Step::Progress => {}
                Step::NeedL1 { number } => {
                    let block = l1.next().ok_or_else(|| eyre::eyre!("l1 ends at {number}"))?;
                    ensure!(block.header.number == number, "l1 block {number} is out of order");
                    deriver.push_l1(block)?;
                }
                Step::Attributes(next) => {
                    let block = &self.blocks[derived];
                    let transactions = next.attributes.transactions.as_deref().unwrap_or_default();
                    ensure!(transactions[1..] == block.transactions, "block {derived} differs");
                    deriver.accept(next.block_ref(block.hash))?;
                    derived += 1;
                }
                step => eyre::bail!("unexpected step {step:?}"),
            }
        }
        Ok(start.elapsed().as_secs_f64())
    }
}

fn pack(
    blocks: &[BatchBlock],
    blocks_per_channel: usize,
    batch_type: BatchType,
    compression: Compression,
) -> eyre::Result<Vec<Vec<Frame>>> {
    let spec = ChainSpec::dev();
    let context = BatchContext {
        chain_id: spec.chain_id,
        genesis_time: spec.genesis.timestamp,
        block_time_secs: spec.block_time_secs,
    };
    let config = ChannelConfig {
        batch_type,
        compression,
        frame_data_max: FRAME_DATA_MAX,
        target_frames: u16::MAX,
        max_blocks: u64::MAX,
    };
    blocks
        .chunks(blocks_per_channel)
        .enumerate()
        .map(|(index, blocks)| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&(index as u64).to_be_bytes());
            let mut channel = ChannelBuilder::new(ChannelId(id), config, context);
            for block in blocks {
                ensure!(channel.add(block)? == AddOutcome::Added, "the channel is full");
            }
            Ok(channel.close()?)
        })
        .collect()
}

fn bytes(channels: &[Vec<Frame>]) -> usize {
    channels.iter().flatten().map(Frame::encoded_len).sum()
}

fn block_hash(number: u64) -> B256 {
    keccak256([b"l2", &number.to_be_bytes()[..]].concat())
}

fn transfer() -> Bytes {
    let tx = TxEip1559 {
        chain_id: ChainSpec::dev().chain_id,
        gas_limit: 21_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to: TxKind::Call(Address::repeat_byte(9)),
        value: U256::from(1_000_000_000_000_000u64),
        ..TxEip1559::default()
    };
    let signature = Signature::new(U256::from_be_bytes(keccak256("r").0), U256::from(7), true);
    Transaction::Eip1559(tx.into_signed(signature)).encoded_2718().into()
}

/// Parameters of `engine_newPayloadV4`.
type Parameters = (OpExecutionPayloadV4, Vec<B256>, B256, Vec<Bytes>);

/// User transactions of the blocks of a run.
fn read_transactions(folder: &Path, run: Run) -> eyre::Result<Vec<Vec<Bytes>>> {
    let path = folder.join(run.file());
    let file = File::open(&path).wrap_err_with(|| path.display().to_string())?;
    BufReader::new(file)
        .lines()
        .map(|line| {
            let (payload, ..): Parameters = serde_json::from_str(&line?)?;
            let mut transactions = payload.payload_inner.payload_inner.payload_inner.transactions;
            transactions.retain(|tx| tx.first() != Some(&0x7e));
            Ok(transactions)
        })
        .collect()
}
