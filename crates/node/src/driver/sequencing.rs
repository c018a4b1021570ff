use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use metrics::{counter, gauge, histogram};
use phala_chainspec::SystemConfig;
use phala_derive::{L1Header, L1Log, next_attributes};
use phala_engine::{PayloadId, Severity};
use phala_primitives::L2BlockRef;
use phala_sequencer::{
    Action, ChainView, L1OriginChoice, L1OriginView, NextL1, OriginRules, Pause, Sequencer,
    SequencerConfig, choose_l1_origin,
};
use tracing::{error, info, warn};

use super::{
    DriverError,
    driver::{Driver, Phase},
    l1_feed::L1Feed,
};
use crate::Cause;

/// L1 blocks fetched ahead of the origin: what a sequencer that catches up needs within a moment.
pub(super) const ORIGINS_WINDOW: u64 = 8;

/// How long a block waits for the origin it could have, when L1 has it but has not delivered it.
const ORIGIN_PATIENCE: Duration = Duration::from_secs(3);

/// Pause before an origin that is being fetched is looked for again.
const ORIGIN_PAUSE: Duration = Duration::from_millis(100);

/// Failures in a row after which an operator should know.
const FAILURES_QUIET: u32 = 3;

/// The sequencer, and what it works with.
pub(super) struct Sequencing {
    pub(super) sequencer: Sequencer,
    /// Origins to come.
    pub(super) origins: L1Feed,
    config: SequencerConfig,
    max_drift_secs: u64,
    /// The origin of the newest block of our own: while the epoch goes on, L1 is not asked.
    current: Option<L1Header>,
    building: Option<PayloadId>,
    /// The origin that is waited for.
    awaited: Option<(u64, Instant)>,
    pause: Option<Pause>,
}

impl Sequencing {
    pub(super) const fn new(config: SequencerConfig, max_drift_secs: u64, origins: L1Feed) -> Self {
        Self {
            sequencer: Sequencer::new(config),
            origins,
            config,
            max_drift_secs,
            current: None,
            building: None,
            awaited: None,
            pause: None,
        }
    }

    /// Forgets what may no longer be on L1.
    pub(super) fn forget(&mut self) {
        self.origins.clear();
        self.current = None;
        self.building = None;
        self.awaited = None;
        self.sequencer.on_dropped();
    }

    const fn rules(&self) -> OriginRules {
        OriginRules {
            block_time_secs: self.config.block_time_secs,
            max_sequencer_drift_secs: self.max_drift_secs,
            l1_confs: self.config.l1_confs,
            recover: self.sequencer.is_recovering(),
        }
    }

    /// Whether an origin that L1 has is still worth waiting for.
    fn waits_for(&mut self, number: u64) -> bool {
        match self.awaited {
            Some((awaited, since)) if awaited == number => since.elapsed() < ORIGIN_PATIENCE,
            _ => {
                self.awaited = Some((number, Instant::now()));
                true
            }
        }
    }
}

/// What came of starting a block.
#[derive(Debug)]
enum Start {
    /// It is in work.
    Started,
    /// Its origin is being fetched; not for long.
    OriginFetched,
    /// It would be past the drift, and the L1 block it needs for that is not known.
    OriginUnknown,
}

/// What the next block is built on.
struct Origin {
    header: L1Header,
    logs: Vec<L1Log>,
    choice: L1OriginChoice,
}

