use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{B256, Bytes};

use crate::{DaType, FEE_VERSIONS_MAX, SubmissionId, TxData, TxFees};

/// Looks at L1 in a row that must miss every version of a transaction whose nonce is used, before
/// the nonce counts as taken by somebody else: an endpoint may know the nonce before the receipt.
const MISSING_LOOKS_MAX: u32 = 3;

/// When a transaction is sent again or offers more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResendPolicy {
    /// Time after which a transaction offers more.
    pub bump_after: Duration,
    /// Time after which the same transaction is sent again, should the pool have lost it.
    pub repeat_after: Duration,
    /// L1 blocks upon a transaction, its own included, until it is final for us.
    pub confirmations: u64,
}

/// One signed form of a transaction. All forms of one submission share a nonce: one is mined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Hash of the transaction.
    pub hash: B256,
    /// What it offers.
    pub fees: TxFees,
    /// Signed transaction (EIP-2718) without blobs.
    pub raw: Bytes,
    /// What it posts, which is nothing for one that only uses up the nonce.
    pub data: Arc<TxData>,
}

/// Where a transaction was mined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// Height of the L1 block.
    pub block: u64,
    /// Its hash.
    pub block_hash: B256,
    /// Hash of the version that was mined.
    pub tx_hash: B256,
    /// What it cost, blobs included.
    pub cost_wei: u128,
}

/// A nonce, and the transactions signed for it.
#[derive(Clone, Debug)]
pub struct QueuedTx {
    /// Name of the submission.
    pub id: SubmissionId,
    /// The nonce.
    pub nonce: u64,
    /// The versions, lowest fees first; never empty.
    pub versions: Vec<Version>,
    /// Where it is mined, as far as L1 said last.
    pub inclusion: Option<Inclusion>,
    signed_at: Instant,
    sent_at: Option<Instant>,
    /// The endpoint refused it because it offers too little.
    underpriced: bool,
    missing_looks: u32,
}

impl QueuedTx {
    /// The version that offers most.
    pub fn newest(&self) -> &Version {
        self.versions.last().expect("a submission is queued with its first version")
    }

    /// Type of every version.
    pub fn da(&self) -> DaType {
        self.newest().data.da
    }

    /// Whether the newest version was never taken by an endpoint.
    pub const fn never_sent(&self) -> bool {
        self.sent_at.is_none()
    }

    /// Whether it carries frames, if the mined or newest version does.
    pub fn carries_frames(&self) -> bool {
        let version = match self.inclusion {
            Some(inclusion) => self.versions.iter().find(|v| v.hash == inclusion.tx_hash),
            None => self.versions.last(),
        };
        version.is_some_and(|version| version.data.carries.is_some())
    }
}

/// What L1 says about one submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Which one.
    pub id: SubmissionId,
    /// Where it is, if any version is mined.
    pub inclusion: Option<Inclusion>,
}

/// News about submissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxEvent {
    /// Mined; `carries_frames` is false if the version without frames was.
    Mined {
        /// Which one.
        id: SubmissionId,
        /// Where.
        inclusion: Inclusion,
        /// Whether its frames are on L1.
        carries_frames: bool,
    },
    /// A reorganization of L1 took it out of its block.
    Unmined {
        /// Which one.
        id: SubmissionId,
    },
    /// Deep enough: it is not watched any longer.
    Confirmed {
        /// Which one.
        id: SubmissionId,
        /// Its nonce.
        nonce: u64,
        /// Where.
        inclusion: Inclusion,
    },
    /// Its nonce was used by a transaction we did not sign.
    NonceTaken {
        /// Which one.
        id: SubmissionId,
        /// The nonce.
        nonce: u64,
    },
}

/// What is due for a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send the newest version.
    Send(SubmissionId),
    /// Sign a version that offers more, and send it.
    Bump(SubmissionId),
}

/// Our transactions on their way, by nonce, without a gap. No I/O, no clock of its own.
#[derive(Debug)]
pub struct TxQueue {
    policy: ResendPolicy,
    txs: VecDeque<QueuedTx>,
    /// First nonce never used by us nor seen used.
    nonce_floor: u64,
}

impl TxQueue {
    /// An empty queue; the first nonce is `nonce_floor`.
    pub const fn new(policy: ResendPolicy, nonce_floor: u64) -> Self {
        Self { policy, txs: VecDeque::new(), nonce_floor }
    }

    /// The nonce of the next new submission.
    pub fn next_nonce(&self) -> u64 {
        self.txs
            .back()
            .map_or(self.nonce_floor, |tx| tx.nonce.saturating_add(1).max(self.nonce_floor))
    }

