use alloy_eips::eip4844::fake_exponential;
use serde::{Deserialize, Serialize};

/// What this node must know of the L1 chain's own configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L1Config {
    /// Blob fee parameters by activation time, in order, including blob-parameter-only forks.
    #[serde(default)]
    pub blob_schedule: Vec<BlobScheduleEntry>,
}

/// Blob fee parameters of L1 from one time on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobScheduleEntry {
    /// Name of the L1 fork.
    pub name: String,
    /// L1 timestamp from which the entry holds.
    pub time: u64,
    /// `baseFeeUpdateFraction` of EIP-4844 and EIP-7892.
    pub base_fee_update_fraction: u64,
}

/// Blob base fee of an L1 block, in wei, as the L1 attributes carry it.
///
/// A header without `excessBlobGas`, or from before the schedule, has the minimum fee of 1.
pub fn blob_base_fee(config: &L1Config, timestamp: u64, excess_blob_gas: Option<u64>) -> u128 {
    const MIN_BLOB_BASE_FEE: u128 = 1;
    let Some(excess) = excess_blob_gas else {
        return MIN_BLOB_BASE_FEE;
    };
    config
        .blob_schedule
        .iter()
        .rev()
        .find(|entry| entry.time <= timestamp && entry.base_fee_update_fraction != 0)
        .map_or(MIN_BLOB_BASE_FEE, |entry| {
            let fraction = u128::from(entry.base_fee_update_fraction);
            fake_exponential(MIN_BLOB_BASE_FEE, u128::from(excess), fraction)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChainSpec;

    #[test]
    fn the_entry_in_force_at_the_l1_time_decides() {
        let entry = |time, base_fee_update_fraction| BlobScheduleEntry {
            name: String::new(),
            time,
            base_fee_update_fraction,
        };
        let config = L1Config { blob_schedule: vec![entry(10, 3_338_477), entry(20, 5_007_716)] };
        let fee = |time, excess| blob_base_fee(&config, time, Some(excess));
        assert_eq!(fee(9, 100_000_000), 1);
        // e^29.95 and e^19.97.
        assert_eq!(fee(10, 100_000_000), fee(19, 100_000_000));
        assert_eq!(fee(19, 100_000_000), 10_203_769_476_395);
        assert_eq!(fee(20, 100_000_000), fee(u64::MAX, 100_000_000));
        assert!(fee(20, 100_000_000) < 500_000_000);
        assert_eq!(fee(20, 0), 1);
        assert_eq!(blob_base_fee(&config, 20, None), 1);
        // No L1 can get there, and no panic either.
        assert_eq!(fee(20, u64::MAX), u128::MAX);
    }

    #[test]
    fn built_in_networks_have_the_fractions_of_their_l1() {
        for name in ["testnet", "mainnet"] {
            let spec = ChainSpec::load(name).expect("built in");
            let fractions: Vec<_> = spec
                .l1
                .blob_schedule
                .iter()
                .map(|entry| (entry.name.as_str(), entry.base_fee_update_fraction))
                .collect();
            assert_eq!(
                fractions,
                [
                    ("cancun", 3_338_477),
                    ("prague", 5_007_716),
                    ("osaka", 5_007_716),
                    ("bpo1", 8_346_193),
                    ("bpo2", 11_684_671)
                ]
            );
        }
    }
}
