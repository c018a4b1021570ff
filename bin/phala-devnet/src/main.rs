//! Runs a whole devnet on one machine: L1, contracts, sequencer, batcher, follower.

fn main() {}
