use crate::DaType;

/// One gwei, in wei.
const GWEI: u128 = 1_000_000_000;

/// Highest tip taken from a suggestion. It is the one price that is paid as offered and that nothing
/// on L1 proves, so an endpoint could ask for the whole balance. Where more is needed, bumps get there.
const SUGGESTED_TIP_MAX: u128 = 50 * GWEI;

/// Most times a transaction is signed again with higher fees; twenty doublings are a million times
/// the first price, so a limit of fees is reached long before.
pub const FEE_VERSIONS_MAX: usize = 20;

/// What L1 charges at the moment, in wei per gas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1Prices {
    /// Base fee of the next block.
    pub base_fee: u128,
    /// Tip that gets a transaction mined soon.
    pub tip: u128,
    /// Base fee of blob gas.
    pub blob_base_fee: u128,
}

/// The fees one transaction offers, in wei per gas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TxFees {
    /// `maxPriorityFeePerGas`.
    pub tip: u128,
    /// `maxFeePerGas`.
    pub fee_cap: u128,
    /// `maxFeePerBlobGas`; zero for a transaction without blobs.
    pub blob_fee_cap: u128,
}

/// How much is offered, and how it grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeePolicy {
    /// Lowest tip offered.
    pub tip_min: u128,
    /// Lowest cap for blob gas, so that a rise in the next blocks does not strand the transaction.
    pub blob_fee_cap_min: u128,
    /// Most times the suggested fee a bump may go to, above the threshold.
    pub limit_factor: u128,
    /// Below this cap no limit applies.
    pub limit_threshold: u128,
}

impl Default for FeePolicy {
    fn default() -> Self {
        Self { tip_min: GWEI, blob_fee_cap_min: GWEI, limit_factor: 5, limit_threshold: 100 * GWEI }
    }
}

/// Why a transaction is not offered at a higher price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} of {wanted} wei would be more than {factor} times the {suggested} wei suggested now"
)]
pub struct FeeLimit {
    /// Which fee.
    pub what: &'static str,
    /// The fee a replacement needs.
    pub wanted: u128,
    /// What L1 charges.
    pub suggested: u128,
    /// The limit.
    pub factor: u128,
}

impl FeePolicy {
    /// Fees of a transaction that replaces nothing.
    pub fn suggested(&self, prices: &L1Prices, da: DaType) -> TxFees {
        let tip = prices.tip.min(SUGGESTED_TIP_MAX).max(self.tip_min);
        let blob_fee_cap = match da {
            DaType::Calldata => 0,
            DaType::Blobs => prices.blob_base_fee.saturating_mul(2).max(self.blob_fee_cap_min),
        };
        TxFees { tip, fee_cap: prices.base_fee.saturating_mul(2).saturating_add(tip), blob_fee_cap }
    }

    /// Fees of a transaction that replaces one with `old` fees: what nodes ask of a replacement, or
    /// what is suggested now, whichever is more.
    pub fn bumped(&self, old: &TxFees, prices: &L1Prices, da: DaType) -> Result<TxFees, FeeLimit> {
        let suggested = self.suggested(prices, da);
        let fees = TxFees {
            tip: suggested.tip.max(replacement(old.tip, da)),
            fee_cap: suggested.fee_cap.max(replacement(old.fee_cap, da)),
            blob_fee_cap: match da {
                DaType::Calldata => 0,
                DaType::Blobs => suggested.blob_fee_cap.max(replacement(old.blob_fee_cap, da)),
            },
        };
        self.check_limit("fee cap", fees.fee_cap, suggested.fee_cap)?;
        self.check_limit("blob fee cap", fees.blob_fee_cap, suggested.blob_fee_cap)?;
        Ok(fees)
    }

    fn check_limit(
        &self,
        what: &'static str,
        wanted: u128,
        suggested: u128,
    ) -> Result<(), FeeLimit> {
        let factor = self.limit_factor;
        if wanted > self.limit_threshold && wanted > suggested.saturating_mul(factor) {
            return Err(FeeLimit { what, wanted, suggested, factor });
        }
        Ok(())
    }
}

