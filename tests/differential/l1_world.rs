//! Random L1 chains that carry a rollup's batches, deposits and configuration updates.

use std::collections::VecDeque;

use alloy_consensus::{
    EthereumTxEnvelope, SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy,
};
use alloy_eips::{
    eip2718::Encodable2718,
    eip4844::{Blob, c_kzg, env_settings::EnvKzgSettings, kzg_to_versioned_hash},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, b256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use phala_batch::{
    Batch, BatchBlock, BatchContext, BatchType, ChannelBuilder, ChannelConfig, ChannelId,
    Compression, Frame, encode_blob, encode_frames,
};
use phala_chainspec::{ChainSpec, L1Anchor, L1Contracts, Profile, SystemConfig};
use phala_derive::{BlobId, InboxTransaction, L1Block, L1Header, L1Log, next_attributes};
use phala_primitives::{BlockRef, Header, L2BlockRef};
use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};

const PORTAL: Address = Address::repeat_byte(0xaa);
const SYSTEM_CONFIG: Address = Address::repeat_byte(0xbb);
const DEPOSIT_EVENT: B256 =
    b256!("0xb3813568d9991fc951961fcb4c784893574240a28925604d09fc577c55bb7c32");
const CONFIG_EVENT: B256 =
    b256!("0x1d2b0bda21d56b8bd12d4f94ebacffdfb35f5e226f84b461103bb8beab6353be");

/// L1 blocks between the newest one and the newest that L2 takes as origin.
const CONFIRMATIONS: usize = 1;

/// Bytes of one frame, small so that channels have several.
const FRAME_DATA_MAX: usize = 400;

/// What may go wrong on the way to L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing but strangers' noise.
    None,
    /// Frames are lost, doubled and reordered; every block is sent again until it is safe.
    Frames,
    /// Whole channels are lost, until the sequencing window has passed.
    Window,
    /// Channels with batches that break a rule come between the good ones.
    Batches,
}

/// An L1 chain with what others need to derive from it.
pub(crate) struct World {
    pub(crate) spec: ChainSpec,
    pub(crate) genesis: Header,
    pub(crate) blocks: Vec<WorldBlock>,
    pub(crate) blobs: Vec<(B256, Box<Blob>)>,
    /// Hashes of the blocks the sequencer made, from genesis on.
    pub(crate) sequenced: Vec<B256>,
}

/// One L1 block in the forms of both sides.
pub(crate) struct WorldBlock {
    header: Header,
    transactions: Vec<Bytes>,
    receipts: Vec<Bytes>,
    pub(crate) derived: L1Block,
}

struct Builder {
    rng: StdRng,
    trouble: Trouble,
    world: World,
    batcher: PrivateKeySigner,
    stranger: PrivateKeySigner,
    nonce: u64,
    /// The sequencer's chain.
    head: L2BlockRef,
    head_header: Header,
    config: SystemConfig,
    l2: Vec<BatchBlock>,
    /// First block no channel has had.
    unsent: usize,
    /// Data of transactions that wait for an L1 block, and whether the block must end there.
    waiting: VecDeque<(Vec<u8>, bool)>,
    /// Whether the next L1 block must have no batches.
    is_next_quiet: bool,
}

