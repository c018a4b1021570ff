use alloy_primitives::B256;
use phala_primitives::{
    Account, AccountDiff, EMPTY_CODE_HASH, EMPTY_STORAGE_ROOT, NodeRef, SlotDiff, StoredNode,
    TrieNodeDiff,
};

use super::BlockDiff;
use crate::keys;
use crate::state_value::{
    put_account, put_account_parts, put_node_head, put_ref, read_account, read_account_parts,
    read_node_head, read_ref,
};
use crate::wire::{Damaged, Reader, Wire, put_sized_word, put_varint};

const VERSION: u8 = 1;

const EXISTED: u8 = 1;
const EXISTS: u8 = 2;
/// The code hash is the one before.
const SAME_CODE: u8 = 4;
/// The storage root is the one before.
const SAME_STORAGE: u8 = 8;

const NODE_REMOVED: u8 = 0;
const NODE_PATCHED: u8 = 1;

/// A stored diff: accounts whole, trie nodes relative to the parent's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredDiff {
    pub(crate) parent: B256,
    pub(crate) accounts: Vec<AccountDiff>,
    pub(crate) nodes: Vec<NodeChange>,
}

/// What became of one stored trie node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeChange {
    /// Key in the `trie` family.
    pub(crate) key: Vec<u8>,
    /// The new node, or `None` if it is no longer stored.
    pub(crate) patch: Option<NodePatch>,
}

/// A node given the one stored under the same key by the parent block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodePatch {
    /// All of the node but its references.
    pub(crate) head: StoredNode,
    /// Children whose reference is new; those of the others are the parent's.
    pub(crate) changed_mask: u16,
    /// The new references, in order.
    pub(crate) refs: Vec<NodeRef>,
}

impl NodePatch {
    fn new(before: Option<&StoredNode>, after: &StoredNode) -> Self {
        let mut changed_mask = 0;
        let mut refs = Vec::new();
        for (child, reference) in children(after) {
            if before.and_then(|node| child_ref(node, child)) != Some(reference) {
                changed_mask |= 1 << child;
                refs.push(*reference);
            }
        }
        let head = StoredNode { refs: Vec::new(), ..after.clone() };
        Self { head, changed_mask, refs }
    }

    /// Whether some references are the parent's.
    pub(crate) const fn is_relative(&self) -> bool {
        self.changed_mask != self.head.state_mask
    }

    /// The whole node. When `lenient`, references of the parent that are not known come out empty
    /// instead of being an error.
    pub(crate) fn apply(&self, before: Option<&StoredNode>, lenient: bool) -> Wire<StoredNode> {
        let mut node = self.head.clone();
        let mut new = self.refs.iter();
        for child in 0..16 {
            if node.state_mask & 1 << child == 0 {
                continue;
            }
            node.refs.push(if self.changed_mask & 1 << child != 0 {
                *new.next().ok_or(Damaged)?
            } else {
                match before.and_then(|node| child_ref(node, child)) {
                    Some(reference) => *reference,
                    None if lenient => NodeRef::NONE,
                    None => return Err(Damaged),
                }
            });
        }
        Ok(node)
    }
}

/// Children of a node with their references.
pub(crate) fn children(node: &StoredNode) -> impl Iterator<Item = (u32, &NodeRef)> {
    (0..16).filter(|child| node.state_mask & 1 << child != 0).zip(&node.refs)
}

/// Reference of one child.
pub(crate) fn child_ref(node: &StoredNode, child: u32) -> Option<&NodeRef> {
    if node.state_mask & 1 << child == 0 {
        return None;
    }
    let place = (node.state_mask & ((1 << child) - 1)).count_ones() as usize;
    node.refs.get(place)
}

/// version, parent, accounts, trie nodes.
pub(crate) fn encode_diff(diff: &BlockDiff) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + diff.accounts.len() * 128 + diff.trie.len() * 256);
    out.push(VERSION);
    out.extend_from_slice(diff.parent.as_slice());
    put_varint(&mut out, diff.accounts.len() as u64);
    for account in &diff.accounts {
        put_account_diff(&mut out, account);
    }
    put_varint(&mut out, diff.trie.len() as u64);
    for node in &diff.trie {
        put_node_diff(&mut out, node);
    }
    out
}

pub(crate) fn decode_diff(bytes: &[u8]) -> Wire<StoredDiff> {
    let mut reader = Reader(bytes);
    if reader.byte()? != VERSION {
        return Err(Damaged);
    }
    let parent = reader.hash()?;
    let count = reader.count(34)?;
    let mut accounts = Vec::with_capacity(count);
    for _ in 0..count {
        accounts.push(read_account_diff(&mut reader)?);
    }
    let count = reader.count(3)?;
    let mut nodes = Vec::with_capacity(count);
    for _ in 0..count {
        nodes.push(read_node_change(&mut reader)?);
    }
    reader.end()?;
    Ok(StoredDiff { parent, accounts, nodes })
}

