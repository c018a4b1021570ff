//! What a database says when it is opened: heads, base, and the blocks between them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use alloy_primitives::B256;
use phala_primitives::{AccountDiff, BlockRef, Heads, SealedHeader, StoredNode};
use rayon::prelude::*;

use crate::StorageError;
use crate::chain::{Base, Chain, Dirty, TailBlock};
use crate::keys;
use crate::kv::{Bounds, Family, KvSnapshot, KvStore};
use crate::layer::{Layer, LayerBuilder};
use crate::meta::{self, Applying, Identity, Step};
use crate::record::{NodeChange, StoredDiff, decode_diff, decode_header, open_value};
use crate::stack::Stack;
use crate::state_value::{decode_node, decode_partial_node};
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
    let until = match applying {
        Some(Applying { step: Step::Flat, high, .. }) => Some(high),
        _ => None,
    };
    let found = read_blocks(snapshot.as_ref(), base, &path, until)?;
    let dirty = match until {
        Some(until) => Some(Dirty { cover: Arc::new(cover(&found, &path, until)?), until }),
        None => None,
    };
    let lenient = dirty.is_some();
    let base = Base { block: base, snapshot, dirty };
    let mut chain = Chain::new(heads, base, meta::pruned(kv.as_ref())?.state);
    // Until the canonical chain is set, base is the head: stacks are built from there.
    chain.heads = Heads { latest: chain.base.block, ..heads };
    let (canonical, side): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|one| is_on_path(chain.base.block, &path, one.block));
    let base = Arc::clone(&chain.base);
    let mut nodes = RunningNodes { base: &base, newest: HashMap::new() };
    for one in canonical {
        insert(&mut chain, one, lenient, &mut nodes)?;
    }
    for block in &path {
        if !chain.blocks.contains_key(&block.hash) {
            return Err(StorageError::missing("record", *block));
        }
    }
    for one in side {
        if let Some((stack, _)) = chain.loose_stack(one.header.parent_hash) {
            let block = one.block;
            let mut nodes = StackNodes { stack: &stack, base: &base, block, lenient };
            insert(&mut chain, one, lenient, &mut nodes)?;
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
    /// Its accounts and slots; the nodes still need those of the parent.
    layer: LayerBuilder,
    nodes: Vec<NodeChange>,
    /// Kept only for the cover.
    accounts: Vec<AccountDiff>,
}

fn is_on_path(base: BlockRef, path: &[BlockRef], block: BlockRef) -> bool {
    let place = block.number.checked_sub(base.number + 1);
    place.and_then(|place| path.get(usize::try_from(place).ok()?)) == Some(&block)
}

/// Headers and diffs above base, in order of height: those of the canonical chain, and side
/// blocks as far as they are not too many.
fn read_blocks(
    snapshot: &dyn KvSnapshot,
    base: BlockRef,
    path: &[BlockRef],
    cover_until: Option<BlockRef>,
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
        if !is_on_path(base, path, block) {
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
            let mut diff = read_diff(snapshot, block)?;
            if diff.parent != header.parent_hash {
                return Err(StorageError::damaged(Family::Diffs, &keys::record(block)));
            }
            let layer = accounts_after(&diff.accounts);
            if cover_until.is_none_or(|until| block.number > until.number) {
                diff.accounts = Vec::new();
            }
            Ok(Found { block, header, layer, nodes: diff.nodes, accounts: diff.accounts })
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
        for account in &one.accounts {
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

fn insert(
    chain: &mut Chain,
    one: Found,
    lenient: bool,
    nodes: &mut impl ParentNodes,
) -> Result<(), StorageError> {
    let layer = with_nodes(one.layer, one.block, &one.nodes, lenient, nodes)?;
    chain.insert(Arc::new(TailBlock {
        block: one.block,
        parent: one.header.parent_hash,
        header: Arc::new(one.header),
        layer: Arc::new(layer),
        transactions: OnceLock::new(),
    }));
    Ok(())
}

/// Where the stored trie nodes of a block's parent are read.
trait ParentNodes {
    fn before(&mut self, key: &[u8]) -> Result<Option<StoredNode>, StorageError>;

    /// Tells what the block left.
    fn after(&mut self, _key: &[u8], _node: Option<StoredNode>) {}
}

/// Nodes of one chain whose blocks come in order.
struct RunningNodes<'a> {
    base: &'a Base,
    newest: HashMap<Vec<u8>, Option<StoredNode>>,
}

impl ParentNodes for RunningNodes<'_> {
    fn before(&mut self, key: &[u8]) -> Result<Option<StoredNode>, StorageError> {
        match self.newest.remove(key) {
            Some(node) => Ok(node),
            None => base_node(self.base, key),
        }
    }

    fn after(&mut self, key: &[u8], node: Option<StoredNode>) {
        self.newest.insert(key.to_vec(), node);
    }
}

/// Nodes of one block.
struct StackNodes<'a> {
    stack: &'a Stack,
    base: &'a Base,
    block: BlockRef,
    lenient: bool,
}

impl ParentNodes for StackNodes<'_> {
    fn before(&mut self, key: &[u8]) -> Result<Option<StoredNode>, StorageError> {
        if self.lenient {
            lenient_node(self.stack, self.base, key)
        } else {
            node_in(self.stack, self.base, self.block.number, key)
        }
    }
}

/// The layer of a stored diff on top of `stack`.
pub(crate) fn layer_of(
    block: BlockRef,
    diff: &StoredDiff,
    stack: &Stack,
    base: &Base,
) -> Result<Layer, StorageError> {
    let mut nodes = StackNodes { stack, base, block, lenient: false };
    with_nodes(accounts_after(&diff.accounts), block, &diff.nodes, false, &mut nodes)
}

fn accounts_after(accounts: &[AccountDiff]) -> LayerBuilder {
    let mut builder = LayerBuilder::default();
    for account in accounts {
        builder.account(account.hash, account.after.as_ref());
        for slot in &account.slots {
            builder.slot(account.hash, slot.hash, &slot.after);
        }
    }
    builder
}

fn with_nodes(
    mut builder: LayerBuilder,
    block: BlockRef,
    changes: &[NodeChange],
    lenient: bool,
    nodes: &mut impl ParentNodes,
) -> Result<Layer, StorageError> {
    for change in changes {
        let after = match &change.patch {
            None => None,
            Some(patch) => {
                let before = if patch.is_relative() { nodes.before(&change.key)? } else { None };
                let node = patch
                    .apply(before.as_ref(), lenient)
                    .map_err(|_| StorageError::damaged(Family::Diffs, &keys::record(block)))?;
                Some(node)
            }
        };
        builder.node(&change.key, after.as_ref());
        nodes.after(&change.key, after);
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
    for layer in stack.newest_first() {
        if let Some(value) = layer.nodes.get(key) {
            if value.is_empty() {
                return Ok(None);
            }
            let damaged = |_| StorageError::damaged(Family::Trie, key);
            return decode_partial_node(value).map(Some).map_err(damaged);
        }
    }
    base_node(base, key)
}

fn base_node(base: &Base, key: &[u8]) -> Result<Option<StoredNode>, StorageError> {
    let mut found = None;
    base.snapshot.get(Family::Trie, key, &mut |value| found = Some(decode_node(value)))?;
    found.transpose().map_err(|_| StorageError::damaged(Family::Trie, key))
}
