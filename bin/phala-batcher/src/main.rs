//! Posts the chain's batches to L1.

fn main() {}
