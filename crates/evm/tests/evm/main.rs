//! The crate's promises through its public names, and the recorded vectors.

mod asm;
mod calls;
mod deposits;
mod differential;
mod extremes;
mod fees;
mod karst;
mod limits;
mod rules;
mod selfdestruct;
mod throughput;
mod upgrades;
mod vectors;
mod witness;
mod world;
