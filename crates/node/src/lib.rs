#![doc = include_str!("../README.md")]

mod cli;
mod command;
pub mod config;
mod data_dir;
mod node;
mod open;
mod open_files;
mod rollup_settings;
mod rpc_settings;

mod chain_events;
mod dev;
mod diary;
mod driver;
mod housekeeping;

mod health;
mod logging;
mod metrics;
mod monitor;
mod panic;
mod secret;
mod shutdown;

mod block_stream;
mod error;

pub use cli::run;
pub use data_dir::DataDir;
pub use dev::{BlockProducer, DevAttributes, ProducerConfig, PseudoL1};
pub use error::NodeError;
pub use health::{Cause, CauseReport, HeadReport, Health, HealthReport};
pub use metrics::{Metrics, resident_bytes};
pub use monitor::MonitorServer;
pub use node::{Node, Role};
pub use open::{Opened, open_at, open_existing, open_or_init};

pub use logging::init_logging;
pub use panic::abort_on_panic;
pub use secret::{JwtSecret, SecretError};
pub use shutdown::exit;

pub use block_stream::{BlockReader, BlockStreamError, write_block};
