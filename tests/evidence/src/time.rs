//! Unix seconds as certificates, revocation lists and JSON write them.

use crate::der::{UTC_TIME, element};

/// Year, month, day, hour, minute, second of Unix seconds, by the proleptic Gregorian calendar.
fn civil(unix: u64) -> [u64; 6] {
    let (days, second) = (unix / 86_400, unix % 86_400);
    // Years that begin with March, so that a leap day is the last of its year.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    [year, month, day, second / 3_600, second / 60 % 60, second % 60]
}

/// As in collateral: `2025-06-19T10:16:03Z`.
pub(crate) fn rfc3339(unix: u64) -> String {
    let [year, month, day, hour, minute, second] = civil(unix);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A `UTCTime`; until 2049.
pub(crate) fn utc_time(unix: u64) -> Vec<u8> {
    let [year, month, day, hour, minute, second] = civil(unix);
    let year = year % 100;
    let text = format!("{year:02}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    element(UTC_TIME, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_times_as_the_calendar_has_them() {
        for (unix, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (1_750_328_163, "2025-06-19T10:16:03Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_102_444_800, "2100-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(unix), text);
        }
        assert_eq!(utc_time(1_750_328_163)[2..], *b"250619101603Z");
    }
}
