#![doc = include_str!("../README.md")]

mod anvil;
mod beacon_helper;
mod block_lines;
mod config;
mod devnet;
mod error;
mod folder;
mod parts;
mod ports;
mod process;
mod programs;
mod service;
mod spawner;
mod state_file;

pub use anvil::{Anvil, AnvilConfig};
pub use beacon_helper::{BeaconFault, BeaconHelper};
pub use block_lines::BlockLines;
pub use config::{DaType, DevnetConfig, L1Mining, Ports};
pub use devnet::Devnet;
pub use error::DevnetError;
pub use ports::free_port;
pub use process::ChildProcess;
pub use programs::{Programs, find_anvil};
pub use service::Service;
pub use state_file::{DevnetAccount, DevnetState, DevnetUrls};
