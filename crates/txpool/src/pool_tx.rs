use std::sync::Arc;

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, U256};
use op_revm::estimate_tx_compressed_size;

use phala_primitives::RecoveredTx;

/// Where a transaction came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Submitted to this node; protected from eviction and kept over a restart.
    Local,
    /// From somewhere else.
    External,
}

/// Memory of one transaction beside its variable parts: envelope, slot, map entries. An estimate,
/// rounded up; limits in bytes exist to bound memory and not to measure it.
const FIXED_BYTES: usize = 1_024;

/// A transaction with everything the pool compares it by, computed once outside the lock.
#[derive(Debug)]
pub(crate) struct PoolTx {
    pub(crate) tx: Arc<RecoveredTx>,
    pub(crate) hash: B256,
    pub(crate) sender: Address,
    pub(crate) nonce: u64,
    pub(crate) gas_limit: u64,
    pub(crate) max_fee: u128,
    pub(crate) tip_cap: u128,
    /// `gas_limit * max_fee + value`; `None` above 2^256, which nobody can pay.
    pub(crate) gas_and_value_max: Option<U256>,
    /// FastLZ estimate of the size on L1, times one million.
    pub(crate) data_size: u64,
    pub(crate) size_bytes: usize,
    /// Accounts that sign authorizations in it (EIP-7702); invalid signatures are left out.
    pub(crate) authorities: Vec<Address>,
}

impl PoolTx {
    /// Measures a transaction. Authorities cost a signature recovery each and are therefore
    /// filled in by [`Self::recover_authorities`] once everything cheaper has passed.
    pub(crate) fn new(tx: Arc<RecoveredTx>) -> Self {
        let inner = tx.tx();
        let max_fee = inner.max_fee_per_gas();
        // 64 + 128 bits cannot overflow.
        let gas_max = U256::from(inner.gas_limit()) * U256::from(max_fee);
        Self {
            hash: tx.hash(),
            sender: tx.sender(),
            nonce: inner.nonce(),
            gas_limit: inner.gas_limit(),
            max_fee,
            tip_cap: inner.max_priority_fee_per_gas().unwrap_or(max_fee),
            gas_and_value_max: gas_max.checked_add(inner.value()),
            data_size: estimate_tx_compressed_size(tx.encoded()),
            size_bytes: size_bytes(&tx),
            authorities: Vec::new(),
            tx,
        }
    }

    pub(crate) fn recover_authorities(&mut self) {
        let list = self.tx.tx().authorization_list().unwrap_or_default();
        self.authorities = list.iter().filter_map(|auth| auth.recover_authority().ok()).collect();
        self.authorities.sort_unstable();
        self.authorities.dedup();
    }

    /// What a block builder earns per gas at this base fee; negative if it may not be included.
    pub(crate) fn effective_tip(&self, base_fee: u64) -> i128 {
        let saturated = |fee: u128| i128::try_from(fee).unwrap_or(i128::MAX);
        (saturated(self.max_fee) - i128::from(base_fee)).min(saturated(self.tip_cap))
    }

    /// Whether this one pays enough more than `old` to take its place.
    ///
    /// Both fees must rise by the bump. A tip of zero stays acceptable, because zero is the usual
    /// tip where blocks are not full and the fee cap rises anyway.
    pub(crate) fn replaces(&self, old: &Self, bump_percent: u64) -> bool {
        let bumped = |fee: u128| U256::from(fee) * U256::from(100 + bump_percent) / U256::from(100);
        self.max_fee > old.max_fee
            && U256::from(self.max_fee) >= bumped(old.max_fee)
            && (old.tip_cap == 0 || self.tip_cap > old.tip_cap)
            && U256::from(self.tip_cap) >= bumped(old.tip_cap)
    }
}

fn size_bytes(tx: &RecoveredTx) -> usize {
    let inner = tx.tx();
    let access_list = inner.access_list().map_or(0, |list| list.size());
    let authorizations = inner.authorization_list().map_or(0, size_of_val);
    FIXED_BYTES + tx.encoded().len() + inner.input().len() + access_list + authorizations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TxSpec;

    fn tx(max_fee: u128, tip: u128) -> PoolTx {
        PoolTx::new(TxSpec { max_fee, tip, ..Default::default() }.build())
    }

    #[test]
    fn effective_tip_is_bounded_by_both_caps() {
        assert_eq!(tx(100, 10).effective_tip(50), 10);
        assert_eq!(tx(100, 10).effective_tip(95), 5);
        assert_eq!(tx(100, 10).effective_tip(100), 0);
        assert_eq!(tx(100, 10).effective_tip(103), -3);
        assert_eq!(tx(u128::MAX, u128::MAX).effective_tip(0), i128::MAX);
        assert_eq!(tx(0, 0).effective_tip(u64::MAX), -i128::from(u64::MAX));
    }

    #[test]
    fn replacement_needs_the_bump_on_both_fees() {
        let old = tx(1_000, 100);
        assert!(tx(1_100, 110).replaces(&old, 10));
        assert!(!tx(1_099, 110).replaces(&old, 10));
        assert!(!tx(1_100, 109).replaces(&old, 10));
        assert!(!tx(1_000, 110).replaces(&old, 10));
    }

    #[test]
    fn replacement_of_tiny_fees_must_still_rise() {
        assert!(!tx(5, 5).replaces(&tx(5, 5), 10));
        assert!(!tx(6, 5).replaces(&tx(5, 5), 10));
        assert!(tx(6, 6).replaces(&tx(5, 5), 10));
        assert!(tx(6, 0).replaces(&tx(5, 0), 10));
        assert!(!tx(6, 0).replaces(&tx(5, 1), 10));
    }

    #[test]
    fn replacement_of_the_largest_fees_does_not_overflow() {
        assert!(!tx(u128::MAX, u128::MAX).replaces(&tx(u128::MAX, u128::MAX), 10));
        assert!(!tx(u128::MAX, u128::MAX).replaces(&tx(u128::MAX - 1, 1), 10));
    }

    #[test]
    fn a_cost_above_the_number_range_is_noticed() {
        let fine = TxSpec { value: U256::from(5), ..Default::default() };
        assert!(PoolTx::new(fine.build()).gas_and_value_max.is_some());
        let huge = TxSpec { value: U256::MAX, ..Default::default() };
        assert_eq!(PoolTx::new(huge.build()).gas_and_value_max, None);
    }
}
