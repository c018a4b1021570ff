use std::{
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use tracing::warn;

use crate::L1Error;

/// Seconds of a day.
const DAY_SECS: u64 = 86_400;

/// Requests that are written as used before they are made, so that a kill never makes the next
/// process believe in fewer than there were, and the file is not written for each.
const RESERVE: u64 = 64;

/// Pause between polls of the head once the budget is used up: 1,440 more requests a day at most.
const EXHAUSTED_POLL: Duration = Duration::from_secs(60);

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reading.
    Read,
    /// Reading the head; goes on slowly without a budget, so that the node knows how far behind it is.
    Head,
    /// Sending a transaction; never held back, as not sending costs more than any provider.
    Send,
}

/// Counts the requests of a day (UTC) and ends them at a maximum. Survives restarts.
pub(crate) struct Budget {
    max: Option<u64>,
    file: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    day: u64,
    used: u64,
    reserved: u64,
    warned: bool,
    polled_at: u64,
}

impl Budget {
    pub(crate) fn new(max: Option<u64>, file: Option<PathBuf>) -> Self {
        let stored = file.as_ref().and_then(|file| read(&std::fs::read_to_string(file).ok()?));
        let (day, used) = stored.unwrap_or_default();
        let state = State { day, used, reserved: used, ..State::default() };
        Self { max, file, state: Mutex::new(state) }
    }

    pub(crate) const fn max(&self) -> Option<u64> {
        self.max
    }

    pub(crate) fn used_today(&self) -> u64 {
        let state = self.state.lock();
        if state.day == now_secs() / DAY_SECS { state.used } else { 0 }
    }

    /// Counts requests that are about to be made, or says why they must not be.
    pub(crate) fn charge(&self, requests: u64, purpose: Purpose) -> Result<(), L1Error> {
        self.charge_at(requests, purpose, now_secs())
    }

    fn charge_at(&self, requests: u64, purpose: Purpose, now: u64) -> Result<(), L1Error> {
        let mut state = self.state.lock();
        if state.day != now / DAY_SECS {
            *state = State { day: now / DAY_SECS, ..State::default() };
        }
        if let Some(max) = self.max
            && state.used.saturating_add(requests) > max
            && !may_exceed(&mut state, purpose, now)
        {
            let resets_in = Duration::from_secs(DAY_SECS - now % DAY_SECS);
            if !std::mem::replace(&mut state.warned, true) {
                let resets_in_secs = resets_in.as_secs();
                warn!(max, resets_in_secs, "l1 request budget of the day is used up");
            }
            return Err(L1Error::BudgetExhausted { used: state.used, max, resets_in });
        }
        state.used = state.used.saturating_add(requests);
        if state.used > state.reserved {
            state.reserved = state.used.saturating_add(RESERVE);
            self.write(state.day, state.reserved);
        }
        Ok(())
    }

    fn write(&self, day: u64, used: u64) {
        let Some(file) = &self.file else { return };
        let temporary = file.with_extension("tmp");
        let written = std::fs::write(&temporary, line(day, used))
            .and_then(|()| std::fs::rename(&temporary, file));
        if let Err(error) = written {
            warn!(%error, "could not write the l1 request counter");
        }
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        let State { day, used, .. } = *self.state.lock();
        if used > 0 {
            self.write(day, used);
        }
    }
}

fn may_exceed(state: &mut State, purpose: Purpose, now: u64) -> bool {
    match purpose {
        Purpose::Send => true,
        Purpose::Head if now >= state.polled_at + EXHAUSTED_POLL.as_secs() => {
            state.polled_at = now;
            true
        }
        Purpose::Head | Purpose::Read => false,
    }
}

fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn line(day: u64, used: u64) -> String {
    let content = format!("{day} {used}");
    format!("{content} {:08x}\n", crc32fast::hash(content.as_bytes()))
}

fn read(text: &str) -> Option<(u64, u64)> {
    let mut words = text.split_whitespace();
    let day = words.next()?.parse().ok()?;
    let used = words.next()?.parse().ok()?;
    (text == line(day, used)).then_some((day, used))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = DAY_SECS * 20_000 + DAY_SECS / 2;

    #[test]
    fn ends_at_the_maximum_and_starts_again_at_midnight() {
        let budget = Budget::new(Some(10), None);
        for _ in 0..10 {
            budget.charge_at(1, Purpose::Read, NOON).unwrap();
        }
        let error = budget.charge_at(1, Purpose::Read, NOON).unwrap_err();
        let L1Error::BudgetExhausted { used: 10, max: 10, resets_in } = error else {
            panic!("{error}");
        };
        assert_eq!(resets_in.as_secs(), DAY_SECS / 2);
        assert!(error.is_transient());
        budget.charge_at(1, Purpose::Send, NOON).expect("sending is never held back");
        budget.charge_at(1, Purpose::Head, NOON).expect("the head is polled slowly");
        budget.charge_at(1, Purpose::Head, NOON + 59).unwrap_err();
        budget.charge_at(1, Purpose::Head, NOON + 60).unwrap();
        budget.charge_at(1, Purpose::Read, NOON + DAY_SECS / 2).expect("a new day");
    }

    #[test]
    fn survives_restarts_and_never_forgets_requests() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("requests");
        let budget = Budget::new(Some(1000), Some(file.clone()));
        budget.charge_at(5, Purpose::Read, NOON).unwrap();
        // A kill leaves what was reserved.
        let killed = Budget::new(Some(1000), Some(file.clone()));
        assert!(killed.state.lock().used >= 5);
        std::mem::forget(killed);
        drop(budget);
        assert_eq!(Budget::new(Some(1000), Some(file.clone())).state.lock().used, 5);
        let mut damaged = std::fs::read(&file).unwrap();
        damaged[0] ^= 1;
        std::fs::write(&file, damaged).unwrap();
        assert_eq!(Budget::new(Some(1000), Some(file)).state.lock().used, 0);
    }
}
