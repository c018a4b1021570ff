#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))] // A panic is how a test fails.

mod address;
mod error;
pub mod gpu;
mod pem;
pub mod published;
mod reader;
mod roots;
pub mod settle;
pub mod substrate;
pub mod tdx;
mod unwind;
mod verdict;

pub use address::{
    GPU_SETTLE_ADDRESS, GPU_VERIFY_ADDRESS, SUBSTRATE_VERIFY_ADDRESS, TDX_VERIFY_ADDRESS,
};
pub use error::{Frame, GpuRefusal, TdxRefusal};
pub use roots::Roots;
pub use unwind::panic_is_caught;
pub use verdict::{ACCEPTED, REJECTED};
