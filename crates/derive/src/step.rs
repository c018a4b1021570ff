use alloy_primitives::B256;
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use phala_chainspec::{ChainSpec, SystemConfig};
use phala_primitives::{BlockRef, L1BlockRef, L2BlockRef, RecoveredBlock};

use crate::{BlobId, Cursor, Mismatch, attributes_match, cursor::Position};

/// What derivation came to, or what it needs to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The L1 block of this height: answer with [`crate::Deriver::push_l1`].
    ///
    /// Mostly the block after the origin; now and then one that was pushed before and of which not
    /// everything was kept.
    NeedL1 {
        /// Height on L1.
        number: u64,
    },
    /// These blobs of an L1 block: answer with [`crate::Deriver::push_blobs`], in this order.
    NeedBlobs {
        /// The block that carries them.
        block: L1BlockRef,
        /// The blobs.
        blobs: Vec<BlobId>,
    },
    /// A block of the safe chain, at or below the safe head: answer with
    /// [`crate::Deriver::push_l2`].
    NeedL2 {
        /// Height on L2.
        number: u64,
    },
    /// The next block: answer with [`crate::Deriver::accept`] or [`crate::Deriver::reject`]. Until
    /// then every step gives the same attributes.
    Attributes(Box<DerivedAttributes>),
    /// Some work was done; there is more.
    Progress,
}

/// The next block of the safe chain, before execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedAttributes {
    /// What the engine builds the block from, or compares an unsafe block with.
    pub attributes: OpPayloadAttributes,
    /// The block before it: the safe head.
    pub parent: L2BlockRef,
    /// The L1 block that had been read when it was derived: once that is final, so is the block.
    pub derived_from: L1BlockRef,
    /// Its L1 origin.
    pub l1_origin: BlockRef,
    /// L2 blocks since the first one of the epoch.
    pub sequence_number: u64,
    /// Whether no further block of the same span batch follows.
    pub concluding: bool,
    /// Whether the batch's transactions were taken out, after [`crate::Deriver::reject`].
    pub deposits_only: bool,
    /// The system configuration of the block.
    pub system_config: SystemConfig,
    pub(crate) position: Position,
}

impl DerivedAttributes {
    /// Height of the block.
    pub const fn number(&self) -> u64 {
        self.parent.number + 1
    }

    /// The block it becomes, if that has this hash.
    pub const fn block_ref(&self, hash: B256) -> L2BlockRef {
        L2BlockRef {
            hash,
            number: self.number(),
            parent_hash: self.parent.hash,
            timestamp: self.attributes.payload_attributes.timestamp,
            l1_origin: self.l1_origin,
            sequence_number: self.sequence_number,
        }
    }

    /// What to store with the block of this hash when it becomes the safe head.
    pub const fn cursor(&self, hash: B256) -> Cursor {
        Cursor { safe: hash, origin: self.derived_from.id(), position: self.position }
    }

    /// Whether an unsafe block is the one that was derived.
    pub fn matches(&self, spec: &ChainSpec, block: &RecoveredBlock) -> Result<(), Mismatch> {
        attributes_match(spec, self.parent.hash, &self.attributes, block)
    }

    /// The same slot without what the batch had for it. Nothing more of its channel is used.
    pub(crate) fn into_deposits_only(mut self) -> Self {
        if let Some(transactions) = &mut self.attributes.transactions {
            transactions.retain(|tx| is_deposit(tx));
        }
        self.concluding = true;
        self.deposits_only = true;
        self.position = self.position.end_of_channel();
        self
    }

    pub(crate) fn has_only_deposits(&self) -> bool {
        self.attributes.transactions.iter().flatten().all(|tx| is_deposit(tx))
    }
}

fn is_deposit(tx: &[u8]) -> bool {
    tx.first() == Some(&op_alloy_consensus::DEPOSIT_TX_TYPE_ID)
}