/// hash, flags, account before, account after, slots (hash, before, after).
fn put_account_diff(out: &mut Vec<u8>, diff: &AccountDiff) {
    out.extend_from_slice(diff.hash.as_slice());
    let old = diff.before.unwrap_or_default();
    let mut flags = 0;
    if diff.before.is_some() {
        flags |= EXISTED;
    }
    if let Some(after) = &diff.after {
        flags |= EXISTS;
        if after.code_hash == old.code_hash {
            flags |= SAME_CODE;
        }
        if after.storage_root == old.storage_root {
            flags |= SAME_STORAGE;
        }
    }
    out.push(flags);
    if let Some(before) = &diff.before {
        put_account(out, before);
    }
    if let Some(after) = &diff.after {
        put_account_parts(out, after, flags & SAME_CODE == 0, flags & SAME_STORAGE == 0);
    }
    put_varint(out, diff.slots.len() as u64);
    for slot in &diff.slots {
        out.extend_from_slice(slot.hash.as_slice());
        put_sized_word(out, &slot.before);
        put_sized_word(out, &slot.after);
    }
}

fn read_account_diff(reader: &mut Reader<'_>) -> Wire<AccountDiff> {
    let hash = reader.hash()?;
    let flags = reader.byte()?;
    let before = if flags & EXISTED != 0 { Some(read_account(reader)?) } else { None };
    let after = if flags & EXISTS != 0 { Some(read_after(reader, before.as_ref())?) } else { None };
    let count = reader.count(34)?;
    let mut slots = Vec::with_capacity(count);
    for _ in 0..count {
        slots.push(SlotDiff {
            hash: reader.hash()?,
            before: reader.sized_word()?,
            after: reader.sized_word()?,
        });
    }
    Ok(AccountDiff { hash, before, after, slots })
}

/// Hashes that were left out are those before; hashes that are empty were written as such by
/// [`put_account_parts`], because they differ from those before.
fn read_after(reader: &mut Reader<'_>, before: Option<&Account>) -> Wire<Account> {
    let (code, storage) = before
        .map_or((EMPTY_CODE_HASH, EMPTY_STORAGE_ROOT), |old| (old.code_hash, old.storage_root));
    read_account_parts(reader, code, storage)
}

/// Key length, key, kind; for a patch the node head, the mask of new references and these.
fn put_node_diff(out: &mut Vec<u8>, diff: &TrieNodeDiff) {
    let key = keys::trie(diff.owner.as_ref(), &diff.path);
    out.push(key.len() as u8);
    out.extend_from_slice(&key);
    let Some(after) = &diff.after else {
        out.push(NODE_REMOVED);
        return;
    };
    out.push(NODE_PATCHED);
    let patch = NodePatch::new(diff.before.as_ref(), after);
    put_node_head(out, &patch.head);
    out.extend_from_slice(&patch.changed_mask.to_be_bytes());
    for reference in &patch.refs {
        put_ref(out, reference);
    }
}

