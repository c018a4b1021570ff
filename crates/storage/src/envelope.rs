//! Checksum and compression around record values.
//!
//! `Compact` codecs panic on damaged bytes, so a value is opened only after its checksum has been
//! verified. The checksum is CRC-32 (already in the dependency tree, hardware speed, finds every
//! burst of up to 32 bits); it covers family and key too, so a value filed under a wrong key is
//! damage as well. RocksDB's own block checksums lie beneath it.

use std::cell::RefCell;

use crate::kv::Family;
use crate::wire::Damaged;

/// Bytes before the payload: CRC-32, little-endian, and the format.
const HEAD_BYTES: usize = 5;

/// The payload as it is.
const FORMAT_RAW: u8 = 0;

/// The payload is one zstd frame that states its content size.
const FORMAT_ZSTD: u8 = 1;

/// Fast enough to stay off the critical path; higher levels gain a few percent on this data.
const ZSTD_LEVEL: i32 = 1;

/// Payloads below this size are not worth a frame.
const COMPRESS_BYTES_MIN: usize = 128;

/// Largest payload that is opened: several times the largest block the protocol allows.
const PAYLOAD_BYTES_MAX: u64 = 512 << 20;

thread_local! {
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Seals a payload as it is.
pub(crate) fn seal(family: Family, key: &[u8], payload: &[u8]) -> Vec<u8> {
    close(family, key, FORMAT_RAW, payload)
}

/// Seals a payload, compressed if that makes it smaller.
pub(crate) fn seal_compressed(family: Family, key: &[u8], payload: &[u8]) -> Vec<u8> {
    if payload.len() >= COMPRESS_BYTES_MIN
        && let Some(frame) = compress(payload)
        && frame.len() < payload.len()
    {
        return close(family, key, FORMAT_ZSTD, &frame);
    }
    close(family, key, FORMAT_RAW, payload)
}

/// Verifies the checksum and calls `read` with the payload.
pub(crate) fn open<T>(
    family: Family,
    key: &[u8],
    value: &[u8],
    read: impl FnOnce(&[u8]) -> Result<T, Damaged>,
) -> Result<T, Damaged> {
    let (head, payload) = value.split_first_chunk::<HEAD_BYTES>().ok_or(Damaged)?;
    let [c0, c1, c2, c3, format] = *head;
    if checksum(family, key, format, payload) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Err(Damaged);
    }
    match format {
        FORMAT_RAW => read(payload),
        FORMAT_ZSTD => read(&decompress(payload)?),
        _ => Err(Damaged),
    }
}

fn close(family: Family, key: &[u8], format: u8, payload: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEAD_BYTES + payload.len());
    value.extend_from_slice(&checksum(family, key, format, payload).to_le_bytes());
    value.push(format);
    value.extend_from_slice(payload);
    value
}

fn checksum(family: Family, key: &[u8], format: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(family.name().as_bytes());
    hasher.update(key);
    hasher.update(&[format]);
    hasher.update(payload);
    hasher.finalize()
}

fn compress(payload: &[u8]) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = zstd::bulk::Compressor::new(ZSTD_LEVEL).ok();
        }
        slot.as_mut()?.compress(payload).ok()
    })
}

fn decompress(frame: &[u8]) -> Result<Vec<u8>, Damaged> {
    let size = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten().ok_or(Damaged)?;
    if size > PAYLOAD_BYTES_MAX {
        return Err(Damaged);
    }
    let size = usize::try_from(size).map_err(|_| Damaged)?;
    DECOMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = zstd::bulk::Decompressor::new().ok();
        }
        slot.as_mut().ok_or(Damaged)?.decompress(frame, size).map_err(|_| Damaged)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(family: Family, key: &[u8], value: &[u8]) -> Result<Vec<u8>, Damaged> {
        open(family, key, value, |payload| Ok(payload.to_vec()))
    }

    #[test]
    fn golden_bytes() {
        assert_eq!(
            alloy_primitives::hex::encode(seal(Family::Meta, b"schema", &[1])),
            "a82abb820001"
        );
    }

    #[test]
    fn gives_back_what_was_sealed() {
        let long = vec![7; 10_000];
        let sealed = seal_compressed(Family::Bodies, b"k", &long);
        assert!(sealed.len() < 100);
        assert_eq!(content(Family::Bodies, b"k", &sealed), Ok(long));
        for payload in [&b""[..], b"short"] {
            let sealed = seal_compressed(Family::Bodies, b"k", payload);
            assert_eq!(content(Family::Bodies, b"k", &sealed).as_deref(), Ok(payload));
        }
    }

    #[test]
    fn every_flipped_bit_is_damage() {
        let sealed = seal_compressed(Family::Bodies, b"k", &[9; 500]);
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(content(Family::Bodies, b"k", &flipped), Err(Damaged), "bit {bit}");
        }
        for len in 0..sealed.len() {
            assert_eq!(content(Family::Bodies, b"k", &sealed[..len]), Err(Damaged), "{len}");
        }
    }

    #[test]
    fn a_value_under_another_key_or_family_is_damage() {
        let sealed = seal(Family::Bodies, b"k", b"payload");
        assert_eq!(content(Family::Bodies, b"l", &sealed), Err(Damaged));
        assert_eq!(content(Family::Receipts, b"k", &sealed), Err(Damaged));
    }
}
