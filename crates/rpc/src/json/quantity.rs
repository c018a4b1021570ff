use serde::{Serialize, Serializer};

/// A number as Ethereum's JSON has it: hexadecimal, without leading zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quantity(u128);

impl<T: Into<u128>> From<T> for Quantity {
    fn from(value: T) -> Self {
        Self(value.into())
    }
}

/// `usize` has no lossless conversion to `u128` in the standard library.
pub(crate) const fn quantity_of(index: usize) -> Quantity {
    Quantity(index as u128)
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        // `0x` and at most 32 digits.
        let mut buffer = [0u8; 34];
        let mut start = buffer.len();
        let mut rest = self.0;
        loop {
            start -= 1;
            buffer[start] = DIGITS[(rest & 0xf) as usize];
            rest >>= 4;
            if rest == 0 {
                break;
            }
        }
        start -= 2;
        buffer[start..start + 2].copy_from_slice(b"0x");
        let text = std::str::from_utf8(&buffer[start..]).expect("hex digits are ASCII");
        serializer.serialize_str(text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use super::*;

    #[test]
    fn has_no_leading_zeros() {
        for (value, text) in [
            (0u128, "\"0x0\""),
            (1, "\"0x1\""),
            (16, "\"0x10\""),
            (u128::from(u64::MAX), "\"0xffffffffffffffff\""),
            (u128::MAX, "\"0xffffffffffffffffffffffffffffffff\""),
        ] {
            assert_eq!(serde_json::to_string(&Quantity::from(value)).unwrap(), text);
        }
    }
}
