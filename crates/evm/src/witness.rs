//! Executes a block from a witness: the preimages of everything it touches, and nothing else.
//!
//! A preimage is found by its own hash, so a damaged witness lacks what it should hold; it can never
//! make a block come out different.

mod error;
mod file;
mod state;
mod trie;

use alloy_consensus::{
    TxReceipt,
    proofs::{calculate_transaction_root, ordered_trie_root_with_encoder},
};
use alloy_eips::Encodable2718;
use alloy_primitives::{B256, Bloom, Bytes};
use phala_chainspec::{ChainSpec, Fork, addresses::L2_TO_L1_MESSAGE_PASSER};
use phala_primitives::{EMPTY_STORAGE_ROOT, Header, Receipt, RecoveredTx, decode_transaction};

pub use error::WitnessError;
pub use state::WitnessDb;

use crate::{BlockAttributes, BlockCommitments, Execution, ExecutionOutput, assemble_header};

/// A block to execute, and what is needed for it.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Rules of the chain; its genesis is not the chain's.
    pub spec: ChainSpec,
    /// Header of the parent.
    pub parent: Header,
    /// The block's attributes.
    pub attributes: BlockAttributes,
    /// The block's transactions, encoded.
    pub transactions: Vec<Bytes>,
    /// Hash the block must have.
    pub expected_hash: B256,
    /// Trie nodes, codes and headers, in any order.
    pub preimages: Vec<Bytes>,
}

/// A block that was executed from a witness.
#[derive(Clone, Debug)]
pub struct WitnessBlock {
    /// Its header.
    pub header: Header,
    /// Hash of the header.
    pub hash: B256,
    /// What execution gave.
    pub output: ExecutionOutput,
}

impl Witness {
    /// Reads a witness file (JSON, not compressed).
    pub fn from_json(json: &[u8]) -> Result<Self, WitnessError> {
        file::read(json)
    }

    /// Executes the block and compares its hash with the expected one.
    pub fn verify(&self) -> Result<WitnessBlock, WitnessError> {
        let block = self.execute()?;
        if block.hash != self.expected_hash {
            let (got, expected) = (block.hash, self.expected_hash);
            return Err(WitnessError::Hash { got, expected });
        }
        Ok(block)
    }

    /// Executes the block and builds its header.
    pub fn execute(&self) -> Result<WitnessBlock, WitnessError> {
        let parent_hash = self.parent.hash_slow();
        let db = WitnessDb::new(&self.parent, &self.preimages);
        let transactions = self.recover()?;
        let env = self.attributes.environment(&self.spec, &self.parent, parent_hash)?;

        let mut execution = Execution::new(&self.spec, &db, &env)?;
        for tx in &transactions {
            execution.execute(tx.tx(), tx.sender(), tx.encoded())?;
        }
        let output = execution.finish();

        let mut post_state = db.post_state();
        post_state.apply(&output.changes)?;
        let (receipts_root, logs_bloom) = receipts_root(&output.receipts);
        // Before Isthmus nothing asks for it, so the witness may lack it.
        let message_passer_root =
            if self.spec.forks.is_active(Fork::Isthmus, self.attributes.timestamp) {
                post_state.storage_root(L2_TO_L1_MESSAGE_PASSER)?
            } else {
                EMPTY_STORAGE_ROOT
            };
        let txs: Vec<_> = transactions.iter().map(RecoveredTx::tx).collect();
        let commitments = BlockCommitments {
            transactions_root: calculate_transaction_root(&txs),
            receipts_root,
            logs_bloom,
            gas_used: output.gas_used,
            da_footprint: output.da_footprint,
            message_passer_root,
            state_root: post_state.state_root(),
        };
        let header =
            assemble_header(&self.spec, &self.parent, parent_hash, &self.attributes, &commitments)?;
        Ok(WitnessBlock { hash: header.hash_slow(), header, output })
    }

    fn recover(&self) -> Result<Vec<RecoveredTx>, WitnessError> {
        let recover = |(index, bytes): (usize, &Bytes)| {
            decode_transaction(bytes)
                .and_then(RecoveredTx::recover)
                .map_err(|error| WitnessError::Transaction { index, error })
        };
        self.transactions.iter().enumerate().map(recover).collect()
    }
}

fn receipts_root(receipts: &[Receipt]) -> (B256, Bloom) {
    let receipts: Vec<_> = receipts.iter().map(TxReceipt::with_bloom_ref).collect();
    let mut bloom = Bloom::ZERO;
    for receipt in &receipts {
        bloom |= receipt.logs_bloom;
    }
    (ordered_trie_root_with_encoder(&receipts, |receipt, out| receipt.encode_2718(out)), bloom)
}
