//! The crate's promises through its public names, and the recorded vectors.

mod asm;
#[allow(clippy::unwrap_used)] // A panic is how a test fails.
mod attestation;
mod calls;
mod deposits;
mod differential;
#[allow(clippy::unwrap_used, dead_code)] // As above; some only the tests of `phala-precompiles` use.
#[path = "../../../precompiles/tests/precompiles/vectors.rs"]
mod evidence;
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
