//! The GPU job market on a development chain: the real program over RPC, the real precompiles and contracts,
//! evidence under roots of the tests' own.

mod commands;
mod contracts;
mod explain;
mod jobs;
mod market;
mod registration;
