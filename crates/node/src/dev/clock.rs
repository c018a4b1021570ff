use std::time::Duration;

/// The timestamp of a scheduled block.
///
/// While the chain keeps up, blocks are exactly one block time apart, as derivation would have it.
/// After a pause the chain catches up with the wall clock in one step. Timestamps have whole
/// seconds and must grow, so with blocks faster than one a second chain time runs ahead.
pub(crate) fn scheduled_timestamp(parent: u64, now: u64, block_time: Duration) -> u64 {
    let step = block_time.as_secs().max(1);
    let next = parent + step;
    if now > next + step { now } else { next }
}

/// The timestamp of a block built because a transaction arrived.
pub(crate) const fn on_demand_timestamp(parent: u64, now: u64) -> u64 {
    if now > parent { now } else { parent + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Duration = Duration::from_secs(2);

    #[test]
    fn scheduled_blocks_are_one_block_time_apart() {
        for now in [101, 102, 103, 104] {
            assert_eq!(scheduled_timestamp(100, now, TWO), 102, "{now}");
        }
    }

    #[test]
    fn catches_up_after_a_pause() {
        assert_eq!(scheduled_timestamp(100, 105, TWO), 105);
        assert_eq!(scheduled_timestamp(0, 1_700_000_000, TWO), 1_700_000_000);
    }

    #[test]
    fn time_always_grows() {
        let fast = Duration::from_millis(250);
        assert_eq!(scheduled_timestamp(100, 90, fast), 101);
        assert_eq!(scheduled_timestamp(100, 100, fast), 101);
        assert_eq!(on_demand_timestamp(100, 90), 101);
        assert_eq!(on_demand_timestamp(100, 100), 101);
        assert_eq!(on_demand_timestamp(100, 107), 107);
    }
}
