use alloy_primitives::B256;

use super::{Header, Snapshot, SnapshotError, StateVersion};

/// What was proved about a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenState {
    /// Header of the block.
    pub header: Header,
    /// Its hash.
    pub block_hash: B256,
    /// Pairs of the top trie in the file.
    pub pairs: u64,
    /// The layout that gives the header's root.
    pub state_version: StateVersion,
}

/// Proves that a snapshot is the whole state of the block with a hash.
///
/// The header must be that of the block, and the pairs must have its root under the given state version,
/// which is the chain's and not the file's. If the snapshot says itself of which block it is, that must be
/// the same one.
pub fn prove(
    snapshot: &Snapshot,
    header: Header,
    block_hash: B256,
    state_version: StateVersion,
) -> Result<ProvenState, SnapshotError> {
    header.check_hash(block_hash)?;
    check_origin(snapshot, block_hash)?;
    check_completeness(snapshot, &header)?;
    check_root(snapshot, &header, state_version)?;
    Ok(ProvenState { header, block_hash, pairs: snapshot.pair_count(), state_version })
}

/// What the file says about its block.
fn check_origin(snapshot: &Snapshot, evidence: B256) -> Result<(), SnapshotError> {
    match snapshot.block_hash() {
        Some(hash) if hash == evidence => Ok(()),
        Some(hash) if snapshot.header().is_some() => {
            Err(SnapshotError::OtherHeader { snapshot: hash, evidence })
        }
        Some(hash) => Err(SnapshotError::OtherBlock { snapshot: hash, evidence }),
        None => Ok(()),
    }
}

/// A trie that has its own root and not the header's is not damaged but a part of the state.
fn check_completeness(snapshot: &Snapshot, header: &Header) -> Result<(), SnapshotError> {
    match snapshot.storage_root() {
        Some(storage_root) if storage_root != header.state_root => {
            Err(SnapshotError::Partial { storage_root, state_root: header.state_root })
        }
        _ => Ok(()),
    }
}

fn check_root(
    snapshot: &Snapshot,
    header: &Header,
    expected: StateVersion,
) -> Result<(), SnapshotError> {
    let state_root = header.state_root;
    let computed = snapshot.root(expected);
    if matches!(&computed, Ok(root) if *root == state_root) {
        return Ok(());
    }
    let found = expected.other();
    match snapshot.root(found) {
        Ok(root) if root == state_root => {
            return Err(SnapshotError::StateVersion { state_root, found, expected });
        }
        // The roots of child tries fit one layout; that they do not fit the other says nothing.
        Ok(_) | Err(SnapshotError::ChildRoot { .. }) => {}
        Err(error) => return Err(error),
    }
    let computed = computed?;
    Err(SnapshotError::Root { pairs: snapshot.pair_count(), computed, expected, state_root })
}