    /// L1 has used up all nonces below this one.
    pub fn raise_nonce_floor(&mut self, used_below: u64) {
        self.nonce_floor = self.nonce_floor.max(used_below);
    }

    /// Nonces in `from..to` that no submission has.
    pub fn missing_nonces(&self, from: u64, to: u64) -> Vec<u64> {
        (from..to).filter(|nonce| !self.txs.iter().any(|tx| tx.nonce == *nonce)).collect()
    }

    /// Adds a submission that was just signed, or was found in the journal.
    pub fn push(&mut self, id: SubmissionId, nonce: u64, versions: Vec<Version>, now: Instant) {
        let tx = QueuedTx {
            id,
            nonce,
            versions,
            inclusion: None,
            signed_at: now,
            sent_at: None,
            underpriced: false,
            missing_looks: 0,
        };
        let at = self.txs.partition_point(|queued| queued.nonce < nonce);
        self.txs.insert(at, tx);
    }

    /// Adds a version that offers more.
    pub fn add_version(&mut self, id: SubmissionId, version: Version, now: Instant) {
        if let Some(tx) = self.get_mut(id) {
            tx.versions.push(version);
            tx.signed_at = now;
            tx.sent_at = None;
            tx.underpriced = false;
        }
    }

    /// The endpoint has the newest version.
    pub fn sent(&mut self, id: SubmissionId, now: Instant) {
        if let Some(tx) = self.get_mut(id) {
            tx.sent_at = Some(now);
        }
    }

    /// The endpoint refused the newest version for offering too little.
    pub fn refused_as_underpriced(&mut self, id: SubmissionId) {
        if let Some(tx) = self.get_mut(id) {
            tx.underpriced = true;
        }
    }

    /// No version that offers more will be signed for now.
    pub fn postpone_bump(&mut self, id: SubmissionId, now: Instant) {
        if let Some(tx) = self.get_mut(id) {
            tx.signed_at = now;
            tx.underpriced = false;
        }
    }

    /// Starts again at a nonce that L1 went back to; only an empty queue can.
    pub fn reset_nonce_floor(&mut self, nonce_used: u64) {
        if self.txs.is_empty() {
            self.nonce_floor = nonce_used;
        }
    }

    /// The submission.
    pub fn get(&self, id: SubmissionId) -> Option<&QueuedTx> {
        self.txs.iter().find(|tx| tx.id == id)
    }

    fn get_mut(&mut self, id: SubmissionId) -> Option<&mut QueuedTx> {
        self.txs.iter_mut().find(|tx| tx.id == id)
    }

    /// All submissions, by nonce.
    pub fn iter(&self) -> impl Iterator<Item = &QueuedTx> {
        self.txs.iter()
    }

    /// Submissions that are not mined.
    pub fn unmined(&self) -> impl Iterator<Item = &QueuedTx> {
        self.txs.iter().filter(|tx| tx.inclusion.is_none())
    }

    /// Submissions, mined or not.
    pub fn len(&self) -> usize {
        self.txs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.txs.is_empty()
    }

    /// Takes in what L1 says: its head, the number of nonces used, and receipts of those
    /// submissions whose nonces are used. Submissions without a receipt are not mined.
    pub fn observe(&mut self, head: u64, nonce_used: u64, receipts: &[Receipt]) -> Vec<TxEvent> {
        self.raise_nonce_floor(nonce_used);
        let mut events = Vec::new();
        for tx in &mut self.txs {
            let found = receipts.iter().find(|receipt| receipt.id == tx.id);
            let inclusion = found.and_then(|receipt| receipt.inclusion);
            tx.observe(inclusion, nonce_used, &mut events);
        }
        self.retire(head, &mut events);
        events
    }

    /// Lets those at the front go that are deep enough, or whose nonce is gone.
    fn retire(&mut self, head: u64, events: &mut Vec<TxEvent>) {
        while let Some(tx) = self.txs.front() {
            let taken = tx.missing_looks >= MISSING_LOOKS_MAX;
            let confirmed = tx.inclusion.filter(|inclusion| {
                head.saturating_add(1).saturating_sub(inclusion.block) >= self.policy.confirmations
            });
            match confirmed {
                Some(inclusion) => {
                    let (id, nonce) = (tx.id, tx.nonce);
                    events.push(TxEvent::Confirmed { id, nonce, inclusion });
                }
                None if taken => {}
                None => return,
            }
            self.nonce_floor = self.nonce_floor.max(tx.nonce.saturating_add(1));
            self.txs.pop_front();
        }
    }