impl Driver {
    /// Does what the sequencer asks for. `None` if something was done and more may be due at once;
    /// else when it is due again, if that is known.
    pub(super) fn sequence(&mut self) -> Option<Option<Instant>> {
        let Some(sequencing) = &mut self.sequencing else { return Some(None) };
        let now_ms = unix_now_ms();
        let heads = self.engine.heads();
        let unsafe_head = match self.l2.block_ref(heads.latest.hash) {
            Ok(block) => block,
            Err(error) => {
                sequencing.sequencer.on_failed(now_ms);
                warn!(%error, "unsafe head cannot be read");
                return Some(Some(Instant::now() + Duration::from_secs(1)));
            }
        };
        let view = ChainView {
            unsafe_head,
            safe_number: self.safe.block.number.max(heads.safe.number),
            is_derivation_ready: matches!(self.phase, Phase::Deriving(_)),
            is_caught_up: self.is_caught_up,
        };
        match sequencing.sequencer.next(now_ms, &view) {
            Action::Wait { until_ms, pause } => {
                self.note_pause(pause);
                Some(until_ms.map(|until_ms| {
                    Instant::now() + Duration::from_millis(until_ms.saturating_sub(now_ms))
                }))
            }
            Action::Start { parent, timestamp } => match self.start_block(parent, timestamp) {
                Ok(Start::Started) => {
                    self.note_pause(None);
                    None
                }
                Ok(Start::OriginFetched) => Some(Some(Instant::now() + ORIGIN_PAUSE)),
                Ok(Start::OriginUnknown) => {
                    let l1_number = parent.l1_origin.number;
                    self.note_pause(Some(Pause::NoOrigin { l1_number }));
                    Some(Some(Instant::now() + ORIGIN_PAUSE))
                }
                Err(error) => {
                    self.on_sequencer_error(&error);
                    None
                }
            },
            Action::Seal { parent, timestamp } => {
                if let Err(error) = self.seal_block(parent, timestamp) {
                    self.on_sequencer_error(&error);
                }
                None
            }
        }
    }

    fn start_block(&mut self, parent: L2BlockRef, timestamp: u64) -> Result<Start, DriverError> {
        let (_, config) = self.l2.place(parent.hash)?;
        let origin = match self.choose_origin(&parent, timestamp)? {
            Ok(origin) => origin,
            Err(start) => return Ok(start),
        };
        let attributes = self.sequencer_attributes(&parent, &config, &origin)?;
        let id = self.engine.start_payload(parent.hash, &attributes)?;
        let Some(sequencing) = &mut self.sequencing else { return Ok(Start::OriginFetched) };
        if origin.choice.is_next {
            sequencing.origins.forget_below(origin.header.number);
        }
        sequencing.current = Some(origin.header);
        sequencing.building = Some(id);
        sequencing.awaited = None;
        sequencing.sequencer.on_started(parent);
        Ok(Start::Started)
    }

    fn sequencer_attributes(
        &self,
        parent: &L2BlockRef,
        config: &SystemConfig,
        origin: &Origin,
    ) -> Result<phala_engine::PayloadAttributes, DriverError> {
        let Origin { header, logs, choice } = origin;
        let no_pool = choice.no_tx_pool;
        let spec = self.l2.spec();
        Ok(next_attributes(spec, parent, config, header, logs, Vec::new(), no_pool)?.attributes)
    }

    /// The origin of the next block, or what is done instead of starting it.
    fn choose_origin(
        &mut self,
        parent: &L2BlockRef,
        timestamp: u64,
    ) -> Result<Result<Origin, Start>, DriverError> {
        let l1_head = self.l1_heads.head.number;
        let Some(sequencing) = &mut self.sequencing else { return Ok(Err(Start::OriginFetched)) };
        let number = parent.l1_origin.number;
        let rules = sequencing.rules();
        let known = sequencing.current.filter(|current| current.hash == parent.l1_origin.hash);
        let current = match known {
            Some(current) => current,
            None => {
                sequencing.origins.set_limit(l1_head.max(number));
                let Some(block) = sequencing.origins.peek(number) else {
                    return Ok(Err(Start::OriginFetched));
                };
                block.header
            }
        };
        if current.hash != parent.l1_origin.hash {
            return Err(phala_sequencer::SequencerError::OriginReorged {
                origin: parent.l1_origin,
                next: current.id(),
                parent: current.parent_hash,
            }
            .into());
        }
        let is_drifted =
            timestamp > current.timestamp.saturating_add(rules.max_sequencer_drift_secs);
        let is_urgent = rules.recover || is_drifted;
        // What may yet be reorganised is not even fetched, unless it is needed now.
        let depth = if is_urgent { 0 } else { rules.l1_confs };
        let limit = l1_head.saturating_sub(depth);
        sequencing.origins.set_limit(limit.max(number));
        let next_number = number + 1;
        let next = if next_number <= limit { sequencing.origins.peek(next_number) } else { None };
        let next = next.map(|block| (block.header, block.logs.clone()));
        if next.is_none() && next_number <= limit {
            let now = unix_now_ms() / 1_000;
            let is_late = timestamp.saturating_add(rules.block_time_secs) < now;
            // Past the drift, nothing can be decided before it is there.
            if !is_drifted && (is_late || rules.recover) && sequencing.waits_for(next_number) {
                return Ok(Err(Start::OriginFetched));
            }
        }
        let view = L1OriginView {
            current_timestamp: current.timestamp,
            next: next
                .as_ref()
                .map_or(NextL1::Unknown, |(header, _)| NextL1::Known(header.block_ref())),
            head_number: l1_head,
        };
        let Some(choice) = choose_l1_origin(&rules, parent, &view)? else {
            return Ok(Err(Start::OriginUnknown));
        };
        if choice.no_tx_pool && is_drifted {
            counter!("phala_sequencer_drifted_blocks_total").increment(1);
        }
        Ok(Ok(match next {
            Some((header, logs)) if choice.is_next => Origin { header, logs, choice },
            _ => Origin { header: current, logs: Vec::new(), choice },
        }))
    }

