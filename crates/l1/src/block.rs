use std::sync::OnceLock;

use alloy_consensus::{
    EthereumReceipt, EthereumTxEnvelope, Transaction, TxEip4844, transaction::SignerRecoverable,
};
use alloy_primitives::{Address, B256, Log};
use phala_primitives::{L1BlockRef, SealedHeader};

/// A transaction of L1, as it stands in a block: blobs are only named.
pub type L1Transaction = EthereumTxEnvelope<TxEip4844>;

/// A receipt of L1.
pub type L1Receipt = EthereumReceipt;

/// An L1 block with its receipts, all of it verified against the hash of the header.
#[derive(Debug)]
pub struct L1Block {
    header: SealedHeader,
    transactions: Vec<L1Transaction>,
    receipts: Vec<L1Receipt>,
    senders: Vec<OnceLock<Option<Address>>>,
}

/// A log with its place in the block.
#[derive(Clone, Copy, Debug)]
pub struct BlockLog<'a> {
    /// Index of the log in the block, counted by us.
    pub log_index: u64,
    /// Index of its transaction in the block.
    pub transaction_index: usize,
    /// Whether the transaction succeeded, which its receipt says.
    pub success: bool,
    /// The log.
    pub log: &'a Log,
}

impl L1Block {
    /// Joins parts that were verified; as many receipts as transactions.
    pub(crate) fn new(
        header: SealedHeader,
        transactions: Vec<L1Transaction>,
        receipts: Vec<L1Receipt>,
    ) -> Self {
        debug_assert_eq!(transactions.len(), receipts.len());
        let senders = std::iter::repeat_with(OnceLock::new).take(transactions.len()).collect();
        Self { header, transactions, receipts, senders }
    }

    /// The header with its hash.
    pub const fn header(&self) -> &SealedHeader {
        &self.header
    }

    /// Hash.
    pub fn hash(&self) -> B256 {
        self.header.hash()
    }

    /// Height.
    pub fn number(&self) -> u64 {
        self.header.number
    }

    /// The block as derivation names it.
    pub fn block_ref(&self) -> L1BlockRef {
        l1_block_ref(&self.header)
    }

    /// The transactions in order.
    pub fn transactions(&self) -> &[L1Transaction] {
        &self.transactions
    }

    /// One receipt per transaction.
    pub fn receipts(&self) -> &[L1Receipt] {
        &self.receipts
    }

    /// Sender of a transaction, recovered from its signature once; `None` if the signature is of
    /// nobody or there is no such transaction.
    pub fn sender(&self, index: usize) -> Option<Address> {
        let cell = self.senders.get(index)?;
        *cell.get_or_init(|| self.transactions[index].recover_signer().ok())
    }

    /// All logs of the block with indices counted over the whole block.
    pub fn logs(&self) -> impl Iterator<Item = BlockLog<'_>> {
        let receipts = self.receipts.iter().enumerate();
        let logs = receipts.flat_map(|(transaction_index, receipt)| {
            receipt.logs.iter().map(move |log| (transaction_index, receipt.success, log))
        });
        (0..).zip(logs).map(|(log_index, (transaction_index, success, log))| BlockLog {
            log_index,
            transaction_index,
            success,
            log,
        })
    }

    /// Versioned hashes of a transaction's blobs, each with its index among all blobs of the block.
    pub fn blobs_of(&self, index: usize) -> Vec<(u64, B256)> {
        let Some(transaction) = self.transactions.get(index) else { return Vec::new() };
        let before: usize = self.transactions[..index]
            .iter()
            .map(|other| other.blob_versioned_hashes().map_or(0, <[B256]>::len))
            .sum();
        let hashes = transaction.blob_versioned_hashes().unwrap_or_default();
        (before as u64..).zip(hashes.iter().copied()).collect()
    }

    /// Bytes it holds in memory, roughly.
    pub fn size_bytes(&self) -> usize {
        let transactions: usize = self.transactions.iter().map(|tx| tx.input().len() + 400).sum();
        let logs = self.receipts.iter().flat_map(|receipt| &receipt.logs);
        let logs: usize = logs.map(|log| 128 + log.data.data.len() + log.topics().len() * 32).sum();
        1024 + transactions + self.receipts.len() * 64 + logs
    }
}

/// A header as derivation names its block.
pub fn l1_block_ref(header: &SealedHeader) -> L1BlockRef {
    L1BlockRef {
        hash: header.hash(),
        number: header.number,
        parent_hash: header.parent_hash,
        timestamp: header.timestamp,
    }
}