    /// What to send now, by nonce.
    pub fn due(&self, now: Instant) -> Vec<Due> {
        self.unmined().filter_map(|tx| tx.due(&self.policy, now)).collect()
    }
}

impl QueuedTx {
    fn observe(
        &mut self,
        inclusion: Option<Inclusion>,
        nonce_used: u64,
        events: &mut Vec<TxEvent>,
    ) {
        let id = self.id;
        match inclusion {
            Some(inclusion) => {
                self.missing_looks = 0;
                if self.inclusion != Some(inclusion) {
                    self.inclusion = Some(inclusion);
                    let carries_frames = self.carries_frames();
                    events.push(TxEvent::Mined { id, inclusion, carries_frames });
                }
            }
            None => {
                if self.inclusion.take().is_some() {
                    // The pool may have lost it together with its block.
                    self.sent_at = None;
                    events.push(TxEvent::Unmined { id });
                }
                if self.nonce < nonce_used {
                    self.missing_looks += 1;
                } else {
                    self.missing_looks = 0;
                }
                if self.missing_looks == MISSING_LOOKS_MAX {
                    events.push(TxEvent::NonceTaken { id, nonce: self.nonce });
                }
            }
        }
    }

    fn due(&self, policy: &ResendPolicy, now: Instant) -> Option<Due> {
        if self.missing_looks > 0 {
            // Its nonce is used: the receipt will come, or the loss will be told.
            return None;
        }
        let may_bump = self.versions.len() < FEE_VERSIONS_MAX;
        let old = now.saturating_duration_since(self.signed_at) >= policy.bump_after;
        if may_bump && (self.underpriced || old) {
            return Some(Due::Bump(self.id));
        }
        let send = self
            .sent_at
            .is_none_or(|sent| now.saturating_duration_since(sent) >= policy.repeat_after);
        send.then_some(Due::Send(self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: ResendPolicy = ResendPolicy {
        bump_after: Duration::from_secs(48),
        repeat_after: Duration::from_secs(12),
        confirmations: 3,
    };

    fn version(byte: u8) -> Version {
        Version {
            hash: B256::repeat_byte(byte),
            fees: TxFees::default(),
            raw: Bytes::new(),
            data: Arc::new(TxData::empty(DaType::Calldata)),
        }
    }

    fn queue(nonces: std::ops::Range<u64>, now: Instant) -> TxQueue {
        let mut queue = TxQueue::new(POLICY, nonces.start);
        for nonce in nonces {
            assert_eq!(queue.next_nonce(), nonce);
            queue.push(SubmissionId(nonce), nonce, vec![version(nonce as u8)], now);
        }
        queue
    }

    fn mined(id: u64, block: u64) -> Receipt {
        let inclusion = Inclusion {
            block,
            block_hash: B256::repeat_byte(block as u8),
            tx_hash: B256::repeat_byte(id as u8),
            cost_wei: 1,
        };
        Receipt { id: SubmissionId(id), inclusion: Some(inclusion) }
    }

    fn ids(events: &[TxEvent]) -> Vec<(&'static str, u64)> {
        let name = |event: &TxEvent| match event {
            TxEvent::Mined { id, .. } => ("mined", id.0),
            TxEvent::Unmined { id } => ("unmined", id.0),
            TxEvent::Confirmed { id, .. } => ("confirmed", id.0),
            TxEvent::NonceTaken { id, .. } => ("taken", id.0),
        };
        events.iter().map(name).collect()
    }

    #[test]
    fn transactions_are_told_once_when_mined_and_once_when_deep_enough() {
        let mut queue = queue(5..7, Instant::now());
        assert!(queue.observe(9, 5, &[]).is_empty());
        let receipts = [mined(5, 10)];
        assert_eq!(ids(&queue.observe(10, 6, &receipts)), [("mined", 5)]);
        assert_eq!(queue.unmined().count(), 1);
        let receipts = [mined(5, 10), mined(6, 11)];
        assert_eq!(ids(&queue.observe(11, 7, &receipts)), [("mined", 6)]);
        assert_eq!(ids(&queue.observe(12, 7, &receipts)), [("confirmed", 5)]);
        assert_eq!(ids(&queue.observe(13, 7, &receipts)), [("confirmed", 6)]);
        assert!(queue.is_empty());
        assert_eq!(queue.next_nonce(), 7);
    }

    #[test]
    fn a_reorg_is_told_and_the_transaction_sent_again_at_once() {
        let now = Instant::now();
        let mut queue = queue(5..6, now);
        queue.sent(SubmissionId(5), now);
        queue.observe(10, 6, &[mined(5, 10)]);
        assert!(queue.due(now).is_empty());
        assert_eq!(ids(&queue.observe(10, 5, &[])), [("unmined", 5)]);
        assert_eq!(queue.due(now), [Due::Send(SubmissionId(5))]);
        assert_eq!(queue.next_nonce(), 6);
        // In another block, it is told again.
        assert_eq!(ids(&queue.observe(11, 6, &[mined(5, 11)])), [("mined", 5)]);
        assert_eq!(ids(&queue.observe(12, 6, &[mined(5, 12)])), [("mined", 5)]);
    }

    #[test]
    fn a_nonce_used_by_another_transaction_is_told_after_three_looks() {
        let now = Instant::now();
        let mut queue = queue(5..7, now);
        queue.sent(SubmissionId(5), now);
        assert!(queue.observe(10, 6, &[]).is_empty());
        let later = now + POLICY.bump_after;
        assert_eq!(
            queue.due(later),
            [Due::Bump(SubmissionId(6))],
            "a used nonce is not sent again"
        );
        assert!(queue.observe(10, 6, &[]).is_empty());
        assert_eq!(ids(&queue.observe(11, 6, &[])), [("taken", 5)]);
        assert_eq!(queue.iter().map(|tx| tx.nonce).collect::<Vec<_>>(), [6]);
        assert!(queue.observe(12, 6, &[]).is_empty());
    }

    #[test]
    fn a_receipt_that_comes_late_is_no_loss() {
        let mut queue = queue(5..6, Instant::now());
        for _ in 0..2 {
            assert!(queue.observe(10, 6, &[]).is_empty());
        }
        assert_eq!(ids(&queue.observe(10, 6, &[mined(5, 10)])), [("mined", 5)]);
        assert!(queue.observe(10, 5, &[]).len() == 1);
        for _ in 0..5 {
            assert!(queue.observe(10, 5, &[]).is_empty(), "pending again");
        }
    }

    #[test]
    fn what_is_not_mined_is_repeated_and_then_offers_more() {
        let now = Instant::now();
        let id = SubmissionId(5);
        let mut queue = queue(5..6, now);
        assert_eq!(queue.due(now), [Due::Send(id)]);
        queue.sent(id, now);
        assert!(queue.due(now + Duration::from_secs(11)).is_empty());
        assert_eq!(queue.due(now + Duration::from_secs(12)), [Due::Send(id)]);
        let later = now + Duration::from_secs(48);
        queue.sent(id, later);
        assert_eq!(queue.due(later), [Due::Bump(id)]);
        queue.postpone_bump(id, later);
        assert!(queue.due(later).is_empty());
        queue.add_version(id, version(9), later);
        assert_eq!(queue.due(later), [Due::Send(id)]);
        queue.sent(id, later);
        queue.refused_as_underpriced(id);
        assert_eq!(queue.due(later), [Due::Bump(id)]);
        for _ in 0..FEE_VERSIONS_MAX {
            queue.add_version(id, version(9), later);
        }
        queue.sent(id, later);
        assert!(queue.due(later).is_empty(), "there is an end to it");
        assert_eq!(queue.due(later + POLICY.bump_after), [Due::Send(id)]);
    }

    #[test]
    fn any_version_may_be_the_one_that_is_mined() {
        let now = Instant::now();
        let mut queue = queue(5..6, now);
        queue.add_version(SubmissionId(5), version(77), now);
        let events = queue.observe(10, 6, &[mined(5, 10)]);
        assert!(
            matches!(events[..], [TxEvent::Mined { inclusion, .. }] if inclusion.tx_hash == B256::repeat_byte(5))
        );
    }

    #[test]
    fn nonces_are_kept_in_order_and_gaps_are_seen() {
        let now = Instant::now();
        let mut queue = TxQueue::new(POLICY, 3);
        for nonce in [7, 4, 5] {
            queue.push(SubmissionId(nonce), nonce, vec![version(1)], now);
        }
        assert_eq!(queue.iter().map(|tx| tx.nonce).collect::<Vec<_>>(), [4, 5, 7]);
        assert_eq!(queue.missing_nonces(3, queue.next_nonce()), [3, 6]);
        queue.reset_nonce_floor(0);
        assert_eq!(queue.next_nonce(), 8, "only an empty queue goes back");
        let mut empty = TxQueue::new(POLICY, 3);
        empty.raise_nonce_floor(9);
        empty.raise_nonce_floor(2);
        assert_eq!(empty.next_nonce(), 9);
        empty.reset_nonce_floor(4);
        assert_eq!(empty.next_nonce(), 4);
    }
}
