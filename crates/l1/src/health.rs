use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rand::Rng;
use tracing::{info, warn};

use crate::{fault::Fault, redacted::Redacted, status::EndpointStatus};

/// First rest after a failure.
const REST_MIN: Duration = Duration::from_millis(250);

/// Longest rest: an endpoint that came back is noticed within this time.
const REST_MAX: Duration = Duration::from_secs(60);

/// Failures in a row that are worth somebody's attention.
const FAILURES_TO_WARN: u32 = 3;

/// Weight of the newest request in the score: half of what is known is forgotten after about six.
const SCORE_WEIGHT: f64 = 0.1;

/// How an endpoint did so far.
pub(crate) struct Health {
    state: Mutex<State>,
}

struct State {
    score: f64,
    in_a_row: u32,
    failures: u64,
    resting_until: Option<Instant>,
    head: Option<u64>,
    last_failure: Option<String>,
}

impl Default for Health {
    fn default() -> Self {
        let state = State {
            score: 1.0,
            in_a_row: 0,
            failures: 0,
            resting_until: None,
            head: None,
            last_failure: None,
        };
        Self { state: Mutex::new(state) }
    }
}

impl Health {
    /// An answer was right.
    pub(crate) fn succeeded(&self, name: &Redacted) {
        let mut state = self.state.lock();
        state.score += (1.0 - state.score) * SCORE_WEIGHT;
        state.resting_until = None;
        if std::mem::take(&mut state.in_a_row) >= FAILURES_TO_WARN {
            info!(endpoint = %name, "l1 endpoint is back");
        }
    }

    /// An answer was wrong, or there was none: the endpoint rests, the longer the more often. Requests
    /// that were under way when the rest began failed with it: they make it no longer.
    pub(crate) fn failed(&self, name: &Redacted, fault: &Fault) {
        metrics::counter!("phala_l1_failures_total", "endpoint" => name.as_str().to_owned(), "kind" => fault.kind())
            .increment(1);
        let now = Instant::now();
        let mut state = self.state.lock();
        state.score -= state.score * SCORE_WEIGHT;
        state.failures += 1;
        let failure = fault.to_string();
        let asked = fault.retry_after().unwrap_or_default().min(REST_MAX);
        match state.resting_until {
            Some(until) if now < until => state.resting_until = Some(until.max(now + asked)),
            _ => {
                state.in_a_row = state.in_a_row.saturating_add(1);
                state.resting_until = Some(now + rest_after(state.in_a_row).max(asked));
                if state.in_a_row == FAILURES_TO_WARN {
                    warn!(endpoint = %name, failure, "l1 endpoint keeps failing");
                }
            }
        }
        state.last_failure = Some(failure);
    }

    /// Time until it may be asked again, zero if now.
    pub(crate) fn rest(&self) -> Duration {
        let until = self.state.lock().resting_until;
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }

    /// Health in quarters, so that small differences do not change the preferred order.
    pub(crate) fn quarter(&self) -> u8 {
        match self.state.lock().score {
            score if score >= 0.75 => 3,
            score if score >= 0.5 => 2,
            score if score >= 0.25 => 1,
            _ => 0,
        }
    }

    /// The endpoint showed a head.
    pub(crate) fn saw_head(&self, number: u64) {
        self.state.lock().head = Some(number);
    }

    /// The head it showed last.
    pub(crate) fn head(&self) -> Option<u64> {
        self.state.lock().head
    }

    pub(crate) fn status(&self, name: &Redacted) -> EndpointStatus {
        let is_resting = !self.rest().is_zero();
        let state = self.state.lock();
        EndpointStatus {
            endpoint: name.to_string(),
            // In 0..=1 by construction.
            health_percent: (state.score * 100.0).round() as u32,
            head: state.head,
            is_resting,
            failures: state.failures,
            last_failure: state.last_failure.clone(),
        }
    }
}

/// Doubles with each failure in a row, and is drawn from the upper half so that several clients do
/// not come back at once.
fn rest_after(in_a_row: u32) -> Duration {
    let doubled = REST_MIN.saturating_mul(1 << in_a_row.saturating_sub(1).min(10)).min(REST_MAX);
    doubled.mul_f64(rand::rng().random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_and_end() {
        for in_a_row in 1..40 {
            let rest = rest_after(in_a_row);
            let full = REST_MIN.saturating_mul(1 << (in_a_row - 1).min(10)).min(REST_MAX);
            assert!(rest >= full / 2 && rest <= full, "{in_a_row}: {rest:?}");
        }
    }

    #[test]
    fn failures_cost_score_and_a_success_ends_the_rest() {
        let url = "http://localhost:1".parse().unwrap();
        let (name, health) = (Redacted::of(&url), Health::default());
        assert!(health.rest().is_zero() && health.quarter() == 3);
        for _ in 0..20 {
            health.failed(&name, &Fault::Timeout(Duration::from_secs(1)));
        }
        assert!(!health.rest().is_zero() && health.quarter() == 0);
        health.succeeded(&name);
        assert!(health.rest().is_zero());
        assert_eq!(health.status(&name).failures, 20);
    }
    #[test]
    fn requests_that_fail_together_are_one_failure() {
        let url = "http://localhost:1".parse().unwrap();
        let (name, health) = (Redacted::of(&url), Health::default());
        for _ in 0..16 {
            health.failed(&name, &Fault::Timeout(Duration::from_secs(10)));
        }
        assert!(health.rest() <= REST_MIN, "{:?}", health.rest());
        let retry_after = Some(Duration::from_secs(30));
        health.failed(&name, &Fault::Status { status: 429, retry_after });
        assert!(health.rest() > Duration::from_secs(29), "the endpoint asked for it");
        assert_eq!(health.status(&name).failures, 17);
    }
}
