use crate::Frame;

/// Takes fields off the front of an input, each only if all of it is there.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(input: &'a [u8]) -> Self {
        Self { rest: input, len: input.len() }
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16_le(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32_le(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u16_be(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32_be(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64_be(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Nothing is left.
    pub(crate) fn end(&self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }

    /// The error of a frame that wanted more than there was.
    pub(crate) const fn truncated(&self) -> Frame {
        Frame::Truncated { len: self.len }
    }

    /// A field of a frame with its length already read.
    pub(crate) fn field(
        &mut self,
        field: &'static str,
        len: usize,
        max: usize,
    ) -> Result<&'a [u8], Frame> {
        if len > max {
            return Err(Frame::TooLong { field, len, max });
        }
        let truncated = self.truncated();
        self.take(len).ok_or(truncated)
    }

    /// The frame ends here.
    pub(crate) fn finish(&self) -> Result<(), Frame> {
        match self.rest.len() {
            0 => Ok(()),
            len => Err(Frame::Trailing { len }),
        }
    }
}

/// 32-byte words that hold `len` bytes: what memory costs are counted in.
pub(crate) const fn words(len: usize) -> u64 {
    len.div_ceil(32) as u64
}
