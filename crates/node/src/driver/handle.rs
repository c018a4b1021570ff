use std::{sync::Arc, thread, time::Duration};

use phala_chainspec::RollupJson;
use phala_engine::Engine;
use phala_l1::L1Client;
use phala_rpc::{RollupHandle, SyncStatus};
use phala_sequencer::SequencerConfig;
use serde_json::value::to_raw_value;
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
};

use super::{
    checkpoints::Checkpoints,
    driver::{BlobRequest, Driver, FinalityCheck, L1View, Phase, SafeHead},
    event::{EVENTS_MAX, Event, FeedId},
    l1_feed::L1Feed,
    l1_reader::L1Reader,
    l1_watch::L1Watch,
    l2_view::L2View,
    retry::Backoff,
    sequencing::{ORIGINS_WINDOW, Sequencing},
    status::StatusBoard,
};
use crate::{Health, NodeError};

/// L1 blocks fetched ahead of derivation: enough to hide the time of a request, few enough that what
/// a reorg throws away is little.
const DERIVATION_WINDOW: u64 = 16;

/// Commands of operators that wait; more wait where they come from.
const COMMANDS_MAX: usize = 16;

/// Seconds L2 may be ahead of its origin, from Fjord on.
const MAX_SEQUENCER_DRIFT_SECS: u64 = 1_800;

/// How the driver works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DriverConfig {
    /// Depth below the L1 head up to which is derived.
    pub(crate) l1_confs: u64,
    /// Pause between two looks at the L1 head.
    pub(crate) poll_interval: Duration,
    /// Blocks are made here.
    pub(crate) sequencer: Option<SequencerConfig>,
}

/// The driver on its thread. Dropping it stops it at the end of a step.
#[derive(Debug)]
pub(crate) struct DriverHandle {
    events: mpsc::Sender<Event>,
    thread: Option<thread::JoinHandle<()>>,
    /// Ends when the handle does.
    _watch: L1Watch,
}

impl DriverHandle {
    /// Starts following L1, on the runtime this is called on.
    pub(crate) fn start(
        engine: Engine,
        client: L1Client,
        health: Arc<Health>,
        config: DriverConfig,
    ) -> Result<(Self, RollupHandle), NodeError> {
        let runtime = Handle::current();
        let spec = Arc::clone(engine.spec());
        let store = engine.store().clone();
        let genesis = store.canonical_hash(spec.genesis.number)?;
        let genesis = genesis.ok_or(NodeError::BlockMissing { number: spec.genesis.number })?;
        let rollup_json = RollupJson::new(&spec, genesis)?;
        let (events, inbox) = mpsc::channel(EVENTS_MAX);
        let (commands, command_inbox) = mpsc::channel(COMMANDS_MAX);
        let (status, status_reader) = watch::channel(SyncStatus::default());
        let (progress, progress_reader) = watch::channel(None);
        let l1 = L1Reader::new(client, Arc::clone(&spec), Arc::clone(&health));
        let feed =
            |id, window| L1Feed::new(id, window, l1.clone(), runtime.clone(), events.clone());
        let driver = Driver {
            l2: L2View::new(spec, store),
            l1: l1.clone(),
            health: Arc::clone(&health),
            runtime: runtime.clone(),
            events: events.clone(),
            inbox,
            commands: command_inbox,
            l1_heads: L1View::default(),
            l1_confs: config.l1_confs,
            feed: feed(FeedId::Derivation, DERIVATION_WINDOW),
            blobs: BlobRequest::default(),
            phase: Phase::Starting { search: None },
            generation: 0,
            resets: Backoff::default(),
            furthest_l1: 0,
            failures: Backoff::default(),
            safe: SafeHead::default(),
            checkpoints: Checkpoints::default(),
            finality: FinalityCheck::default(),
            is_caught_up: false,
            sequencing: config.sequencer.map(|sequencer| {
                let origins = feed(FeedId::Origins, ORIGINS_WINDOW);
                Sequencing::new(sequencer, MAX_SEQUENCER_DRIFT_SECS, origins)
            }),
            status: StatusBoard::new(status, progress),
            engine,
        };
        let watch = L1Watch::start(&runtime, l1, config.poll_interval, events.clone(), health);
        let name = "driver";
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || driver.run());
        let thread = Some(thread.map_err(|source| NodeError::Thread { name, source })?);
        let rollup_config = to_raw_value(&rollup_json).expect("numbers, hashes and names");
        let rollup = RollupHandle {
            status: status_reader,
            progress: progress_reader,
            commands,
            rollup_config: rollup_config.into(),
        };
        Ok((Self { events, thread, _watch: watch }, rollup))
    }
}

impl Drop for DriverHandle {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        let events = self.events.clone();
        // A driver that is busy makes room soon; tasks that fill the queue are slower than it. From a
        // thread of its own, because a full queue must not block a thread of the runtime.
        let stop = thread::spawn(move || events.blocking_send(Event::Stop));
        let _ = (stop.join(), thread.join());
    }
}
