use alloy_primitives::B256;

use super::encoding::HASH_LEN;
use crate::snapshot::{limits::KEY_LEN_MAX, scale::ScaleReader};

/// A node of a trie of whatever state version, as its encoding has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Node<'a> {
    /// A trie without keys.
    Empty,
    /// A leaf or a branch.
    Full {
        /// Nibbles between the parent's and this node, packed; an odd one first, in a byte of its own.
        partial: Partial<'a>,
        /// The value whose key ends here.
        value: Option<Value<'a>>,
        /// By nibble; a leaf has none.
        children: Vec<(u8, Child<'a>)>,
    },
}

/// Nibbles of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Partial<'a> {
    packed: &'a [u8],
    is_odd: bool,
}

impl<'a> Partial<'a> {
    pub(crate) fn nibbles(self) -> impl Iterator<Item = u8> + 'a {
        let all = self.packed.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        all.skip(usize::from(self.is_odd))
    }

    pub(crate) fn len(self) -> usize {
        2 * self.packed.len() - usize::from(self.is_odd)
    }
}

/// A value in a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// The value.
    Inline(&'a [u8]),
    /// Its hash (V1).
    Hashed(B256),
}

/// What a branch has of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Child<'a> {
    /// Its encoding, shorter than a hash.
    Inline(&'a [u8]),
    /// Hash of its encoding.
    Hashed(B256),
}

/// Why bytes are no node.
type Reason = &'static str;

#[derive(Clone, Copy, PartialEq, Eq)]
enum ValueKind {
    None,
    Inline,
    Hashed,
}

impl<'a> Node<'a> {
    /// Decodes one of the six kinds of nodes; the whole of `bytes` must be it.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, Reason> {
        let mut input = Bytes(bytes);
        let first = input.u8()?;
        let (is_branch, value_kind, len_bits) = match first {
            0 => {
                return if bytes.len() == 1 {
                    Ok(Self::Empty)
                } else {
                    Err("bytes after an empty node")
                };
            }
            _ if first >> 6 == 0b01 => (false, ValueKind::Inline, 6),
            _ if first >> 6 == 0b10 => (true, ValueKind::None, 6),
            _ if first >> 6 == 0b11 => (true, ValueKind::Inline, 6),
            _ if first >> 5 == 0b001 => (false, ValueKind::Hashed, 5),
            _ if first >> 4 == 0b0001 => (true, ValueKind::Hashed, 4),
            _ => return Err("its first byte is that of no kind of node"),
        };
        let partial = input.partial(first, len_bits)?;
        let bitmap = if is_branch { input.u16()? } else { 0 };
        if is_branch && bitmap == 0 {
            return Err("a branch without children");
        }
        let value = match value_kind {
            ValueKind::None => None,
            ValueKind::Inline => Some(Value::Inline(input.with_length()?)),
            ValueKind::Hashed => Some(Value::Hashed(B256::from_slice(input.take(HASH_LEN)?))),
        };
        let mut children = Vec::with_capacity(bitmap.count_ones() as usize);
        for nibble in (0..16).filter(|nibble| bitmap >> nibble & 1 == 1) {
            let child = input.with_length()?;
            children.push((nibble, Child::new(child)?));
        }
        if input.0.is_empty() {
            Ok(Self::Full { partial, value, children })
        } else {
            Err("bytes after its end")
        }
    }
}

impl<'a> Child<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Reason> {
        match bytes.len() {
            0 => Err("an empty child"),
            HASH_LEN => Ok(Self::Hashed(B256::from_slice(bytes))),
            len if len < HASH_LEN => Ok(Self::Inline(bytes)),
            _ => Err("a child that is longer than a hash"),
        }
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Reason> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or("it ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, Reason> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> Result<u16, Reason> {
        let bytes = self.take(2)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    fn partial(&mut self, first: u8, len_bits: u32) -> Result<Partial<'a>, Reason> {
        let most = (1u8 << len_bits) - 1;
        let mut nibbles = usize::from(first & most);
        if nibbles == usize::from(most) {
            loop {
                let more = self.u8()?;
                nibbles += usize::from(more);
                if nibbles > 2 * KEY_LEN_MAX {
                    return Err("a partial key longer than a key may be");
                }
                if more < 255 {
                    break;
                }
            }
        }
        let packed = self.take(nibbles.div_ceil(2))?;
        let is_odd = !nibbles.is_multiple_of(2);
        if is_odd && packed[0] >> 4 != 0 {
            return Err("a partial key with bits where none belong");
        }
        Ok(Partial { packed, is_odd })
    }

    fn with_length(&mut self) -> Result<&'a [u8], Reason> {
        let mut scale = ScaleReader::new(self.0);
        let len = scale.compact("a length").map_err(|_| "a length that is none")?;
        let used = usize::try_from(scale.offset()).map_err(|_| "a length that is none")?;
        self.take(used)?;
        self.take(usize::try_from(len).map_err(|_| "a length that is none")?)
    }
}