impl World {
    /// A chain of `len` L1 blocks.
    pub(crate) fn random(mut rng: StdRng, trouble: Trouble, len: usize) -> Self {
        let batcher = PrivateKeySigner::from_bytes(&keccak256("batcher")).unwrap();
        let stranger = PrivateKeySigner::from_bytes(&keccak256("stranger")).unwrap();
        let mut spec = ChainSpec::dev().with_profile(Profile::Isthmus);
        let time = 1_700_000_000;
        spec.genesis.timestamp = time;
        let config = SystemConfig {
            batcher_address: batcher.address(),
            base_fee_scalar: rng.random(),
            blob_base_fee_scalar: rng.random(),
            gas_limit: 30_000_000,
            eip1559_denominator: 0,
            eip1559_elasticity: 0,
            operator_fee_scalar: 0,
            operator_fee_constant: 0,
            min_base_fee: 0,
            da_footprint_gas_scalar: 0,
        };
        let genesis = Header {
            timestamp: time,
            gas_limit: config.gas_limit,
            extra_data: vec![0, 0, 0, 0, 250, 0, 0, 0, 6].into(),
            ..Header::default()
        };
        let anchor = Header {
            number: 100,
            timestamp: time,
            base_fee_per_gas: Some(7),
            withdrawals_root: Some(B256::ZERO),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::repeat_byte(1)),
            requests_hash: Some(B256::repeat_byte(2)),
            ..Header::default()
        };
        let anchor_id = BlockRef { number: anchor.number, hash: anchor.hash_slow() };
        let rollup = spec.rollup.as_mut().unwrap();
        rollup.l1_anchor = Some(L1Anchor { number: anchor_id.number, hash: anchor_id.hash });
        rollup.l1_contracts = Some(L1Contracts {
            deposit_contract: PORTAL,
            system_config: SYSTEM_CONFIG,
            ..L1Contracts::default()
        });
        rollup.system_config = Some(config.clone());
        rollup.seq_window_size = if trouble == Trouble::Window { 10 } else { 3600 };
        let head = L2BlockRef {
            hash: genesis.hash_slow(),
            timestamp: time,
            l1_origin: anchor_id,
            ..L2BlockRef::default()
        };
        let derived =
            L1Block { header: L1Header::new(anchor_id.hash, &anchor), ..L1Block::default() };
        let first =
            WorldBlock { header: anchor, transactions: Vec::new(), receipts: Vec::new(), derived };
        let world = Self {
            spec,
            genesis,
            blocks: vec![first],
            blobs: Vec::new(),
            sequenced: vec![head.hash],
        };
        let head_header = world.genesis.clone();
        let mut builder = Builder {
            rng,
            trouble,
            world,
            batcher,
            stranger,
            nonce: 0,
            head,
            head_header,
            config,
            l2: Vec::new(),
            unsent: 0,
            waiting: VecDeque::new(),
            is_next_quiet: false,
        };
        for _ in 1..len {
            builder.l1_block();
            builder.sequence();
            builder.batch();
        }
        builder.world
    }

    /// The case as the oracle reads it.
    pub(crate) fn to_case(&self) -> Value {
        let rollup = self.spec.rollup.as_ref().unwrap();
        let config = rollup.system_config.as_ref().unwrap();
        let anchor = rollup.l1_anchor.unwrap();
        json!({
            "rollup_config": {
                "genesis": {
                    "l1": { "hash": anchor.hash, "number": anchor.number },
                    "l2": { "hash": self.genesis.hash_slow(), "number": 0 },
                    "l2_time": self.genesis.timestamp,
                    "system_config": {
                        "batcherAddr": config.batcher_address,
                        "overhead": B256::ZERO,
                        "scalar": config.scalars().encode(),
                        "gasLimit": config.gas_limit,
                    },
                },
                "block_time": self.spec.block_time_secs,
                "max_sequencer_drift": 1800,
                "seq_window_size": rollup.seq_window_size,
                "channel_timeout": rollup.channel_timeout,
                "granite_channel_timeout": rollup.granite_channel_timeout,
                "l1_chain_id": self.spec.l1_chain_id,
                "l2_chain_id": self.spec.chain_id,
                "regolith_time": 0, "canyon_time": 0, "delta_time": 0, "ecotone_time": 0,
                "fjord_time": 0, "granite_time": 0, "holocene_time": 0, "isthmus_time": 0,
                "batch_inbox_address": rollup.batch_inbox_address,
                "deposit_contract_address": PORTAL,
                "l1_system_config_address": SYSTEM_CONFIG,
                "protocol_versions_address": Address::ZERO,
                "chain_op_config": {
                    "eip1559Elasticity": 6,
                    "eip1559Denominator": 50,
                    "eip1559DenominatorCanyon": 250,
                },
            },
            "genesis_header": Bytes::from(alloy_rlp::encode(&self.genesis)),
            "l1": self.blocks.iter().map(|block| json!({
                "header": Bytes::from(alloy_rlp::encode(&block.header)),
                "transactions": block.transactions,
                "receipts": block.receipts,
            })).collect::<Vec<_>>(),
            "blobs": self.blobs.iter().map(|(_, blob)| Bytes::copy_from_slice(&blob[..])).collect::<Vec<_>>(),
        })
    }
}

