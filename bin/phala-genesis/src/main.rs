//! Builds the genesis of a chain and deploys its L1 contracts.

fn main() {}
