//! Unsigned numbers of seven bits a byte, lowest first, as Go's `encoding/binary` writes them.

use crate::BatchError;

/// Bytes 64 bits can take; a longer form is no number.
const LEN_MAX: usize = 10;

/// Takes a number off the front. Forms longer than need be are accepted, as the reference does.
pub(crate) fn read(buf: &mut &[u8], what: &'static str) -> Result<u64, BatchError> {
    let mut value = 0_u64;
    for (index, &byte) in buf.iter().take(LEN_MAX).enumerate() {
        if index == LEN_MAX - 1 && byte > 1 {
            return Err(BatchError::Uvarint(what));
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *buf = &buf[index + 1..];
            return Ok(value);
        }
    }
    // The tenth byte never gets here: above 1 it is refused, otherwise it is the last.
    Err(BatchError::Truncated(what))
}

/// Appends the shortest form of a number.
pub(crate) fn write(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes [`write`] appends.
pub(crate) const fn len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(mut bytes: &[u8]) -> Result<(u64, usize), BatchError> {
        let len = bytes.len();
        read(&mut bytes, "x").map(|value| (value, len - bytes.len()))
    }

    #[test]
    fn numbers_come_back() {
        for shift in 0..64 {
            for value in [1_u64 << shift, (1_u64 << shift) - 1, u64::MAX >> shift] {
                let mut bytes = Vec::new();
                write(value, &mut bytes);
                assert_eq!(bytes.len(), len(value), "{value}");
                assert_eq!(read_all(&bytes), Ok((value, bytes.len())));
                for cut in 0..bytes.len() {
                    assert_eq!(read_all(&bytes[..cut]), Err(BatchError::Truncated("x")));
                }
            }
        }
    }

    #[test]
    fn long_forms_are_read_and_overlong_ones_refused() {
        assert_eq!(read_all(&[0x81, 0x80, 0x00, 7]), Ok((1, 3)));
        assert_eq!(
            read_all(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
            Ok((1 << 63, 10))
        );
        assert_eq!(
            read_all(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02]),
            Err(BatchError::Uvarint("x"))
        );
        assert_eq!(read_all(&[0x80; 11]), Err(BatchError::Uvarint("x")));
    }
}
