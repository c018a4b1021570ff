//! Whole nodes, as an operator and a wallet meet them.

mod config_commands;
mod data_dir;
mod db_commands;
mod dev_chain;
mod execute;
mod export_import;
mod follower;
mod genesis;
mod load;
mod vectors;
mod wallet;
