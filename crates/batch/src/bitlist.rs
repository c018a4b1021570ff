//! Lists of bits, written as one big-endian integer whose bit `i` is element `i`.

use crate::BatchError;

/// Bits read out of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bitlist<'a> {
    bytes: &'a [u8],
}

impl<'a> Bitlist<'a> {
    /// Takes `len` bits off the front; none may be set beyond them.
    pub(crate) fn read(
        buf: &mut &'a [u8],
        len: usize,
        what: &'static str,
    ) -> Result<Self, BatchError> {
        let (bytes, rest) =
            buf.split_at_checked(len.div_ceil(8)).ok_or(BatchError::Truncated(what))?;
        if let Some(&top) = bytes.first()
            && !len.is_multiple_of(8)
            && top >> (len % 8) != 0
        {
            return Err(BatchError::Bits(what));
        }
        *buf = rest;
        Ok(Self { bytes })
    }

    /// Bit `index`.
    pub(crate) fn get(&self, index: usize) -> bool {
        (self.bytes[self.bytes.len() - 1 - index / 8] >> (index % 8)) & 1 == 1
    }

    /// How many bits are set.
    pub(crate) fn count_ones(&self) -> usize {
        self.bytes.iter().map(|byte| byte.count_ones() as usize).sum()
    }
}

/// Bits to be written into a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct BitlistBuilder {
    /// Lowest byte first: the reverse of what is written.
    bytes: Vec<u8>,
    len: usize,
}

impl BitlistBuilder {
    /// Appends a bit.
    pub(crate) fn push(&mut self, bit: bool) {
        if self.len.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if bit {
            self.bytes[self.len / 8] |= 1 << (self.len % 8);
        }
        self.len += 1;
    }

    /// Bits so far.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Forgets the bits from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len.div_ceil(8));
        if let Some(top) = self.bytes.last_mut()
            && !len.is_multiple_of(8)
        {
            *top &= (1 << (len % 8)) - 1;
        }
        self.len = len;
    }

    /// Bytes [`write`](Self::write) appends.
    pub(crate) const fn encoded_len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends the integer.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.bytes.iter().rev());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back_and_none_may_lie_beyond() {
        for len in 0..40 {
            let bit = |i: usize| (i * i + len).is_multiple_of(3);
            let mut builder = BitlistBuilder::default();
            (0..len).for_each(|i| builder.push(bit(i)));
            let mut bytes = Vec::new();
            builder.write(&mut bytes);
            assert_eq!(bytes.len(), builder.encoded_len());
            bytes.push(0xee);
            let mut buf = &bytes[..];
            let list = Bitlist::read(&mut buf, len, "x").unwrap();
            assert_eq!(buf, [0xee]);
            assert_eq!(list.count_ones(), (0..len).filter(|&i| bit(i)).count());
            (0..len).for_each(|i| assert_eq!(list.get(i), bit(i)));
            for beyond in len..len.div_ceil(8) * 8 {
                let mut bad = bytes.clone();
                bad[0] |= 1 << (beyond % 8);
                let read = Bitlist::read(&mut &bad[..], len, "x");
                assert_eq!(read.map(|_| ()), Err(BatchError::Bits("x")), "bit {beyond} of {len}");
            }
            bytes.truncate(len.div_ceil(8));
            if bytes.pop().is_some() {
                let read = Bitlist::read(&mut &bytes[..], len, "x");
                assert_eq!(read.map(|_| ()), Err(BatchError::Truncated("x")));
            }
        }
    }

    #[test]
    fn first_bit_is_the_lowest_of_the_last_byte() {
        let mut builder = BitlistBuilder::default();
        [true, false, false, false, false, false, false, false, false, true]
            .into_iter()
            .for_each(|bit| builder.push(bit));
        let mut bytes = Vec::new();
        builder.write(&mut bytes);
        assert_eq!(bytes, [0b10, 0b1]);
    }

    #[test]
    fn truncation_forgets_bits() {
        for len in 0..20 {
            let mut builder = BitlistBuilder::default();
            (0..20).for_each(|_| builder.push(true));
            builder.truncate(len);
            assert_eq!(builder.len(), len);
            (len..20).for_each(|_| builder.push(false));
            let mut bytes = Vec::new();
            builder.write(&mut bytes);
            let list = Bitlist::read(&mut &bytes[..], 20, "x").unwrap();
            assert_eq!(list.count_ones(), len);
        }
    }
}
