//! L2 as its sequencer makes it: the truth that followers must arrive at.

use std::sync::Arc;

use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use phala_chainspec::{ChainSpec, SystemConfig, resolve_eip1559_params};
use phala_derive::{NextAttributes, SafeBlock, next_attributes};
use phala_primitives::{L2BlockRef, Transaction};
use rand::{Rng, rngs::StdRng};

use crate::l1::L1;

/// A block, as far as derivation is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct L2Block {
    pub(crate) block: L2BlockRef,
    pub(crate) config: SystemConfig,
    pub(crate) all_transactions: Vec<Bytes>,
}

impl L2Block {
    pub(crate) fn genesis(spec: &ChainSpec) -> Self {
        let rollup = spec.rollup.as_ref().unwrap();
        let anchor = rollup.l1_anchor.unwrap();
        let l1_origin = phala_primitives::BlockRef { number: anchor.number, hash: anchor.hash };
        let hash = keccak256("genesis");
        let timestamp = spec.genesis.timestamp;
        Self {
            block: L2BlockRef { hash, timestamp, l1_origin, ..L2BlockRef::default() },
            config: rollup.system_config.clone().unwrap(),
            all_transactions: Vec::new(),
        }
    }

    /// "Executes" attributes: the hash depends on everything a real one would.
    pub(crate) fn execute(spec: &ChainSpec, parent: &Self, next: &NextAttributes) -> Self {
        let NextAttributes { attributes, l1_origin, sequence_number, system_config } = next;
        let inner = &attributes.payload_attributes;
        let extra_data = resolve_eip1559_params(
            spec,
            inner.timestamp,
            attributes.eip_1559_params,
            attributes.min_base_fee,
        );
        let transactions = attributes.transactions.clone().unwrap();
        let mut preimage = parent.block.hash.to_vec();
        preimage.extend(inner.timestamp.to_be_bytes());
        preimage.extend(inner.prev_randao);
        preimage.extend(inner.suggested_fee_recipient);
        preimage.extend(inner.parent_beacon_block_root.unwrap());
        preimage.extend(attributes.gas_limit.unwrap().to_be_bytes());
        preimage.extend(extra_data.unwrap().unwrap().encode());
        preimage.extend(transactions.iter().flat_map(keccak256));
        Self {
            block: L2BlockRef {
                hash: keccak256(preimage),
                number: parent.block.number + 1,
                parent_hash: parent.block.hash,
                timestamp: inner.timestamp,
                l1_origin: *l1_origin,
                sequence_number: *sequence_number,
            },
            config: system_config.clone(),
            all_transactions: transactions,
        }
    }

    pub(crate) fn user_transactions(&self) -> Vec<Bytes> {
        self.all_transactions.iter().filter(|tx| tx[0] != 0x7e).cloned().collect()
    }

    pub(crate) fn safe_block(&self) -> SafeBlock {
        SafeBlock { block: self.block, transactions: self.user_transactions() }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Sequencer {
    pub(crate) spec: Arc<ChainSpec>,
    /// By height.
    pub(crate) chain: Vec<L2Block>,
}

impl Sequencer {
    pub(crate) fn new(spec: Arc<ChainSpec>) -> Self {
        Self { chain: vec![L2Block::genesis(&spec)], spec }
    }

    pub(crate) fn head(&self) -> &L2Block {
        self.chain.last().unwrap()
    }

    /// Makes the next block, with the newest origin that L1 and time allow.
    pub(crate) fn sequence(&mut self, l1: &L1, transactions: Vec<Bytes>) {
        let head = self.head();
        let current = head.block.l1_origin.number;
        let next_timestamp = head.block.timestamp + self.spec.block_time_secs;
        let next = l1.block(current + 1);
        let origin = next.filter(|next| next.header.timestamp <= next_timestamp);
        let origin = origin.or_else(|| l1.block(current)).unwrap();
        let is_late = next_timestamp > origin.header.timestamp + 1800;
        let transactions = if is_late { Vec::new() } else { transactions };
        let next = next_attributes(
            &self.spec,
            &head.block,
            &head.config,
            &origin.header,
            &origin.logs,
            transactions,
            false,
        );
        let block = L2Block::execute(&self.spec, head, &next.unwrap());
        self.chain.push(block);
    }

    /// Makes blocks until their time comes to that of the L1 tip.
    pub(crate) fn catch_up(&mut self, l1: &L1, rng: &mut StdRng) {
        while self.head().block.timestamp + self.spec.block_time_secs <= l1.tip().timestamp {
            let transactions = transactions(rng, self.spec.chain_id);
            self.sequence(l1, transactions);
        }
    }

    /// Drops the blocks above this height.
    pub(crate) fn rewind(&mut self, number: u64) {
        self.chain.truncate(usize::try_from(number + 1).unwrap());
    }
}

/// A few transactions whose signatures nobody checks.
pub(crate) fn transactions(rng: &mut StdRng, chain_id: u64) -> Vec<Bytes> {
    (0..rng.random_range(0..4)).map(|_| transaction(rng, chain_id)).collect()
}

pub(crate) fn transaction(rng: &mut StdRng, chain_id: u64) -> Bytes {
    let signature = Signature::new(U256::from(rng.random::<u64>()), U256::from(7), rng.random());
    let to = TxKind::Call(Address::from(rng.random::<[u8; 20]>()));
    let nonce = rng.random_range(0..1000);
    let input = Bytes::from(vec![rng.random(); rng.random_range(0..100)]);
    let tx: Transaction = if rng.random() {
        let tx = TxLegacy {
            chain_id: Some(chain_id),
            nonce,
            gas_price: 7,
            gas_limit: 21_000,
            to,
            value: U256::from(rng.random::<u32>()),
            input,
        };
        tx.into_signed(signature).into()
    } else {
        let tx = TxEip1559 {
            chain_id,
            nonce,
            gas_limit: 50_000,
            max_fee_per_gas: 9,
            max_priority_fee_per_gas: 1,
            to,
            value: U256::from(rng.random::<u32>()),
            access_list: Default::default(),
            input,
        };
        tx.into_signed(signature).into()
    };
    let bytes: Bytes = tx.encoded_2718().into();
    assert_ne!(keccak256(&bytes), B256::ZERO);
    bytes
}
