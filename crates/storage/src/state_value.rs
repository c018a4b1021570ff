//! Values of the flat state families: accounts, slots, stored trie nodes.

use alloy_primitives::{B256, U256};
use phala_primitives::{Account, EMPTY_CODE_HASH, EMPTY_STORAGE_ROOT, NodeRef, StoredNode};

use crate::wire::{Damaged, Reader, Wire, put_varint, put_word};

const HAS_CODE: u8 = 1;
const HAS_STORAGE: u8 = 2;
const BALANCE_LEN_SHIFT: u32 = 2;

/// RLP head of a 32-byte string, which every hash reference starts with.
pub(crate) const HASH_REF_HEAD: u8 = 0xa0;

/// Length byte that stands for a hash; references of embedded nodes are shorter.
const HASH_REF_LEN: u8 = 32;

/// flags (code 1, storage 2, balance length << 2), nonce varint, balance, code hash, storage root.
pub(crate) fn put_account(out: &mut Vec<u8>, account: &Account) {
    put_account_parts(
        out,
        account,
        account.code_hash != EMPTY_CODE_HASH,
        account.storage_root != EMPTY_STORAGE_ROOT,
    );
}

/// As [`put_account`] with a choice of which hashes are written.
pub(crate) fn put_account_parts(out: &mut Vec<u8>, account: &Account, code: bool, storage: bool) {
    let balance_len = account.balance.byte_len() as u8;
    let mut flags = balance_len << BALANCE_LEN_SHIFT;
    if code {
        flags |= HAS_CODE;
    }
    if storage {
        flags |= HAS_STORAGE;
    }
    out.push(flags);
    put_varint(out, account.nonce);
    put_word(out, &account.balance);
    if code {
        out.extend_from_slice(account.code_hash.as_slice());
    }
    if storage {
        out.extend_from_slice(account.storage_root.as_slice());
    }
}

/// Reads an account whose missing hashes are those given.
pub(crate) fn read_account_parts(
    reader: &mut Reader<'_>,
    code_hash: B256,
    storage_root: B256,
) -> Wire<Account> {
    let flags = reader.byte()?;
    let nonce = reader.varint()?;
    let balance = reader.word(usize::from(flags >> BALANCE_LEN_SHIFT))?;
    let code_hash = if flags & HAS_CODE != 0 { reader.hash()? } else { code_hash };
    let storage_root = if flags & HAS_STORAGE != 0 { reader.hash()? } else { storage_root };
    Ok(Account { nonce, balance, code_hash, storage_root })
}

pub(crate) fn read_account(reader: &mut Reader<'_>) -> Wire<Account> {
    read_account_parts(reader, EMPTY_CODE_HASH, EMPTY_STORAGE_ROOT)
}

/// A whole value of the `accounts` family.
pub(crate) fn decode_account(value: &[u8]) -> Wire<Account> {
    let mut reader = Reader(value);
    let account = read_account(&mut reader)?;
    reader.end()?;
    Ok(account)
}

/// A whole value of `account_history`: empty means absent.
pub(crate) fn decode_account_before(value: &[u8]) -> Wire<Option<Account>> {
    if value.is_empty() { Ok(None) } else { decode_account(value).map(Some) }
}

/// A whole value of the `storage` family: the word without leading zeros.
pub(crate) fn decode_slot(value: &[u8]) -> Wire<U256> {
    U256::try_from_be_slice(value).ok_or(Damaged)
}

/// prefix length, prefix nibbles, leaf count varint, state mask, stored mask, references, each
/// behind its length (32 means a hash, less an embedded node).
pub(crate) fn put_node(out: &mut Vec<u8>, node: &StoredNode) {
    put_node_head(out, node);
    for reference in &node.refs {
        put_ref(out, reference);
    }
}

/// All of a node but its references.
pub(crate) fn put_node_head(out: &mut Vec<u8>, node: &StoredNode) {
    out.push(node.prefix.len() as u8);
    out.extend_from_slice(&node.prefix);
    put_varint(out, node.leaf_count);
    out.extend_from_slice(&node.state_mask.to_be_bytes());
    out.extend_from_slice(&node.stored_mask.to_be_bytes());
}

/// A child reference without the RLP head of a hash.
pub(crate) fn put_ref(out: &mut Vec<u8>, reference: &[u8]) {
    match reference.strip_prefix(&[HASH_REF_HEAD]) {
        Some(hash) if hash.len() == 32 => {
            out.push(HASH_REF_LEN);
            out.extend_from_slice(hash);
        }
        _ => {
            out.push(reference.len() as u8);
            out.extend_from_slice(reference);
        }
    }
}

