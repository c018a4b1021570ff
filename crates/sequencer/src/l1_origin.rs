use phala_primitives::{BlockRef, L1BlockRef, L2BlockRef};

use crate::SequencerError;

/// What the choice of an origin follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginRules {
    /// Seconds from one L2 block to the next.
    pub block_time_secs: u64,
    /// Seconds an L2 block with transactions may be ahead of its origin.
    pub max_sequencer_drift_secs: u64,
    /// Depth below the L1 head at which a block may become an origin.
    pub l1_confs: u64,
    /// Adopt the next origin as soon as its time allows, and leave transactions of users out.
    pub recover: bool,
}

/// What is known of L1 around the parent's origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1OriginView {
    /// Time of the parent's origin.
    pub current_timestamp: u64,
    /// The block after it.
    pub next: NextL1,
    /// Height of the newest L1 block.
    pub head_number: u64,
}

/// The L1 block after the parent's origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextL1 {
    /// It does not exist yet, or cannot be read.
    Unknown,
    /// This one.
    Known(L1BlockRef),
}

/// The origin of the next block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1OriginChoice {
    /// The block.
    pub origin: BlockRef,
    /// Whether it is the one after the parent's, so that its deposits come first.
    pub is_next: bool,
    /// Whether transactions of users must stay out.
    pub no_tx_pool: bool,
}

/// Chooses the origin of the block after `parent`.
///
/// The next origin is taken once it is `l1_confs` deep and not later than the block. Past the drift,
/// and in recover mode, it is taken without waiting for its depth.
///
/// `None`: past the drift, and the next origin is unknown. Derivation would accept a block without
/// transactions only if L1 had no block that could be its origin, and whoever does not see that
/// block (an endpoint may be down) cannot tell. Waiting loses nothing: once it is seen, the blocks up
/// to its time are made at once.
pub fn choose_l1_origin(
    rules: &OriginRules,
    parent: &L2BlockRef,
    view: &L1OriginView,
) -> Result<Option<L1OriginChoice>, SequencerError> {
    let timestamp = parent.timestamp.saturating_add(rules.block_time_secs);
    let drifted = |origin: u64| timestamp > origin.saturating_add(rules.max_sequencer_drift_secs);
    let stay = L1OriginChoice {
        origin: parent.l1_origin,
        is_next: false,
        no_tx_pool: rules.recover || drifted(view.current_timestamp),
    };
    let NextL1::Known(next) = view.next else {
        return Ok((!drifted(view.current_timestamp)).then_some(stay));
    };
    if next.parent_hash != parent.l1_origin.hash {
        let (origin, parent) = (parent.l1_origin, next.parent_hash);
        return Err(SequencerError::OriginReorged { origin, next: next.id(), parent });
    }
    let depth = view.head_number.checked_sub(next.number);
    let is_deep = depth.is_some_and(|depth| depth >= rules.l1_confs);
    let is_urgent = rules.recover || drifted(view.current_timestamp);
    if timestamp < next.timestamp || !(is_deep || is_urgent) {
        return Ok(Some(stay));
    }
    Ok(Some(L1OriginChoice {
        origin: next.id(),
        is_next: true,
        no_tx_pool: rules.recover || drifted(next.timestamp),
    }))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    const RULES: OriginRules = OriginRules {
        block_time_secs: 2,
        max_sequencer_drift_secs: 1_800,
        l1_confs: 4,
        recover: false,
    };

    fn hash(number: u64) -> B256 {
        B256::with_last_byte(u8::try_from(number).unwrap())
    }

    /// L1 block `number` at `timestamp`, on the chain of [`hash`].
    fn l1(number: u64, timestamp: u64) -> L1BlockRef {
        L1BlockRef { hash: hash(number), number, parent_hash: hash(number - 1), timestamp }
    }

    /// An L2 block of origin 10, which has time 1,000.
    fn parent(timestamp: u64) -> L2BlockRef {
        let l1_origin = BlockRef { number: 10, hash: hash(10) };
        L2BlockRef { timestamp, l1_origin, ..Default::default() }
    }

    fn view(next: Option<L1BlockRef>, head_number: u64) -> L1OriginView {
        let next = next.map_or(NextL1::Unknown, NextL1::Known);
        L1OriginView { current_timestamp: 1_000, next, head_number }
    }

    /// (parent's time, next origin's time, L1 head, recover) -> (is next, no pool)
    #[test]
    fn the_table_of_choices() {
        let next = |time| Some(l1(11, time));
        for (line, parent_time, next, head, recover, is_next, no_tx_pool) in [
            (line!(), 1_010, next(1_012), 15, false, true, false), // Deep, and just in time.
            (line!(), 1_009, next(1_012), 15, false, false, false), // One second too early.
            (line!(), 1_010, next(1_012), 14, false, false, false), // One block too shallow.
            (line!(), 1_010, next(1_012), 14, true, true, true),   // Recovering does not wait.
            (line!(), 1_009, next(1_012), 99, true, false, true),  // But time still counts.
            (line!(), 1_010, None, 10, false, false, false),       // Nothing there to take.
            (line!(), 2_798, None, 10, false, false, false), // 2,800: the last second of drift.
            (line!(), 2_799, next(1_012), 11, false, true, false), // Past it depth is not asked for.
            (line!(), 2_798, next(1_012), 11, false, false, false), // Within it, it is.
            (line!(), 2_799, next(2_900), 11, false, false, true), // L1 had no block for long.
            (line!(), 3_000, next(1_012), 99, false, true, true),  // Still too far behind.
            (line!(), 1_010, next(1_012), 5, false, false, false), // A head that went back.
        ] {
            let rules = OriginRules { recover, ..RULES };
            let choice = choose_l1_origin(&rules, &parent(parent_time), &view(next, head));
            let choice = choice.unwrap().unwrap();
            assert_eq!((choice.is_next, choice.no_tx_pool), (is_next, no_tx_pool), "line {line}");
            assert_eq!(choice.origin.number, 10 + u64::from(is_next), "line {line}");
        }
    }

    #[test]
    fn past_the_drift_an_unknown_origin_is_waited_for() {
        let choose = |parent_time, recover| {
            let rules = OriginRules { recover, ..RULES };
            choose_l1_origin(&rules, &parent(parent_time), &view(None, 10)).unwrap()
        };
        for recover in [false, true] {
            assert!(choose(2_798, recover).is_some(), "the last second of drift");
            assert_eq!(choose(2_799, recover), None);
        }
    }

    #[test]
    fn without_a_depth_the_head_itself_is_taken() {
        let rules = OriginRules { l1_confs: 0, ..RULES };
        let choice =
            choose_l1_origin(&rules, &parent(1_010), &view(Some(l1(11, 1_012)), 11)).unwrap();
        assert!(choice.unwrap().is_next);
    }

    #[test]
    fn an_origin_that_l1_dropped_is_not_built_on() {
        let mut next = l1(11, 1_012);
        next.parent_hash = B256::repeat_byte(0xff);
        let error = choose_l1_origin(&RULES, &parent(1_010), &view(Some(next), 99)).unwrap_err();
        assert!(matches!(error, SequencerError::OriginReorged { .. }), "{error}");
    }

    #[test]
    fn the_end_of_time_does_not_overflow() {
        let choice =
            choose_l1_origin(&RULES, &parent(u64::MAX), &view(Some(l1(11, u64::MAX)), u64::MAX));
        assert!(choice.unwrap().unwrap().is_next);
    }
}
