use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Time without a new head after which the other endpoints are asked: two slots and a missed one.
const STALL: Duration = Duration::from_secs(36);

/// Pause between asking all endpoints while the head stands still.
const STALL_SURVEY: Duration = Duration::from_secs(12);

/// Pause between asking all endpoints in good times, so that it is known who is behind.
const SURVEY: Duration = Duration::from_secs(120);

/// The newest head that was seen, and when to doubt it.
#[derive(Default)]
pub(crate) struct Heads {
    state: Mutex<Option<Seen>>,
}

#[derive(Clone, Copy)]
struct Seen {
    number: u64,
    advanced_at: Instant,
    surveyed_at: Instant,
}

impl Heads {
    /// Height of the newest head that was seen.
    pub(crate) fn number(&self) -> Option<u64> {
        self.state.lock().map(|seen| seen.number)
    }

    /// Whether an endpoint that shows this head should not be believed before the others are asked.
    pub(crate) fn is_doubtful(&self, number: u64) -> bool {
        let now = Instant::now();
        self.state.lock().is_none_or(|seen| {
            number < seen.number
                || now > seen.surveyed_at + SURVEY
                || number == seen.number
                    && now > seen.advanced_at + STALL
                    && now > seen.surveyed_at + STALL_SURVEY
        })
    }

    /// The head that was chosen, after all endpoints were asked or not.
    pub(crate) fn note(&self, number: u64, surveyed: bool) {
        let now = Instant::now();
        let mut state = self.state.lock();
        let seen = state.get_or_insert(Seen { number, advanced_at: now, surveyed_at: now });
        if number != seen.number {
            (seen.number, seen.advanced_at) = (number, now);
        }
        if surveyed {
            seen.surveyed_at = now;
        }
    }
}