pub(crate) fn read_ref(reader: &mut Reader<'_>) -> Wire<NodeRef> {
    let len = reader.byte()?;
    match len {
        HASH_REF_LEN => Ok(NodeRef::of_hash(B256::from_slice(reader.bytes(32)?))),
        _ => NodeRef::from_rlp(reader.bytes(usize::from(len))?).ok_or(Damaged),
    }
}

/// All of a node but its references, which stay empty.
pub(crate) fn read_node_head(reader: &mut Reader<'_>) -> Wire<StoredNode> {
    let prefix_len = usize::from(reader.byte()?);
    let prefix = reader.bytes(prefix_len)?.to_vec();
    let leaf_count = reader.varint()?;
    let state_mask = reader.u16()?;
    let stored_mask = reader.u16()?;
    if prefix.iter().any(|nibble| *nibble > 15) || stored_mask & !state_mask != 0 {
        return Err(Damaged);
    }
    Ok(StoredNode { prefix, leaf_count, state_mask, stored_mask, refs: Vec::new() })
}

/// A whole value of the `trie` family.
pub(crate) fn decode_node(value: &[u8]) -> Wire<StoredNode> {
    let mut reader = Reader(value);
    let mut node = read_node_head(&mut reader)?;
    for _ in 0..node.state_mask.count_ones() {
        node.refs.push(read_ref(&mut reader)?);
    }
    reader.end()?;
    Ok(node)
}

/// As [`decode_node`] for nodes in memory some of whose references are not known: those are empty.
pub(crate) fn decode_partial_node(value: &[u8]) -> Wire<StoredNode> {
    let mut reader = Reader(value);
    let mut node = read_node_head(&mut reader)?;
    for _ in 0..node.state_mask.count_ones() {
        if reader.0.first() == Some(&0) {
            reader.byte()?;
            node.refs.push(NodeRef::NONE);
        } else {
            node.refs.push(read_ref(&mut reader)?);
        }
    }
    reader.end()?;
    Ok(node)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;

    fn account(nonce: u64, balance: u64, code: bool, storage: bool) -> Account {
        Account {
            nonce,
            balance: U256::from(balance),
            code_hash: if code { B256::repeat_byte(0xc0) } else { EMPTY_CODE_HASH },
            storage_root: if storage { B256::repeat_byte(0x50) } else { EMPTY_STORAGE_ROOT },
        }
    }

    #[test]
    fn golden_bytes_of_accounts() {
        let cases = [
            (account(0, 0, false, false), "0000".to_owned()),
            (account(300, 0x1234, false, false), "08ac021234".to_owned()),
            (account(1, 0, true, true), format!("0301{}{}", "c0".repeat(32), "50".repeat(32))),
        ];
        for (account, golden) in cases {
            let mut out = Vec::new();
            put_account(&mut out, &account);
            assert_eq!(hex::encode(&out), golden);
            assert_eq!(decode_account(&out), Ok(account));
            assert_eq!(decode_account(&out[..out.len() - 1]), Err(Damaged));
            out.push(0);
            assert_eq!(decode_account(&out), Err(Damaged));
        }
    }

    #[test]
    fn golden_bytes_of_nodes() {
        let mut hash_ref = vec![0xa0];
        hash_ref.extend_from_slice(&[0x11; 32]);
        let node = StoredNode {
            prefix: vec![1, 2],
            leaf_count: 200,
            state_mask: 0x8001,
            stored_mask: 0x0001,
            refs: [&hash_ref[..], &[0xc2, 0x20, 0x01]]
                .map(|rlp| NodeRef::from_rlp(rlp).expect("a reference"))
                .to_vec(),
        };
        let mut out = Vec::new();
        put_node(&mut out, &node);
        let golden = format!("020102c8018001000120{}03c22001", "11".repeat(32));
        assert_eq!(hex::encode(&out), golden);
        assert_eq!(decode_node(&out), Ok(node));
        for len in 0..out.len() {
            assert_eq!(decode_node(&out[..len]), Err(Damaged));
        }
    }

    #[test]
    fn slots_have_no_leading_zeros() {
        let mut out = Vec::new();
        put_word(&mut out, &U256::from(0x0102));
        assert_eq!(out, [1, 2]);
        assert_eq!(decode_slot(&out), Ok(U256::from(0x0102)));
        assert_eq!(decode_slot(&[]), Ok(U256::ZERO));
        assert_eq!(decode_slot(&[1; 33]), Err(Damaged));
    }
}
