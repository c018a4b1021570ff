use alloy_primitives::B256;
use phala_primitives::BlockRef;

use crate::SyncStatus;

/// What the batcher holds, as far as the decision needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncView {
    /// The blocks held, oldest first, without a gap.
    pub blocks: Vec<BlockRef>,
    /// Parent of the oldest block held.
    pub parent_hash: B256,
    /// Newest block forgotten because it was safe.
    pub forgotten: Option<u64>,
    /// The channels held, oldest first.
    pub channels: Vec<ChannelView>,
}

/// A channel, as far as the decision needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelView {
    /// Height of the last L2 block in it.
    pub last_l2_block: u64,
    /// Every frame is mined.
    pub fully_submitted: bool,
    /// Its frames lie too far apart on L1.
    pub timed_out: bool,
    /// L1 block of the frame mined last.
    pub inclusion_max: Option<u64>,
}

/// A range of L2 blocks, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRange {
    /// First height.
    pub first: u64,
    /// Last height.
    pub last: u64,
}

impl BlockRange {
    /// The blocks above `below` up to `last`, if there are any.
    pub fn above(below: u64, last: u64) -> Option<Self> {
        (below < last).then(|| Self { first: below + 1, last })
    }
}

/// Why everything held is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResetReason {
    /// The safe head went back.
    #[error("next safe block {next_safe} is below the oldest block held, {oldest}")]
    SafeHeadBelow {
        /// Block after the safe head.
        next_safe: u64,
        /// Oldest block held.
        oldest: u64,
    },
    /// The safe head came from somewhere else.
    #[error("safe head {safe} is above the newest block held, {newest}")]
    SafeHeadAbove {
        /// The safe head.
        safe: u64,
        /// Newest block held.
        newest: u64,
    },
    /// The safe chain is another one.
    #[error("safe block {number} is {safe}, not {held}")]
    SafeReorg {
        /// Its height.
        number: u64,
        /// What the node derived.
        safe: B256,
        /// What is held.
        held: B256,
    },
    /// Derivation has passed a channel without taking its blocks.
    #[error(
        "channel up to block {last_l2_block} was mined up to l1 block {inclusion_max} and dropped by derivation"
    )]
    ChannelDropped {
        /// Last block of the channel.
        last_l2_block: u64,
        /// Where it was complete.
        inclusion_max: u64,
    },
    /// The unsafe chain is another one.
    #[error("l2 block {number} does not build on the newest block held")]
    L2Reorg {
        /// The first block that does not fit.
        number: u64,
    },
    /// Somebody else used a nonce of ours: the frames behind it have lost their order.
    #[error("nonce {nonce} was used by a transaction that is not ours")]
    NonceTaken {
        /// The nonce.
        nonce: u64,
    },
    /// A channel could not be completed in time.
    #[error("channel up to block {last_l2_block} was not mined within the channel timeout")]
    ChannelTimedOut {
        /// Last block of the channel.
        last_l2_block: u64,
    },
}

/// What to do after a look at the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncAction {
    /// The node does not know where it is: ask again later.
    OutOfSync,
    /// Give everything up and start from the safe head.
    Reset(ResetReason),
    /// Forget what is safe, then load.
    Advance {
        /// Blocks up to here are safe, and channels that end here or below.
        safe: u64,
        /// Blocks to load.
        load: Option<BlockRange>,
    },
}

/// The table of the batcher: first match wins.
///
/// `current_l1_before` is the L1 block the node was at when it was asked last.
pub fn compute_sync_action(
    status: &SyncStatus,
    current_l1_before: Option<u64>,
    held: &SyncView,
) -> SyncAction {
    let current_l1 = status.current_l1.number;
    if status.head_l1.hash.is_zero() || current_l1_before.is_some_and(|before| current_l1 < before)
    {
        return SyncAction::OutOfSync;
    }
    let safe = status.safe_l2.id();
    let unsafe_head = status.unsafe_l2.number;
    let (Some(oldest), Some(newest)) = (held.blocks.first(), held.blocks.last()) else {
        // Without blocks the table knows no oldest one, but what was safe may be on its way again
        // after a reorganization of L1, and must not be posted beside it.
        if let Some(forgotten) = held.forgotten.filter(|forgotten| safe.number < *forgotten) {
            return SyncAction::Reset(ResetReason::SafeHeadBelow {
                next_safe: safe.number + 1,
                oldest: forgotten + 1,
            });
        }
        return SyncAction::Advance {
            safe: safe.number,
            load: BlockRange::above(safe.number, unsafe_head),
        };
    };
    if let Some(reason) = safe_head_mismatch(safe, oldest, newest, held) {
        return SyncAction::Reset(reason);
    }
    if let Some(reason) = dropped_channel(current_l1, safe.number, &held.channels) {
        return SyncAction::Reset(reason);
    }
    SyncAction::Advance { safe: safe.number, load: BlockRange::above(newest.number, unsafe_head) }
}

