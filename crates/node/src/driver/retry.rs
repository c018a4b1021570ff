use std::time::{Duration, Instant};

/// First pause after a failure.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(100);

/// Longest pause between two attempts: an L1 slot or two, so that what comes back is noticed soon.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(20);

/// Pauses that grow as long as something keeps failing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    until: Option<Instant>,
}

impl Backoff {
    /// Notes a failure and returns the pause before the next attempt, `floor` at least.
    pub(crate) fn fail(&mut self, now: Instant, floor: Duration) -> Duration {
        let grown = PAUSE_MIN.saturating_mul(1_u32 << self.failures.min(16)).min(PAUSE_MAX);
        let pause = grown.max(floor);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + pause);
        pause
    }

    /// Notes a success.
    pub(crate) const fn succeed(&mut self) {
        *self = Self { failures: 0, until: None };
    }

    /// Failures since the last success.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    /// The end of the pause, if it is not over.
    pub(crate) fn pause_end(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_end_with_success() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        assert_eq!(backoff.pause_end(now), None);
        let pauses: Vec<u128> =
            (0..10).map(|_| backoff.fail(now, Duration::ZERO).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 20_000, 20_000]);
        assert_eq!(backoff.pause_end(now), Some(now + PAUSE_MAX));
        assert_eq!(backoff.pause_end(now + PAUSE_MAX), None);
        assert_eq!(backoff.failures(), 10);
        backoff.succeed();
        assert_eq!((backoff.failures(), backoff.pause_end(now)), (0, None));
        assert_eq!(backoff.fail(now, Duration::from_secs(60)), Duration::from_secs(60));
    }
}
