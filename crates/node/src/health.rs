use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use phala_primitives::BlockRef;
use serde::Serialize;

/// What is wrong, or not yet right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Not all services are up yet.
    Starting,
    /// The process is on its way out.
    ShuttingDown,
    /// The disk refused a read or a write; only a restart after repair helps.
    DiskError,
    /// Too little space left to take blocks.
    DiskFull,
    /// Blocks come faster than the disk takes them.
    DiskStall,
    /// The head is older than block production should leave it.
    HeadTooOld,
    /// Blocks cannot be produced.
    ProductionFailing,
    /// Blocks would be produced, but something is in the way.
    SequencerPaused,
    /// L1 has not been read to its end yet.
    Syncing,
    /// L1 does not tell its head.
    L1Unreachable,
    /// L1 does not give blocks or blobs that derivation needs.
    L1DataMissing,
    /// Derivation fails and is tried again.
    DerivationFailing,
    /// Derivation stopped; somebody has to look.
    DerivationHalted,
}

impl Cause {
    /// Whether a restart, or a human, is needed; such a cause fails `/healthz` as well.
    const fn is_fatal(self) -> bool {
        matches!(self, Self::DiskError)
    }
}

/// The state of the process, as the health server tells it.
#[derive(Debug)]
pub struct Health {
    /// Age of the head from which on it is too old; `None` where blocks come from elsewhere.
    head_age_secs_max: Option<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    head: Option<(BlockRef, u64)>,
    causes: BTreeMap<Cause, String>,
}

/// An answer of the health server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    /// Whether all is well, as far as the question goes.
    pub ok: bool,
    /// What is not.
    pub causes: Vec<CauseReport>,
    /// The newest block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadReport>,
}

/// One cause, with the values needed to act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CauseReport {
    /// Which.
    pub cause: Cause,
    /// With which values.
    pub detail: String,
}

/// The newest block and its age by the wall clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeadReport {
    /// Height and hash.
    #[serde(flatten)]
    pub block: BlockRef,
    /// Its timestamp.
    pub timestamp: u64,
    /// Seconds since then; 0 for a timestamp ahead of the clock.
    pub age_secs: u64,
}

impl Health {
    /// A process that is starting.
    pub fn new(head_age_secs_max: Option<u64>) -> Self {
        let causes = BTreeMap::from([(Cause::Starting, "services are not up yet".to_owned())]);
        Self { head_age_secs_max, state: Mutex::new(State { head: None, causes }) }
    }

    /// Notes a cause with its values, or takes it back.
    pub fn set(&self, cause: Cause, detail: Option<String>) {
        match detail {
            Some(detail) => self.raise(cause, detail),
            None => self.clear(cause),
        }
    }

    /// Notes a cause, or its current values.
    pub fn raise(&self, cause: Cause, detail: impl Into<String>) {
        self.state.lock().causes.insert(cause, detail.into());
    }

    /// Takes a cause back.
    pub fn clear(&self, cause: Cause) {
        self.state.lock().causes.remove(&cause);
    }

    /// Notes the newest block.
    pub fn set_head(&self, block: BlockRef, timestamp: u64) {
        self.state.lock().head = Some((block, timestamp));
    }

    /// Whether the process should be left running: the answer of `/healthz`.
    pub fn liveness(&self) -> HealthReport {
        self.report(Cause::is_fatal)
    }

    /// Whether clients should be sent here: the answer of `/readyz`.
    pub fn readiness(&self) -> HealthReport {
        self.report(|_| true)
    }

    fn report(&self, counts: impl Fn(Cause) -> bool) -> HealthReport {
        let state = self.state.lock();
        let head = state.head.map(|(block, timestamp)| HeadReport {
            block,
            timestamp,
            age_secs: unix_now_secs().saturating_sub(timestamp),
        });
        let mut causes: Vec<CauseReport> = state
            .causes
            .iter()
            .filter(|(cause, _)| counts(**cause))
            .map(|(cause, detail)| CauseReport { cause: *cause, detail: detail.clone() })
            .collect();
        if let (Some(max), Some(head)) = (self.head_age_secs_max, &head)
            && head.age_secs > max
            && counts(Cause::HeadTooOld)
        {
            causes.push(CauseReport {
                cause: Cause::HeadTooOld,
                detail: format!("head is {} s old, more than {max} s", head.age_secs),
            });
        }
        HealthReport { ok: causes.is_empty(), causes, head }
    }
}

/// Seconds since 1970 by the wall clock.
pub(crate) fn unix_now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_ready_only_without_causes() {
        let health = Health::new(None);
        assert!(!health.readiness().ok, "starting");
        assert!(health.liveness().ok, "starting is alive");
        health.clear(Cause::Starting);
        assert!(health.readiness().ok);
        health.raise(Cause::DiskFull, "1 bytes free, 2 needed");
        let report = health.readiness();
        assert_eq!(report.causes[0].cause, Cause::DiskFull);
        assert!(health.liveness().ok, "a full disk needs no restart");
        health.clear(Cause::DiskFull);
        health.raise(Cause::DiskError, "i/o error");
        assert!(!health.liveness().ok);
        assert!(!health.readiness().ok);
    }

    #[test]
    fn tells_the_age_of_the_head() {
        let health = Health::new(Some(10));
        health.clear(Cause::Starting);
        let block = BlockRef { number: 7, ..Default::default() };
        health.set_head(block, unix_now_secs());
        assert!(health.readiness().ok);
        health.set_head(block, unix_now_secs() - 60);
        let report = health.readiness();
        assert_eq!(report.causes[0].cause, Cause::HeadTooOld);
        assert!(report.head.expect("head").age_secs >= 60);
        assert!(health.liveness().ok);
    }

    #[test]
    fn answers_as_json_with_causes() {
        let health = Health::new(None);
        health.set_head(BlockRef::default(), 0);
        let json = serde_json::to_value(health.readiness()).expect("json");
        assert_eq!(json["ok"], false);
        assert_eq!(json["causes"][0]["cause"], "starting");
        assert_eq!(json["head"]["number"], 0);
    }
}
