use alloy_primitives::Bytes;
use phala_chainspec::{ChainSpec, SystemConfig};
use phala_primitives::{L1BlockRef, L2BlockRef};

use crate::{Cursor, DeriveError, rollup::Rollup};

/// Where derivation starts: a safe head, and from where to read L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafePoint {
    /// The safe head; the first derived block is its child.
    pub safe: L2BlockRef,
    /// The system configuration of the safe head: [`crate::system_config_of`].
    pub safe_config: SystemConfig,
    /// The first L1 block to read: [`SafePoint::origin_number`].
    pub origin: L1BlockRef,
    /// The system configuration after that L1 block: that of any L2 block whose origin it is.
    pub origin_config: SystemConfig,
    /// From where the safe head was derived, if that is known.
    ///
    /// Without it, batches that were read before the safe head was derived are judged again, as
    /// children of the safe head. With it they are passed over, and derivation goes on exactly as it
    /// would have without a restart.
    pub cursor: Option<Cursor>,
}

impl SafePoint {
    /// Height of the L1 block from which to read so that every channel that was open when the safe
    /// head was derived is seen from its first frame, and every epoch from that of the safe head.
    pub fn origin_number(
        spec: &ChainSpec,
        safe: &L2BlockRef,
        cursor: Option<&Cursor>,
    ) -> Result<u64, DeriveError> {
        let rollup = Rollup::new(spec)?;
        let derived_from = cursor.map_or(safe.l1_origin.number, |cursor| cursor.origin.number);
        let opened = derived_from.saturating_sub(rollup.channel_timeout);
        Ok(opened.min(safe.l1_origin.number).max(rollup.l1_anchor.number))
    }

    pub(crate) fn check(&self, rollup: &Rollup) -> Result<(), DeriveError> {
        let unusable = |reason| Err(DeriveError::SafePoint { safe: self.safe.number, reason });
        if self.origin.number > self.safe.l1_origin.number {
            return unusable("reading starts after the safe head's l1 origin");
        }
        if self.origin.number < rollup.l1_anchor.number {
            return unusable("reading starts before the chain does");
        }
        let same_height = self.origin.number == self.safe.l1_origin.number;
        if same_height && self.origin.hash != self.safe.l1_origin.hash {
            return unusable("reading starts at another block than the safe head's l1 origin");
        }
        if let Some(cursor) = &self.cursor {
            if cursor.safe != self.safe.hash {
                return unusable("cursor belongs to another safe head");
            }
            if cursor.origin.number < self.safe.l1_origin.number {
                return unusable("cursor stands before the safe head's l1 origin");
            }
        }
        Ok(())
    }
}

/// An L2 block of the safe chain, given to compare it with a span batch that covers it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SafeBlock {
    /// The block.
    pub block: L2BlockRef,
    /// EIP-2718 bytes of its transactions without the deposits.
    pub transactions: Vec<Bytes>,
}
