#![doc = include_str!("../README.md")]

pub mod config;
mod error;
mod health;
mod logging;
mod metrics;
mod monitor;
mod panic;
mod secret;

pub use error::NodeError;
pub use health::{Cause, CauseReport, HeadReport, Health, HealthReport};
pub use logging::init_logging;
pub use metrics::{Metrics, resident_bytes};
pub use monitor::MonitorServer;
pub use panic::abort_on_panic;
pub use secret::{JwtSecret, SecretError};
