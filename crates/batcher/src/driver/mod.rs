//! The loop around the pure parts: one task that owns all of them.

mod l1_side;
mod l2_side;
mod publish;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use phala_primitives::BlockRef;

use crate::{
    BatcherError, DaChoice, Encoder, FeePolicy, GapAction, Journal, L1Prices, L2Client, NonceGap,
    Phase, ResetReason, RollupConfig, SidecarFormat, SubmissionId, TxQueue, TxSigner,
    l1_gateway::L1Gateway, startup::check_batcher, status::Shared,
};

/// Times a failing step is told again at most: once a minute while it goes on.
const REPEAT_ERROR_AFTER: Duration = Duration::from_secs(60);

/// Doublings of the pause after channels that derivation dropped, each paid for in vain.
const DROPS_MAX: u32 = 8;

/// Looks in a row that must find nothing on its way before posting starts again.
const CALM_LOOKS_MIN: u32 = 2;

/// What the driver is told about the chain and its settings.
#[derive(Clone, Debug)]
pub(crate) struct DriverSettings {
    pub(crate) rollup: RollupConfig,
    pub(crate) da: DaChoice,
    pub(crate) fees: FeePolicy,
    pub(crate) bump_after: Duration,
    pub(crate) pending_tx_max: usize,
    /// Another form of sidecar may be tried when L1 refuses this one.
    pub(crate) sidecar_may_change: bool,
    pub(crate) balance_min: u128,
}

/// Follows both chains and keeps the data of L2 flowing to L1.
///
/// Everything that decides is in the encoder, the queue and the tables of this crate; the driver
/// carries facts in and orders out. Nothing is lost if it is dropped at any await: what was signed
/// is in the journal, everything else is read again.
pub(crate) struct Driver {
    pub(crate) settings: DriverSettings,
    pub(crate) l1: L1Gateway,
    pub(crate) l2: L2Client,
    pub(crate) signer: TxSigner,
    pub(crate) journal: Journal,
    pub(crate) encoder: Encoder,
    pub(crate) queue: TxQueue,
    pub(crate) sidecar_format: SidecarFormat,
    pub(crate) shared: Arc<Shared>,
    /// Whether the operator wants batches to be posted.
    pub(crate) wanted: bool,
    pub(crate) phase: Phase,
    /// Derivation must have passed this L1 block before the safe head says what is posted.
    pub(crate) wait_for_l1: Option<u64>,
    state: Seen,
    drops: Drops,
    calm_looks: u32,
    sidecars: HashMap<(SubmissionId, bool), Arc<BlobTransactionSidecarVariant>>,
    errors: HashMap<&'static str, LastError>,
}

/// What was seen last.
struct Seen {
    head: Option<u64>,
    prices: Option<L1Prices>,
    current_l1: Option<u64>,
    gap: NonceGap,
    gap_action: GapAction,
    balance_read: Option<Instant>,
}

/// Channels that derivation dropped one after the other.
#[derive(Default)]
struct Drops {
    in_a_row: u32,
    safe_l2: u64,
    /// Whether our batches still count is to be asked before posting again.
    ask_batcher: bool,
}

struct LastError {
    text: String,
    told: Instant,
    repeated: u32,
}

impl Driver {
    #[expect(clippy::too_many_arguments, reason = "one caller, which names every part")]
    pub(crate) fn new(
        settings: DriverSettings,
        l1: L1Gateway,
        l2: L2Client,
        signer: TxSigner,
        journal: Journal,
        encoder: Encoder,
        queue: TxQueue,
        sidecar_format: SidecarFormat,
        shared: Arc<Shared>,
        wanted: bool,
        wait_for_l1: Option<u64>,
    ) -> Self {
        Self {
            settings,
            l1,
            l2,
            signer,
            journal,
            encoder,
            queue,
            sidecar_format,
            shared,
            wanted,
            phase: Phase::Draining { cancel: false },
            wait_for_l1,
            state: Seen {
                head: None,
                prices: None,
                current_l1: None,
                gap: NonceGap::default(),
                gap_action: GapAction::Clear,
                balance_read: None,
            },
            drops: Drops::default(),
            calm_looks: 0,
            sidecars: HashMap::new(),
            errors: HashMap::new(),
        }
    }

    /// One look at both chains, and everything that follows from it.
    ///
    /// A step that fails is told and tried again at the next look; the others go on. The error that
    /// is returned cannot heal.
    pub(crate) async fn look(&mut self) -> Result<(), BatcherError> {
        let l1 = self.watch_l1().await;
        let saw_l1 = l1.is_ok();
        self.note("l1", l1)?;
        if !saw_l1 {
            self.calm_looks = 0;
        }
        let l2 = self.follow_l2().await;
        self.note("l2", l2)?;
        // Without news of L1 neither fees nor nonces are known.
        if saw_l1 {
            let resend = self.resend().await;
            self.note("resend", resend)?;
            let pack = self.pack();
            self.note("pack", pack)?;
            let publish = self.publish().await;
            self.note("publish", publish)?;
        }
        self.tell_status();
        Ok(())
    }

    /// Gives up what is held. What is on its way is mined or cancelled first, so that frames of old
    /// and new channels never mix.
    fn start_again(&mut self, reason: ResetReason) {
        // When the safe head went back with L1, what is on its way still belongs where it was.
        let cancel = !matches!(reason, ResetReason::SafeHeadBelow { .. });
        if matches!(self.phase, Phase::Draining { cancel: before } if before || !cancel) {
            return;
        }
        let in_flight = self.queue.unmined().count();
        tracing::warn!(%reason, in_flight, "starting again from the safe head");
        metrics::counter!("phala_batcher_resets_total").increment(1);
        self.phase = Phase::Draining { cancel };
        self.calm_looks = 0;
    }

