//! The batcher against a real L1 (anvil) and a rollup node that derives what the batcher posts.

mod anvil;
mod chain;
mod derivation;
mod proxy;
mod rollup_node;
mod world;

mod kill;
mod posting;
mod reorg;
mod startup;
mod stuck;
