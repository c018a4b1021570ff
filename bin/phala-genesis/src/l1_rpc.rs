use std::{error::Error as _, time::Duration};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, TxHash, U64, U256};
use alloy_sol_types::SolCall;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use url::Url;

use crate::GenesisError;

/// Longest time one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A plain JSON-RPC client for tools: no retries, no cross-checks.
#[derive(Clone, Debug)]
pub struct L1Rpc {
    url: Url,
    http: reqwest::Client,
}

/// A block by what a deployment needs of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Tip {
    /// Hash, which is checked against the header's fields.
    pub hash: B256,
    /// Height.
    #[serde(with = "quantity")]
    pub number: u64,
    /// Time, in seconds.
    #[serde(with = "quantity")]
    pub timestamp: u64,
    /// Base fee, in wei.
    #[serde(with = "quantity")]
    pub base_fee_per_gas: u64,
}

/// A receipt by what a deployment needs of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Receipt {
    /// Hash of the transaction.
    pub transaction_hash: TxHash,
    /// Height of its block.
    #[serde(with = "quantity")]
    pub block_number: u64,
    /// Hash of its block.
    pub block_hash: B256,
    /// Whether it did what it should.
    #[serde(with = "quantity")]
    pub status: u64,
    /// What it emitted.
    pub logs: Vec<L1Log>,
}

/// A log of a receipt.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Log {
    /// The contract.
    pub address: Address,
    /// Topics.
    pub topics: Vec<B256>,
    /// Data.
    pub data: Bytes,
    /// Index in the block.
    #[serde(with = "quantity")]
    pub log_index: u64,
}

/// Numbers as JSON-RPC has them.
mod quantity {
    use alloy_primitives::U64;
    use serde::{Deserialize as _, Deserializer};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
        U64::deserialize(input).map(|number| number.to())
    }
}

impl L1Rpc {
    /// A client of one endpoint; nothing is sent yet.
    pub fn new(url: Url) -> Self {
        // Only the first one in a process is kept; all would be the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .build()
            .expect("a client without files or certificates of its own");
        Self { url, http }
    }

    /// The endpoint.
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Any method.
    pub async fn request<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<T, GenesisError> {
        let answer = |reason: String| GenesisError::Answer { method: method.to_owned(), reason };
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let response = self.http.post(self.url.clone()).json(&body).send().await;
        let text = match response {
            Ok(response) => response.text().await,
            Err(error) => Err(error),
        };
        let text = text.map_err(|error| self.transport(&error))?;
        let envelope: Envelope =
            serde_json::from_str(&text).map_err(|error| answer(error.to_string()))?;
        match envelope.error {
            Some(RpcFailure { code, message }) => {
                Err(GenesisError::Rpc { method: method.to_owned(), code, message })
            }
            None => serde_json::from_value(envelope.result.unwrap_or(Value::Null))
                .map_err(|error| answer(error.to_string())),
        }
    }

    fn transport(&self, error: &reqwest::Error) -> GenesisError {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            reason = format!("{reason}: {error}");
            cause = error.source();
        }
        GenesisError::Transport { url: self.url.to_string(), reason }
    }

    /// Chain id.
    pub async fn chain_id(&self) -> Result<u64, GenesisError> {
        self.request::<U64>("eth_chainId", json!([])).await.map(|id| id.to())
    }

    /// Nonce of the next transaction after the mined ones.
    pub async fn nonce(&self, account: Address) -> Result<u64, GenesisError> {
        let nonce: U64 =
            self.request("eth_getTransactionCount", json!([account, "latest"])).await?;
        Ok(nonce.to())
    }

    /// Balance, in wei.
    pub async fn balance(&self, account: Address) -> Result<U256, GenesisError> {
        self.request("eth_getBalance", json!([account, "latest"])).await
    }

    /// The block at a height or tag. Its hash is that of its header.
    pub async fn block(&self, id: impl Into<Value>) -> Result<L1Tip, GenesisError> {
        const METHOD: &str = "eth_getBlockByNumber";
        let value: Value = self.request(METHOD, json!([id.into(), false])).await?;
        let answer = |reason: String| GenesisError::Answer { method: METHOD.to_owned(), reason };
        let tip: L1Tip =
            serde_json::from_value(value.clone()).map_err(|error| answer(error.to_string()))?;
        let header: Header =
            serde_json::from_value(value).map_err(|error| answer(error.to_string()))?;
        let hash = header.hash_slow();
        if hash != tip.hash {
            return Err(answer(format!(
                "header of block {} hashes to {hash}, not {}",
                tip.number, tip.hash
            )));
        }
        Ok(tip)
    }

    /// Code of an account, at a block if one is given.
    pub async fn code(&self, account: Address, at: B256) -> Result<Bytes, GenesisError> {
        self.request("eth_getCode", json!([account, { "blockHash": at }])).await
    }

    /// Reads a contract at a block.
    pub async fn call<C: SolCall>(
        &self,
        to: Address,
        call: C,
        at: B256,
    ) -> Result<C::Return, GenesisError> {
        let input = Bytes::from(call.abi_encode());
        let params = json!([{ "to": to, "input": input }, { "blockHash": at }]);
        let output: Bytes = self.request("eth_call", params).await?;
        C::abi_decode_returns(&output).map_err(|error| GenesisError::Answer {
            method: format!("eth_call {}", C::SIGNATURE),
            reason: error.to_string(),
        })
    }

    /// Hands over a signed transaction.
    pub async fn send_raw(&self, transaction: &[u8]) -> Result<TxHash, GenesisError> {
        let transaction = Bytes::copy_from_slice(transaction);
        self.request("eth_sendRawTransaction", json!([transaction])).await
    }

    /// The receipt of a mined transaction.
    pub async fn receipt(&self, hash: TxHash) -> Result<Option<L1Receipt>, GenesisError> {
        self.request("eth_getTransactionReceipt", json!([hash])).await
    }

    /// What the endpoint would tip, in wei.
    pub async fn suggested_tip(&self) -> Result<u128, GenesisError> {
        let tip: U256 = self.request("eth_maxPriorityFeePerGas", json!([])).await?;
        Ok(tip.saturating_to())
    }
}

#[derive(Deserialize)]
struct Envelope {
    result: Option<Value>,
    error: Option<RpcFailure>,
}

#[derive(Deserialize)]
struct RpcFailure {
    code: i64,
    message: String,
}
