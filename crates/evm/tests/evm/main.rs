//! The crate's promises through its public names, and the recorded vectors.

mod asm;
mod calls;
mod deposits;
mod differential;
mod fees;
mod limits;
mod rules;
mod selfdestruct;
mod throughput;
mod upgrades;
mod vectors;
mod witness;
mod world;