fn read_node_change(reader: &mut Reader<'_>) -> Wire<NodeChange> {
    let len = usize::from(reader.byte()?);
    let key = reader.bytes(len)?.to_vec();
    keys::trie_parts(&key).ok_or(Damaged)?;
    let patch = match reader.byte()? {
        NODE_REMOVED => None,
        NODE_PATCHED => {
            let head = read_node_head(reader)?;
            let changed_mask = reader.u16()?;
            if changed_mask & !head.state_mask != 0 {
                return Err(Damaged);
            }
            let mut refs = Vec::with_capacity(changed_mask.count_ones() as usize);
            for _ in 0..changed_mask.count_ones() {
                refs.push(read_ref(reader)?);
            }
            Some(NodePatch { head, changed_mask, refs })
        }
        _ => return Err(Damaged),
    };
    Ok(NodeChange { key, patch })
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{U256, hex};

    use super::*;

    fn hash_ref(byte: u8) -> NodeRef {
        NodeRef::of_hash(B256::repeat_byte(byte))
    }

    fn short_ref() -> NodeRef {
        NodeRef::from_rlp(&[0xc1, 2]).expect("a short list")
    }

    fn node(refs: &[(u32, NodeRef)], leaf_count: u64) -> StoredNode {
        StoredNode {
            prefix: vec![3],
            leaf_count,
            state_mask: refs.iter().map(|(child, _)| 1u16 << child).sum(),
            stored_mask: 0,
            refs: refs.iter().map(|(_, reference)| *reference).collect(),
        }
    }

    fn account(nonce: u64) -> Account {
        Account { nonce, balance: U256::from(1_000), ..Default::default() }
    }

    fn contract(nonce: u64, code: u8, storage: u8) -> Account {
        Account {
            code_hash: B256::repeat_byte(code),
            storage_root: B256::repeat_byte(storage),
            ..account(nonce)
        }
    }

    fn diff(hash: u8, before: Option<Account>, after: Option<Account>) -> AccountDiff {
        AccountDiff { hash: B256::repeat_byte(hash), before, after, slots: vec![] }
    }

    fn sample() -> BlockDiff {
        let mut with_slots = diff(4, Some(contract(1, 1, 2)), Some(contract(1, 1, 3)));
        with_slots.slots = vec![
            SlotDiff { hash: B256::repeat_byte(1), before: U256::ZERO, after: U256::MAX },
            SlotDiff { hash: B256::repeat_byte(2), before: U256::from(5), after: U256::ZERO },
        ];
        let before = node(&[(0, hash_ref(1)), (5, short_ref()), (15, hash_ref(3))], 100);
        let after = node(&[(0, hash_ref(1)), (6, short_ref()), (15, hash_ref(4))], 101);
        let change = |owner, before, after| TrieNodeDiff { owner, path: vec![1, 2], before, after };
        BlockDiff {
            parent: B256::repeat_byte(0x77),
            accounts: vec![
                diff(1, None, Some(account(1))),
                diff(2, Some(account(1)), None),
                diff(3, Some(contract(1, 1, 2)), Some(account(2))),
                with_slots,
                diff(5, None, Some(contract(1, 7, 8))),
                diff(6, Some(account(1)), Some(contract(1, 7, 8))),
            ],
            trie: vec![
                change(None, Some(before.clone()), Some(after.clone())),
                change(Some(B256::repeat_byte(4)), None, Some(after)),
                change(Some(B256::repeat_byte(5)), Some(before), None),
            ],
        }
    }

    #[test]
    fn diffs_round_trip_given_the_nodes_before() {
        let diff = sample();
        let stored = decode_diff(&encode_diff(&diff)).expect("round trip");
        assert_eq!(stored.parent, diff.parent);
        assert_eq!(stored.accounts, diff.accounts);
        assert_eq!(stored.nodes.len(), diff.trie.len());
        for (change, node) in stored.nodes.iter().zip(&diff.trie) {
            assert_eq!(keys::trie_parts(&change.key), Some((node.owner, node.path.as_slice())));
            let applied =
                change.patch.as_ref().map(|patch| patch.apply(node.before.as_ref(), false));
            assert_eq!(applied.transpose(), Ok(node.after.clone()));
        }
    }

    #[test]
    fn a_patch_carries_only_new_references() {
        let stored = decode_diff(&encode_diff(&sample())).expect("round trip");
        let patch = stored.nodes[0].patch.as_ref().expect("patched");
        assert_eq!(patch.changed_mask, 1 << 6 | 1 << 15);
        // Without the node it is relative to, it cannot be applied.
        assert_eq!(patch.apply(None, false), Err(Damaged));
        let partial = patch.apply(None, true).expect("lenient");
        assert!(partial.refs[0].is_empty() && !partial.refs[1].is_empty());
    }

    #[test]
    fn golden_bytes() {
        let mut diff = sample();
        diff.accounts.drain(1..3);
        diff.accounts.truncate(2);
        diff.trie.truncate(1);
        let golden = [
            format!("01{}02", "77".repeat(32)),
            format!("{}0e080103e800", "01".repeat(32)),
            format!("{}07", "04".repeat(32)),
            format!("0b0103e8{}{}", "01".repeat(32), "02".repeat(32)),
            format!("0a0103e8{}", "03".repeat(32)),
            format!("02{}0020{}", "01".repeat(32), "ff".repeat(32)),
            format!("{}010500", "02".repeat(32)),
            "0103000102".into(),
            "01".into(),
            format!("010365{}{}{}", "8041", "0000", "8040"),
            format!("02c10220{}", "04".repeat(32)),
        ]
        .concat();
        assert_eq!(hex::encode(encode_diff(&diff)), golden);
    }

    #[test]
    fn cut_diffs_are_damage() {
        let encoded = encode_diff(&sample());
        for len in 0..encoded.len() {
            assert_eq!(decode_diff(&encoded[..len]), Err(Damaged), "{len}");
        }
    }
}
