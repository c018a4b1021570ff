use alloy_primitives::{B256, U256, keccak256};
use phala_chainspec::{L1Attributes, SystemConfig};

/// Seconds between two blocks of the pretended L1, as on Ethereum.
const L1_BLOCK_SECS: u64 = 12;

/// Base fee of every pretended L1 block: 1 gwei.
const L1_BASE_FEE_WEI: u64 = 1_000_000_000;

/// Blob base fee of every pretended L1 block: the lowest there is.
const L1_BLOB_BASE_FEE_WEI: u64 = 1;

/// An L1 that exists only in its attributes.
///
/// Everything about it follows from L2 time, so a chain started twice, or replayed elsewhere,
/// names the same origins.
#[derive(Clone, Debug)]
pub struct PseudoL1 {
    genesis_timestamp: u64,
    system: SystemConfig,
    charges_fees: bool,
}

impl PseudoL1 {
    /// The L1 of a chain that starts at `genesis_timestamp`.
    pub const fn new(genesis_timestamp: u64, system: SystemConfig) -> Self {
        Self { genesis_timestamp, system, charges_fees: true }
    }

    /// The same L1, whose data costs nothing.
    pub const fn without_fees(self) -> Self {
        Self { charges_fees: false, ..self }
    }

    /// What an L2 block says about its L1 origin. `parent` is what its parent said; the genesis
    /// block says nothing.
    pub fn attributes(&self, timestamp: u64, parent: Option<&L1Attributes>) -> L1Attributes {
        let number = timestamp.saturating_sub(self.genesis_timestamp) / L1_BLOCK_SECS;
        let sequence_number = match parent {
            Some(parent) if parent.number == number => parent.sequence_number + 1,
            _ => 0,
        };
        let origin = L1Attributes {
            number,
            timestamp: self.genesis_timestamp + number * L1_BLOCK_SECS,
            base_fee: U256::from(L1_BASE_FEE_WEI),
            blob_base_fee: U256::from(L1_BLOB_BASE_FEE_WEI),
            hash: labelled(b"pseudo l1 block", number),
            sequence_number,
            batcher_hash: self.system.batcher_address.into_word(),
            ..L1Attributes::default()
        };
        if !self.charges_fees {
            return origin;
        }
        L1Attributes {
            base_fee_scalar: self.system.base_fee_scalar,
            blob_base_fee_scalar: self.system.blob_base_fee_scalar,
            operator_fee_scalar: self.system.operator_fee_scalar,
            operator_fee_constant: self.system.operator_fee_constant,
            da_footprint_gas_scalar: self.system.effective_da_footprint_gas_scalar(),
            ..origin
        }
    }

    /// The randomness of an L1 block. Anybody can compute it: a development chain has none.
    pub fn prev_randao(&self, number: u64) -> B256 {
        labelled(b"pseudo l1 randao", number)
    }

    /// The beacon root an L1 block carries.
    pub fn parent_beacon_block_root(&self, number: u64) -> B256 {
        labelled(b"pseudo l1 beacon root", number)
    }
}

fn labelled(label: &[u8], number: u64) -> B256 {
    let mut text = label.to_vec();
    text.extend_from_slice(&number.to_be_bytes());
    keccak256(text)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;

    fn l1() -> PseudoL1 {
        PseudoL1::new(
            1_000,
            SystemConfig {
                batcher_address: Address::repeat_byte(1),
                base_fee_scalar: 2,
                blob_base_fee_scalar: 3,
                gas_limit: 60_000_000,
                eip1559_denominator: 0,
                eip1559_elasticity: 0,
                operator_fee_scalar: 4,
                operator_fee_constant: 5,
                min_base_fee: 0,
                da_footprint_gas_scalar: 0,
            },
        )
    }

    #[test]
    fn advances_every_twelve_seconds_and_counts_blocks_of_an_origin() {
        let l1 = l1();
        let mut parent = None;
        let mut seen = Vec::new();
        for timestamp in (1_002..1_030).step_by(2) {
            let attributes = l1.attributes(timestamp, parent.as_ref());
            assert!(attributes.timestamp <= timestamp);
            seen.push((attributes.number, attributes.sequence_number));
            parent = Some(attributes);
        }
        let expected = [
            (0, 0),
            (0, 1),
            (0, 2),
            (0, 3),
            (0, 4),
            (1, 0),
            (1, 1),
            (1, 2),
            (1, 3),
            (1, 4),
            (1, 5),
            (2, 0),
            (2, 1),
            (2, 2),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn fees_can_be_left_out() {
        let attributes = l1().without_fees().attributes(5_000, None);
        let with_fees = l1().attributes(5_000, None);
        assert_eq!((attributes.base_fee_scalar, attributes.da_footprint_gas_scalar), (0, 0));
        assert_eq!((with_fees.base_fee_scalar, with_fees.operator_fee_constant), (2, 5));
        assert_eq!((attributes.hash, attributes.number), (with_fees.hash, with_fees.number));
    }

    #[test]
    fn follows_from_time_alone() {
        let attributes = l1().attributes(5_000, None);
        assert_eq!(attributes, l1().attributes(5_000, None));
        assert_ne!(attributes.hash, l1().attributes(5_012, None).hash);
        assert_eq!(attributes.da_footprint_gas_scalar, 400, "0 stands for 400");
        assert_ne!(l1().prev_randao(1), l1().parent_beacon_block_root(1));
    }
}
