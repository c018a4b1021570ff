use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the pressure on the sequencer follows the bytes L1 has not taken yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThrottleKind {
    /// All or nothing.
    Step,
    /// In proportion.
    Linear,
    /// Gently first.
    #[default]
    Quadratic,
    /// By a controller with memory.
    Pid,
}

/// Gains of the controller with memory.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PidGains {
    /// Of the error.
    pub kp: f64,
    /// Of its sum over time.
    pub ki: f64,
    /// Of its change.
    pub kd: f64,
    /// Bound of the sum.
    pub integral_max: f64,
}

impl Default for PidGains {
    fn default() -> Self {
        Self { kp: 0.33, ki: 0.01, kd: 0.05, integral_max: 1_000.0 }
    }
}

/// When the sequencer is throttled and how much.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThrottlePolicy {
    /// Which controller.
    pub kind: ThrottleKind,
    /// Bytes up to which the sequencer is left alone; 0 switches throttling off.
    pub lower_threshold: u64,
    /// Bytes from which it is held back as much as possible.
    pub upper_threshold: u64,
    /// Compressed bytes of a block while it is left alone.
    pub block_upper: u64,
    /// Compressed bytes of a block at most pressure.
    pub block_lower: u64,
    /// Compressed bytes of a transaction when throttling begins; 0 never limits transactions.
    pub tx_upper: u64,
    /// Compressed bytes of a transaction at most pressure.
    pub tx_lower: u64,
    /// For the controller with memory.
    pub pid: PidGains,
}

impl ThrottlePolicy {
    /// The usual policy with another lower threshold.
    pub fn with_lower_threshold(lower_threshold: u64) -> Self {
        Self {
            lower_threshold,
            upper_threshold: lower_threshold.saturating_mul(5),
            ..Self::default()
        }
    }
}

impl Default for ThrottlePolicy {
    fn default() -> Self {
        Self {
            kind: ThrottleKind::Quadratic,
            lower_threshold: 1_600_000,
            upper_threshold: 8_000_000,
            block_upper: 130_000,
            block_lower: 4_000,
            tx_upper: 10_000,
            tx_lower: 150,
            pid: PidGains::default(),
        }
    }
}

/// What the sequencer is told with `miner_setMaxDASize`; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DaLimits {
    /// Compressed bytes of one transaction.
    pub tx_bytes: u64,
    /// Compressed bytes of one block.
    pub block_bytes: u64,
}

/// Decides how much the sequencer may put into blocks. No I/O, no clock.
#[derive(Clone, Debug)]
pub struct Throttle {
    policy: ThrottlePolicy,
    load: u64,
    intensity: f64,
    integral: f64,
    error_before: f64,
}

impl Throttle {
    /// A controller without memory yet.
    pub const fn new(policy: ThrottlePolicy) -> Self {
        Self { policy, load: 0, intensity: 0.0, integral: 0.0, error_before: 0.0 }
    }

    /// How it decides.
    pub const fn policy(&self) -> &ThrottlePolicy {
        &self.policy
    }

    /// Bytes it saw last.
    pub const fn load(&self) -> u64 {
        self.load
    }

    /// From 0, the sequencer is left alone, to 1.
    pub const fn intensity(&self) -> f64 {
        self.intensity
    }

    /// Decides for so many pending bytes, `elapsed` after the last time.
    pub fn update(&mut self, load: u64, elapsed: Duration) -> DaLimits {
        self.load = load;
        self.intensity = self.next_intensity(load, elapsed);
        self.limits()
    }

    /// What the sequencer is told now.
    ///
    /// A transaction is not limited at all until there is pressure: a sequencer that always refused
    /// large ones would never take an attestation.
    pub fn limits(&self) -> DaLimits {
        let policy = &self.policy;
        if policy.lower_threshold == 0 {
            return DaLimits::default();
        }
        let limits_tx = self.intensity > 0.0 && policy.tx_upper > 0;
        DaLimits {
            tx_bytes: if limits_tx { self.between(policy.tx_upper, policy.tx_lower) } else { 0 },
            block_bytes: self.between(policy.block_upper, policy.block_lower),
        }
    }

    fn between(&self, upper: u64, lower: u64) -> u64 {
        let span = upper.saturating_sub(lower) as f64;
        // At most `upper`, which came from 64 bits; limits are far from where floats lose units.
        upper - ((span * self.intensity) as u64).min(upper.saturating_sub(lower))
    }

    fn next_intensity(&mut self, load: u64, elapsed: Duration) -> f64 {
        let policy = self.policy;
        if policy.lower_threshold == 0 {
            return 0.0;
        }
        let span = policy.upper_threshold.saturating_sub(policy.lower_threshold).max(1) as f64;
        let excess = load.saturating_sub(policy.lower_threshold) as f64 / span;
        match policy.kind {
            ThrottleKind::Step => f64::from(u8::from(load > policy.lower_threshold)),
            ThrottleKind::Linear => excess.min(1.0),
            ThrottleKind::Quadratic => excess.min(1.0).powi(2),
            ThrottleKind::Pid => self.pid(load, elapsed),
        }
    }

