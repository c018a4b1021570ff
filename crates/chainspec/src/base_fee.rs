use std::cmp::Ordering;

use phala_primitives::Header;
use serde::{Deserialize, Serialize};

use crate::{ChainSpec, ExtraData, Fork, HeaderError};

/// The chain's EIP-1559 constants: what holds before Holocene, and what `eip1559Params` of zero mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseFeeParams {
    /// The gas target is the gas limit divided by this.
    pub elasticity: u32,
    /// The base fee changes by at most one part in this many, before Canyon.
    pub denominator: u32,
    /// The same from Canyon on.
    pub denominator_canyon: u32,
}

/// Base fee of the block after `parent`, by the parameters in the parent's extra data.
pub fn next_base_fee(spec: &ChainSpec, parent: &Header) -> Result<u64, HeaderError> {
    next_base_fee_at(spec, parent, parent.timestamp.saturating_add(spec.block_time_secs))
}

/// [`next_base_fee`] for a block of a given timestamp, which only matters to a parent from before
/// Holocene: the denominator is then the one of the fork active at `timestamp`.
pub fn next_base_fee_at(
    spec: &ChainSpec,
    parent: &Header,
    timestamp: u64,
) -> Result<u64, HeaderError> {
    let missing = |field| HeaderError::Missing { field, timestamp: parent.timestamp };
    let base_fee = parent.base_fee_per_gas.ok_or_else(|| missing("baseFeePerGas"))?;
    let extra = ExtraData::decode_at(&spec.forks, parent.timestamp, &parent.extra_data)?;
    let params = extra.unwrap_or_else(|| ExtraData {
        denominator: if spec.forks.is_active(Fork::Canyon, timestamp) {
            spec.fees.denominator_canyon
        } else {
            spec.fees.denominator
        },
        elasticity: spec.fees.elasticity,
        min_base_fee: None,
    });
    let gas_metered = if spec.forks.is_active(Fork::Jovian, parent.timestamp) {
        parent.gas_used.max(parent.blob_gas_used.ok_or_else(|| missing("blobGasUsed"))?)
    } else {
        parent.gas_used
    };
    let next = adjusted(base_fee, gas_metered, parent.gas_limit, &params)
        .ok_or(HeaderError::BaseFeeOverflow { parent: parent.number })?;
    Ok(next.max(params.min_base_fee.unwrap_or(0)))
}

/// The EIP-1559 step, with the two divisions in the order the specification gives them.
fn adjusted(base_fee: u64, gas_metered: u64, gas_limit: u64, params: &ExtraData) -> Option<u64> {
    // A target of zero (gas limit below the elasticity) has no step; other clients keep the fee too.
    let target = gas_limit.checked_div(u64::from(params.elasticity)).filter(|t| *t != 0);
    let Some(target) = target else {
        return Some(base_fee);
    };
    let step = |distance: u64| {
        let scaled = u128::from(base_fee) * u128::from(distance) / u128::from(target);
        scaled.checked_div(u128::from(params.denominator))
    };
    match gas_metered.cmp(&target) {
        Ordering::Equal => Some(base_fee),
        Ordering::Greater => {
            let rise = step(gas_metered - target)?.max(1);
            base_fee.checked_add(u64::try_from(rise).ok()?)
        }
        Ordering::Less => {
            // Below the target the step is at most the fee itself.
            let fall = u64::try_from(step(target - gas_metered)?).unwrap_or(u64::MAX);
            Some(base_fee.saturating_sub(fall))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Forks, Profile};

    fn parent(spec: &ChainSpec, base_fee: u64, gas_used: u64) -> Header {
        Header {
            base_fee_per_gas: Some(base_fee),
            gas_used,
            gas_limit: 60_000_000,
            blob_gas_used: Some(0),
            extra_data: spec.genesis.extra_data.clone(),
            ..Default::default()
        }
    }

    #[test]
    fn da_footprint_counts_like_gas_from_jovian_on() {
        let karst = ChainSpec::dev();
        let isthmus = karst.clone().with_profile(Profile::Isthmus);
        let mut karst_parent = parent(&karst, 1_000_000_000, 0);
        karst_parent.blob_gas_used = Some(60_000_000);
        assert_eq!(next_base_fee(&karst, &karst_parent), Ok(1_020_000_000));
        let mut isthmus_parent = parent(&isthmus, 1_000_000_000, 0);
        isthmus_parent.blob_gas_used = Some(60_000_000);
        assert_eq!(next_base_fee(&isthmus, &isthmus_parent), Ok(996_000_000));
        karst_parent.blob_gas_used = None;
        assert!(matches!(
            next_base_fee(&karst, &karst_parent),
            Err(HeaderError::Missing { field: "blobGasUsed", .. })
        ));
    }

    #[test]
    fn before_holocene_the_chains_constants_hold() {
        let mut spec = ChainSpec::dev();
        spec.forks = Forks::new([(Fork::Regolith, 0), (Fork::Canyon, 100)]).expect("ordered");
        let mut header = parent(&spec, 1_000_000_000, 60_000_000);
        header.timestamp = 90;
        assert_eq!(next_base_fee(&spec, &header), Ok(1_100_000_000));
        header.timestamp = 98;
        assert_eq!(next_base_fee(&spec, &header), Ok(1_020_000_000));
        assert_eq!(next_base_fee_at(&spec, &header, 99), Ok(1_100_000_000));
    }

    #[test]
    fn extreme_parents_give_an_error_or_a_fee_but_no_panic() {
        let spec = ChainSpec::dev();
        let mut header = parent(&spec, u64::MAX, 60_000_000);
        header.number = 9;
        assert_eq!(next_base_fee(&spec, &header), Err(HeaderError::BaseFeeOverflow { parent: 9 }));
        header.gas_used = u64::MAX;
        assert!(next_base_fee(&spec, &header).is_err());
        header.gas_used = 0;
        assert!(next_base_fee(&spec, &header).is_ok());
        for gas_limit in [0, 5] {
            header.gas_limit = gas_limit;
            assert_eq!(next_base_fee(&spec, &header), Ok(u64::MAX));
        }
        header.base_fee_per_gas = None;
        assert!(next_base_fee(&spec, &header).is_err());
    }
}
