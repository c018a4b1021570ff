//! What a database says when it is opened: heads, base, and the blocks between them.

use std::sync::{Arc, OnceLock};

use alloy_primitives::B256;
use phala_primitives::{BlockRef, Heads, SealedHeader, StoredNode};
use rayon::prelude::*;

use crate::StorageError;
use crate::chain::{Base, Chain, Dirty, TailBlock};
use crate::keys;
use crate::kv::{Bounds, Family, KvSnapshot, KvStore};
use crate::layer::{Layer, LayerBuilder};
use crate::meta::{self, Applying, Identity, Step};
use crate::record::{StoredDiff, decode_diff, decode_header, open_value};
use crate::stack::Stack;
use crate::unwind;
use crate::view::node_in;

/// Side blocks above base that are loaded.
const SIDE_BLOCKS_READ_MAX: usize = 512;

/// Reads everything a store keeps in memory. A database without a finished genesis gives an empty
/// chain and no identity.
pub(crate) fn load(kv: &Arc<dyn KvStore>) -> Result<(Option<Identity>, Chain), StorageError> {
    if let Some(found) = meta::schema(kv.as_ref())?
        && found != meta::SCHEMA
    {
        return Err(StorageError::Schema { found, supported: meta::SCHEMA });
    }
    let identity = meta::identity(kv.as_ref())?;
    let (Some(identity), Some(_)) = (identity, meta::base(kv.as_ref())?) else {
        let base = Base { block: BlockRef::default(), snapshot: kv.snapshot(), dirty: None };
        return Ok((None, Chain::new(Heads::default(), base, 0)));
    };
    if let Some(applying) = meta::applying(kv.as_ref())?
        && applying.step == Step::Unwind
    {
        unwind::finish(kv.as_ref(), &applying)?;
    }
    let missing = || StorageError::NoGenesis;
    let heads = meta::heads(kv.as_ref())?.ok_or_else(missing)?;
    let base = meta::base(kv.as_ref())?.ok_or_else(missing)?;
    let applying = meta::applying(kv.as_ref())?;
    let chain = load_chain(kv, heads, base, applying)?;
    Ok((Some(identity), chain))
}

fn load_chain(
    kv: &Arc<dyn KvStore>,
    heads: Heads,
    base: BlockRef,
    applying: Option<Applying>,
) -> Result<Chain, StorageError> {
    let snapshot = kv.snapshot();
    let path = canonical_path(snapshot.as_ref(), base, heads.latest)?;
    let found = read_blocks(snapshot.as_ref(), base, &path)?;

    let dirty_until = match applying {
        Some(Applying { step: Step::Flat, high, .. }) => Some(high),
        _ => None,
    };
    let dirty = match dirty_until {
        Some(until) => Some(Dirty { cover: Arc::new(cover(&found, &path, until)?), until }),
        None => None,
    };
    let lenient = dirty.is_some();
    let base = Base { block: base, snapshot, dirty };
    let mut chain = Chain::new(heads, base, meta::pruned(kv.as_ref())?.state);
    // Until the canonical chain is set, base is the head: stacks are built from there.
    chain.heads = Heads { latest: chain.base.block, ..heads };
    for one in found {
        insert(&mut chain, one, lenient)?;
    }
    for block in &path {
        if !chain.blocks.contains_key(&block.hash) {
            return Err(StorageError::missing("record", *block));
        }
    }
    let fork = chain.base.block.number;
    chain.set_canonical(fork, &path, heads);
    if let Some(applying) = applying {
        chain.advancing = Some(applying.high);
    }
    Ok(chain)
}

/// One stored block above base.
struct Found {
    block: BlockRef,
    header: SealedHeader,
    diff: StoredDiff,
}

/// Headers and diffs above base, in order of height: those of the canonical chain, and side
/// blocks as far as they are not too many.
fn read_blocks(
    snapshot: &dyn KvSnapshot,
    base: BlockRef,
    path: &[BlockRef],
) -> Result<Vec<Found>, StorageError> {
    let mut blocks = path.to_vec();
    let from = keys::number(base.number + 1);
    let bounds = Bounds { lower: Some(from.to_vec()), ..Bounds::default() };
    let mut cursor = snapshot.cursor(Family::Headers, bounds);
    let mut found = cursor.seek(&from)?;
    let mut side = 0;
    while found && side < SIDE_BLOCKS_READ_MAX {
        let key = cursor.item().0;
        let block =
            keys::record_block(key).ok_or_else(|| StorageError::damaged(Family::Headers, key))?;
        let place = usize::try_from(block.number - base.number - 1).unwrap_or(usize::MAX);
        if path.get(place) != Some(&block) {
            blocks.push(block);
            side += 1;
        }
        found = cursor.next()?;
    }
    blocks.sort_unstable_by_key(|block| block.number);
    blocks
        .into_par_iter()
        .map(|block| {
            let header = read_header_at(snapshot, block)?;
            let header = header.ok_or_else(|| StorageError::missing("header", block))?;
            Ok(Found { block, header, diff: read_diff(snapshot, block)? })
        })
        .collect()
}

/// A header and the block its key names; the header hashes to what the key says.
pub(crate) fn read_header(
    key: &[u8],
    value: &[u8],
) -> Result<(BlockRef, SealedHeader), StorageError> {
    let damaged = || StorageError::damaged(Family::Headers, key);
    let block = keys::record_block(key).ok_or_else(damaged)?;
    let header = open_value(Family::Headers, key, value, decode_header)?;
    if header.number != block.number || header.hash_slow() != block.hash {
        return Err(damaged());
    }
    Ok((block, SealedHeader::new(header, block.hash)))
}

