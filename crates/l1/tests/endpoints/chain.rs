use std::sync::Arc;

use alloy_consensus::{
    EthereumTxEnvelope, SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy,
    TxReceipt, proofs,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Log, Signature, TxKind, U256, keccak256};
use phala_l1::{L1Receipt, L1Transaction};
use phala_primitives::{Header, SealedHeader};
use serde_json::{Value, json};

use crate::server::{Asked, Reply};

pub(crate) const CHAIN_ID: u64 = 900;

/// One block of the chain with its receipts.
pub(crate) struct TestBlock {
    pub(crate) header: SealedHeader,
    pub(crate) transactions: Vec<L1Transaction>,
    pub(crate) receipts: Vec<L1Receipt>,
}

/// A chain every server knows; what servers make of it is up to their scripts.
pub(crate) struct TestChain {
    pub(crate) blocks: Vec<TestBlock>,
}

impl TestChain {
    /// Blocks with a transaction of every type and logs, each linked to the one before.
    pub(crate) fn new(blocks: u64) -> Arc<Self> {
        Self::with_salt(blocks, 0)
    }

    /// As [`Self::new`], with other hashes for another salt.
    pub(crate) fn with_salt(blocks: u64, salt: u8) -> Arc<Self> {
        let mut chain = Self { blocks: Vec::new() };
        for number in 0..blocks {
            let parent = chain
                .blocks
                .last()
                .map_or_else(|| B256::repeat_byte(salt), |block| block.header.hash());
            chain.blocks.push(TestBlock::new(number, parent, salt));
        }
        Arc::new(chain)
    }

    /// The newest block as one of this height would be.
    pub(crate) fn claimed_head(&self, number: u64) -> Value {
        let last = self.blocks.last().unwrap();
        let header = Header { number, ..last.header.header().clone() };
        let mut json = last.json(false);
        json["number"] = json!(format!("{number:#x}"));
        json["hash"] = json!(header.hash_slow());
        json
    }

    pub(crate) fn header(&self, number: usize) -> &SealedHeader {
        &self.blocks[number].header
    }

    /// What an honest server answers whose head is the last block below `len`.
    pub(crate) fn honest(&self, len: usize, asked: &Asked) -> Reply {
        let blocks = &self.blocks[..len];
        let whole = asked.params[1].as_bool().unwrap_or_default();
        let by_hash =
            |hash: &Value| blocks.iter().find(|block| json!(block.header.hash()) == *hash);
        let found = match asked.method.as_str() {
            "eth_chainId" => return Reply::Result(json!(format!("{CHAIN_ID:#x}"))),
            "eth_getBlockByHash" => by_hash(&asked.params[0]).map(|block| block.json(whole)),
            "eth_getBlockByNumber" => match asked.params[0].as_str().unwrap() {
                "latest" => blocks.last().map(|block| block.json(whole)),
                "safe" | "finalized" => Some(blocks[len / 2].json(whole)),
                number => {
                    let number = usize::from_str_radix(&number[2..], 16).unwrap();
                    blocks.get(number).map(|block| block.json(whole))
                }
            },
            "eth_getBlockReceipts" => {
                by_hash(&asked.params[0]).map(|block| json!(block.receipts()))
            }
            "eth_getTransactionReceipt" => blocks
                .iter()
                .flat_map(TestBlock::receipts)
                .find(|receipt| receipt["transactionHash"] == asked.params[0]),
            "eth_getTransactionCount" => Some(json!("0x5")),
            _ => return Reply::Error(-32601, "the method does not exist"),
        };
        Reply::Result(found.unwrap_or(Value::Null))
    }
}

