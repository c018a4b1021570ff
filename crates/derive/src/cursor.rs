use alloy_primitives::B256;
use phala_primitives::BlockRef;

/// First byte of the encoding; another layout gets another number.
const VERSION: u8 = 1;

/// From where in L1 a safe head was derived, to be stored in the same write as the safe head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Hash of the safe head it belongs to.
    pub safe: B256,
    /// The L1 block that had been read when the safe head was derived.
    pub origin: BlockRef,
    /// The batch it was derived from.
    pub(crate) position: Position,
}

impl Cursor {
    /// Length of the encoding.
    pub const LEN: usize = 1 + 32 + 8 + 32 + 8 + 4 + 4;

    /// Layout: version u8, safe hash, origin number u64, origin hash, then of the batch the L1 block
    /// u64, channel u32 and batch u32. Numbers are big-endian.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let Position { l1_block, channel, batch } = self.position;
        let mut bytes = [0; Self::LEN];
        let mut rest = bytes.as_mut_slice();
        for field in [
            [VERSION].as_slice(),
            self.safe.as_slice(),
            &self.origin.number.to_be_bytes(),
            self.origin.hash.as_slice(),
            &l1_block.to_be_bytes(),
            &channel.to_be_bytes(),
            &batch.to_be_bytes(),
        ] {
            let (head, tail) = rest.split_at_mut(field.len());
            head.copy_from_slice(field);
            rest = tail;
        }
        debug_assert!(rest.is_empty());
        bytes
    }

    /// Reads the encoding; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let (version, rest) = bytes.split_first()?;
        let (safe, rest) = rest.split_first_chunk::<32>()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (hash, rest) = rest.split_first_chunk::<32>()?;
        let (l1_block, rest) = rest.split_first_chunk()?;
        let (channel, rest) = rest.split_first_chunk()?;
        let (batch, _) = rest.split_first_chunk()?;
        (*version == VERSION).then(|| Self {
            safe: safe.into(),
            origin: BlockRef { number: u64::from_be_bytes(*number), hash: hash.into() },
            position: Position {
                l1_block: u64::from_be_bytes(*l1_block),
                channel: u32::from_be_bytes(*channel),
                batch: u32::from_be_bytes(*batch),
            },
        })
    }
}

/// The place of a batch in what L1 carries. Which channels there are and what they hold follows from
/// L1 alone, so a place means the same to every reader, whatever it thought of the batches before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// Height of the L1 block with the frame that completed the channel.
    pub(crate) l1_block: u64,
    /// Index among the channels that were completed in that block.
    pub(crate) channel: u32,
    /// Index among the batches of the channel.
    pub(crate) batch: u32,
}

impl Position {
    /// After everything that was completed in an L1 block.
    pub(crate) const fn end_of(l1_block: u64) -> Self {
        Self { l1_block, channel: u32::MAX, batch: u32::MAX }
    }

    /// After everything in the same channel.
    pub(crate) const fn end_of_channel(self) -> Self {
        Self { batch: u32::MAX, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_golden() {
        let cursor = Cursor {
            safe: B256::repeat_byte(0xaa),
            origin: BlockRef { number: 0x0102_0304_0506_0708, hash: B256::repeat_byte(0xbb) },
            position: Position { l1_block: 9, channel: 0x0a0b_0c0d, batch: u32::MAX },
        };
        let expected = alloy_primitives::hex!(
            "01"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "0102030405060708"
            "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
            "0000000000000009" "0a0b0c0d" "ffffffff"
        );
        assert_eq!(cursor.to_bytes(), expected);
        assert_eq!(Cursor::from_bytes(&expected), Some(cursor));
    }

    #[test]
    fn other_lengths_and_versions_are_refused() {
        let mut bytes = vec![0; Cursor::LEN];
        assert_eq!(Cursor::from_bytes(&bytes), None);
        bytes[0] = VERSION;
        assert!(Cursor::from_bytes(&bytes).is_some());
        assert_eq!(Cursor::from_bytes(&bytes[..Cursor::LEN - 1]), None);
        bytes.push(0);
        assert_eq!(Cursor::from_bytes(&bytes), None);
        assert_eq!(Cursor::from_bytes(&[]), None);
    }

    #[test]
    fn positions_are_ordered_as_they_are_read() {
        let at = |l1_block, channel, batch| Position { l1_block, channel, batch };
        assert!(at(1, 2, 3) < at(1, 2, 4));
        assert!(at(1, 2, 4) < at(1, 2, 4).end_of_channel());
        assert!(at(1, 2, 4).end_of_channel() < at(1, 3, 0));
        assert!(at(1, 9, 9) < Position::end_of(1));
        assert!(Position::end_of(1) < at(2, 0, 0));
    }
}
