use std::time::Duration;

/// Why text is not a duration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// No digits, an unknown unit, or no unit at all.
    #[error("`{0}` is not a duration such as 250ms, 2s or 1m")]
    Malformed(String),
    /// More than the program can count.
    #[error("`{0}` is too long a duration")]
    TooLong(String),
}

/// Reads a duration: a whole number and one of the units `ms`, `s`, `m`, `h`.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let malformed = || DurationError::Malformed(text.to_owned());
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(malformed)?;
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(malformed());
    }
    let millis_per_unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(malformed()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(millis_per_unit))
        .map(Duration::from_millis)
        .ok_or_else(|| DurationError::TooLong(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_unit() {
        for (text, millis) in
            [("250ms", 250), ("2s", 2_000), ("3m", 180_000), ("1h", 3_600_000), ("0s", 0)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_duration() {
        for text in ["", "2", "s", "2 s", "-2s", "1.5s", "2sec", "٢s"] {
            assert_eq!(
                parse_duration(text),
                Err(DurationError::Malformed(text.to_owned())),
                "{text}"
            );
        }
        let text = "18446744073709551615h";
        assert_eq!(parse_duration(text), Err(DurationError::TooLong(text.to_owned())));
    }
}
