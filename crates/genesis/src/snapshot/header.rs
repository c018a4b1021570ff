use alloy_primitives::B256;

use super::{
    SnapshotError,
    limits::{DIGEST_ITEMS_MAX, HEADER_LEN_MAX},
    scale::ScaleReader,
    trie::blake2_256,
};

/// A block header of the parachain or of its relay chain: 32-bit numbers, blake2b-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Height.
    pub number: u32,
    /// Root of the state after the block.
    pub state_root: B256,
    /// Root of its extrinsics.
    pub extrinsics_root: B256,
    encoded: Vec<u8>,
}

impl Header {
    /// Decodes a header and nothing after it. `what` names it in the error.
    pub fn decode(bytes: &[u8], what: &str) -> Result<Self, SnapshotError> {
        let (header, len) = Self::decode_first(bytes, what)?;
        if len == bytes.len() {
            return Ok(header);
        }
        let reason = format!("{} bytes after its end", bytes.len() - len);
        Err(SnapshotError::Header { what: what.to_owned(), reason })
    }

    /// Decodes the header at the beginning, and says how long it is.
    pub(crate) fn decode_first(bytes: &[u8], what: &str) -> Result<(Self, usize), SnapshotError> {
        read(bytes).map_err(|error| SnapshotError::Header {
            what: what.to_owned(),
            reason: error.to_string(),
        })
    }

    /// The block's hash.
    pub fn hash(&self) -> B256 {
        blake2_256(&self.encoded)
    }

    /// Refuses another block's header than the one wanted.
    pub fn check_hash(&self, expected: B256) -> Result<(), SnapshotError> {
        match self.hash() {
            computed if computed == expected => Ok(()),
            computed => Err(SnapshotError::BlockHash { expected, computed }),
        }
    }

    /// SCALE, as it was read.
    pub fn encoded(&self) -> &[u8] {
        &self.encoded
    }
}

fn read(bytes: &[u8]) -> Result<(Header, usize), SnapshotError> {
    let mut scale = ScaleReader::new(&bytes[..bytes.len().min(HEADER_LEN_MAX)]);
    let parent_hash = B256::new(scale.array("the parent hash")?);
    let number = scale.compact_u32("the block number")?;
    let state_root = B256::new(scale.array("the state root")?);
    let extrinsics_root = B256::new(scale.array("the extrinsics root")?);
    let items = scale.compact("the digest")?;
    if items > DIGEST_ITEMS_MAX {
        return Err(SnapshotError::Limit {
            what: "items of the digest",
            found: items,
            limit: DIGEST_ITEMS_MAX,
        });
    }
    for _ in 0..items {
        skip_digest_item(&mut scale)?;
    }
    let len = usize::try_from(scale.offset()).unwrap_or(bytes.len());
    let encoded = bytes[..len].to_vec();
    Ok((Header { parent_hash, number, state_root, extrinsics_root, encoded }, len))
}

/// `DigestItem` of sp-runtime: other, consensus, seal, pre-runtime, runtime environment updated.
fn skip_digest_item(scale: &mut ScaleReader<&[u8]>) -> Result<(), SnapshotError> {
    let at = scale.offset();
    let mut bytes = Vec::new();
    match scale.u8("a digest item")? {
        0 => scale.bytes_into(&mut bytes, HEADER_LEN_MAX, "a digest item"),
        4..=6 => {
            scale.array::<4>("an engine id")?;
            scale.bytes_into(&mut bytes, HEADER_LEN_MAX, "a digest item")
        }
        8 => Ok(()),
        kind => Err(scale.malformed(at, format!("no digest item has the kind {kind}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(digest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![1; 32];
        bytes.extend([0x22, 0x48, 0x01, 0x00]); // 20,... in four bytes
        bytes.extend([2; 32]);
        bytes.extend([3; 32]);
        bytes.extend(digest);
        bytes
    }

    #[test]
    fn reads_all_kinds_of_digest_items() {
        let digest = [
            &[5 << 2][..],
            &[0, 1 << 2, 7],
            &[4, b'a', b'u', b'r', b'a', 0],
            &[5, b'a', b'u', b'r', b'a', 2 << 2, 1, 2],
            &[6, b'B', b'A', b'B', b'E', 1 << 2, 9],
            &[8],
        ]
        .concat();
        let bytes = encoded(&digest);
        let header = Header::decode(&bytes, "it").unwrap();
        assert_eq!(header.number, 0x0001_4822 >> 2);
        assert_eq!(header.state_root, B256::repeat_byte(2));
        assert_eq!(header.encoded(), bytes);
    }

    #[test]
    fn refuses_what_is_not_quite_a_header() {
        let good = encoded(&[0]);
        assert!(Header::decode(&good, "it").is_ok());
        for cut in 0..good.len() {
            assert!(Header::decode(&good[..cut], "it").is_err(), "cut after {cut}");
        }
        let longer = [&good[..], &[0]].concat();
        assert!(Header::decode(&longer, "it").unwrap_err().to_string().contains("1 bytes after"));
        for digest in [&[1 << 2, 2][..], &[1 << 2, 7, 0], &[0xff; 9], &[0x02, 0, 0, 0]] {
            let error = Header::decode(&encoded(digest), "it").unwrap_err();
            assert_eq!(error.exit_code(), 25, "{digest:?}: {error}");
        }
    }
}