/// The header of a stored block.
pub(crate) fn read_header_at(
    snapshot: &dyn KvSnapshot,
    block: BlockRef,
) -> Result<Option<SealedHeader>, StorageError> {
    let key = keys::record(block);
    let mut found = None;
    snapshot.get(Family::Headers, &key, &mut |value| found = Some(read_header(&key, value)))?;
    Ok(found.transpose()?.map(|(_, header)| header))
}

/// What a stored block changed.
pub(crate) fn read_diff(
    snapshot: &dyn KvSnapshot,
    block: BlockRef,
) -> Result<StoredDiff, StorageError> {
    let key = keys::record(block);
    let mut found = None;
    snapshot.get(Family::Diffs, &key, &mut |value| {
        found = Some(open_value(Family::Diffs, &key, value, decode_diff));
    })?;
    found.unwrap_or_else(|| Err(StorageError::missing("diff", block)))
}

/// The canonical blocks above base, in order.
fn canonical_path(
    snapshot: &dyn KvSnapshot,
    base: BlockRef,
    latest: BlockRef,
) -> Result<Vec<BlockRef>, StorageError> {
    let mut path = Vec::new();
    for number in base.number + 1..=latest.number {
        let key = keys::number(number);
        let hash = snapshot.get_vec(Family::Canonical, &key)?;
        let hash = hash.as_deref().and_then(|hash| B256::try_from(hash).ok());
        let hash = hash.ok_or_else(|| StorageError::damaged(Family::Canonical, &key))?;
        path.push(BlockRef { number, hash });
    }
    if path.last().copied().unwrap_or(base) != latest {
        return Err(StorageError::missing("canonical entry", latest));
    }
    Ok(path)
}

/// Values at base of everything an interrupted advance may have overwritten.
fn cover(found: &[Found], path: &[BlockRef], until: BlockRef) -> Result<Layer, StorageError> {
    let mut cover = Layer::default();
    for block in path.iter().take_while(|block| block.number <= until.number) {
        let one = found
            .iter()
            .find(|one| one.block == *block)
            .ok_or_else(|| StorageError::missing("record", *block))?;
        let mut builder = LayerBuilder::default();
        for account in &one.diff.accounts {
            builder.account(account.hash, account.before.as_ref());
            for slot in &account.slots {
                builder.slot(account.hash, slot.hash, &slot.before);
            }
        }
        // The value before the first block that changed a key is the one at base.
        cover = Layer::merge(&builder.finish(), &cover);
    }
    Ok(cover)
}

fn insert(chain: &mut Chain, one: Found, lenient: bool) -> Result<(), StorageError> {
    let Found { block, header, diff } = one;
    if diff.parent != header.parent_hash {
        return Err(StorageError::damaged(Family::Diffs, &keys::record(block)));
    }
    let parent = header.parent_hash;
    if parent != chain.base.block.hash && !chain.blocks.contains_key(&parent) {
        return Ok(());
    }
    let stack = if diff.nodes.is_empty() {
        Stack::default()
    } else {
        chain.stack(parent).unwrap_or_default()
    };
    let base = Arc::clone(&chain.base);
    let layer = layer_of(block, &diff, lenient, |key| {
        if lenient {
            lenient_node(&stack, &base, key)
        } else {
            node_in(&stack, &base, block.number, key)
        }
    })?;
    chain.insert(Arc::new(TailBlock {
        block,
        parent,
        header: Arc::new(header),
        layer: Arc::new(layer),
        transactions: OnceLock::new(),
    }));
    Ok(())
}

/// The layer of a stored diff, given the trie nodes of its parent.
pub(crate) fn layer_of(
    block: BlockRef,
    diff: &StoredDiff,
    lenient: bool,
    mut parent_node: impl FnMut(&[u8]) -> Result<Option<StoredNode>, StorageError>,
) -> Result<Layer, StorageError> {
    let mut builder = LayerBuilder::default();
    for account in &diff.accounts {
        builder.account(account.hash, account.after.as_ref());
        for slot in &account.slots {
            builder.slot(account.hash, slot.hash, &slot.after);
        }
    }
    for change in &diff.nodes {
        let after = match &change.patch {
            None => None,
            Some(patch) => {
                let before = if patch.is_relative() { parent_node(&change.key)? } else { None };
                let node = patch
                    .apply(before.as_ref(), lenient)
                    .map_err(|_| StorageError::damaged(Family::Diffs, &keys::record(block)))?;
                Some(node)
            }
        };
        builder.node(&change.key, after.as_ref());
    }
    Ok(builder.finish())
}

/// As [`node_in`] while flat nodes may be those of base or of a later block: references that are
/// not known come out empty. Blocks behind the interrupted advance are right all the same, because
/// whatever is taken from a later node has not changed in between.
fn lenient_node(
    stack: &Stack,
    base: &Base,
    key: &[u8],
) -> Result<Option<StoredNode>, StorageError> {
    use crate::state_value::{decode_node, decode_partial_node};
    for layer in stack.newest_first() {
        if let Some(value) = layer.nodes.get(key) {
            if value.is_empty() {
                return Ok(None);
            }
            let damaged = |_| StorageError::damaged(Family::Trie, key);
            return decode_partial_node(value).map(Some).map_err(damaged);
        }
    }
    let mut found = None;
    base.snapshot.get(Family::Trie, key, &mut |value| found = Some(decode_node(value)))?;
    found.transpose().map_err(|_| StorageError::damaged(Family::Trie, key))
}
