#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))] // A panic is how a test fails.

mod config;
mod engine;
mod error;
mod event;

mod block_error;
mod consensus;

mod candidate;
mod execution;
mod import;
mod invalid_blocks;
mod orphans;
mod post_state;
mod receipts;
mod recovery;

mod generations;
mod head_cache;
mod state_db;
mod versions;
mod warm;

mod fork_choice;

mod attributes;
mod build;
mod bundle;
mod payload_jobs;
mod produce;

mod engine_api;
mod engine_api_error;
mod payload_envelope;

mod metrics;

pub use attributes::{AttributesError, PayloadAttributes, PayloadId};
pub use block_error::BlockError;
pub use build::{BuildContext, BuiltPayload, TransactionSource};
pub use config::EngineConfig;
pub use engine::Engine;
pub use engine_api::{
    ClientVersion, ENGINE_CAPABILITIES, ForkchoiceVersion, NewPayloadVersion, PAYLOAD_BODIES_MAX,
};
pub use engine_api_error::EngineApiError;
pub use error::{BugError, EngineError, Severity};
pub use event::{CanonicalBlock, ChainEvent};
pub use fork_choice::EVENT_BLOCKS_MAX;
pub use import::{ImportStatus, ImportTimings};
pub use produce::Produced;
