use alloy_primitives::{Address, B256, U256};
use serde::Deserialize;

use crate::quantity::deserialize_wei;

/// Owners and recipients, which differ from chain to chain and have no default.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// Owner of the `ProxyAdmin` predeploy: can upgrade every predeploy.
    pub proxy_admin_owner: Address,
    /// Where priority fees go.
    pub sequencer_fee_vault: FeeVault,
    /// Where base fees go.
    pub base_fee_vault: FeeVault,
    /// Where L1 data fees go.
    pub l1_fee_vault: FeeVault,
    /// Where operator fees go.
    pub operator_fee_vault: FeeVault,
}

/// Who may be paid from a fee vault.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeVault {
    /// The account that receives withdrawals.
    pub recipient: Address,
    /// The chain that account is on.
    pub network: WithdrawalNetwork,
    /// Smallest amount that can be withdrawn, in wei.
    #[serde(deserialize_with = "deserialize_wei")]
    pub min_withdrawal_wei: U256,
}

/// The chain a fee vault pays out on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WithdrawalNetwork {
    /// Through a withdrawal to L1.
    L1,
    /// Directly on this chain.
    L2,
}

/// An account everybody has the key of.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevAccount {
    /// Address of the account.
    pub address: Address,
    /// Its secp256k1 private key.
    pub key: B256,
}
