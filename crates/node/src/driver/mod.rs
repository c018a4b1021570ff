//! The rollup driver: what L1 says becomes the safe chain, and on a sequencer the unsafe one grows.

mod admin;
mod checkpoints;
mod derivation;
#[expect(clippy::module_inception, reason = "the driver itself, beside its parts")]
mod driver;
mod error;
mod event;
mod finality;
mod handle;
mod l1_block;
mod l1_feed;
mod l1_reader;
mod l1_watch;
mod l2_view;
mod reset;
mod retry;
mod sequencing;
mod status;
mod sync_start;

pub(crate) use error::DriverError;
pub(crate) use handle::{DriverConfig, DriverHandle};
