use std::collections::BTreeMap;

use alloy_consensus::constants::{EMPTY_OMMER_ROOT_HASH, EMPTY_RECEIPTS, EMPTY_TRANSACTIONS};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B64, B256, Bytes, U256};
use phala_primitives::{EMPTY_STORAGE_ROOT, Header};

use crate::{Fork, Forks};

/// Block 0: the header fields a chain chooses, and the state it starts with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Genesis {
    /// Header nonce.
    pub nonce: u64,
    /// Header timestamp, in seconds.
    pub timestamp: u64,
    /// EIP-1559 parameters from Holocene on, free before.
    pub extra_data: Bytes,
    /// Gas limit.
    pub gas_limit: u64,
    /// Difficulty; 0 on an OP chain.
    pub difficulty: U256,
    /// `mixHash`.
    pub mix_hash: B256,
    /// Beneficiary.
    pub coinbase: Address,
    /// Block number; 0 on a chain this node can start.
    pub number: u64,
    /// Gas used.
    pub gas_used: u64,
    /// Parent hash.
    pub parent_hash: B256,
    /// Base fee, in wei.
    pub base_fee_per_gas: u64,
    /// Blob gas used; only in the header from Ecotone on.
    pub blob_gas_used: u64,
    /// Excess blob gas; only in the header from Ecotone on.
    pub excess_blob_gas: u64,
    /// Accounts by address. An account named here exists even if it is empty.
    pub alloc: BTreeMap<Address, GenesisAccount>,
}

/// An account of the genesis state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenesisAccount {
    /// Nonce.
    pub nonce: u64,
    /// Balance, in wei.
    pub balance: U256,
    /// Code; empty for none.
    pub code: Bytes,
    /// Storage by slot (not hashed); never holds a zero value.
    pub storage: BTreeMap<B256, U256>,
}

impl Genesis {
    /// The genesis header. `message_passer_root` is the storage root of the message passer and
    /// matters from Isthmus on.
    pub(crate) fn header(
        &self,
        forks: &Forks,
        state_root: B256,
        message_passer_root: B256,
    ) -> Header {
        let from = |fork| forks.is_active(fork, self.timestamp);
        let (canyon, ecotone, isthmus) =
            (from(Fork::Canyon), from(Fork::Ecotone), from(Fork::Isthmus));
        Header {
            parent_hash: self.parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: self.coinbase,
            state_root,
            transactions_root: EMPTY_TRANSACTIONS,
            receipts_root: EMPTY_RECEIPTS,
            difficulty: self.difficulty,
            number: self.number,
            gas_limit: self.gas_limit,
            gas_used: self.gas_used,
            timestamp: self.timestamp,
            extra_data: self.extra_data.clone(),
            mix_hash: self.mix_hash,
            nonce: B64::from(self.nonce.to_be_bytes()),
            base_fee_per_gas: Some(self.base_fee_per_gas),
            withdrawals_root: canyon.then_some(if isthmus {
                message_passer_root
            } else {
                EMPTY_STORAGE_ROOT
            }),
            blob_gas_used: ecotone.then_some(self.blob_gas_used),
            excess_blob_gas: ecotone.then_some(self.excess_blob_gas),
            parent_beacon_block_root: ecotone.then_some(B256::ZERO),
            requests_hash: isthmus.then_some(EMPTY_REQUESTS_HASH),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fork_adds_its_fields_to_the_header() {
        let genesis = Genesis { timestamp: 100, blob_gas_used: 3, ..Default::default() };
        let passer = B256::repeat_byte(7);
        let mut activations = Vec::new();
        for fork in Fork::ALL {
            // At the genesis second; not active were it one second later.
            activations.push((fork, if fork == Fork::Bedrock { 0 } else { 100 }));
            let forks = Forks::new(activations.iter().copied()).expect("ordered");
            let header = genesis.header(&forks, B256::ZERO, passer);
            assert_eq!(header.base_fee_per_gas, Some(0));
            assert_eq!(header.withdrawals_root.is_some(), fork >= Fork::Canyon, "{fork}");
            assert_eq!(header.blob_gas_used.is_some(), fork >= Fork::Ecotone, "{fork}");
            assert_eq!(header.excess_blob_gas.is_some(), fork >= Fork::Ecotone, "{fork}");
            assert_eq!(header.parent_beacon_block_root.is_some(), fork >= Fork::Ecotone, "{fork}");
            assert_eq!(header.requests_hash.is_some(), fork >= Fork::Isthmus, "{fork}");
            if let Some(root) = header.withdrawals_root {
                assert_eq!(root == passer, fork >= Fork::Isthmus, "{fork}");
                assert_eq!(root == EMPTY_STORAGE_ROOT, fork < Fork::Isthmus, "{fork}");
            }
        }
        let earlier = Genesis { timestamp: 99, ..genesis };
        let forks = Forks::new(activations).expect("ordered");
        assert_eq!(earlier.header(&forks, B256::ZERO, passer).withdrawals_root, None);
    }
}
