use std::borrow::Cow;

use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{
    Address, B256, Bytes, TxKind, U256,
    map::{AddressMap, HashMap},
};
use phala_evm::{
    BlockEnvironment,
    call::{AccountOverride, CallRequest, StateOverrides, StorageOverride},
};
use serde::Deserialize;

use crate::RpcError;

/// A transaction to simulate, as `eth_call` takes it. Fields that cannot matter are not read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct CallObject {
    from: Option<Address>,
    to: Option<Address>,
    #[serde(with = "alloy_serde::quantity::opt")]
    gas: Option<u64>,
    #[serde(with = "alloy_serde::quantity::opt")]
    gas_price: Option<u128>,
    #[serde(with = "alloy_serde::quantity::opt")]
    max_fee_per_gas: Option<u128>,
    #[serde(with = "alloy_serde::quantity::opt")]
    max_priority_fee_per_gas: Option<u128>,
    value: Option<U256>,
    input: Option<Bytes>,
    /// The older name of `input`.
    data: Option<Bytes>,
    #[serde(with = "alloy_serde::quantity::opt")]
    chain_id: Option<u64>,
    access_list: Option<AccessList>,
    authorization_list: Option<Vec<SignedAuthorization>>,
    blob_versioned_hashes: Option<Vec<B256>>,
}

impl CallObject {
    /// Checks what can be checked without the state.
    pub(super) fn into_request(self, chain_id: u64) -> Result<CallRequest, RpcError> {
        let invalid = |reason| Err(RpcError::InvalidParams(Cow::Borrowed(reason)));
        if self.gas_price.is_some()
            && (self.max_fee_per_gas.is_some() || self.max_priority_fee_per_gas.is_some())
        {
            return invalid("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
        }
        if let (Some(input), Some(data)) = (&self.input, &self.data)
            && input != data
        {
            return invalid("both \"data\" and \"input\" are set and not equal");
        }
        if self.chain_id.is_some_and(|id| id != chain_id) {
            return Err(RpcError::InvalidParams(
                format!(
                    "chainId does not match node's (have={}, want={chain_id})",
                    self.chain_id.unwrap_or_default()
                )
                .into(),
            ));
        }
        if self.blob_versioned_hashes.is_some_and(|hashes| !hashes.is_empty()) {
            return invalid("blob transactions are not supported on this chain");
        }
        let gas_price = self.gas_price.or(self.max_fee_per_gas).unwrap_or_default();
        if self.max_priority_fee_per_gas.is_some_and(|tip| tip > gas_price) {
            return invalid("maxPriorityFeePerGas is higher than maxFeePerGas");
        }
        Ok(CallRequest {
            from: self.from.unwrap_or_default(),
            to: self.to.map_or(TxKind::Create, TxKind::Call),
            gas: self.gas,
            gas_price,
            // The first of the two names makes it a transaction of that kind, at price zero too.
            max_priority_fee: self
                .max_fee_per_gas
                .map(|_| self.max_priority_fee_per_gas.unwrap_or_default()),
            value: self.value.unwrap_or_default(),
            input: self.input.or(self.data).unwrap_or_default(),
            access_list: self.access_list.unwrap_or_default(),
            authorization_list: self.authorization_list.unwrap_or_default(),
        })
    }
}

/// Accounts changed for a call, as its third parameter gives them.
#[derive(Debug, Default, Deserialize)]
pub(super) struct OverridesObject(AddressMap<AccountObject>);

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AccountObject {
    balance: Option<U256>,
    #[serde(with = "alloy_serde::quantity::opt")]
    nonce: Option<u64>,
    code: Option<Bytes>,
    state: Option<HashMap<B256, B256>>,
    state_diff: Option<HashMap<B256, B256>>,
    move_precompile_to_address: Option<Address>,
}

impl OverridesObject {
    pub(super) fn into_overrides(self) -> Result<StateOverrides, RpcError> {
        self.0
            .into_iter()
            .map(|(address, account)| Ok((address, account.into_override(address)?)))
            .collect()
    }
}

impl AccountObject {
    fn into_override(self, address: Address) -> Result<AccountOverride, RpcError> {
        if self.move_precompile_to_address.is_some() {
            return Err(RpcError::InvalidParams("precompiles cannot be moved".into()));
        }
        let slots = |slots: HashMap<B256, B256>| {
            slots.into_iter().map(|(slot, value)| (slot.into(), value.into())).collect()
        };
        let storage = match (self.state, self.state_diff) {
            (Some(_), Some(_)) => {
                return Err(RpcError::InvalidParams(
                    format!("account {address} has both 'state' and 'stateDiff'").into(),
                ));
            }
            (Some(state), None) => Some(StorageOverride::Replace(slots(state))),
            (None, Some(diff)) => Some(StorageOverride::Merge(slots(diff))),
            (None, None) => None,
        };
        Ok(AccountOverride { nonce: self.nonce, balance: self.balance, code: self.code, storage })
    }
}

/// The block changed for a call, as its fourth parameter gives it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct BlockOverridesObject {
    #[serde(with = "alloy_serde::quantity::opt", alias = "blockNumber")]
    number: Option<u64>,
    #[serde(with = "alloy_serde::quantity::opt", alias = "timestamp")]
    time: Option<u64>,
    #[serde(with = "alloy_serde::quantity::opt")]
    gas_limit: Option<u64>,
    #[serde(alias = "coinbase")]
    fee_recipient: Option<Address>,
    #[serde(alias = "random")]
    prev_randao: Option<B256>,
    #[serde(with = "alloy_serde::quantity::opt", alias = "baseFee")]
    base_fee_per_gas: Option<u64>,
}

