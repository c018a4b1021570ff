use alloy_primitives::B256;

use super::{
    Format, Header, Progress, SnapshotError, StateVersion,
    input::Stream,
    limits::{HEADER_LEN_MAX, KEY_LEN_MAX, NODES_MAX, VALUE_LEN_MAX},
    node_store::{NodeStore, NodeStoreWriter},
    open::Contents,
    scale::ScaleReader,
    sorter::Sorter,
    temporary::TemporaryFolder,
    trie::blake2_256,
    trie_walk::TrieWalk,
};

const HASH_LEN: usize = 32;
/// Bytes of a node: a value, the nibbles of a key, children.
const NODE_LEN_MAX: usize = VALUE_LEN_MAX + KEY_LEN_MAX + (1 << 10);
/// Bytes of a node's key: the name of a child trie, the path to the node, its hash.
const NODE_KEY_LEN_MAX: usize = 2 * KEY_LEN_MAX + HASH_LEN;

/// Reads what `try-runtime create-snapshot` writes, in versions 2 to 4: not pairs but the nodes of a trie,
/// each under its path and hash. They are indexed by hash, and the trie is walked from its root; that
/// every node has the hash by which it is known proves the pairs against the root in the file.
///
/// Source: `substrate/utils/frame/remote-externalities/src/lib.rs` of polkadot-sdk, `Snapshot`.
pub(crate) fn read(
    stream: Stream,
    sorter: Sorter,
    folder: &TemporaryFolder,
    progress: &Progress,
) -> Result<Contents, SnapshotError> {
    let mut input = ScaleReader::new(stream);
    let version = match input.compact("the snapshot version")? {
        version @ 2..=4 => version as u16,
        version => return Err(input.malformed(0, format!("snapshot version {version} is unknown"))),
    };
    let state_version = match input.u8("the state version")? {
        0 => StateVersion::V0,
        1 => StateVersion::V1,
        other => return Err(input.malformed(1, format!("state version {other} is unknown"))),
    };
    let block_hash = match version {
        2 | 3 => Some(B256::new(input.array("the block hash")?)),
        _ => None,
    };
    let nodes = read_nodes(&mut input, version, folder)?;
    let storage_root = B256::new(input.array("the storage root")?);
    let header = match version {
        4 => {
            let bytes = input.rest(HEADER_LEN_MAX, "bytes of a header")?;
            Some(Header::decode(&bytes, "the header in the snapshot")?)
        }
        _ => {
            input.end("the storage root")?;
            None
        }
    };
    let mut walk = TrieWalk::new(&nodes, sorter, progress);
    walk.state(storage_root)?;
    Ok(Contents {
        format: Format::TryRuntime(version),
        store: walk.finish()?,
        header,
        block_hash,
        trie: Some((storage_root, state_version)),
    })
}

/// `raw_storage`: for each node its key, its encoding, and how often it is referred to. That number plays
/// no part: a node is what its hash says.
fn read_nodes(
    input: &mut ScaleReader<Stream>,
    version: u16,
    folder: &TemporaryFolder,
) -> Result<NodeStore, SnapshotError> {
    let count = input.compact("the number of nodes")?;
    if count > NODES_MAX {
        return Err(SnapshotError::Limit { what: "trie nodes", found: count, limit: NODES_MAX });
    }
    let mut nodes = NodeStoreWriter::new(folder)?;
    let (mut key, mut node) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let offset = input.offset();
        if version == 2 {
            input.exact_into(&mut key, HASH_LEN, "the key of a node")?;
        } else {
            input.bytes_into(&mut key, NODE_KEY_LEN_MAX, "bytes of a node's key")?;
        }
        input.bytes_into(&mut node, NODE_LEN_MAX, "bytes of a trie node")?;
        input.array::<4>("a reference count")?;
        let Some(hash) = key.last_chunk::<HASH_LEN>() else {
            return Err(input.malformed(offset, "a node without its hash".to_owned()));
        };
        let (stored, computed) = (B256::new(*hash), blake2_256(&node));
        if stored != computed {
            return Err(SnapshotError::NodeHash { offset, stored, computed });
        }
        nodes.push(computed, &node)?;
    }
    nodes.finish()
}
