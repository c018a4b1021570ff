//! An L2 chain made of signed transactions and nothing else.

use alloy_consensus::{
    Header, SignableTransaction as _, TxEip1559, proofs::calculate_transaction_root,
};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, TxKind};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use op_alloy_rpc_types::Transaction as RpcTransaction;
use phala_chainspec::{Fork, L1Attributes};
use phala_primitives::{BlockRef, L2BlockRef, Transaction};
use rand::{Rng as _, RngCore as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;

pub(crate) const L2_CHAIN_ID: u64 = 20_351_337;
pub(crate) const GENESIS_TIME: u64 = 1_700_000_000;
pub(crate) const BLOCK_TIME: u64 = 2;

/// A block with what the tests compare.
#[derive(Clone)]
pub(crate) struct L2Block {
    pub(crate) reference: L2BlockRef,
    pub(crate) user_txs: Vec<Bytes>,
    pub(crate) json: Value,
}

/// The chain, genesis first.
pub(crate) struct L2Chain {
    pub(crate) blocks: Vec<L2Block>,
    batcher: Address,
    key: PrivateKeySigner,
    nonce: u64,
    random: StdRng,
}

impl L2Chain {
    pub(crate) fn new(batcher: Address, seed: u64) -> Self {
        println!("seed {seed}");
        let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(0x11)).expect("key");
        let random = StdRng::seed_from_u64(seed);
        let mut chain = Self { blocks: Vec::new(), batcher, key, nonce: 0, random };
        chain.push(Vec::new(), BlockRef::default());
        chain
    }

    pub(crate) fn head(&self) -> L2BlockRef {
        self.blocks.last().expect("genesis").reference
    }

    /// Appends blocks with a few transactions each, with up to so many random bytes.
    pub(crate) fn grow(&mut self, blocks: usize, bytes_max: usize) {
        for _ in 0..blocks {
            let epoch = self.head().l1_origin;
            let next = BlockRef { number: epoch.number + 1, hash: B256::repeat_byte(0xee) };
            let advances = self.random.random_ratio(1, 4);
            let txs = (0..self.random.random_range(0..4)).map(|_| self.tx(bytes_max)).collect();
            self.push(txs, if advances { next } else { epoch });
        }
    }

    /// Replaces everything above a height by other blocks.
    pub(crate) fn reorg(&mut self, above: u64, blocks: usize) {
        self.blocks.truncate(usize::try_from(above).expect("small") + 1);
        self.grow(blocks, 300);
    }

    fn tx(&mut self, bytes_max: usize) -> Transaction {
        let mut input = vec![0; self.random.random_range(0..=bytes_max)];
        self.random.fill_bytes(&mut input);
        let tx = TxEip1559 {
            chain_id: L2_CHAIN_ID,
            nonce: self.nonce,
            gas_limit: 1_000_000,
            max_fee_per_gas: 1_000_000_000,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(Address::repeat_byte(0x22)),
            input: input.into(),
            ..TxEip1559::default()
        };
        self.nonce += 1;
        let signature = self.key.sign_hash_sync(&tx.signature_hash()).expect("signs");
        tx.into_signed(signature).into()
    }

    fn push(&mut self, user_txs: Vec<Transaction>, epoch: BlockRef) {
        let parent = self.blocks.last().map(|block| block.reference);
        let number = parent.map_or(0, |parent| parent.number + 1);
        let same_epoch = parent.filter(|parent| parent.l1_origin == epoch);
        let sequence_number = same_epoch.map_or(0, |parent| parent.sequence_number + 1);
        let attributes = L1Attributes {
            number: epoch.number,
            hash: epoch.hash,
            sequence_number,
            batcher_hash: self.batcher.into_word(),
            ..L1Attributes::default()
        };
        let mut transactions = vec![attributes.to_deposit(Fork::Karst)];
        transactions.extend(user_txs.iter().cloned());
        let header = Header {
            number,
            parent_hash: parent.map_or(B256::ZERO, |parent| parent.hash),
            timestamp: GENESIS_TIME + number * BLOCK_TIME,
            transactions_root: calculate_transaction_root(&transactions),
            base_fee_per_gas: Some(1),
            gas_limit: 30_000_000,
            ..Header::default()
        };
        let hash = header.hash_slow();
        let reference = L2BlockRef {
            hash,
            number,
            parent_hash: header.parent_hash,
            timestamp: header.timestamp,
            l1_origin: epoch,
            sequence_number,
        };
        let encoded = user_txs.iter().map(|tx| tx.encoded_2718().into()).collect();
        let json = rpc_json(header, transactions, hash);
        self.blocks.push(L2Block { reference, user_txs: encoded, json });
    }
}

fn rpc_json(header: Header, transactions: Vec<Transaction>, hash: B256) -> Value {
    use alloy_consensus::transaction::{Recovered, TransactionInfo};

    let number = header.number;
    let rpc = |(index, tx): (usize, Transaction)| {
        let info = TransactionInfo {
            hash: Some(tx.tx_hash()),
            index: Some(index as u64),
            block_hash: Some(hash),
            block_number: Some(number),
            base_fee: Some(1),
            ..TransactionInfo::default()
        };
        let info =
            op_alloy_consensus::transaction::OpTransactionInfo::new(info, Default::default());
        RpcTransaction::from_transaction(Recovered::new_unchecked(tx, Address::ZERO), info)
    };
    let transactions: Vec<RpcTransaction> = transactions.into_iter().enumerate().map(rpc).collect();
    let block = alloy_rpc_types_eth::Block {
        header: alloy_rpc_types_eth::Header::new(header),
        uncles: Vec::new(),
        transactions: alloy_rpc_types_eth::BlockTransactions::Full(transactions),
        withdrawals: None,
    };
    serde_json::to_value(block).expect("json")
}