impl BlockOverridesObject {
    pub(super) fn apply(self, env: &mut BlockEnvironment) {
        env.number = self.number.unwrap_or(env.number);
        env.timestamp = self.time.unwrap_or(env.timestamp);
        env.gas_limit = self.gas_limit.unwrap_or(env.gas_limit);
        env.beneficiary = self.fee_recipient.unwrap_or(env.beneficiary);
        env.prev_randao = self.prev_randao.unwrap_or(env.prev_randao);
        env.base_fee = self.base_fee_per_gas.unwrap_or(env.base_fee);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use super::*;

    fn request(json: serde_json::Value) -> Result<CallRequest, RpcError> {
        serde_json::from_value::<CallObject>(json).unwrap().into_request(901)
    }

    #[test]
    fn reads_the_usual_call() {
        let request = request(serde_json::json!({
            "from": Address::repeat_byte(1), "to": Address::repeat_byte(2), "data": "0x1234",
            "value": "0x1", "nonce": "0x0", "type": "0x2", "maxFeePerGas": "0x5", "extra": {}
        }))
        .unwrap();
        assert_eq!(request.to, TxKind::Call(Address::repeat_byte(2)));
        assert_eq!(request.input, Bytes::from_static(&[0x12, 0x34]));
        assert_eq!((request.gas_price, request.max_priority_fee), (5, Some(0)));
    }

    #[test]
    fn refuses_contradictions() {
        for json in [
            serde_json::json!({"gasPrice": "0x1", "maxFeePerGas": "0x1"}),
            serde_json::json!({"data": "0x12", "input": "0x13"}),
            serde_json::json!({"chainId": "0x1"}),
            serde_json::json!({"maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x2"}),
            serde_json::json!({"blobVersionedHashes": [B256::ZERO]}),
        ] {
            assert_eq!(request(json).unwrap_err().code(), -32602);
        }
        let both = serde_json::json!({ Address::ZERO.to_string(): {"state": {}, "stateDiff": {}} });
        let overrides: OverridesObject = serde_json::from_value(both).unwrap();
        assert_eq!(overrides.into_overrides().unwrap_err().code(), -32602);
    }
}
