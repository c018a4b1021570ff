use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B64, B256, Bytes, keccak256};
use sha2::{Digest, Sha256};

/// The payload attributes that tell one payload from another.
#[derive(Clone, Debug, Default)]
pub struct PayloadIdInput<'a> {
    /// Timestamp of the payload.
    pub timestamp: u64,
    /// `prevRandao` of the L1 origin.
    pub prev_randao: B256,
    /// `suggestedFeeRecipient`.
    pub fee_recipient: Address,
    /// Withdrawals; an empty list from Canyon on.
    pub withdrawals: Option<&'a [Withdrawal]>,
    /// `parentBeaconBlockRoot`; set from Ecotone on.
    pub parent_beacon_block_root: Option<B256>,
    /// Whether only `transactions` may be in the block.
    pub no_tx_pool: bool,
    /// EIP-2718 bytes of the forced transactions.
    pub transactions: &'a [Bytes],
    /// Gas limit of the block.
    pub gas_limit: Option<u64>,
    /// Denominator and elasticity; set from Holocene on.
    pub eip1559_params: Option<B64>,
    /// Minimum base fee; set from Jovian on.
    pub min_base_fee: Option<u64>,
}

/// Identifies the payload that `attributes` build on `parent`, equal to what op-geth and op-reth
/// answer. `version` is that of the payload, and the first byte of the id.
pub fn payload_id(parent: B256, version: u8, attributes: &PayloadIdInput<'_>) -> B64 {
    let mut hasher = Sha256::new();
    hasher.update(parent);
    hasher.update(attributes.timestamp.to_be_bytes());
    hasher.update(attributes.prev_randao);
    hasher.update(attributes.fee_recipient);
    if let Some(withdrawals) = attributes.withdrawals {
        let mut rlp = Vec::new();
        alloy_rlp::encode_list(withdrawals, &mut rlp);
        hasher.update(rlp);
    }
    if let Some(root) = attributes.parent_beacon_block_root {
        hasher.update(root);
    }
    if attributes.no_tx_pool || !attributes.transactions.is_empty() {
        hasher.update([u8::from(attributes.no_tx_pool)]);
        let count = u64::try_from(attributes.transactions.len()).expect("a length fits 64 bits");
        hasher.update(count.to_be_bytes());
        for tx in attributes.transactions {
            hasher.update(keccak256(tx));
        }
    }
    if let Some(gas_limit) = attributes.gas_limit {
        hasher.update(gas_limit.to_be_bytes());
    }
    if let Some(params) = attributes.eip1559_params {
        hasher.update(params);
    }
    if let Some(min_base_fee) = attributes.min_base_fee {
        hasher.update(min_base_fee.to_be_bytes());
    }
    let digest = hasher.finalize();
    let mut id = B64::from_slice(&digest[..8]);
    id[0] = version;
    id
}
