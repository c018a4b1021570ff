#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))] // A panic is how a test fails.

mod deriver;
mod step;

mod cursor;
mod safe_point;

mod l1_block;
mod rollup;

mod channel_assembler;
mod channel_reader;
mod frame_queue;
mod l1_retrieval;
mod pipeline;

mod batch_stage;
mod empty_batch;
mod l1_blocks;
mod singular_validity;
mod span_overlap;
mod span_validity;

mod attributes;
mod deposits;
mod system_config_update;

mod consolidation;
mod l2_block_ref;

mod error;

#[cfg(test)]
mod vectors;

pub use attributes::{NextAttributes, next_attributes};
pub use consolidation::{Mismatch, attributes_match};
pub use cursor::Cursor;
pub use deriver::Deriver;
pub use error::{DeriveError, L1AttributesProblem, Severity};
pub use l1_block::{BlobId, InboxTransaction, L1Block, L1Header, L1Log};
pub use l2_block_ref::{l2_block_ref, rollup_view, system_config_of};
pub use safe_point::{SafeBlock, SafePoint};
pub use step::{DerivedAttributes, Step};