/// The least a node accepts instead of `old`: a tenth more, or the double for blob transactions.
const fn replacement(old: u128, da: DaType) -> u128 {
    match da {
        DaType::Calldata => old.saturating_add(old.div_ceil(10)),
        DaType::Blobs => old.saturating_mul(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICES: L1Prices =
        L1Prices { base_fee: 20 * GWEI, tip: 2 * GWEI, blob_base_fee: 3 * GWEI };

    #[test]
    fn suggests_twice_the_base_fee_and_at_least_the_lowest_tip() {
        let policy = FeePolicy::default();
        assert_eq!(
            policy.suggested(&PRICES, DaType::Blobs),
            TxFees { tip: 2 * GWEI, fee_cap: 42 * GWEI, blob_fee_cap: 6 * GWEI }
        );
        let cheap = L1Prices { base_fee: 7, tip: 0, blob_base_fee: 1 };
        assert_eq!(
            policy.suggested(&cheap, DaType::Blobs),
            TxFees { tip: GWEI, fee_cap: GWEI + 14, blob_fee_cap: GWEI }
        );
        assert_eq!(policy.suggested(&cheap, DaType::Calldata).blob_fee_cap, 0);
    }

    #[test]
    fn an_endpoint_cannot_ask_for_any_tip() {
        let prices = L1Prices { tip: 1_000_000 * GWEI, ..PRICES };
        for da in [DaType::Calldata, DaType::Blobs] {
            let fees = FeePolicy::default().suggested(&prices, da);
            assert_eq!(fees.tip, SUGGESTED_TIP_MAX);
            assert_eq!(fees.fee_cap, 2 * PRICES.base_fee + SUGGESTED_TIP_MAX);
        }
        // What the operator asks for counts.
        let policy = FeePolicy { tip_min: 80 * GWEI, ..FeePolicy::default() };
        assert_eq!(policy.suggested(&prices, DaType::Blobs).tip, 80 * GWEI);
        assert_eq!(policy.suggested(&PRICES, DaType::Blobs).tip, 80 * GWEI);
    }

    #[test]
    fn calldata_grows_by_a_tenth_and_blobs_double() {
        let policy = FeePolicy::default();
        let old = TxFees { tip: 5 * GWEI, fee_cap: 50 * GWEI + 1, blob_fee_cap: 0 };
        assert_eq!(
            policy.bumped(&old, &PRICES, DaType::Calldata).expect("below the limit"),
            TxFees { tip: 5_500_000_000, fee_cap: 55 * GWEI + 2, blob_fee_cap: 0 }
        );
        let old = TxFees { tip: 2 * GWEI, fee_cap: 42 * GWEI, blob_fee_cap: 6 * GWEI };
        assert_eq!(
            policy.bumped(&old, &PRICES, DaType::Blobs).expect("below the limit"),
            TxFees { tip: 4 * GWEI, fee_cap: 84 * GWEI, blob_fee_cap: 12 * GWEI }
        );
    }

    #[test]
    fn a_bump_follows_a_market_that_rose_more() {
        let old = TxFees { tip: 1, fee_cap: 2, blob_fee_cap: 3 };
        for da in [DaType::Calldata, DaType::Blobs] {
            let policy = FeePolicy::default();
            assert_eq!(policy.bumped(&old, &PRICES, da), Ok(policy.suggested(&PRICES, da)));
        }
    }

    #[test]
    fn above_the_threshold_five_times_the_suggestion_is_the_end() {
        let policy = FeePolicy::default();
        let suggested = policy.suggested(&PRICES, DaType::Blobs);
        let old = |fee_cap| TxFees { tip: GWEI, fee_cap, blob_fee_cap: 1 };
        let at_limit = suggested.fee_cap * 5 / 2;
        assert!(policy.bumped(&old(at_limit), &PRICES, DaType::Blobs).is_ok());
        let error =
            policy.bumped(&old(at_limit + 1), &PRICES, DaType::Blobs).expect_err("too much");
        assert_eq!((error.what, error.suggested), ("fee cap", suggested.fee_cap));
        // The same factor below the threshold is no reason to stop.
        let cheap = L1Prices { base_fee: 0, tip: 0, blob_base_fee: 0 };
        assert!(policy.bumped(&old(40 * GWEI), &cheap, DaType::Blobs).is_ok());
        assert!(policy.bumped(&old(51 * GWEI), &cheap, DaType::Blobs).is_err());
        let blob = TxFees { tip: GWEI, fee_cap: GWEI, blob_fee_cap: 51 * GWEI };
        let error = policy.bumped(&blob, &cheap, DaType::Blobs).expect_err("too much");
        assert_eq!(error.what, "blob fee cap");
    }

    #[test]
    fn nothing_overflows() {
        let most = u128::MAX;
        let prices = L1Prices { base_fee: most, tip: most, blob_base_fee: most };
        let old = TxFees { tip: most, fee_cap: most, blob_fee_cap: most };
        for da in [DaType::Calldata, DaType::Blobs] {
            assert!(FeePolicy::default().bumped(&old, &prices, da).is_ok());
        }
    }
}
