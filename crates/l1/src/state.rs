//! What is read of the state of L1: an endpoint's word, not proved.

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use phala_primitives::BlockRef;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};

use crate::{
    Inclusion, L1Client, L1Error, Unverified,
    execution::{Request, judge},
    fault::Fault,
    json_rpc::{self, Call},
};

impl L1Client {
    /// Chain id of the endpoints; all are held to the same.
    pub async fn chain_id(&self) -> Result<u64, L1Error> {
        let id: U64 = self.read(Call::new("eth_chainId", json!([]))).await?;
        Ok(id.to())
    }

    /// A storage slot after a block.
    pub async fn storage_at(
        &self,
        address: Address,
        slot: B256,
        block: B256,
    ) -> Result<B256, L1Error> {
        let params = json!([address, slot, { "blockHash": block }]);
        let value: U256 = self.read(Call::new("eth_getStorageAt", params)).await?;
        Ok(value.into())
    }

    /// Transactions of an account that are mined.
    pub async fn nonce_latest(&self, address: Address) -> Result<u64, L1Error> {
        self.nonce(address, "latest").await
    }

    /// Transactions of an account that are mined or waiting.
    pub async fn nonce_pending(&self, address: Address) -> Result<u64, L1Error> {
        self.nonce(address, "pending").await
    }

    async fn nonce(&self, address: Address, tag: &str) -> Result<u64, L1Error> {
        let nonce: U64 =
            self.read(Call::new("eth_getTransactionCount", json!([address, tag]))).await?;
        Ok(nonce.to())
    }

    /// Balance of an account, in wei.
    pub async fn balance(&self, address: Address) -> Result<U256, L1Error> {
        self.read(Call::new("eth_getBalance", json!([address, "latest"]))).await
    }

    /// Code of an account.
    pub async fn code(&self, address: Address) -> Result<Bytes, L1Error> {
        self.read(Call::new("eth_getCode", json!([address, "latest"]))).await
    }

    /// Result of a call at the head. A revert is [`L1Error::Refused`].
    pub async fn call(
        &self,
        from: Option<Address>,
        to: Address,
        input: Bytes,
    ) -> Result<Bytes, L1Error> {
        let mut transaction = json!({ "to": to, "input": input });
        if let Some(from) = from {
            transaction["from"] = json!(from);
        }
        self.read(Call::new("eth_call", json!([transaction, "latest"]))).await
    }

    /// Gas a transaction would use at the head; without `to` it creates a contract. A revert is
    /// [`L1Error::Refused`].
    pub async fn estimate_gas(
        &self,
        from: Address,
        to: Option<Address>,
        input: Bytes,
    ) -> Result<u64, L1Error> {
        let mut transaction = json!({ "from": from, "input": input });
        if let Some(to) = to {
            transaction["to"] = json!(to);
        }
        let gas: U64 = self.read(Call::new("eth_estimateGas", json!([transaction]))).await?;
        Ok(gas.to())
    }

    /// Where a transaction was mined, `None` if no endpoint has it in a block.
    pub async fn transaction_receipt(&self, hash: B256) -> Result<Option<Inclusion>, L1Error> {
        let call = Call::new("eth_getTransactionReceipt", json!([hash]));
        self.find(call, |json| {
            let receipt: JsonInclusion = json_rpc::read(json)?;
            receipt.inclusion(hash).map(Some)
        })
        .await
    }

    /// Whether any endpoint knows the transaction, waiting or mined.
    pub async fn has_transaction(&self, hash: B256) -> Result<bool, L1Error> {
        #[derive(Deserialize)]
        struct Known {
            hash: B256,
        }
        let call = Call::new("eth_getTransactionByHash", json!([hash]));
        let known = self.find(call, |json| {
            let known: Known = json_rpc::read(json)?;
            if known.hash == hash { Ok(Some(())) } else { Err(other(hash, known.hash).into()) }
        });
        Ok(known.await?.is_some())
    }

    /// Reads a value at the head from one endpoint.
    pub(crate) async fn read<T: DeserializeOwned>(&self, call: Call) -> Result<T, L1Error> {
        let request = Request::new(call.method).at_height(self.inner.heads.number());
        let ask = |endpoint: std::sync::Arc<crate::endpoint::Endpoint>| {
            let call = call.clone();
            async move {
                match endpoint.call(call, json_rpc::read).await {
                    Err(fault) if fault.is_revert() || fault.is_method_missing() => {
                        let Fault::Rpc { code, message } = fault else { return Err(fault) };
                        Ok(Err(L1Error::Refused { request: request.to_string(), code, message }))
                    }
                    answer => answer.map(Ok),
                }
            }
        };
        self.inner.execution.ask(request, ask).await?
    }

    /// Asks one endpoint after the other until one knows; `None` if at least one answered and none
    /// knows.
    async fn find<T>(
        &self,
        call: Call,
        read: impl Fn(&RawValue) -> Result<Option<T>, Fault>,
    ) -> Result<Option<T>, L1Error> {
        let request = Request::new(call.method).at_height(self.inner.heads.number());
        let (mut answered, mut faults) = (false, Vec::new());
        for endpoint in self.inner.execution.candidates(request.height) {
            match judge(&endpoint, request, endpoint.call(call.clone(), &read).await) {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) | Err(Fault::Null) => answered = true,
                Err(Fault::Stop(error)) => return Err(*error),
                Err(fault) => faults.push((endpoint, fault)),
            }
        }
        if answered {
            return Ok(None);
        }
        Err(self.inner.execution.failure(request, faults))
    }
}

fn other(wanted: B256, got: B256) -> Unverified {
    Unverified::OtherBlock { wanted: wanted.to_string(), got: got.to_string() }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonInclusion {
    transaction_hash: B256,
    block_hash: Option<B256>,
    block_number: Option<U64>,
    status: U64,
    gas_used: U64,
    #[serde(default)]
    effective_gas_price: Option<U256>,
    #[serde(default)]
    blob_gas_used: Option<U64>,
    #[serde(default)]
    blob_gas_price: Option<U256>,
    #[serde(default)]
    contract_address: Option<Value>,
}

impl JsonInclusion {
    fn inclusion(self, wanted: B256) -> Result<Inclusion, Fault> {
        if self.transaction_hash != wanted {
            return Err(other(wanted, self.transaction_hash).into());
        }
        // Without a block the receipt is one of the pending block: not mined.
        let (Some(hash), Some(number)) = (self.block_hash, self.block_number) else {
            return Err(Fault::Null);
        };
        Ok(Inclusion {
            transaction: wanted,
            block: BlockRef { number: number.to(), hash },
            success: self.status == U64::ONE,
            gas_used: self.gas_used.to(),
            effective_gas_price_wei: self.effective_gas_price.unwrap_or_default().saturating_to(),
            blob_gas_used: self.blob_gas_used.unwrap_or_default().to(),
            blob_gas_price_wei: self.blob_gas_price.unwrap_or_default().saturating_to(),
            contract: self.contract_address.and_then(|value| serde_json::from_value(value).ok()),
        })
    }
}
