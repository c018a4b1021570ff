use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U256};
use phala_primitives::SealedHeader;
use serde::Serialize;

use super::Quantity;

/// A header as `newHeads` shows it, and the header part of a block.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HeaderJson<'a> {
    hash: B256,
    parent_hash: B256,
    sha3_uncles: B256,
    miner: Address,
    state_root: B256,
    transactions_root: B256,
    receipts_root: B256,
    logs_bloom: &'a Bloom,
    difficulty: U256,
    number: Quantity,
    gas_limit: Quantity,
    gas_used: Quantity,
    timestamp: Quantity,
    extra_data: &'a Bytes,
    mix_hash: B256,
    nonce: B64,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_fee_per_gas: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawals_root: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_gas_used: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    excess_blob_gas: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_beacon_block_root: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_hash: Option<B256>,
}

impl<'a> From<&'a SealedHeader> for HeaderJson<'a> {
    fn from(header: &'a SealedHeader) -> Self {
        Self {
            hash: header.hash(),
            parent_hash: header.parent_hash,
            sha3_uncles: header.ommers_hash,
            miner: header.beneficiary,
            state_root: header.state_root,
            transactions_root: header.transactions_root,
            receipts_root: header.receipts_root,
            logs_bloom: &header.logs_bloom,
            difficulty: header.difficulty,
            number: header.number.into(),
            gas_limit: header.gas_limit.into(),
            gas_used: header.gas_used.into(),
            timestamp: header.timestamp.into(),
            extra_data: &header.extra_data,
            mix_hash: header.mix_hash,
            nonce: header.nonce,
            base_fee_per_gas: header.base_fee_per_gas.map(Into::into),
            withdrawals_root: header.withdrawals_root,
            blob_gas_used: header.blob_gas_used.map(Into::into),
            excess_blob_gas: header.excess_blob_gas.map(Into::into),
            parent_beacon_block_root: header.parent_beacon_block_root,
            requests_hash: header.requests_hash,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use phala_primitives::Header;

    use super::*;

    #[test]
    fn agrees_with_the_library_types_field_by_field() {
        let header = Header {
            number: 7,
            timestamp: 1_700_000_000,
            base_fee_per_gas: Some(1_000_000_000),
            withdrawals_root: Some(B256::repeat_byte(1)),
            blob_gas_used: Some(40_000),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::repeat_byte(2)),
            requests_hash: Some(B256::repeat_byte(3)),
            extra_data: Bytes::from_static(&[1, 0, 0]),
            ..Default::default()
        };
        let sealed = SealedHeader::seal_slow(header.clone());
        let library = alloy_rpc_types_eth::Header::new(header);
        assert_eq!(
            serde_json::to_value(HeaderJson::from(&sealed)).unwrap(),
            serde_json::to_value(library).unwrap()
        );
    }
}
