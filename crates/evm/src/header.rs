use alloy_consensus::constants::EMPTY_OMMER_ROOT_HASH;
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B64, B256, Bloom};
use phala_chainspec::{ChainSpec, Fork, HeaderError, next_base_fee_at, resolve_eip1559_params};
use phala_primitives::{EMPTY_STORAGE_ROOT, Header};

use crate::BlockEnvironment;

/// What the driver decides about a block: payload attributes without the transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockAttributes {
    /// Seconds since 1970.
    pub timestamp: u64,
    /// `prevRandao` of the L1 origin.
    pub prev_randao: B256,
    /// Receives priority fees.
    pub fee_recipient: Address,
    /// Gas limit.
    pub gas_limit: u64,
    /// Beacon root of the L1 origin's parent; from Ecotone on.
    pub parent_beacon_block_root: Option<B256>,
    /// Denominator and elasticity; from Holocene on.
    pub eip1559_params: Option<B64>,
    /// Minimum base fee, in wei; from Jovian on.
    pub min_base_fee: Option<u64>,
}

impl BlockAttributes {
    /// What transactions of the block will see of it.
    pub fn environment(
        &self,
        spec: &ChainSpec,
        parent: &Header,
        parent_hash: B256,
    ) -> Result<BlockEnvironment, HeaderError> {
        Ok(BlockEnvironment {
            number: parent.number.saturating_add(1),
            timestamp: self.timestamp,
            beneficiary: self.fee_recipient,
            gas_limit: self.gas_limit,
            base_fee: next_base_fee_at(spec, parent, self.timestamp)?,
            prev_randao: self.prev_randao,
            parent_hash,
            parent_beacon_block_root: self.parent_beacon_block_root,
        })
    }
}

/// What a header commits to that only execution can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockCommitments {
    /// Root of the transactions.
    pub transactions_root: B256,
    /// Root of the receipts.
    pub receipts_root: B256,
    /// Bloom filter over all logs.
    pub logs_bloom: Bloom,
    /// Gas used.
    pub gas_used: u64,
    /// DA footprint; ignored before Jovian.
    pub da_footprint: u64,
    /// Root of the state.
    pub state_root: B256,
    /// Storage root of the message passer; ignored before Isthmus.
    pub message_passer_root: B256,
}

/// The header of an executed block, with the fields of its fork.
pub fn assemble_header(
    spec: &ChainSpec,
    parent: &Header,
    parent_hash: B256,
    attributes: &BlockAttributes,
    commitments: &BlockCommitments,
) -> Result<Header, HeaderError> {
    let timestamp = attributes.timestamp;
    let from = |fork| spec.forks.is_active(fork, timestamp);
    let (canyon, ecotone, isthmus) = (from(Fork::Canyon), from(Fork::Ecotone), from(Fork::Isthmus));
    let extra = resolve_eip1559_params(
        spec,
        timestamp,
        attributes.eip1559_params,
        attributes.min_base_fee,
    )?;
    let withdrawals_root =
        if isthmus { commitments.message_passer_root } else { EMPTY_STORAGE_ROOT };
    let blob_gas_used = if from(Fork::Jovian) { commitments.da_footprint } else { 0 };
    Ok(Header {
        parent_hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: attributes.fee_recipient,
        state_root: commitments.state_root,
        transactions_root: commitments.transactions_root,
        receipts_root: commitments.receipts_root,
        logs_bloom: commitments.logs_bloom,
        number: parent.number.saturating_add(1),
        gas_limit: attributes.gas_limit,
        gas_used: commitments.gas_used,
        timestamp,
        extra_data: extra.map(|extra| extra.encode()).unwrap_or_default(),
        mix_hash: attributes.prev_randao,
        base_fee_per_gas: Some(next_base_fee_at(spec, parent, timestamp)?),
        withdrawals_root: canyon.then_some(withdrawals_root),
        blob_gas_used: ecotone.then_some(blob_gas_used),
        excess_blob_gas: ecotone.then_some(0),
        parent_beacon_block_root: attributes.parent_beacon_block_root.filter(|_| ecotone),
        requests_hash: isthmus.then_some(EMPTY_REQUESTS_HASH),
        ..Default::default()
    })
}
