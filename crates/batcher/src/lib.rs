#![doc = include_str!("../README.md")]

mod batcher;
mod config;
mod driver;
mod startup;

mod channel;
mod channel_policy;
mod encoder;
mod submission;
mod sync_actions;
mod sync_status;

mod da_type;
mod fees;
mod nonce_gap;
mod throttle;
mod tx_queue;

mod journal;
mod l1_tx;
mod signer;

mod json_rpc;
mod l1_gateway;
mod l2_client;

mod admin_rpc;
mod monitor;
mod status;
mod throttler;

mod error;

pub use batcher::{Batcher, run};
pub use config::{BatcherConfig, PENDING_TX_MAX};

pub use channel::CloseReason;
pub use channel_policy::{BLOBS_PER_TX_MAX, CALLDATA_BYTES_MAX, ChannelPolicy};
pub use encoder::{ClosedChannel, Encoder};
pub use submission::{FrameRange, SubmissionId, TxData};
pub use sync_actions::{
    BlockRange, ChannelView, ResetReason, SyncAction, SyncView, compute_sync_action,
};
pub use sync_status::{GenesisBlock, GenesisSystemConfig, RollupConfig, RollupGenesis, SyncStatus};

pub use da_type::{DaChoice, DaType};
pub use fees::{FEE_VERSIONS_MAX, FeeLimit, FeePolicy, L1Prices, TxFees};
pub use nonce_gap::{GapAction, NonceGap};
pub use throttle::{DaLimits, PidGains, Throttle, ThrottleKind, ThrottlePolicy};
pub use tx_queue::{Due, Inclusion, QueuedTx, Receipt, ResendPolicy, TxEvent, TxQueue, Version};

pub use journal::{Journal, JournalFloor, JournalIdentity, JournaledTx, Recovered};
pub use l1_tx::{SidecarFormat, SignedTx, TxTerms, UnsignedTx};
pub use signer::{KeySource, TxSigner};

pub use l2_client::L2Client;

pub use admin_rpc::AdminCommand;
pub use status::{BatcherStatus, Phase};

// What a configuration is made of.
pub use alloy_primitives::Address;
pub use phala_batch::{BatchType, Compression};
pub use url::Url;

pub use error::{
    BatcherError, EncoderError, JournalError, L2Error, RpcError, Severity, SignerError,
    StartupError, TxError,
};
