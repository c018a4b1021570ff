#![doc = include_str!("../README.md")]

mod environment;
mod error;
mod execution;

mod attestation;
mod block_evm;
mod block_state;
mod changes;
mod code_cache;

mod factory;
mod precompiles;
mod simulation_handler;

mod header;
mod l1_fee;

pub mod call;
pub mod witness;

pub use changes::{AccountChange, AccountInfo, SlotChange, StateChanges};
pub use code_cache::{CodeCache, WithCodeCache};
pub use environment::{BlockEnvironment, evm_env};
pub use error::{ExecutionError, InvalidReason};
pub use execution::{Execution, ExecutionOutput, TX_GAS_LIMIT_CAP, TxOutcome};
pub use factory::PhalaEvmFactory;
pub use header::{BlockAttributes, BlockCommitments, assemble_header};
pub use l1_fee::{L1FeeParams, da_usage};
pub use precompiles::ATTESTATION_PRECOMPILES;