fn safe_head_mismatch(
    safe: BlockRef,
    oldest: &BlockRef,
    newest: &BlockRef,
    held: &SyncView,
) -> Option<ResetReason> {
    let next_safe = safe.number + 1;
    if next_safe < oldest.number {
        return Some(ResetReason::SafeHeadBelow { next_safe, oldest: oldest.number });
    }
    if safe.number > newest.number {
        return Some(ResetReason::SafeHeadAbove { safe: safe.number, newest: newest.number });
    }
    let at_safe = if next_safe == oldest.number {
        held.parent_hash
    } else {
        let index = usize::try_from(safe.number - oldest.number).ok()?;
        held.blocks.get(index)?.hash
    };
    (at_safe != safe.hash).then_some(ResetReason::SafeReorg {
        number: safe.number,
        safe: safe.hash,
        held: at_safe,
    })
}

fn dropped_channel(current_l1: u64, safe: u64, channels: &[ChannelView]) -> Option<ResetReason> {
    channels.iter().find_map(|channel| {
        let inclusion_max = channel.inclusion_max?;
        let dropped = channel.fully_submitted
            && !channel.timed_out
            && current_l1 > inclusion_max
            && safe < channel.last_l2_block;
        dropped.then_some(ResetReason::ChannelDropped {
            last_l2_block: channel.last_l2_block,
            inclusion_max,
        })
    })
}

#[cfg(test)]
mod tests {
    use phala_primitives::{L1BlockRef, L2BlockRef};

    use super::*;

    fn hash(number: u64) -> B256 {
        B256::left_padding_from(&(number + 1).to_be_bytes())
    }

    fn status(current_l1: u64, safe: u64, unsafe_head: u64) -> SyncStatus {
        let l1 = |number| L1BlockRef { number, hash: hash(number), ..Default::default() };
        let l2 = |number| L2BlockRef { number, hash: hash(number), ..Default::default() };
        SyncStatus {
            current_l1: l1(current_l1),
            head_l1: l1(current_l1 + 2),
            unsafe_l2: l2(unsafe_head),
            safe_l2: l2(safe),
            ..Default::default()
        }
    }

    fn held(blocks: std::ops::RangeInclusive<u64>) -> SyncView {
        SyncView {
            parent_hash: hash(blocks.start().saturating_sub(1)),
            blocks: blocks.map(|number| BlockRef { number, hash: hash(number) }).collect(),
            forgotten: None,
            channels: Vec::new(),
        }
    }

    fn channel(last_l2_block: u64, inclusion_max: u64) -> ChannelView {
        ChannelView {
            last_l2_block,
            fully_submitted: true,
            timed_out: false,
            inclusion_max: Some(inclusion_max),
        }
    }

    #[test]
    fn row_1_a_node_without_an_l1_head_or_going_backwards_is_waited_for() {
        let mut starting = status(10, 0, 5);
        starting.head_l1 = L1BlockRef::default();
        assert_eq!(compute_sync_action(&starting, None, &held(1..=3)), SyncAction::OutOfSync);
        let back = status(10, 0, 5);
        assert_eq!(compute_sync_action(&back, Some(11), &held(1..=3)), SyncAction::OutOfSync);
        for before in [None, Some(9), Some(10)] {
            assert_ne!(compute_sync_action(&back, before, &held(1..=3)), SyncAction::OutOfSync);
        }
    }

    #[test]
    fn row_2_without_blocks_everything_above_safe_is_loaded() {
        let load = |range| SyncAction::Advance { safe: 4, load: range };
        assert_eq!(
            compute_sync_action(&status(10, 4, 9), None, &SyncView::default()),
            load(Some(BlockRange { first: 5, last: 9 }))
        );
        assert_eq!(compute_sync_action(&status(10, 4, 4), None, &SyncView::default()), load(None));
        // An unsafe head below safe is a node in the middle of a reset.
        assert_eq!(compute_sync_action(&status(10, 4, 2), None, &SyncView::default()), load(None));
    }