/// The block that stands for attributes, as the oracle makes it.
pub(crate) fn block_of(
    parent: &Header,
    attributes: &op_alloy_rpc_types_engine::OpPayloadAttributes,
) -> Header {
    let transactions = attributes.transactions.as_deref().unwrap_or_default();
    let params = attributes.eip_1559_params.unwrap_or_default();
    let mut extra_data = vec![0];
    extra_data.extend_from_slice(&if params.is_zero() {
        [0, 0, 0, 250, 0, 0, 0, 6]
    } else {
        params.0
    });
    Header {
        parent_hash: parent.hash_slow(),
        number: parent.number + 1,
        timestamp: attributes.payload_attributes.timestamp,
        gas_limit: attributes.gas_limit.unwrap(),
        extra_data: extra_data.into(),
        transactions_root: keccak256(transactions.concat()),
        ..Header::default()
    }
}

impl Builder {
    /// Appends an L1 block with what waits for it.
    fn l1_block(&mut self) {
        let parent = self.world.blocks.last().unwrap();
        let (parent_hash, parent_header) = (parent.derived.header.hash, parent.header.clone());
        let (logs, receipts) = self.logs();
        let mut transactions = Vec::new();
        let mut inbox = Vec::new();
        let mut blob_index = 0;
        let count = self.rng.random_range(0..=3);
        let count = if std::mem::take(&mut self.is_next_quiet) { 0 } else { count };
        for _ in 0..count {
            let Some((data, ends_block)) = self.waiting.pop_front() else { break };
            if self.rng.random_ratio(1, 4) {
                self.noise(&mut transactions, &mut inbox, &mut blob_index);
            }
            let as_blob = self.rng.random_ratio(1, 12);
            let to = self.inbox();
            self.send(data, to, true, as_blob, &mut transactions, &mut inbox, &mut blob_index);
            if ends_block {
                self.is_next_quiet = true;
                break;
            }
        }
        let header = Header {
            parent_hash,
            number: parent_header.number + 1,
            timestamp: parent_header.timestamp + self.rng.random_range(1..=24),
            mix_hash: self.hash(),
            base_fee_per_gas: Some(self.rng.random_range(0..100_000_000_000)),
            excess_blob_gas: Some(self.rng.random_range(0..50_000_000)),
            parent_beacon_block_root: Some(self.hash()),
            ..parent_header
        };
        let derived = L1Block { header: L1Header::new(header.hash_slow(), &header), logs, inbox };
        self.world.blocks.push(WorldBlock { header, transactions, receipts, derived });
    }

    fn inbox(&self) -> Address {
        self.world.spec.rollup.as_ref().unwrap().batch_inbox_address
    }

