use alloy_eips::eip4844::{BYTES_PER_BLOB, Blob};
use alloy_primitives::Bytes;

use crate::BlobError;

/// Bytes of batcher data a blob holds.
pub const BLOB_DATA_MAX: usize = STREAM_LEN - HEADER_LEN;

/// Version of the encoding, in the second byte of a blob.
const ENCODING_VERSION: u8 = 0;
/// Version and length in front of the data.
const HEADER_LEN: usize = 4;
/// Four field elements.
const GROUP_LEN: usize = 4 * 32;
/// What they carry: 31 bytes each, and three more out of the six low bits of their first bytes.
const GROUP_DATA_LEN: usize = 4 * 31 + 3;
/// What the whole blob carries.
const STREAM_LEN: usize = BYTES_PER_BLOB / GROUP_LEN * GROUP_DATA_LEN;
/// Bits of a field element's first byte that are never used, to stay below the modulus.
const HIGH_BITS: u8 = 0b1100_0000;

/// Reads the data of a batcher transaction out of a blob.
pub fn decode_blob(blob: &Blob) -> Result<Bytes, BlobError> {
    if blob[1] != ENCODING_VERSION {
        return Err(BlobError::Version(blob[1]));
    }
    let len = (usize::from(blob[2]) << 16) | (usize::from(blob[3]) << 8) | usize::from(blob[4]);
    if len > BLOB_DATA_MAX {
        return Err(BlobError::Length(len));
    }
    let mut stream = vec![0; STREAM_LEN];
    let groups = blob.chunks_exact(GROUP_LEN).zip(stream.chunks_exact_mut(GROUP_DATA_LEN));
    for (index, (group, out)) in groups.enumerate() {
        decode_group(group, index == 0, out)
            .map_err(|element| BlobError::FieldElement(4 * index + element))?;
    }
    if stream[HEADER_LEN + len..].iter().any(|&byte| byte != 0) {
        return Err(BlobError::Extraneous);
    }
    stream.truncate(HEADER_LEN + len);
    Ok(Bytes::from(stream).slice(HEADER_LEN..))
}

/// Unpacks four field elements, or names the first that uses its high bits.
fn decode_group(group: &[u8], is_first: bool, out: &mut [u8]) -> Result<(), usize> {
    let mut top = [group[0], group[32], group[64], group[96]];
    if is_first {
        // The reference implementations mask the first element of a blob without a look at its
        // high bits, one of which a valid element can have.
        top[0] &= !HIGH_BITS;
    }
    if let Some(element) = top.iter().position(|byte| byte & HIGH_BITS != 0) {
        return Err(element);
    }
    out[..31].copy_from_slice(&group[1..32]);
    out[31] = top[0] | ((top[1] & 0x30) << 2);
    out[32..63].copy_from_slice(&group[33..64]);
    out[63] = (top[1] & 0x0f) | ((top[3] & 0x0f) << 4);
    out[64..95].copy_from_slice(&group[65..96]);
    out[95] = top[2] | ((top[3] & 0x30) << 2);
    out[96..].copy_from_slice(&group[97..]);
    Ok(())
}

/// Writes the data of a batcher transaction as a blob.
pub fn encode_blob(data: &[u8]) -> Result<Box<Blob>, BlobError> {
    if data.len() > BLOB_DATA_MAX {
        return Err(BlobError::Length(data.len()));
    }
    let len = u32::try_from(data.len()).expect("the bound fits 24 bits").to_be_bytes();
    let mut stream = Vec::with_capacity(STREAM_LEN);
    stream.extend_from_slice(&[ENCODING_VERSION, len[1], len[2], len[3]]);
    stream.extend_from_slice(data);
    stream.resize(stream.len().next_multiple_of(GROUP_DATA_LEN), 0);
    let mut blob = Box::new(Blob::ZERO);
    let groups = stream.chunks_exact(GROUP_DATA_LEN).zip(blob.chunks_exact_mut(GROUP_LEN));
    groups.for_each(|(bytes, group)| encode_group(bytes, group));
    Ok(blob)
}

fn encode_group(bytes: &[u8], group: &mut [u8]) {
    let [x, y, z] = [bytes[31], bytes[63], bytes[95]];
    group[0] = x & 0x3f;
    group[1..32].copy_from_slice(&bytes[..31]);
    group[32] = (y & 0x0f) | ((x & 0xc0) >> 2);
    group[33..64].copy_from_slice(&bytes[32..63]);
    group[64] = z & 0x3f;
    group[65..96].copy_from_slice(&bytes[64..95]);
    group[96] = (y >> 4) | ((z & 0xc0) >> 2);
    group[97..].copy_from_slice(&bytes[96..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_near_the_joints_comes_back() {
        let data: Vec<u8> = (0..BLOB_DATA_MAX).map(|i| (i * 7 + i / 251) as u8 | 1).collect();
        let joints = [0, 1, 26, 27, 28, 122, 123, 124, 126, 127, 128, 249, 250, 251, 3_967, 3_968];
        for len in joints.into_iter().chain(BLOB_DATA_MAX - 130..=BLOB_DATA_MAX) {
            let blob = encode_blob(&data[..len]).unwrap();
            assert!(blob.chunks(32).all(|element| element[0] & HIGH_BITS == 0));
            assert_eq!(decode_blob(&blob).unwrap(), data[..len], "length {len}");
        }
        let long = encode_blob(&vec![0; BLOB_DATA_MAX + 1]);
        assert_eq!(long.map(|_| ()), Err(BlobError::Length(BLOB_DATA_MAX + 1)));
    }

    #[test]
    fn malformed_blobs_are_refused() {
        let good = encode_blob(&[0xff; 1_000]).unwrap();
        let with = |index: usize, byte: u8| {
            let mut blob = good.clone();
            blob[index] = byte;
            decode_blob(&blob)
        };
        assert!(with(1, 0).is_ok());
        assert_eq!(with(1, 1), Err(BlobError::Version(1)));
        assert_eq!(with(2, 2), Err(BlobError::Length(0x02_03e8)));
        assert_eq!(with(0, good[0] | 0x40).unwrap(), vec![0xff; 1_000]);
        for element in 1..4_096 {
            let bits = if element % 2 == 0 { 0x40 } else { 0x80 };
            assert_eq!(with(element * 32, bits), Err(BlobError::FieldElement(element)));
        }
        // One byte less is claimed than there is.
        assert_eq!(with(4, 0xe7), Err(BlobError::Extraneous));
        assert_eq!(with(BYTES_PER_BLOB - 1, 1), Err(BlobError::Extraneous));
        assert_eq!(with(BYTES_PER_BLOB - 32, 1), Err(BlobError::Extraneous));
    }
}