    /// Closes the block in work, imports it as a follower would, and commits it.
    fn seal_block(&mut self, parent: L2BlockRef, timestamp: u64) -> Result<(), DriverError> {
        let Some(sequencing) = &mut self.sequencing else { return Ok(()) };
        let id = sequencing.building.take().ok_or(DriverError::PayloadGone)?;
        let payload = self.engine.resolve_payload(id).ok_or(DriverError::PayloadGone)?;
        if payload.block.header().parent_hash != parent.hash {
            return Err(DriverError::PayloadGone);
        }
        self.engine.commit_payload(Arc::unwrap_or_clone(payload))?;
        let Some(sequencing) = &mut self.sequencing else { return Ok(()) };
        let failures = sequencing.sequencer.failures();
        sequencing.sequencer.on_sealed();
        if failures > FAILURES_QUIET {
            info!(failures, "block production works again");
        }
        self.health.clear(Cause::ProductionFailing);
        let late_ms = i128::from(unix_now_ms()) - i128::from(timestamp) * 1_000;
        histogram!("phala_sequencer_late_seconds").record((late_ms.max(0) as f64) / 1_000.0);
        counter!("phala_sequencer_blocks_total").increment(1);
        gauge!("phala_sequencer_unsafe_number").set((parent.number + 1) as f64);
        Ok(())
    }

    fn on_sequencer_error(&mut self, error: &DriverError) {
        let Some(sequencing) = &mut self.sequencing else { return };
        sequencing.building = None;
        sequencing.sequencer.on_failed(unix_now_ms());
        let failures = sequencing.sequencer.failures();
        match error {
            // The unsafe head stands on an L1 block that is gone.
            DriverError::Sequencer(_) => {
                warn!(%error, "the unsafe head's l1 origin is gone");
                self.reset("l1 reorg");
                return;
            }
            DriverError::Derive(derive) if derive.severity() == phala_derive::Severity::Reset => {
                warn!(%error, "the next block has no origin");
                self.reset("l1 reorg");
                return;
            }
            _ => {}
        }
        if error.severity() == Severity::Bug {
            error!(%error, "block production stopped at a broken invariant: report this");
            // Stopped already is as good. Nobody asked for it, so somebody has to know.
            let _ = sequencing.sequencer.stop();
            self.health.raise(Cause::ProductionFailing, error.to_string());
        } else if failures.is_power_of_two() {
            // Repeated lines are counted, not repeated.
            error!(failures, %error, "block production failed");
        }
        if failures > FAILURES_QUIET {
            self.health.raise(Cause::ProductionFailing, error.to_string());
        }
    }

    /// Tells operators, once, what keeps blocks from being made.
    fn note_pause(&mut self, pause: Option<Pause>) {
        let Some(sequencing) = &mut self.sequencing else { return };
        let changed = match (&pause, &sequencing.pause) {
            (Some(new), Some(old)) => std::mem::discriminant(new) != std::mem::discriminant(old),
            (None, None) => false,
            _ => true,
        };
        if !changed {
            return;
        }
        match pause {
            // Counted and logged where it happens.
            Some(Pause::Failed) => {}
            Some(pause) => info!(reason = %pause, "no blocks are made"),
            None if sequencing.pause == Some(Pause::Failed) => {}
            None => info!("blocks are made"),
        }
        let unwanted = pause.filter(|pause| pause.is_unwanted() && *pause != Pause::Failed);
        self.health.set(Cause::SequencerPaused, unwanted.map(|pause| pause.to_string()));
        sequencing.pause = pause;
    }
}

/// The wall clock.
pub(super) fn unix_now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
