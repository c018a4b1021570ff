//! Keys of all families. Integers are big-endian, so keys sort by number.

use alloy_primitives::{B256, keccak256};
use phala_primitives::BlockRef;

/// Bytes of a block number in a key.
pub(crate) const NUMBER_BYTES: usize = 8;

/// number ++ block hash: `headers`, `bodies`, `receipts`, `diffs`.
pub(crate) fn record(block: BlockRef) -> [u8; 40] {
    let mut key = [0; 40];
    key[..8].copy_from_slice(&block.number.to_be_bytes());
    key[8..].copy_from_slice(block.hash.as_slice());
    key
}

/// The block a record key names.
pub(crate) fn record_block(key: &[u8]) -> Option<BlockRef> {
    let (number, hash) = key.split_first_chunk::<8>()?;
    let hash: [u8; 32] = hash.try_into().ok()?;
    Some(BlockRef { number: u64::from_be_bytes(*number), hash: B256::new(hash) })
}

/// number: `canonical`, and the start of all records of that height.
pub(crate) const fn number(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// The number at the end of a key.
pub(crate) fn trailing_number(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

/// account ++ slot: `storage`.
pub(crate) fn slot(account: &B256, slot: &B256) -> [u8; 64] {
    let mut key = [0; 64];
    key[..32].copy_from_slice(account.as_slice());
    key[32..].copy_from_slice(slot.as_slice());
    key
}

/// account ++ number: `account_history`.
pub(crate) fn account_history(account: &B256, number: u64) -> [u8; 40] {
    let mut key = [0; 40];
    key[..32].copy_from_slice(account.as_slice());
    key[32..].copy_from_slice(&number.to_be_bytes());
    key
}

/// account ++ slot ++ number: `storage_history`.
pub(crate) fn storage_history(account: &B256, slot: &B256, number: u64) -> [u8; 72] {
    let mut key = [0; 72];
    key[..32].copy_from_slice(account.as_slice());
    key[32..64].copy_from_slice(slot.as_slice());
    key[64..].copy_from_slice(&number.to_be_bytes());
    key
}

/// 0x00 ++ path, or 0x01 ++ account ++ path, one byte per nibble: `trie`.
pub(crate) fn trie(owner: Option<&B256>, path: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(33 + path.len());
    put_owner(&mut key, owner);
    key.extend_from_slice(path);
    key
}

/// Owner and path of a `trie` key.
pub(crate) fn trie_parts(key: &[u8]) -> Option<(Option<B256>, &[u8])> {
    match key.split_first()? {
        (0, path) => Some((None, path)),
        (1, rest) => {
            let (owner, path) = rest.split_first_chunk::<32>()?;
            Some((Some(B256::new(*owner)), path))
        }
        _ => None,
    }
}

/// owner ++ path length ++ path ++ number: `trie_history`. Without number it is the prefix of all
/// entries of that child.
pub(crate) fn trie_history(trie_key: &[u8], number: u64) -> Vec<u8> {
    let mut key = trie_history_prefix(trie_key);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// All `trie_history` entries of the child that `trie_key` (owner and path) names.
pub(crate) fn trie_history_prefix(trie_key: &[u8]) -> Vec<u8> {
    let owner_bytes = if trie_key.first() == Some(&1) { 33 } else { 1 };
    let (owner, path) = trie_key.split_at(owner_bytes.min(trie_key.len()));
    let mut key = Vec::with_capacity(trie_key.len() + 9);
    key.extend_from_slice(owner);
    key.push(path.len() as u8);
    key.extend_from_slice(path);
    key
}

fn put_owner(key: &mut Vec<u8>, owner: Option<&B256>) {
    match owner {
        None => key.push(0),
        Some(hash) => {
            key.push(1);
            key.extend_from_slice(hash.as_slice());
        }
    }
}

/// First eight bytes of the block hash ++ number: `block_index`.
pub(crate) fn block_index(block: BlockRef) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&block.hash[..8]);
    key[8..].copy_from_slice(&block.number.to_be_bytes());
    key
}

/// First eight bytes of the transaction hash ++ number (6 bytes) ++ index (3 bytes): `tx_index`.
pub(crate) fn tx_index(hash: &B256, number: u64, index: u32) -> [u8; 17] {
    let mut key = [0; 17];
    key[..8].copy_from_slice(&hash[..8]);
    key[8..14].copy_from_slice(&number.to_be_bytes()[2..]);
    key[14..].copy_from_slice(&index.to_be_bytes()[1..]);
    key
}

/// Number and index of a `tx_index` key.
pub(crate) fn tx_index_place(key: &[u8]) -> Option<(u64, u32)> {
    let key: &[u8; 17] = key.try_into().ok()?;
    let mut number = [0; 8];
    number[2..].copy_from_slice(&key[8..14]);
    let mut index = [0; 4];
    index[1..].copy_from_slice(&key[14..]);
    Some((u64::from_be_bytes(number), u32::from_be_bytes(index)))
}

/// What a log is looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogKind {
    Address,
    Topic(u8),
}

