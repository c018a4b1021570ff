//! Strict RLP, read in place: what is accepted has one encoding only, so its bytes can be copied
//! instead of being decoded and encoded again.

use alloy_rlp::Header;

use crate::BatchError;

/// A string or list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    /// Header and payload.
    pub(crate) raw: &'a [u8],
    /// The payload alone.
    pub(crate) payload: &'a [u8],
    /// Whether it is a list.
    pub(crate) is_list: bool,
}

/// Takes an item off the front.
pub(crate) fn item<'a>(buf: &mut &'a [u8], what: &'static str) -> Result<Item<'a>, BatchError> {
    let whole = *buf;
    let header = Header::decode(buf).map_err(|_| BatchError::Rlp(what))?;
    let (payload, rest) =
        buf.split_at_checked(header.payload_length).ok_or(BatchError::Rlp(what))?;
    *buf = rest;
    let raw = &whole[..whole.len() - rest.len()];
    Ok(Item { raw, payload, is_list: header.list })
}

/// Takes a list off the front.
pub(crate) fn list<'a>(buf: &mut &'a [u8], what: &'static str) -> Result<Item<'a>, BatchError> {
    item(buf, what)
        .and_then(|item| if item.is_list { Ok(item) } else { Err(BatchError::Rlp(what)) })
}

/// Takes a string off the front.
pub(crate) fn string<'a>(buf: &mut &'a [u8], what: &'static str) -> Result<Item<'a>, BatchError> {
    item(buf, what)
        .and_then(|item| if item.is_list { Err(BatchError::Rlp(what)) } else { Ok(item) })
}

/// Takes a string of `N` bytes off the front.
pub(crate) fn fixed<'a, const N: usize>(
    buf: &mut &'a [u8],
    what: &'static str,
) -> Result<&'a [u8; N], BatchError> {
    string(buf, what)?.payload.try_into().map_err(|_| BatchError::Rlp(what))
}

/// Takes an integer of at most `len_max` bytes off the front.
pub(crate) fn integer<'a>(
    buf: &mut &'a [u8],
    len_max: usize,
    what: &'static str,
) -> Result<Item<'a>, BatchError> {
    let item = string(buf, what)?;
    if item.payload.len() > len_max || item.payload.first() == Some(&0) {
        return Err(BatchError::Rlp(what));
    }
    Ok(item)
}

/// Takes an integer of 64 bits off the front.
pub(crate) fn u64(buf: &mut &[u8], what: &'static str) -> Result<u64, BatchError> {
    let bytes = integer(buf, 8, what)?.payload;
    Ok(bytes.iter().fold(0, |value, &byte| (value << 8) | u64::from(byte)))
}

/// Whether a list has been read to its end.
pub(crate) const fn end(payload: &[u8], what: &'static str) -> Result<(), BatchError> {
    if payload.is_empty() { Ok(()) } else { Err(BatchError::Rlp(what)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_encoding_is_read() {
        let good: [&[u8]; 6] = [
            &[0x80],
            &[0x05],
            &[0x81, 0x80],
            &[0x82, 1, 0],
            &[0x88, 1, 0, 0, 0, 0, 0, 0, 0],
            &[0x7f],
        ];
        let values = [0, 5, 128, 256, 1 << 56, 127];
        for (bytes, value) in good.into_iter().zip(values) {
            let mut buf = bytes;
            assert_eq!(u64(&mut buf, "x"), Ok(value));
            assert!(buf.is_empty());
            assert_eq!(integer(&mut &*bytes, 32, "x").unwrap().raw, bytes);
        }
        let bad: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x81, 0x05],
            &[0x82, 0, 1],
            &[0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0xb8, 1, 0x85],
            &[0xc0],
            &[0x82, 1],
        ];
        for bytes in bad {
            assert_eq!(u64(&mut &*bytes, "x"), Err(BatchError::Rlp("x")), "{bytes:?}");
        }
    }

    #[test]
    fn claimed_lengths_are_not_believed() {
        for bytes in [
            &[0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0][..],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xb9, 0, 1],
            &[0xf8, 0x37, 0],
        ] {
            assert!(item(&mut &*bytes, "x").is_err(), "{bytes:?}");
        }
    }
}
