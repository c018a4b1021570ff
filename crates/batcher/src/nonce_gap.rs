use std::time::{Duration, Instant};

use crate::TxQueue;

/// Looks in a row that must show a gap before it is filled: an endpoint that is behind shows gaps
/// that do not exist.
const LOOKS_MIN: u32 = 3;

/// Nonces in a row that may be unaccounted for: more than a pool keeps of one account. An endpoint
/// that shows more is wrong, and filling them would cost what it pleases.
const GAP_LEN_MAX: u64 = 1_024;

/// What to do about nonces that L1 waits for and we have no transaction for.
///
/// They come from a lost or damaged journal, from another program with the same key, or from a
/// reorganization of L1 deeper than the confirmations waited for. Nothing new is sent until they
/// are gone, because it could not be mined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GapAction {
    /// There is none.
    Clear,
    /// Wait for transactions of unknown content that are in the pool, or for another look.
    Wait {
        /// The first of them.
        nonce: u64,
    },
    /// L1 went back and nothing of ours is on its way: go on from this nonce.
    StartAt(u64),
    /// Use these nonces up with transactions that carry nothing.
    Fill(Vec<u64>),
}

/// Watches for gaps. No I/O, no clock of its own.
#[derive(Clone, Debug, Default)]
pub struct NonceGap {
    looks: u32,
    since: Option<Instant>,
}

impl NonceGap {
    /// Looks at the nonces L1 has used, and at those its pool has transactions for.
    pub fn look(
        &mut self,
        queue: &TxQueue,
        nonce_used: u64,
        nonce_pending: u64,
        patience: Duration,
        now: Instant,
    ) -> GapAction {
        let end = queue.next_nonce().max(nonce_pending);
        let end_max = nonce_used.saturating_add(GAP_LEN_MAX);
        let missing = queue.missing_nonces(nonce_used, end.min(end_max));
        let Some(&nonce) = missing.first() else {
            *self = Self::default();
            return GapAction::Clear;
        };
        self.looks += 1;
        let since = *self.since.get_or_insert(now);
        let in_pool = nonce < nonce_pending;
        let waited = if in_pool {
            now.saturating_duration_since(since) >= patience
        } else {
            self.looks >= LOOKS_MIN
        };
        if !waited {
            return GapAction::Wait { nonce };
        }
        *self = Self::default();
        if queue.is_empty() && !in_pool {
            return GapAction::StartAt(nonce_used);
        }
        if end > end_max {
            return GapAction::Wait { nonce };
        }
        GapAction::Fill(missing)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alloy_primitives::{B256, Bytes};

    use super::*;
    use crate::{DaType, ResendPolicy, SubmissionId, TxData, TxFees, Version};

    const PATIENCE: Duration = Duration::from_secs(48);

    fn queue(floor: u64, nonces: &[u64]) -> TxQueue {
        let policy =
            ResendPolicy { bump_after: PATIENCE, repeat_after: PATIENCE, confirmations: 1 };
        let mut queue = TxQueue::new(policy, floor);
        for nonce in nonces {
            let version = Version {
                hash: B256::ZERO,
                fees: TxFees::default(),
                raw: Bytes::new(),
                data: Arc::new(TxData::empty(DaType::Calldata)),
            };
            queue.push(SubmissionId(*nonce), *nonce, vec![version], Instant::now());
        }
        queue
    }

    #[test]
    fn our_own_transactions_are_no_gap() {
        let now = Instant::now();
        for (queue, used, pending) in
            [(queue(5, &[]), 5, 5), (queue(5, &[5, 6]), 5, 5), (queue(5, &[5, 6]), 5, 7)]
        {
            let action = NonceGap::default().look(&queue, used, pending, PATIENCE, now);
            assert_eq!(action, GapAction::Clear);
        }
    }

    #[test]
    fn unknown_pending_transactions_are_waited_for_and_then_replaced() {
        let now = Instant::now();
        let queue = queue(5, &[]);
        let mut gap = NonceGap::default();
        for _ in 0..10 {
            let action = gap.look(&queue, 5, 7, PATIENCE, now);
            assert_eq!(action, GapAction::Wait { nonce: 5 });
        }
        assert_eq!(gap.look(&queue, 5, 7, PATIENCE, now + PATIENCE), GapAction::Fill(vec![5, 6]));
    }

    #[test]
    fn a_hole_nobody_fills_is_filled_after_three_looks() {
        let now = Instant::now();
        let queue = queue(5, &[7]);
        let mut gap = NonceGap::default();
        for _ in 0..2 {
            assert_eq!(gap.look(&queue, 5, 5, PATIENCE, now), GapAction::Wait { nonce: 5 });
        }
        assert_eq!(gap.look(&queue, 5, 5, PATIENCE, now), GapAction::Fill(vec![5, 6]));
    }

    #[test]
    fn a_gap_that_closes_starts_the_count_again() {
        let now = Instant::now();
        let queue = queue(5, &[6]);
        let mut gap = NonceGap::default();
        for _ in 0..2 {
            assert_eq!(gap.look(&queue, 5, 5, PATIENCE, now), GapAction::Wait { nonce: 5 });
        }
        assert_eq!(gap.look(&queue, 6, 6, PATIENCE, now), GapAction::Clear);
        assert_eq!(gap.look(&queue, 5, 5, PATIENCE, now), GapAction::Wait { nonce: 5 });
    }

    #[test]
    fn nonces_beyond_all_reason_are_not_filled() {
        let (now, later) = (Instant::now(), Instant::now() + PATIENCE);
        for (queue, used, pending) in [
            // What an endpoint says is in its pool, and what one once said was used.
            (queue(5, &[]), 5, u64::MAX),
            (queue(u64::MAX, &[7]), 5, 5),
            (queue(5, &[6]), 5, 6 + GAP_LEN_MAX),
        ] {
            let mut gap = NonceGap::default();
            for when in [now, now, later, later] {
                let action = gap.look(&queue, used, pending, PATIENCE, when);
                assert_eq!(action, GapAction::Wait { nonce: 5 });
            }
        }
        // Nothing is on its way, and the pool has nothing either: the floor was wrong.
        let (queue, mut gap) = (queue(u64::MAX, &[]), NonceGap::default());
        gap.look(&queue, 5, 5, PATIENCE, now);
        gap.look(&queue, 5, 5, PATIENCE, now);
        assert_eq!(gap.look(&queue, 5, 5, PATIENCE, now), GapAction::StartAt(5));
        assert_eq!(queue.next_nonce(), u64::MAX);
    }

    #[test]
    fn after_a_deep_reorg_an_idle_batcher_goes_back() {
        let now = Instant::now();
        let queue = queue(9, &[]);
        let mut gap = NonceGap::default();
        gap.look(&queue, 7, 7, PATIENCE, now);
        gap.look(&queue, 7, 7, PATIENCE, now);
        assert_eq!(gap.look(&queue, 7, 7, PATIENCE, now), GapAction::StartAt(7));
    }
}
