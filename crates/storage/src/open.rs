//! What a database says when it is opened: heads, base, and the blocks between them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use alloy_primitives::B256;
use phala_primitives::{AccountDiff, BlockRef, Heads, SealedHeader, StoredNode};
use rayon::prelude::*;

use crate::StorageError;
use crate::chain::{Base, Chain, Dirty, TailBlock};
use crate::keys;
use crate::kv::{Batch, Bounds, Family, KvSnapshot, KvStore, WriteMode};
use crate::layer::{Layer, LayerBuilder};
use crate::meta::{self, Applying, Identity, Step};
use crate::record::{NodeChange, StoredDiff, decode_diff, decode_header, open_value};
use crate::stack::Stack;
use crate::state_value::{decode_node, decode_partial_node};
use crate::unwind;
use crate::view::node_in;

/// Side blocks above base that are loaded.
const SIDE_BLOCKS_READ_MAX: usize = 512;

/// Stored bytes of their changes, a few times as many in memory: opening has 300 ms.
const SIDE_BYTES_READ_MAX: usize = 8 << 20;

/// Reads everything a store keeps in memory. A database without a finished genesis gives an empty
/// chain and no identity.
pub(crate) fn load(
    kv: &Arc<dyn KvStore>,
    head_max: Option<u64>,
) -> Result<(Option<Identity>, Chain), StorageError> {
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
    if let Some(head_max) = head_max {
        lower_head(kv.as_ref(), head_max)?;
    }
    let missing = || StorageError::NoGenesis;
    let heads = meta::heads(kv.as_ref())?.ok_or_else(missing)?;
    let base = meta::base(kv.as_ref())?.ok_or_else(missing)?;
    let applying = meta::applying(kv.as_ref())?;
    let chain = load_chain(kv, heads, base, applying)?;
    Ok((Some(identity), chain))
}

/// Makes the canonical block at this height the head, without a look at those above.
fn lower_head(kv: &dyn KvStore, head_max: u64) -> Result<(), StorageError> {
    let missing = || StorageError::NoGenesis;
    let heads = meta::heads(kv)?.ok_or_else(missing)?;
    let base = meta::base(kv)?.ok_or_else(missing)?;
    // What a move of base has begun with is finished.
    let begun = meta::applying(kv)?.map_or(0, |applying| applying.high.number);
    let number = head_max.max(base.number).max(begun);
    let mut batch = Batch::new();
    // A reorg that was under way would lead to where nobody may look.
    batch.delete(Family::Meta, keys::meta::GOAL);
    if number >= heads.latest.number {
        return Ok(kv.write(&batch, WriteMode::Synced)?);
    }
    let to = if number == base.number {
        base
    } else {
        let entry = canonical_entry(kv.snapshot().as_ref(), number)?;
        let damaged = || StorageError::damaged(Family::Canonical, &keys::number(number));
        BlockRef { number, hash: entry.ok_or_else(damaged)? }
    };
    tracing::warn!(number, hash = %to.hash, from = heads.latest.number, "the head is taken back");
    let lower = unwind::clipped(heads, to);
    for number in to.number + 1..=heads.latest.number {
        batch.delete(Family::Canonical, &keys::number(number));
    }
    meta::put_heads(&mut batch, &lower);
    if lower.safe != heads.safe {
        meta::drop_cursor(&mut batch);
    }
    Ok(kv.write(&batch, WriteMode::Synced)?)
}

fn canonical_entry(snapshot: &dyn KvSnapshot, number: u64) -> Result<Option<B256>, StorageError> {
    let hash = snapshot.get_vec(Family::Canonical, &keys::number(number))?;
    Ok(hash.and_then(|hash| B256::try_from(hash.as_slice()).ok()))
}