impl TestBlock {
    fn new(number: u64, parent_hash: B256, salt: u8) -> Self {
        let transactions = transactions(number);
        let receipts = receipts(&transactions, number);
        let encoded: Vec<_> = receipts.iter().map(TxReceipt::with_bloom_ref).collect();
        let header = Header {
            number,
            parent_hash,
            timestamp: 1_600_000_000 + number * 12,
            extra_data: vec![salt].into(),
            gas_limit: 30_000_000,
            base_fee_per_gas: Some(7),
            transactions_root: proofs::calculate_transaction_root(&transactions),
            receipts_root: proofs::calculate_receipt_root(&encoded),
            withdrawals_root: Some(alloy_consensus::EMPTY_ROOT_HASH),
            blob_gas_used: Some(0x20000),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::repeat_byte(5)),
            requests_hash: Some(B256::repeat_byte(6)),
            block_access_list_hash: Some(B256::repeat_byte(7)),
            slot_number: Some(number + 5),
            ..Header::default()
        };
        Self { header: SealedHeader::seal_slow(header), transactions, receipts }
    }

    pub(crate) fn json(&self, whole: bool) -> Value {
        let mut json = serde_json::to_value(self.header.header()).unwrap();
        json["hash"] = json!(self.header.hash());
        json["uncles"] = json!([]);
        json["withdrawals"] = json!([]);
        json["transactions"] = self
            .transactions
            .iter()
            .map(|tx| if whole { serde_json::to_value(tx).unwrap() } else { json!(hash(tx)) })
            .collect();
        json
    }

    /// Receipts as endpoints give them; the log indices are wrong, as those of some were.
    pub(crate) fn receipts(&self) -> Vec<Value> {
        let both = self.receipts.iter().zip(&self.transactions);
        both.map(|(receipt, tx)| {
            let logs: Vec<Value> = receipt
                .logs
                .iter()
                .map(|log| {
                    json!({ "address": log.address, "topics": log.topics(), "data": log.data.data,
                        "logIndex": "0x63" })
                })
                .collect();
            json!({
                "type": format!("{:#x}", receipt.tx_type as u8),
                "status": format!("{:#x}", u8::from(receipt.success)),
                "cumulativeGasUsed": format!("{:#x}", receipt.cumulative_gas_used),
                "logs": logs,
                "transactionHash": hash(tx),
                "blockHash": self.header.hash(),
            })
        })
        .collect()
    }
}

fn hash(transaction: &L1Transaction) -> B256 {
    keccak256(transaction.encoded_2718())
}

fn signed<T: SignableTransaction<Signature>>(transaction: T) -> L1Transaction
where
    EthereumTxEnvelope<TxEip4844>: From<alloy_consensus::Signed<T>>,
{
    transaction.into_signed(Signature::test_signature()).into()
}

fn transactions(nonce: u64) -> Vec<L1Transaction> {
    let (to, input) = (Address::repeat_byte(9), Bytes::from_static(b"calldata"));
    let call = TxKind::Call(to);
    vec![
        signed(TxLegacy { nonce, to: TxKind::Create, input: input.clone(), ..TxLegacy::default() }),
        signed(TxEip2930 { nonce, to: call, input: input.clone(), ..TxEip2930::default() }),
        signed(TxEip1559 { nonce, to: call, input, ..TxEip1559::default() }),
        signed(TxEip4844 {
            nonce,
            to,
            blob_versioned_hashes: vec![B256::repeat_byte(1), B256::repeat_byte(2)],
            ..TxEip4844::default()
        }),
        signed(TxEip7702 { nonce, to, value: U256::from(3), ..TxEip7702::default() }),
        signed(TxEip4844 {
            nonce: nonce + 1,
            to,
            blob_versioned_hashes: vec![B256::repeat_byte(3)],
            ..TxEip4844::default()
        }),
    ]
}

fn receipts(transactions: &[L1Transaction], number: u64) -> Vec<L1Receipt> {
    let receipts = (1..).zip(transactions).map(|(index, tx)| {
        let topics = vec![B256::with_last_byte(index); usize::from(index % 5)];
        let log = Log::new(Address::repeat_byte(index), topics, vec![index; 40].into()).unwrap();
        L1Receipt {
            tx_type: tx.tx_type(),
            success: index != 2,
            cumulative_gas_used: 21_000 * u64::from(index) + number,
            logs: if index == 2 { Vec::new() } else { vec![log; usize::from(index % 3)] },
        }
    });
    receipts.collect()
}
