use std::time::Duration;

use alloy_consensus::{Transaction as _, proofs::calculate_transaction_root};
use alloy_eips::{BlockNumberOrTag, eip2718::Encodable2718 as _};
use alloy_primitives::{Address, U64};
use op_alloy_rpc_types::Transaction as RpcTransaction;
use phala_batch::BatchBlock;
use phala_chainspec::L1Attributes;
use phala_primitives::{BlockRef, Transaction};
use serde_json::json;
use url::Url;

use crate::{DaLimits, L2Error, RollupConfig, RpcError, SyncStatus, json_rpc::JsonRpc};

type RpcBlock = alloy_rpc_types_eth::Block<RpcTransaction>;

/// The rollup node, which holds the chain that is to be posted.
#[derive(Clone, Debug)]
pub struct L2Client {
    rpc: JsonRpc,
}

impl L2Client {
    /// A client of the node at this address.
    pub fn new(url: Url, timeout: Duration) -> Result<Self, RpcError> {
        Ok(Self { rpc: JsonRpc::new(url, timeout)? })
    }

    /// The node's address without what may be secret in it.
    pub fn name(&self) -> String {
        self.rpc.name()
    }

    /// `optimism_syncStatus`.
    pub async fn sync_status(&self) -> Result<SyncStatus, RpcError> {
        self.rpc.request("optimism_syncStatus", json!([])).await
    }

    /// `optimism_rollupConfig`.
    pub async fn rollup_config(&self) -> Result<RollupConfig, RpcError> {
        self.rpc.request("optimism_rollupConfig", json!([])).await
    }

    /// `eth_chainId`.
    pub async fn chain_id(&self) -> Result<u64, RpcError> {
        let id: U64 = self.rpc.request("eth_chainId", json!([])).await?;
        Ok(id.to())
    }

    /// Whose batches counted when this block was built.
    pub async fn batcher_address(&self, number: u64) -> Result<Address, L2Error> {
        let block = self.rpc_block(number).await?;
        let attributes = attributes(&block, number)?;
        Ok(attributes.batcher())
    }

    /// The block at this height. Its hash and its transactions are checked against its header.
    pub async fn block(&self, number: u64) -> Result<BatchBlock, L2Error> {
        batch_block(self.rpc_block(number).await?, number)
    }

    async fn rpc_block(&self, number: u64) -> Result<RpcBlock, L2Error> {
        let params = json!([BlockNumberOrTag::Number(number), true]);
        let block: Option<RpcBlock> = self.rpc.request("eth_getBlockByNumber", params).await?;
        block.ok_or(L2Error::NoBlock { number })
    }

    /// `miner_setMaxDASize`.
    pub async fn set_max_da_size(&self, limits: DaLimits) -> Result<(), RpcError> {
        let params = json!([U64::from(limits.tx_bytes), U64::from(limits.block_bytes)]);
        let _: serde_json::Value = self.rpc.request("miner_setMaxDASize", params).await?;
        Ok(())
    }
}

fn attributes(block: &RpcBlock, number: u64) -> Result<L1Attributes, L2Error> {
    let wrong = |reason: String| L2Error::Attributes { number, reason };
    let transactions = block.transactions.as_transactions().unwrap_or_default();
    let first = transactions.first().ok_or_else(|| wrong("block has no transaction".to_owned()))?;
    let envelope: &Transaction = first.inner.inner.inner();
    if !matches!(envelope, Transaction::Deposit(_)) {
        return Err(wrong("the first transaction is no deposit".to_owned()));
    }
    L1Attributes::decode(envelope.input()).map_err(|error| wrong(error.to_string()))
}

fn batch_block(block: RpcBlock, number: u64) -> Result<BatchBlock, L2Error> {
    let hash = block.header.hash;
    let header = &block.header.inner;
    if header.number != number || header.hash_slow() != hash {
        return Err(L2Error::Inconsistent { number, what: "header" });
    }
    let attributes = attributes(&block, number)?;
    let transactions: Vec<Transaction> = block
        .transactions
        .clone()
        .into_transactions()
        .map(|tx| tx.inner.inner.into_inner())
        .collect();
    if calculate_transaction_root(&transactions) != header.transactions_root {
        return Err(L2Error::Inconsistent { number, what: "transactions" });
    }
    let of_users = transactions.iter().filter(|tx| !matches!(tx, Transaction::Deposit(_)));
    Ok(BatchBlock {
        hash,
        parent_hash: header.parent_hash,
        number,
        timestamp: header.timestamp,
        epoch: BlockRef { number: attributes.number, hash: attributes.hash },
        sequence_number: attributes.sequence_number,
        transactions: of_users.map(|tx| tx.encoded_2718().into()).collect(),
    })
}