    #[test]
    fn row_3_a_safe_head_below_what_is_held_resets() {
        assert_eq!(
            compute_sync_action(&status(10, 3, 9), None, &held(5..=9)),
            SyncAction::Reset(ResetReason::SafeHeadBelow { next_safe: 4, oldest: 5 })
        );
        assert!(matches!(
            compute_sync_action(&status(10, 4, 9), None, &held(5..=9)),
            SyncAction::Advance { .. }
        ));
    }

    #[test]
    fn row_3_holds_for_blocks_that_were_forgotten_too() {
        let view = SyncView { forgotten: Some(7), ..SyncView::default() };
        assert_eq!(
            compute_sync_action(&status(10, 3, 9), None, &view),
            SyncAction::Reset(ResetReason::SafeHeadBelow { next_safe: 4, oldest: 8 })
        );
        for safe in [7, 8] {
            assert!(matches!(
                compute_sync_action(&status(10, safe, 9), None, &view),
                SyncAction::Advance { .. }
            ));
        }
    }

    #[test]
    fn row_4_a_safe_head_above_what_is_held_resets() {
        assert_eq!(
            compute_sync_action(&status(10, 10, 12), None, &held(5..=9)),
            SyncAction::Reset(ResetReason::SafeHeadAbove { safe: 10, newest: 9 })
        );
        assert!(matches!(
            compute_sync_action(&status(10, 9, 12), None, &held(5..=9)),
            SyncAction::Advance { safe: 9, load: Some(BlockRange { first: 10, last: 12 }) }
        ));
    }

    #[test]
    fn row_5_another_block_at_the_safe_height_resets() {
        let mut other = held(5..=9);
        other.blocks[2].hash = B256::repeat_byte(9);
        assert_eq!(
            compute_sync_action(&status(10, 7, 9), None, &other),
            SyncAction::Reset(ResetReason::SafeReorg {
                number: 7,
                safe: hash(7),
                held: B256::repeat_byte(9)
            })
        );
        assert!(matches!(
            compute_sync_action(&status(10, 6, 9), None, &other),
            SyncAction::Advance { .. }
        ));
        // The safe head just below the oldest block must be its parent.
        let mut parent = held(5..=9);
        parent.parent_hash = B256::repeat_byte(9);
        assert!(matches!(
            compute_sync_action(&status(10, 4, 9), None, &parent),
            SyncAction::Reset(ResetReason::SafeReorg { number: 4, .. })
        ));
    }

    #[test]
    fn row_6_a_mined_channel_that_derivation_passed_resets() {
        let with = |channel| SyncView { channels: vec![channel], ..held(5..=9) };
        let resets = |current_l1, safe, channel| {
            let action = compute_sync_action(&status(current_l1, safe, 9), None, &with(channel));
            matches!(action, SyncAction::Reset(ResetReason::ChannelDropped { .. }))
        };
        assert!(resets(11, 6, channel(8, 10)));
        assert!(!resets(10, 6, channel(8, 10)), "derivation is still in that block");
        assert!(!resets(11, 8, channel(8, 10)), "its blocks are safe");
        assert!(!resets(11, 6, ChannelView { timed_out: true, ..channel(8, 10) }));
        assert!(!resets(11, 6, ChannelView { fully_submitted: false, ..channel(8, 10) }));
        assert!(!resets(11, 6, ChannelView { inclusion_max: None, ..channel(8, 10) }));
    }

    #[test]
    fn row_6_looks_at_every_channel() {
        let view = SyncView { channels: vec![channel(6, 9), channel(8, 10)], ..held(5..=9) };
        assert_eq!(
            compute_sync_action(&status(11, 6, 9), None, &view),
            SyncAction::Reset(ResetReason::ChannelDropped { last_l2_block: 8, inclusion_max: 10 })
        );
    }

    #[test]
    fn row_7_prunes_and_loads_what_is_new() {
        assert_eq!(
            compute_sync_action(&status(10, 6, 12), Some(10), &held(5..=9)),
            SyncAction::Advance { safe: 6, load: Some(BlockRange { first: 10, last: 12 }) }
        );
        assert_eq!(
            compute_sync_action(&status(10, 6, 9), Some(10), &held(5..=9)),
            SyncAction::Advance { safe: 6, load: None }
        );
    }
}