fn load_chain(
    kv: &Arc<dyn KvStore>,
    heads: Heads,
    base: BlockRef,
    applying: Option<Applying>,
) -> Result<Chain, StorageError> {
    let snapshot = kv.snapshot();
    let path = canonical_path(kv.as_ref(), snapshot.as_ref(), base, heads.latest)?;
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
        let block = one.block;
        insert(&mut chain, one, lenient, &mut nodes).map_err(|error| error.of_tail(block))?;
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
            match insert(&mut chain, one, lenient, &mut nodes) {
                Err(error) if error.is_damage() => warn_of_side_block(block, &error),
                result => result?,
            }
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
    let (mut side, mut side_bytes) = (0, 0);
    while found && side < SIDE_BLOCKS_READ_MAX && side_bytes < SIDE_BYTES_READ_MAX {
        // A key that is none belongs to no block anybody asks for.
        if let Some(block) = keys::record_block(cursor.item().0)
            && !is_on_path(base, path, block)
        {
            snapshot.get(Family::Diffs, &keys::record(block), &mut |diff| {
                side_bytes += diff.len();
            })?;
            blocks.push(block);
            side += 1;
        }
        found = cursor.next()?;
    }
    blocks.sort_unstable_by_key(|block| block.number);
    let found = blocks.into_par_iter().map(|block| {
        let keep_accounts = cover_until.is_some_and(|until| block.number <= until.number);
        match read_one(snapshot, block, keep_accounts) {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_on_path(base, path, block) => Err(error.of_tail(block)),
            Err(error) if error.is_damage() => {
                warn_of_side_block(block, &error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    });
    let found: Vec<_> = found.collect::<Result<_, _>>()?;
    Ok(found.into_iter().flatten().collect())
}

fn read_one(
    snapshot: &dyn KvSnapshot,
    block: BlockRef,
    keep_accounts: bool,
) -> Result<Found, StorageError> {
    let header = read_header_at(snapshot, block)?;
    let header = header.ok_or_else(|| StorageError::missing("header", block))?;
    let mut diff = read_diff(snapshot, block)?;
    if diff.parent != header.parent_hash {
        return Err(StorageError::damaged(Family::Diffs, &keys::record(block)));
    }
    let layer = accounts_after(&diff.accounts);
    if !keep_accounts {
        diff.accounts = Vec::new();
    }
    Ok(Found { block, header, layer, nodes: diff.nodes, accounts: diff.accounts })
}

/// Nothing canonical depends on it, and whoever needs the block delivers it again.
fn warn_of_side_block(block: BlockRef, error: &StorageError) {
    tracing::warn!(number = block.number, hash = %block.hash, %error, "side block left out");
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

/// The canonical blocks above base, in order: from the head down, each header names the next, and
/// each is what its hash says. A canonical entry that says something else is damaged, and mended.
fn canonical_path(
    kv: &dyn KvStore,
    snapshot: &dyn KvSnapshot,
    base: BlockRef,
    latest: BlockRef,
) -> Result<Vec<BlockRef>, StorageError> {
    let mut path = Vec::new();
    let mut mended = Batch::new();
    let mut at = latest;
    while at.number > base.number {
        let header = read_header_at(snapshot, at)
            .and_then(|header| header.ok_or_else(|| StorageError::missing("header", at)));
        let parent = header.map_err(|error| error.of_tail(at))?.parent_hash;
        if canonical_entry(snapshot, at.number)? != Some(at.hash) {
            tracing::warn!(number = at.number, hash = %at.hash, "canonical entry mended");
            mended.put(Family::Canonical, &keys::number(at.number), at.hash.as_slice());
        }
        path.push(at);
        at = BlockRef { number: at.number - 1, hash: parent };
    }
    if at != base {
        return Err(StorageError::BrokenChain { number: base.number, hash: base.hash });
    }
    if !mended.is_empty() {
        kv.write(&mended, WriteMode::Synced)?;
    }
    path.reverse();
    Ok(path)
}

/// Values at base of everything an interrupted advance may have overwritten.
fn cover(found: &[Found], path: &[BlockRef], until: BlockRef) -> Result<Layer, StorageError> {
    let by_hash: HashMap<B256, &Found> = found.iter().map(|one| (one.block.hash, one)).collect();
    let mut layers = Vec::new();
    for block in path.iter().take_while(|block| block.number <= until.number) {
        let one = by_hash
            .get(&block.hash)
            .ok_or_else(|| StorageError::missing("record", *block).of_tail(*block))?;
        let mut builder = LayerBuilder::default();
        for account in &one.accounts {
            builder.account(account.hash, account.before.as_ref());
            for slot in &account.slots {
                builder.slot(account.hash, slot.hash, &slot.before);
            }
        }
        layers.push(Arc::new(builder.finish()));
    }
    // The value before the first block that changed a key is the one at base, so the first block
    // is on top. Merged in pairs: one by one would be quadratic in the length of the tail.
    Ok(Stack::default().with_all(layers.into_iter().rev()).merged())
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
