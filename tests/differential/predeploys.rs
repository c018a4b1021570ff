//! Our predeploys beside those of a published genesis: the same calls, and the same answers, events,
//! storage and balances.

mod bridges;
mod call;
mod fee_vaults;
mod gas_price_oracle;
mod genesis;
mod l1_block;
mod pair;
mod small_contracts;
mod versions;