    fn pid(&mut self, load: u64, elapsed: Duration) -> f64 {
        let PidGains { kp, ki, kd, integral_max } = self.policy.pid;
        let target = self.policy.lower_threshold as f64;
        let error = (load as f64 - target) / target;
        let seconds = elapsed.as_secs_f64();
        self.integral = (self.integral + error * seconds).clamp(0.0, integral_max.max(0.0));
        let change = if seconds > 0.0 { (error - self.error_before) / seconds } else { 0.0 };
        self.error_before = error;
        let output = kp * error + ki * self.integral + kd * change;
        if output.is_finite() { output.clamp(0.0, 1.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const L: u64 = 1_600_000;
    const TICK: Duration = Duration::from_secs(2);

    fn limits(kind: ThrottleKind, load: u64) -> (u64, u64) {
        let policy = ThrottlePolicy { kind, ..ThrottlePolicy::default() };
        let limits = Throttle::new(policy).update(load, TICK);
        (limits.tx_bytes, limits.block_bytes)
    }

    #[test]
    fn below_the_threshold_blocks_have_the_upper_limit_and_transactions_none() {
        for kind in [ThrottleKind::Step, ThrottleKind::Linear, ThrottleKind::Quadratic] {
            for load in [0, 1, L - 1, L] {
                assert_eq!(limits(kind, load), (0, 130_000), "{kind:?} at {load}");
            }
        }
    }

    #[test]
    fn quadratic_numbers_at_the_quarters_and_the_end() {
        let at = |load| limits(ThrottleKind::Quadratic, load);
        // A quarter of the way from L to 5L is a sixteenth of the pressure, and so on.
        assert_eq!(at(2 * L), (10_000 - 615, 130_000 - 7_875));
        assert_eq!(at(3 * L), (10_000 - 2_462, 130_000 - 31_500));
        assert_eq!(at(4 * L), (10_000 - 5_540, 130_000 - 70_875));
        for load in [5 * L, 6 * L, u64::MAX] {
            assert_eq!(at(load), (150, 4_000));
        }
        // A byte above the threshold begins to limit transactions.
        assert_eq!(at(L + 1), (10_000, 130_000));
    }

    #[test]
    fn linear_and_step_numbers() {
        assert_eq!(limits(ThrottleKind::Linear, 3 * L), (10_000 - 4_925, 130_000 - 63_000));
        assert_eq!(limits(ThrottleKind::Linear, 5 * L), (150, 4_000));
        assert_eq!(limits(ThrottleKind::Step, L + 1), (150, 4_000));
    }

    #[test]
    fn without_an_upper_limit_transactions_are_never_limited() {
        let policy = ThrottlePolicy { tx_upper: 0, ..ThrottlePolicy::default() };
        let limits = Throttle::new(policy).update(9 * L, TICK);
        assert_eq!((limits.tx_bytes, limits.block_bytes), (0, 4_000));
    }

    #[test]
    fn a_threshold_of_zero_switches_everything_off() {
        let mut throttle = Throttle::new(ThrottlePolicy::with_lower_threshold(0));
        assert_eq!(throttle.update(u64::MAX, TICK), DaLimits::default());
        assert_eq!(throttle.intensity(), 0.0);
    }

    #[test]
    fn the_controller_with_memory_rises_with_time_and_falls_again() {
        let policy = ThrottlePolicy { kind: ThrottleKind::Pid, ..ThrottlePolicy::default() };
        let mut throttle = Throttle::new(policy);
        throttle.update(2 * L, TICK);
        let first = throttle.intensity();
        for _ in 0..10 {
            throttle.update(2 * L, TICK);
        }
        assert!(throttle.intensity() > first, "{first} {}", throttle.intensity());
        assert!(throttle.intensity() < 1.0);
        for _ in 0..100 {
            throttle.update(0, TICK);
        }
        assert_eq!(throttle.intensity(), 0.0);
        throttle.update(100 * L, TICK);
        assert_eq!(throttle.limits(), DaLimits { tx_bytes: 150, block_bytes: 4_000 });
        throttle.update(100 * L, Duration::ZERO);
        assert!(throttle.intensity().is_finite());
    }

    #[test]
    fn senseless_policies_do_not_panic() {
        let policy = ThrottlePolicy {
            upper_threshold: 0,
            block_upper: 10,
            block_lower: 20,
            tx_upper: 5,
            tx_lower: 9,
            ..ThrottlePolicy::default()
        };
        for kind in
            [ThrottleKind::Step, ThrottleKind::Linear, ThrottleKind::Quadratic, ThrottleKind::Pid]
        {
            let limits = Throttle::new(ThrottlePolicy { kind, ..policy }).update(9 * L, TICK);
            assert_eq!((limits.tx_bytes, limits.block_bytes), (5, 10));
        }
    }
}
