use std::ops::ControlFlow;

use alloy_primitives::{B256, Bytes, U256};
use phala_primitives::{Account, EMPTY_STORAGE_ROOT, NodeRef};

use crate::{
    TrieError, TrieSource,
    branch::Branch,
    builder::{TrieBuilder, Visitor},
    error::Defect,
    nibbles, node_rlp,
};

/// What EIP-1186 says about one account: that it is in the state as given, or not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// keccak256 of the address.
    pub hash: B256,
    /// The account; `None` if it does not exist.
    pub account: Option<Account>,
    /// RLP of the nodes from the state root towards the account; those shorter than 32 bytes are part
    /// of their parents.
    pub nodes: Vec<Bytes>,
    /// The slots asked for, in that order.
    pub slots: Vec<SlotProof>,
}

/// What EIP-1186 says about one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotProof {
    /// keccak256 of the slot number.
    pub hash: B256,
    /// Its value; zero if it does not exist.
    pub value: U256,
    /// RLP of the nodes from the storage root towards the slot.
    pub nodes: Vec<Bytes>,
}

/// Proves an account and some of its slots against the state root `root` of `source`.
///
/// Stored nodes are walked; below the last one the leaves are scanned and hashed, in memory that
/// grows with the depth only. `budget` limits stored nodes plus leaves read, all slots together.
pub fn account_proof(
    source: &dyn TrieSource,
    root: B256,
    address_hash: B256,
    slots: &[B256],
    budget: u64,
) -> Result<AccountProof, TrieError> {
    let mut reads = Reads { left: budget, budget };
    let mut account = None;
    let mut value = Vec::new();
    let nodes = Walk { source, owner: None, target: address_hash }.prove(
        root,
        &mut reads,
        &mut |prefix, start, leaf| {
            source.accounts(prefix, start, &mut |hash, found| {
                if hash == address_hash {
                    account = Some(found);
                }
                node_rlp::account(&found, &mut value);
                leaf(hash, &value)
            })
        },
    )?;
    let storage_root = account.map_or(EMPTY_STORAGE_ROOT, |account| account.storage_root);
    let slots = slots
        .iter()
        .map(|slot| slot_proof(source, address_hash, storage_root, *slot, &mut reads))
        .collect::<Result<_, _>>()?;
    Ok(AccountProof { hash: address_hash, account, nodes, slots })
}

fn slot_proof(
    source: &dyn TrieSource,
    owner: B256,
    storage_root: B256,
    slot: B256,
    reads: &mut Reads,
) -> Result<SlotProof, TrieError> {
    let mut found = U256::ZERO;
    let mut encoded = Vec::new();
    let nodes = Walk { source, owner: Some(owner), target: slot }.prove(
        storage_root,
        reads,
        &mut |prefix, start, leaf| {
            source.slots(&owner, prefix, start, &mut |hash, value| {
                if hash == slot {
                    found = value;
                }
                node_rlp::slot(&value, &mut encoded);
                leaf(hash, &encoded)
            })
        },
    )?;
    Ok(SlotProof { hash: slot, value: found, nodes })
}

/// How much may still be read.
struct Reads {
    left: u64,
    budget: u64,
}

impl Reads {
    fn take(&mut self) -> Result<(), TrieError> {
        let budget = self.budget;
        self.left = self.left.checked_sub(1).ok_or(TrieError::BudgetExceeded { budget })?;
        Ok(())
    }
}

/// Scans leaves under a prefix from a start, giving each with the RLP of its value.
type Scan<'a> = dyn FnMut(
        &[u8],
        B256,
        &mut dyn FnMut(B256, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), crate::SourceError>
    + 'a;

/// The way from the root of one trie to one key.
struct Walk<'a> {
    source: &'a dyn TrieSource,
    owner: Option<B256>,
    target: B256,
}

