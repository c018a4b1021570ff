/// `daFootprintGasScalar` in the L1 attributes when the system configuration has none.
pub const DEFAULT_DA_FOOTPRINT_GAS_SCALAR: u16 = 400;

/// Linear estimate of a transaction's compressed size from its FastLZ length, in millionths of a byte.
const INTERCEPT: u64 = 42_585_600;
const SLOPE: u64 = 836_500;
const MIN_SCALED: u64 = 100_000_000;
const SCALE: u64 = 1_000_000;

/// Estimated compressed size, in bytes, of a transaction whose FastLZ length is `fastlz_len`.
pub const fn da_usage(fastlz_len: u64) -> u64 {
    let scaled = fastlz_len.saturating_mul(SLOPE).saturating_sub(INTERCEPT);
    (if scaled > MIN_SCALED { scaled } else { MIN_SCALED }) / SCALE
}

/// What one transaction adds to a block's DA footprint (Jovian and later; deposits add nothing).
pub const fn da_footprint(fastlz_len: u64, scalar: u16) -> u64 {
    da_usage(fastlz_len).saturating_mul(scalar as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_transactions_count_a_hundred_bytes() {
        assert_eq!(da_usage(0), 100);
        assert_eq!(da_usage(170), 100);
        assert_eq!(da_usage(171), 100);
        assert_eq!(da_usage(172), 101);
        assert_eq!(da_footprint(0, 400), 40_000);
        assert!(da_usage(u64::MAX) > u64::MAX / 2_000_000);
        assert_eq!(da_footprint(u64::MAX, 0), 0);
    }
}