    /// Transactions that derivation must pass over.
    fn noise(
        &mut self,
        transactions: &mut Vec<Bytes>,
        inbox: &mut Vec<InboxTransaction>,
        blob_index: &mut u64,
    ) {
        let frame = Frame {
            id: ChannelId(self.rng.random()),
            number: 0,
            data: self.bytes(50).into(),
            is_last: self.rng.random(),
        };
        let good = encode_frames(&[frame]);
        let (to, as_blob) = (self.inbox(), self.rng.random_ratio(1, 8));
        match self.rng.random_range(0..4) {
            // Somebody else's frame.
            0 => self.send(good, to, false, as_blob, transactions, inbox, blob_index),
            // The batcher, to somebody else.
            1 => self.send(good, Address::ZERO, true, as_blob, transactions, inbox, blob_index),
            // Another version, or bytes after the last frame.
            2 => self.send(
                [&[1], &good[..]].concat(),
                to,
                true,
                false,
                transactions,
                inbox,
                blob_index,
            ),
            _ => self.send(
                [&good[..], &[0]].concat(),
                to,
                true,
                false,
                transactions,
                inbox,
                blob_index,
            ),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the three lists of one L1 block")]
    fn send(
        &mut self,
        data: Vec<u8>,
        to: Address,
        by_batcher: bool,
        as_blob: bool,
        transactions: &mut Vec<Bytes>,
        inbox: &mut Vec<InboxTransaction>,
        blob_index: &mut u64,
    ) {
        self.nonce += 1;
        let nonce = self.nonce;
        let mut blobs = Vec::new();
        let input = Bytes::from(data);
        let envelope: EthereumTxEnvelope<TxEip4844> = if as_blob {
            let blob = encode_blob(&input).unwrap();
            let hash = versioned_hash(&blob);
            self.world.blobs.push((hash, blob));
            blobs.push(BlobId { index: *blob_index, versioned_hash: hash });
            *blob_index += 1;
            let tx = TxEip4844 {
                chain_id: 31337,
                nonce,
                to,
                blob_versioned_hashes: vec![hash],
                ..TxEip4844::default()
            };
            self.sign(tx, by_batcher).into()
        } else {
            let kind = TxKind::Call(to);
            match self.rng.random_range(0..3) {
                0 => self
                    .sign(
                        TxLegacy { nonce, to: kind, input: input.clone(), ..TxLegacy::default() },
                        by_batcher,
                    )
                    .into(),
                1 => self
                    .sign(
                        TxEip2930 { nonce, to: kind, input: input.clone(), ..TxEip2930::default() },
                        by_batcher,
                    )
                    .into(),
                _ => self
                    .sign(
                        TxEip1559 { nonce, to: kind, input: input.clone(), ..TxEip1559::default() },
                        by_batcher,
                    )
                    .into(),
            }
        };
        transactions.push(envelope.encoded_2718().into());
        if to == self.inbox() {
            let from = if by_batcher { self.batcher.address() } else { self.stranger.address() };
            let input = if as_blob { Bytes::new() } else { input };
            inbox.push(InboxTransaction { from, input, blobs, is_blob: as_blob });
        }
    }

    fn sign<T: SignableTransaction<Signature>>(
        &self,
        tx: T,
        by_batcher: bool,
    ) -> alloy_consensus::Signed<T> {
        let signer = if by_batcher { &self.batcher } else { &self.stranger };
        let signature = signer.sign_hash_sync(&tx.signature_hash()).unwrap();
        tx.into_signed(signature)
    }

    /// Deposits and configuration updates of one block, among logs that are neither.
    fn logs(&mut self) -> (Vec<L1Log>, Vec<Bytes>) {
        let (mut logs, mut receipts) = (Vec::new(), Vec::new());
        let mut log_index = 0;
        for _ in 0..self.rng.random_range(0..3) {
            let is_successful = self.rng.random_ratio(4, 5);
            let mut of_receipt = Vec::new();
            // A transaction that failed has no logs.
            let logs_max = if is_successful { 3 } else { 1 };
            for _ in 0..self.rng.random_range(0..logs_max) {
                let (address, topics, data) = match self.rng.random_range(0..4) {
                    0 => self.config_update(),
                    1 => (Address::repeat_byte(0xcc), vec![DEPOSIT_EVENT], Bytes::new()),
                    _ => self.deposit(),
                };
                if address == PORTAL || address == SYSTEM_CONFIG {
                    let (topics, data) = (topics.clone(), data.clone());
                    logs.push(L1Log { address, topics, data, log_index });
                }
                log_index += 1;
                of_receipt.push(alloy_primitives::Log::new_unchecked(address, topics, data));
            }
            let receipt = alloy_consensus::Receipt {
                status: is_successful.into(),
                cumulative_gas_used: 21_000,
                logs: of_receipt,
            };
            let envelope = alloy_consensus::ReceiptEnvelope::Eip1559(receipt.with_bloom());
            receipts.push(envelope.encoded_2718().into());
        }
        (logs, receipts)
    }

    fn deposit(&mut self) -> (Address, Vec<B256>, Bytes) {
        let mut payload = Vec::new();
        payload.extend_from_slice(&U256::from(self.rng.random::<u64>()).to_be_bytes::<32>());
        payload.extend_from_slice(&U256::from(self.rng.random::<u64>()).to_be_bytes::<32>());
        payload.extend_from_slice(&self.rng.random_range(21_000u64..1_000_000).to_be_bytes());
        payload.push(u8::from(self.rng.random_ratio(1, 4)));
        payload.extend(self.bytes(100));
        let (from, to) = (
            Address::from(self.rng.random::<[u8; 20]>()),
            Address::from(self.rng.random::<[u8; 20]>()),
        );
        let topics = vec![DEPOSIT_EVENT, from.into_word(), to.into_word(), B256::ZERO];
        (PORTAL, topics, abi_bytes(&payload))
    }

    fn config_update(&mut self) -> (Address, Vec<B256>, Bytes) {
        let word = |value: u128| U256::from(value).to_be_bytes::<32>().to_vec();
        let (kind, content) = match self.rng.random_range(0..5) {
            0 => {
                let mut scalar = B256::ZERO;
                scalar[0] = 1;
                scalar[24..].copy_from_slice(&self.rng.random::<[u8; 8]>());
                (1, [word(0), scalar.to_vec()].concat())
            }
            1 => (2, word(self.rng.random_range(21_000_000..60_000_000))),
            2 => (3, Address::repeat_byte(7).into_word().to_vec()),
            3 => {
                let denominator = u128::from(self.rng.random_range(1..500u32));
                (4, word((denominator << 32) | u128::from(self.rng.random_range(1..20u32))))
            }
            _ => {
                let scalar = u128::from(self.rng.random::<u32>());
                (5, word((scalar << 64) | u128::from(self.rng.random::<u64>())))
            }
        };
        let topics = vec![CONFIG_EVENT, B256::ZERO, U256::from(kind).into()];
        (SYSTEM_CONFIG, topics, abi_bytes(&content))
    }

    fn hash(&mut self) -> B256 {
        B256::from(self.rng.random::<[u8; 32]>())
    }

    fn bytes(&mut self, len_max: usize) -> Vec<u8> {
        let len = self.rng.random_range(0..=len_max);
        let mut bytes = vec![0; len];
        self.rng.fill(&mut bytes[..]);
        bytes
    }

    /// Lets the sequencer catch up with L1's time.
    fn sequence(&mut self) {
        let now = self.world.blocks.last().unwrap().header.timestamp;
        while self.head.timestamp + self.world.spec.block_time_secs <= now {
            let next_time = self.head.timestamp + self.world.spec.block_time_secs;
            let current = (self.head.l1_origin.number - 100) as usize;
            let confirmed = self.world.blocks.len().saturating_sub(1 + CONFIRMATIONS);
            let may_advance =
                current < confirmed && self.world.blocks[current + 1].header.timestamp <= next_time;
            let stays = self.world.blocks[current].header.timestamp + 1800 >= next_time
                && self.rng.random_ratio(1, 3);
            let origin = if may_advance && !stays { current + 1 } else { current };
            let origin = &self.world.blocks[origin].derived;
            let transactions: Vec<Bytes> =
                (0..self.rng.random_range(0..4)).map(|_| random_l2_tx(&mut self.rng)).collect();
            let next = next_attributes(
                &self.world.spec,
                &self.head,
                &self.config,
                &origin.header,
                &origin.logs,
                transactions.clone(),
                true,
            )
            .unwrap();
            let header = block_of(&self.head_header, &next.attributes);
            let hash = header.hash_slow();
            self.l2.push(BatchBlock {
                hash,
                parent_hash: header.parent_hash,
                number: header.number,
                timestamp: header.timestamp,
                epoch: next.l1_origin,
                sequence_number: next.sequence_number,
                transactions,
            });
            self.head = L2BlockRef {
                hash,
                number: header.number,
                parent_hash: header.parent_hash,
                timestamp: header.timestamp,
                l1_origin: next.l1_origin,
                sequence_number: next.sequence_number,
            };
            self.config = next.system_config;
            self.world.sequenced.push(hash);
            self.head_header = header;
        }
    }

    /// Now and then packs the newest blocks into a channel.
    fn batch(&mut self) {
        if self.unsent == self.l2.len() || self.rng.random_ratio(1, 2) {
            return;
        }
        let start = match self.trouble {
            // Blocks that may not have arrived are sent again, all of them, so that the sequencer's
            // chain is the only one there ever is.
            Trouble::Frames => self.unsent.saturating_sub(self.rng.random_range(0..80)),
            _ => self.unsent,
        };
        let blocks = self.l2[start..].to_vec();
        let config = ChannelConfig {
            // A singular batch names its parent, which the oracle does not look at.
            batch_type: match self.trouble {
                Trouble::None if self.rng.random() => BatchType::Singular,
                _ => BatchType::Span,
            },
            compression: if self.rng.random() {
                Compression::Zlib
            } else {
                Compression::Brotli { quality: 5 }
            },
            frame_data_max: FRAME_DATA_MAX,
            target_frames: 1000,
            max_blocks: 1000,
        };
        let mut channel = ChannelBuilder::new(ChannelId(self.rng.random()), config, self.context());
        for block in &blocks {
            assert_eq!(channel.add(block).unwrap(), phala_batch::AddOutcome::Added);
        }
        self.unsent = self.l2.len();
        let mut frames = channel.close().unwrap();
        match self.trouble {
            Trouble::None => {}
            Trouble::Frames => self.disturb(&mut frames),
            Trouble::Window => {
                if self.rng.random_ratio(1, 4) {
                    return;
                }
            }
            Trouble::Batches => {
                if self.rng.random_ratio(1, 2) {
                    let bad = self.bad_channel(&blocks);
                    self.enqueue(bad);
                }
            }
        }
        self.enqueue(frames);
    }

    /// Data of transactions with one to three frames each.
    ///
    /// When the oracle drops a span batch it takes its L1 block for read to the end. It loses the
    /// rest of it, and the next one as well. Where spans may be dropped, a block ends with the
    /// channel, and the next one has none.
    fn enqueue(&mut self, frames: Vec<Frame>) {
        let spans_drop = matches!(self.trouble, Trouble::Frames | Trouble::Batches);
        let mut rest = frames.as_slice();
        while !rest.is_empty() {
            let count = self.rng.random_range(1..=3).min(rest.len());
            let (head, tail) = rest.split_at(count);
            let ends_block = spans_drop && head.iter().any(|frame| frame.is_last);
            self.waiting.push_back((encode_frames(head), ends_block));
            rest = tail;
        }
    }

    fn disturb(&mut self, frames: &mut Vec<Frame>) {
        let at = self.rng.random_range(0..frames.len());
        match self.rng.random_range(0..12) {
            0 => drop(frames.remove(at)),
            1 => frames.insert(at, frames[at].clone()),
            2 => frames.swap(0, at),
            // Not just short of its end: the oracle wants the checksum, where all that counts is
            // that the batch is complete.
            3 if at + 2 < frames.len() => frames[at].is_last = true,
            _ => {}
        }
    }

    /// A channel whose first batch is a good one with one thing wrong.
    fn bad_channel(&mut self, blocks: &[BatchBlock]) -> Vec<Frame> {
        let first = &blocks[0];
        let mut singular = phala_batch::SingularBatch {
            parent_hash: first.parent_hash,
            epoch_number: first.epoch.number,
            epoch_hash: first.epoch.hash,
            timestamp: first.timestamp,
            transactions: first.transactions.clone(),
        };
        let last = blocks.last().unwrap();
        let check = |hash: B256| <[u8; 20]>::try_from(&hash[..20]).unwrap();
        let mut span = phala_batch::SpanBatch {
            start_timestamp: first.timestamp,
            l1_origin_num: last.epoch.number,
            parent_check: check(first.parent_hash),
            l1_origin_check: check(last.epoch.hash),
            starts_epoch: first.sequence_number == 0,
            blocks: blocks
                .iter()
                .map(|block| phala_batch::SpanBlock {
                    timestamp: block.timestamp,
                    epoch_number: block.epoch.number,
                    transactions: block.transactions.clone(),
                })
                .collect(),
        };
        let batch = match self.rng.random_range(0..9) {
            0 => {
                span.parent_check = self.rng.random();
                Batch::Span(span)
            }
            1 => {
                span.l1_origin_check = self.rng.random();
                Batch::Span(span)
            }
            2 => {
                span.start_timestamp += 2;
                span.blocks.iter_mut().for_each(|block| block.timestamp += 2);
                Batch::Span(span)
            }
            3 => {
                span.start_timestamp += 1;
                span.blocks.iter_mut().for_each(|block| block.timestamp += 1);
                Batch::Span(span)
            }
            4 => {
                singular.epoch_hash = self.hash();
                Batch::Singular(singular)
            }
            5 => {
                singular.timestamp += 2;
                Batch::Singular(singular)
            }
            6 => {
                singular.transactions.push(Bytes::new());
                Batch::Singular(singular)
            }
            7 => {
                singular.transactions.push(Bytes::from_static(&[0x7e, 1, 2]));
                Batch::Singular(singular)
            }
            _ => {
                // Long past: it must not disturb what follows.
                singular.timestamp = self.world.genesis.timestamp;
                Batch::Singular(singular)
            }
        };
        let mut data = alloy_rlp::encode(Bytes::from(batch.encode(&self.context()).unwrap()));
        if self.rng.random_ratio(1, 4) {
            // No batch at all; of another version, or a short span, the oracle makes a panic.
            let content = [&[0], &self.bytes(80)[..]].concat();
            data = alloy_rlp::encode(Bytes::from(content));
        }
        let mut encoder =
            flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, &data).unwrap();
        let id = ChannelId(self.rng.random());
        let compressed = encoder.finish().unwrap();
        let count = compressed.chunks(FRAME_DATA_MAX).count();
        let frame = |(number, data): (usize, &[u8])| Frame {
            id,
            number: number as u16,
            data: Bytes::copy_from_slice(data),
            is_last: number + 1 == count,
        };
        compressed.chunks(FRAME_DATA_MAX).enumerate().map(frame).collect()
    }

    fn context(&self) -> BatchContext {
        BatchContext {
            chain_id: self.world.spec.chain_id,
            genesis_time: self.world.genesis.timestamp,
            block_time_secs: self.world.spec.block_time_secs,
        }
    }
}

/// `bytes` as the only argument of an event.
fn abi_bytes(content: &[u8]) -> Bytes {
    let mut data = U256::from(32).to_be_bytes::<32>().to_vec();
    data.extend_from_slice(&U256::from(content.len()).to_be_bytes::<32>());
    data.extend_from_slice(content);
    data.resize(data.len().next_multiple_of(32), 0);
    data.into()
}

fn versioned_hash(blob: &Blob) -> B256 {
    let blob = c_kzg::Blob::from_bytes(&blob[..]).unwrap();
    let commitment = EnvKzgSettings::Default.get().blob_to_kzg_commitment(&blob).unwrap();
    kzg_to_versioned_hash(commitment.to_bytes().as_slice())
}

/// A transaction with a signature nobody made: derivation does not look at it.
fn random_l2_tx(rng: &mut StdRng) -> Bytes {
    let chain_id = ChainSpec::dev().chain_id;
    let signature = Signature::new(
        U256::from(rng.random::<u128>()),
        U256::from(rng.random::<u64>()),
        rng.random(),
    );
    let nonce = rng.random_range(0..1000);
    let gas_limit = rng.random_range(21_000..1_000_000);
    let gas_price = rng.random_range(1..10_000_000_000u128);
    let to = if rng.random_ratio(1, 4) {
        TxKind::Create
    } else {
        TxKind::Call(Address::from(rng.random::<[u8; 20]>()))
    };
    let value = U256::from(rng.random::<u64>());
    let input =
        Bytes::from((0..rng.random_range(0..60)).map(|_| rng.random()).collect::<Vec<u8>>());
    let envelope: EthereumTxEnvelope<TxEip4844> = match rng.random_range(0..5) {
        0 => TxLegacy { chain_id: Some(chain_id), nonce, gas_price, gas_limit, to, value, input }
            .into_signed(signature)
            .into(),
        1 => TxLegacy { chain_id: None, nonce, gas_price, gas_limit, to, value, input }
            .into_signed(signature)
            .into(),
        2 => TxEip2930 {
            chain_id,
            nonce,
            gas_price,
            gas_limit,
            to,
            value,
            input,
            ..TxEip2930::default()
        }
        .into_signed(signature)
        .into(),
        3 => TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: gas_price,
            max_priority_fee_per_gas: 1,
            to,
            value,
            input,
            ..TxEip1559::default()
        }
        .into_signed(signature)
        .into(),
        _ => {
            let authorization = Authorization {
                chain_id: U256::from(chain_id),
                address: Address::from(rng.random::<[u8; 20]>()),
                nonce: rng.random(),
            };
            let authorization =
                SignedAuthorization::new_unchecked(authorization, 1, U256::from(5), U256::from(6));
            TxEip7702 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: gas_price,
                max_priority_fee_per_gas: 1,
                to: Address::from(rng.random::<[u8; 20]>()),
                value,
                input,
                authorization_list: vec![authorization],
                ..TxEip7702::default()
            }
            .into_signed(signature)
            .into()
        }
    };
    envelope.encoded_2718().into()
}