impl Walk<'_> {
    fn prove(
        &self,
        root: B256,
        reads: &mut Reads,
        scan: &mut Scan<'_>,
    ) -> Result<Vec<Bytes>, TrieError> {
        let mut nodes = Vec::new();
        if root == EMPTY_STORAGE_ROOT {
            return Ok(nodes);
        }
        let mut from = 0;
        let mut expected = None;
        let mut next = self.branch(0, reads)?;
        if next.is_none() {
            let found = self.scan(0, reads, scan, &mut nodes)?;
            self.check_root(root, &found)?;
        }
        while let Some(branch) = next.take() {
            let found = branch.node();
            match expected {
                None => self.check_root(root, &found)?,
                Some(expected) => self.check(from, expected, found)?,
            }
            let at = branch.at();
            let mut encoder = branch.encode();
            let rlp = encoder.finish();
            if from < at {
                let mut extension = Vec::new();
                node_rlp::extension(branch.key(), from, at, &NodeRef::of(rlp), &mut extension);
                push_hashed(&mut nodes, from, &extension);
            }
            if nibbles::common(&self.target, branch.key()) < at {
                break;
            }
            push_hashed(&mut nodes, at, rlp);
            let Some(child) = branch.child(nibbles::at(&self.target, at)) else { break };
            from = at + 1;
            if child.is_stored {
                next = self.branch(from, reads)?;
                if next.is_none() {
                    return Err(self.corrupt(from, Defect::MissingNode));
                }
                expected = Some(child.node);
            } else {
                let found = self.scan(from, reads, scan, &mut nodes)?;
                self.check(from, child.node, found)?;
            }
        }
        Ok(nodes)
    }

    /// Reads the stored node under the first `from` nibbles of the target.
    fn branch(&self, from: usize, reads: &mut Reads) -> Result<Option<Branch>, TrieError> {
        reads.take()?;
        let path = nibbles::unpack(&self.target, 0..from);
        let Some(stored) = self.source.stored_node(self.owner.as_ref(), &path)? else {
            return Ok(None);
        };
        match Branch::from_stored(&path, &stored) {
            Some(branch) => Ok(Some(branch)),
            None => Err(self.corrupt(from, Defect::Malformed)),
        }
    }

    /// Builds what is under the first `from` nibbles of the target from its leaves, keeping the nodes
    /// on the way to the target.
    fn scan(
        &self,
        from: usize,
        reads: &mut Reads,
        scan: &mut Scan<'_>,
        nodes: &mut Vec<Bytes>,
    ) -> Result<NodeRef, TrieError> {
        let prefix = nibbles::unpack(&self.target, 0..from);
        let start = nibbles::truncate(&self.target, from);
        let mut builder = TrieBuilder::new(from, OnPath { target: self.target, nodes: Vec::new() });
        let mut result = Ok(());
        scan(&prefix, start, &mut |key, value| {
            result = reads.take().and_then(|()| match nibbles::starts_with(&key, &prefix) {
                true => builder.leaf(key, value),
                false => Err(self.corrupt(from, Defect::WrongLeaf(key))),
            });
            if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        result?;
        let Some(found) = builder.finish()? else {
            return Err(self.corrupt(from, Defect::MissingLeaves));
        };
        // They came children first.
        for (at, rlp) in builder.visitor.nodes.iter().rev() {
            push_hashed(nodes, *at, rlp);
        }
        Ok(found)
    }

    fn check_root(&self, root: B256, found: &NodeRef) -> Result<(), TrieError> {
        if found.root() == root {
            return Ok(());
        }
        let (expected, found) = (NodeRef::of_hash(root), NodeRef::of_hash(found.root()));
        Err(self.corrupt(0, Defect::wrong_hash(expected, found)))
    }

    fn check(&self, from: usize, expected: NodeRef, found: NodeRef) -> Result<(), TrieError> {
        if found == expected {
            return Ok(());
        }
        let defect = Defect::wrong_hash(expected, found);
        Err(self.corrupt(from, defect))
    }

    fn corrupt(&self, from: usize, defect: Defect) -> TrieError {
        TrieError::corrupt(self.owner, nibbles::unpack(&self.target, 0..from), defect)
    }
}

/// Keeps the nodes whose path is a prefix of the target.
struct OnPath {
    target: B256,
    nodes: Vec<(usize, Vec<u8>)>,
}

impl Visitor for OnPath {
    fn node(&mut self, key: &B256, from: usize, rlp: &[u8]) {
        if nibbles::common(key, &self.target) >= from {
            self.nodes.push((from, rlp.to_vec()));
        }
    }
}

/// Adds a node to a proof unless it is embedded in its parent; a root never is.
fn push_hashed(nodes: &mut Vec<Bytes>, from: usize, rlp: &[u8]) {
    if rlp.len() >= 32 || from == 0 {
        nodes.push(Bytes::copy_from_slice(rlp));
    }
}
