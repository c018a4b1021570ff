use std::{collections::BTreeMap, ops::Range};

use alloy_primitives::{Address, B256};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;

use crate::{CloseReason, ClosedChannel, DaLimits, DaType, QueuedTx, SubmissionId};

/// What the batcher is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "name")]
pub enum Phase {
    /// Waiting until both chains answer.
    #[default]
    Starting,
    /// Nothing is posted until the operator says so.
    Stopped,
    /// What is on its way must come to its end, and derivation must see it, before posting starts.
    Draining {
        /// Its frames are useless: what is not mined soon is replaced by nothing.
        cancel: bool,
    },
    /// Posting.
    Running,
}

/// What `batcher_status` answers.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BatcherStatus {
    /// Whose transactions these are.
    pub address: Address,
    /// Where they go.
    pub inbox: Address,
    /// What it is at.
    pub phase: Phase,
    /// Head of L1.
    pub l1_head: Option<u64>,
    /// L1 block the node derives from.
    pub current_l1: Option<u64>,
    /// L1 block derivation must pass before posting starts.
    pub wait_for_l1: Option<u64>,
    /// Newest L2 block.
    pub unsafe_l2: u64,
    /// Newest L2 block derived from L1.
    pub safe_l2: u64,
    /// L2 blocks held.
    pub blocks_pending: usize,
    /// Channels held.
    pub channels_pending: usize,
    /// Bytes L1 has not taken yet, as they will be when compressed.
    pub bytes_pending: u64,
    /// Nonce of the next submission.
    pub next_nonce: u64,
    /// Transactions on their way, by nonce.
    pub in_flight: Vec<InFlight>,
    /// Bytes of the journal.
    pub journal_bytes: u64,
    /// Balance of the address on L1, in wei.
    #[serde(serialize_with = "alloy_serde::quantity::opt::serialize")]
    pub balance_wei: Option<u128>,
    /// What the sequencer was told last.
    pub da_limits: Option<DaLimits>,
    /// Channels closed since the start.
    pub channels_closed: u64,
    /// The channel closed last.
    pub last_channel: Option<LastChannel>,
    /// Transactions posted since the start.
    pub txs_posted: u64,
    /// Transactions mined since the start.
    pub txs_mined: u64,
    /// Blobs posted since the start.
    pub blobs_posted: u64,
    /// Bytes posted since the start.
    pub bytes_posted: u64,
    /// Paid for what was mined since the start, in wei.
    #[serde(serialize_with = "alloy_serde::quantity::serialize")]
    pub cost_wei: u128,
    /// Steps that fail at the moment, and why.
    pub errors: BTreeMap<String, String>,
}

/// A transaction on its way.
#[derive(Clone, Debug, Serialize)]
pub struct InFlight {
    /// Name of the submission.
    pub id: SubmissionId,
    /// Its nonce.
    pub nonce: u64,
    /// Hashes of its versions, newest last.
    pub hashes: Vec<B256>,
    /// Where its data is.
    pub da: DaType,
    /// Its channel, unless it only uses up the nonce.
    pub channel: Option<String>,
    /// Frames of the channel.
    pub frames: Option<Range<u16>>,
    /// Cap of the newest version, in wei per gas.
    #[serde(serialize_with = "alloy_serde::quantity::serialize")]
    pub fee_cap: u128,
    /// L1 block it is mined in.
    pub mined_in: Option<u64>,
}

impl From<&QueuedTx> for InFlight {
    fn from(tx: &QueuedTx) -> Self {
        let carries = tx.newest().data.carries.as_ref();
        Self {
            id: tx.id,
            nonce: tx.nonce,
            hashes: tx.versions.iter().map(|version| version.hash).collect(),
            da: tx.da(),
            channel: carries.map(|carries| carries.channel.to_string()),
            frames: carries.map(|carries| carries.frames.clone()),
            fee_cap: tx.newest().fees.fee_cap,
            mined_in: tx.inclusion.map(|inclusion| inclusion.block),
        }
    }
}

/// The channel closed last.
#[derive(Clone, Debug, Serialize)]
pub struct LastChannel {
    /// Its name.
    pub id: String,
    /// Why it was closed.
    pub reason: CloseReason,
    /// Its first L2 block.
    pub first_block: u64,
    /// Its last L2 block.
    pub last_block: u64,
    /// Its frames.
    pub frames: usize,
    /// Bytes of its transactions.
    pub input_bytes: u64,
    /// Bytes of its frames.
    pub output_bytes: u64,
}

impl From<ClosedChannel> for LastChannel {
    fn from(channel: ClosedChannel) -> Self {
        Self {
            id: channel.id.to_string(),
            reason: channel.reason,
            first_block: channel.first_block,
            last_block: channel.last_block,
            frames: channel.frames,
            input_bytes: channel.input_bytes,
            output_bytes: channel.output_bytes,
        }
    }
}

/// What the driver tells the servers and the throttling loop.
#[derive(Debug)]
pub(crate) struct Shared {
    status: Mutex<BatcherStatus>,
    load: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn new(address: Address, inbox: Address) -> Self {
        let status = BatcherStatus { address, inbox, ..BatcherStatus::default() };
        Self { status: Mutex::new(status), load: watch::Sender::new(0) }
    }

    pub(crate) fn tell(&self, change: impl FnOnce(&mut BatcherStatus)) {
        change(&mut self.status.lock());
    }

    pub(crate) fn status(&self) -> BatcherStatus {
        self.status.lock().clone()
    }

    pub(crate) fn set_load(&self, bytes: u64) {
        self.load.send_if_modified(|load| std::mem::replace(load, bytes) != bytes);
    }

    pub(crate) fn load(&self) -> watch::Receiver<u64> {
        self.load.subscribe()
    }
}
