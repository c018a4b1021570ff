#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))] // A panic is how a test fails.

mod config;
mod error;

mod l1_origin;
mod pause;
mod sequencer;

pub use config::SequencerConfig;
pub use error::SequencerError;
pub use l1_origin::{L1OriginChoice, L1OriginView, NextL1, OriginRules, choose_l1_origin};
pub use pause::Pause;
pub use sequencer::{Action, ChainView, Sequencer};
