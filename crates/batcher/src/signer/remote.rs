use std::time::Duration;

use alloy_primitives::{Address, Bytes, U64, U128, U256};
use serde_json::{Value, json};
use url::Url;

use crate::{SignedTx, SignerError, UnsignedTx, json_rpc::JsonRpc};

/// Asks op-signer, or anything with its `eth_signTransaction`.
pub(super) struct RemoteSigner {
    rpc: JsonRpc,
}

impl RemoteSigner {
    pub(super) fn new(endpoint: Url, timeout: Duration) -> Result<Self, SignerError> {
        Ok(Self { rpc: JsonRpc::new(endpoint, timeout)? })
    }

    pub(super) async fn sign(
        &self,
        tx: &UnsignedTx,
        from: Address,
    ) -> Result<SignedTx, SignerError> {
        let params = json!([arguments(tx, from)]);
        let raw: Bytes = self.rpc.request("eth_signTransaction", params).await?;
        SignedTx::decode(&raw).map_err(|error| SignerError::BadAnswer(error.to_string()))
    }
}

/// The transaction as op-signer wants it: blobs are named by their hashes and stay here.
fn arguments(tx: &UnsignedTx, from: Address) -> Value {
    let mut arguments = match tx {
        UnsignedTx::Calldata(tx) => json!({
            "to": tx.to.to(),
            "gas": U64::from(tx.gas_limit),
            "maxFeePerGas": U128::from(tx.max_fee_per_gas),
            "maxPriorityFeePerGas": U128::from(tx.max_priority_fee_per_gas),
            "nonce": U64::from(tx.nonce),
            "chainId": U64::from(tx.chain_id),
            "input": tx.input,
            "data": tx.input,
        }),
        UnsignedTx::Blobs(tx) => json!({
            "to": tx.to,
            "gas": U64::from(tx.gas_limit),
            "maxFeePerGas": U128::from(tx.max_fee_per_gas),
            "maxPriorityFeePerGas": U128::from(tx.max_priority_fee_per_gas),
            "maxFeePerBlobGas": U128::from(tx.max_fee_per_blob_gas),
            "blobVersionedHashes": tx.blob_versioned_hashes,
            "nonce": U64::from(tx.nonce),
            "chainId": U64::from(tx.chain_id),
            "input": tx.input,
            "data": tx.input,
        }),
    };
    arguments["from"] = json!(from);
    arguments["value"] = json!(U256::ZERO);
    arguments["accessList"] = json!([]);
    arguments
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;
    use crate::{TxFees, TxTerms};

    #[test]
    fn names_every_field_of_the_transaction() {
        let terms = TxTerms {
            chain_id: 5,
            nonce: 7,
            to: Address::repeat_byte(6),
            fees: TxFees { tip: 1, fee_cap: 2, blob_fee_cap: 3 },
        };
        let from = Address::repeat_byte(9);
        let calldata = arguments(&UnsignedTx::calldata(&terms, vec![0xab].into()), from);
        assert_eq!(calldata["input"], "0xab");
        assert_eq!(calldata["gas"], "0x5230");
        assert_eq!((&calldata["nonce"], &calldata["chainId"]), (&json!("0x7"), &json!("0x5")));
        assert_eq!(calldata["from"], json!(from));
        assert_eq!(calldata.get("blobVersionedHashes"), None);
        let blobs = arguments(&UnsignedTx::blobs(&terms, vec![B256::repeat_byte(1)]), from);
        assert_eq!(blobs["blobVersionedHashes"], json!([B256::repeat_byte(1)]));
        assert_eq!((&blobs["maxFeePerBlobGas"], &blobs["value"]), (&json!("0x3"), &json!("0x0")));
    }
}