/// kind ++ first eight bytes of keccak256(value): all `log_index` entries of a value.
pub(crate) fn log_index_prefix(kind: LogKind, value: &[u8]) -> [u8; 9] {
    let mut key = [0; 9];
    key[0] = match kind {
        LogKind::Address => 0,
        LogKind::Topic(position) => 1 + position,
    };
    key[1..].copy_from_slice(&keccak256(value)[..8]);
    key
}

/// kind ++ hash ++ number: `log_index`.
pub(crate) fn log_index(prefix: [u8; 9], number: u64) -> [u8; 17] {
    let mut key = [0; 17];
    key[..9].copy_from_slice(&prefix);
    key[9..].copy_from_slice(&number.to_be_bytes());
    key
}

/// Names in `meta`.
pub(crate) mod meta {
    pub(crate) const SCHEMA: &[u8] = b"schema";
    pub(crate) const IDENTITY: &[u8] = b"identity";
    pub(crate) const HEADS: &[u8] = b"heads";
    pub(crate) const CURSOR: &[u8] = b"cursor";
    pub(crate) const BASE: &[u8] = b"base";
    pub(crate) const APPLYING: &[u8] = b"applying";
    pub(crate) const PRUNED: &[u8] = b"pruned";
    pub(crate) const UNDO: &[u8] = b"undo";
    pub(crate) const GOAL: &[u8] = b"goal";
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;

    #[test]
    fn golden_bytes() {
        let hash = B256::repeat_byte(0xab);
        let block = BlockRef { number: 0x0102, hash };
        let ab = "ab".repeat(32);
        assert_eq!(hex::encode(record(block)), format!("0000000000000102{ab}"));
        assert_eq!(hex::encode(number(0x0102)), "0000000000000102");
        let other = B256::repeat_byte(0xcd);
        let cd = "cd".repeat(32);
        assert_eq!(hex::encode(slot(&hash, &other)), format!("{ab}{cd}"));
        assert_eq!(hex::encode(account_history(&hash, 3)), format!("{ab}0000000000000003"));
        assert_eq!(
            hex::encode(storage_history(&hash, &other, 3)),
            format!("{ab}{cd}0000000000000003")
        );
        assert_eq!(hex::encode(trie(None, &[1, 15])), "00010f");
        assert_eq!(hex::encode(trie(Some(&hash), &[1])), format!("01{ab}01"));
        assert_eq!(hex::encode(trie_history(&trie(None, &[1, 15]), 3)), "0002010f0000000000000003");
        assert_eq!(
            hex::encode(trie_history(&trie(Some(&hash), &[1]), 3)),
            format!("01{ab}01010000000000000003")
        );
        assert_eq!(hex::encode(block_index(block)), "abababababababab0000000000000102");
        assert_eq!(hex::encode(tx_index(&hash, 0x0102, 7)), "abababababababab000000000102000007");
        assert_eq!(
            hex::encode(log_index(log_index_prefix(LogKind::Topic(3), &[]), 1)),
            "04c5d2460186f7233c0000000000000001"
        );
    }

    #[test]
    fn keys_give_their_parts_back() {
        let block = BlockRef { number: 77, hash: B256::repeat_byte(3) };
        assert_eq!(record_block(&record(block)), Some(block));
        assert_eq!(record_block(&[0; 39]), None);
        assert_eq!(tx_index_place(&tx_index(&block.hash, 77, 70_000)), Some((77, 70_000)));
        let key = trie(Some(&block.hash), &[1, 2]);
        assert_eq!(trie_parts(&key), Some((Some(block.hash), &[1, 2][..])));
        assert_eq!(trie_parts(&trie(None, &[])), Some((None, &[][..])));
        assert_eq!(trie_parts(&[2]), None);
        assert_eq!(trailing_number(&account_history(&block.hash, 9)), Some(9));
    }
}