    /// Derivation did not take what was posted. That may go on for as long as somebody pays, so the
    /// pause in L1 blocks doubles until the safe head moves.
    fn channel_dropped(&mut self, safe_l2: u64) {
        let stuck = self.drops.in_a_row > 0 && self.drops.safe_l2 == safe_l2;
        let in_a_row = if stuck { (self.drops.in_a_row + 1).min(DROPS_MAX) } else { 1 };
        self.drops = Drops { in_a_row, safe_l2, ask_batcher: true };
        if let Some(head) = self.state.head
            && in_a_row > 1
        {
            self.wait_for(head + (1 << in_a_row));
        }
    }

    /// Begins to post once nothing of before is on its way any more and derivation has passed it.
    ///
    /// Node and L1 are asked one after the other and may know of a reorganization at different
    /// times. So what the node derived from must be in the chain as we see it, and L1 must have
    /// been looked at again since.
    async fn finish_draining(&mut self, current_l1: BlockRef) -> Result<(), BatcherError> {
        let Phase::Draining { .. } = self.phase else { return Ok(()) };
        let drained =
            self.queue.unmined().next().is_none() && self.state.gap_action == GapAction::Clear;
        let derived = self.wait_for_l1.is_none_or(|wait| current_l1.number > wait);
        if !(self.wanted && self.state.head.is_some() && drained && derived) {
            self.calm_looks = 0;
            return Ok(());
        }
        if self.wait_for_l1.is_some() {
            self.calm_looks =
                if self.l1.is_canonical(current_l1).await? { self.calm_looks + 1 } else { 0 };
            if self.calm_looks < CALM_LOOKS_MIN {
                return Ok(());
            }
        }
        if self.drops.ask_batcher {
            let ours = self.signer.address();
            check_batcher(&self.settings.rollup, &self.l1, &self.l2, ours).await?;
            self.drops.ask_batcher = false;
        }
        self.encoder.clear();
        self.phase = Phase::Running;
        tracing::info!("posting from the safe head");
        Ok(())
    }

    /// Lets the operator start and stop.
    pub(crate) fn set_wanted(&mut self, wanted: bool) {
        self.wanted = wanted;
        self.calm_looks = 0;
        if !wanted {
            // What is signed is followed to its end; the rest is read again when started.
            self.phase = Phase::Draining { cancel: false };
            self.encoder.clear();
        }
        self.tell_status();
    }

    /// Derivation has to pass this L1 block before posting starts again.
    fn wait_for(&mut self, l1_block: u64) {
        self.wait_for_l1 = self.wait_for_l1.max(Some(l1_block));
    }

    /// Tells an error once, and again after a while as long as it repeats.
    fn note(
        &mut self,
        step: &'static str,
        result: Result<(), BatcherError>,
    ) -> Result<(), BatcherError> {
        let Err(error) = result else {
            if let Some(last) = self.errors.remove(step) {
                tracing::info!(step, repeated = last.repeated, "working again");
            }
            return Ok(());
        };
        metrics::counter!("phala_batcher_errors_total", "step" => step).increment(1);
        if error.is_fatal() {
            return Err(error);
        }
        let text = error.to_string();
        let now = Instant::now();
        let last = self.errors.get_mut(step).filter(|last| {
            last.text == text && now.saturating_duration_since(last.told) < REPEAT_ERROR_AFTER
        });
        if let Some(last) = last {
            last.repeated += 1;
            return Ok(());
        }
        match error.severity() {
            crate::Severity::Transient { .. } | crate::Severity::Reset => {
                tracing::warn!(step, %error, "failed, trying again");
            }
            crate::Severity::Operator | crate::Severity::Bug => {
                tracing::error!(step, %error, "failed, trying again");
            }
        }
        self.errors.insert(step, LastError { text, told: now, repeated: 0 });
        Ok(())
    }

    fn tell_status(&self) {
        let head = self.state.head.unwrap_or(0);
        self.shared.tell(|status| {
            status.phase = if self.wanted { self.phase } else { Phase::Stopped };
            status.l1_head = self.state.head;
            status.current_l1 = self.state.current_l1;
            status.wait_for_l1 = self.wait_for_l1.filter(|_| self.phase != Phase::Running);
            status.next_nonce = self.queue.next_nonce();
            status.blocks_pending = self.encoder.blocks_len();
            status.channels_pending = self.encoder.channels_len();
            status.bytes_pending = self.encoder.pending_bytes();
            status.journal_bytes = self.journal.len_bytes();
            status.in_flight = self.queue.iter().map(|tx| tx.into()).collect();
            status.errors = self
                .errors
                .iter()
                .map(|(step, last)| ((*step).to_owned(), last.text.clone()))
                .collect();
        });
        self.shared.set_load(self.encoder.pending_bytes());
        metrics::gauge!("phala_batcher_l1_head").set(head as f64);
        metrics::gauge!("phala_batcher_pending_blocks").set(self.encoder.blocks_len() as f64);
        metrics::gauge!("phala_batcher_pending_bytes").set(self.encoder.pending_bytes() as f64);
        metrics::gauge!("phala_batcher_channels").set(self.encoder.channels_len() as f64);
        metrics::gauge!("phala_batcher_txs_in_flight").set(self.queue.len() as f64);
        metrics::gauge!("phala_batcher_journal_bytes").set(self.journal.len_bytes() as f64);
    }
}
