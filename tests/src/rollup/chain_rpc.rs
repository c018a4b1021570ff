use alloy_primitives::{Address, B256, Bytes, U64, U256};
use phala_devnet::Service;
use phala_genesis::{GenesisError, L1Rpc};
use serde_json::{Value, json};

use super::eventually;

/// The RPC of L1 or of a node of L2.
#[derive(Clone, Debug)]
pub struct ChainRpc(L1Rpc);

impl ChainRpc {
    /// Over a client.
    pub fn new(rpc: &L1Rpc) -> Self {
        Self(rpc.clone())
    }

    /// Of a node.
    pub fn of(service: &Service) -> Self {
        Self(service.rpc())
    }

    /// Calls a method that must succeed.
    pub async fn call(&self, method: &str, params: Value) -> Value {
        match self.try_call(method, params.clone()).await {
            Ok(answer) => answer,
            Err(error) => panic!("{method} {params} at {}: {error}", self.0.url()),
        }
    }

    /// Calls a method.
    pub async fn try_call(&self, method: &str, params: Value) -> Result<Value, GenesisError> {
        self.0.request(method, params).await
    }

    /// A method that answers a quantity.
    pub async fn quantity(&self, method: &str, params: Value) -> U256 {
        let answer = self.call(method, params).await;
        serde_json::from_value(answer).expect("a quantity")
    }

    /// Chain id.
    pub async fn chain_id(&self) -> u64 {
        self.quantity("eth_chainId", json!([])).await.to()
    }

    /// Height.
    pub async fn block_number(&self) -> u64 {
        self.quantity("eth_blockNumber", json!([])).await.to()
    }

    /// The block at a height, with its transactions.
    pub async fn block(&self, number: u64) -> Value {
        let block = self.block_at(&format!("{number:#x}")).await;
        assert!(!block.is_null(), "{} has no block {number}", self.0.url());
        block
    }

    /// The block at a tag, with its transactions; null if there is none.
    pub async fn block_at(&self, tag: &str) -> Value {
        self.call("eth_getBlockByNumber", json!([tag, true])).await
    }

    /// Height and hash at a tag such as `safe`.
    pub async fn head(&self, tag: &str) -> (u64, B256) {
        let block = self.call("eth_getBlockByNumber", json!([tag, false])).await;
        (number_of(&block["number"]), hash_of(&block["hash"]))
    }

    /// Hash of the canonical block at a height, if there is one.
    pub async fn hash(&self, number: u64) -> Option<B256> {
        let block = self.call("eth_getBlockByNumber", json!([format!("{number:#x}"), false])).await;
        (!block.is_null()).then(|| hash_of(&block["hash"]))
    }

    /// Balance at the head.
    pub async fn balance(&self, of: Address) -> U256 {
        self.quantity("eth_getBalance", json!([of, "latest"])).await
    }

    /// Nonce after all transactions known.
    pub async fn next_nonce(&self, of: Address) -> u64 {
        self.quantity("eth_getTransactionCount", json!([of, "pending"])).await.to()
    }

    /// Code at the head.
    pub async fn code(&self, of: Address) -> Bytes {
        let code = self.call("eth_getCode", json!([of, "latest"])).await;
        serde_json::from_value(code).expect("bytes")
    }

    /// Hands over a signed transaction.
    pub async fn send_raw(&self, transaction: &Bytes) -> B256 {
        hash_of(&self.call("eth_sendRawTransaction", json!([transaction])).await)
    }

    /// The receipt, once there is one.
    pub async fn receipt(&self, hash: B256) -> Value {
        eventually(&format!("receipt of {hash} at {}", self.0.url()), async || {
            let receipt = self.call("eth_getTransactionReceipt", json!([hash])).await;
            (!receipt.is_null()).then_some(receipt)
        })
        .await
    }

    /// Waits until the head of a tag, such as `latest` or `safe`, has this height; its height and hash.
    pub async fn wait_for_head(&self, tag: &str, number: u64) -> (u64, B256) {
        eventually(&format!("{tag} head {number} at {}", self.0.url()), async || {
            let head = self.head(tag).await;
            (head.0 >= number).then_some(head)
        })
        .await
    }

    /// `optimism_syncStatus`.
    pub async fn sync_status(&self) -> Value {
        self.call("optimism_syncStatus", json!([])).await
    }
}

/// A quantity as JSON-RPC has it.
pub fn number_of(value: &Value) -> u64 {
    let number: U64 = serde_json::from_value(value.clone()).expect("a quantity");
    number.to()
}

fn hash_of(value: &Value) -> B256 {
    serde_json::from_value(value.clone()).expect("a hash")
}
