//! Reading and writing of our own value formats. Reading never panics: whatever the bytes are,
//! the answer is a value or [`Damaged`].

use alloy_primitives::{B256, U256};

/// The bytes are not what the format says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

pub(crate) type Wire<T> = Result<T, Damaged>;

/// Takes values off the front of a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn bytes(&mut self, len: usize) -> Wire<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(Damaged)?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Wire<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Damaged)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn byte(&mut self) -> Wire<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Wire<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Wire<u64> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn hash(&mut self) -> Wire<B256> {
        Ok(B256::new(self.array()?))
    }

    pub(crate) fn varint(&mut self) -> Wire<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(Damaged);
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Damaged)
    }

    /// A count of things that take at least `each` bytes, so a damaged count allocates nothing.
    pub(crate) fn count(&mut self, each: usize) -> Wire<usize> {
        let count = usize::try_from(self.varint()?).map_err(|_| Damaged)?;
        if count > self.0.len() / each.max(1) {
            return Err(Damaged);
        }
        Ok(count)
    }

    pub(crate) fn word(&mut self, len: usize) -> Wire<U256> {
        U256::try_from_be_slice(self.bytes(len)?).ok_or(Damaged)
    }

    /// A word behind its length byte.
    pub(crate) fn sized_word(&mut self) -> Wire<U256> {
        let len = self.byte()?;
        self.word(usize::from(len))
    }

    pub(crate) const fn end(&self) -> Wire<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Damaged) }
    }
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The bytes of a word without leading zeros.
pub(crate) fn put_word(out: &mut Vec<u8>, value: &U256) -> usize {
    let bytes = value.to_be_bytes::<32>();
    let len = value.byte_len();
    out.extend_from_slice(&bytes[32 - len..]);
    len
}

pub(crate) fn put_sized_word(out: &mut Vec<u8>, value: &U256) {
    out.push(value.byte_len() as u8);
    put_word(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip_and_refuse_more_than_64_bits() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut reader = Reader(&out);
            assert_eq!(reader.varint(), Ok(value));
            assert_eq!(reader.end(), Ok(()));
            assert_eq!(Reader(&out[..out.len() - 1]).varint(), Err(Damaged));
        }
        assert_eq!(Reader(&[0xff; 10]).varint(), Err(Damaged));
        assert_eq!(Reader(&[0x80; 11]).varint(), Err(Damaged));
    }

    #[test]
    fn a_damaged_count_allocates_nothing() {
        let mut out = Vec::new();
        put_varint(&mut out, u64::MAX);
        assert_eq!(Reader(&out).count(1), Err(Damaged));
    }

    #[test]
    fn words_lose_their_leading_zeros() {
        for (value, len) in
            [(U256::ZERO, 0), (U256::from(1), 1), (U256::from(256), 2), (U256::MAX, 32)]
        {
            let mut out = Vec::new();
            put_sized_word(&mut out, &value);
            assert_eq!(out.len(), len + 1);
            assert_eq!(Reader(&out).sized_word(), Ok(value));
        }
    }
}
