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
        self.is_doubtful_at(number, Instant::now())
    }

    fn is_doubtful_at(&self, number: u64, now: Instant) -> bool {
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
        self.note_at(number, surveyed, Instant::now());
    }

    fn note_at(&self, number: u64, surveyed: bool, now: Instant) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_is_doubted_when_it_goes_back_or_stands_still_or_for_long() {
        let (heads, start) = (Heads::default(), Instant::now());
        assert!(heads.is_doubtful_at(5, start), "nobody was asked yet");
        heads.note_at(5, true, start);
        assert!(!heads.is_doubtful_at(5, start) && !heads.is_doubtful_at(6, start));
        assert!(heads.is_doubtful_at(4, start), "it goes back");
        let stalled = start + STALL + Duration::from_secs(1);
        assert!(heads.is_doubtful_at(5, stalled), "it stands still");
        assert!(!heads.is_doubtful_at(6, stalled));
        heads.note_at(5, true, stalled);
        assert!(!heads.is_doubtful_at(5, stalled + Duration::from_secs(1)), "not at each poll");
        assert!(heads.is_doubtful_at(5, stalled + STALL_SURVEY + Duration::from_secs(1)));
        heads.note_at(6, false, stalled);
        assert_eq!(heads.number(), Some(6));
        assert!(heads.is_doubtful_at(7, stalled + SURVEY + Duration::from_secs(1)), "for long");
    }
}
