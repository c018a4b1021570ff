//! Values of the `meta` family.

use alloy_primitives::B256;
use phala_primitives::{BlockRef, Heads};

use crate::StorageError;
use crate::envelope;
use crate::keys::meta;
use crate::kv::{Batch, Family, KvStore};
use crate::record::open_value;
use crate::wire::{Damaged, Reader, Wire};

/// Layout this program reads and writes.
pub(crate) const SCHEMA: u32 = 1;

/// Chain id and genesis hash of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) chain_id: u64,
    pub(crate) genesis: B256,
}

/// A move of base that has begun and must be finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Applying {
    pub(crate) step: Step,
    /// The lower end: base of an advance, goal of an unwind.
    pub(crate) low: BlockRef,
    /// The upper end: goal of an advance, base of an unwind.
    pub(crate) high: BlockRef,
}

/// How far a move of base is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Advance: histories and indexes are being written; flat families are untouched.
    Histories,
    /// Advance: histories are durable; flat families are being overwritten.
    Flat,
    /// Unwind: flat families are being restored, histories and indexes deleted.
    Unwind,
}

pub(crate) fn put(batch: &mut Batch, name: &[u8], payload: &[u8]) {
    batch.put(Family::Meta, name, &envelope::seal(Family::Meta, name, payload));
}

pub(crate) fn get<T>(
    kv: &dyn KvStore,
    name: &[u8],
    decode: impl FnOnce(Reader<'_>) -> Wire<T>,
) -> Result<Option<T>, StorageError> {
    let Some(value) = kv.get_vec(Family::Meta, name)? else { return Ok(None) };
    open_value(Family::Meta, name, &value, |payload| decode(Reader(payload))).map(Some)
}

fn put_block(out: &mut Vec<u8>, block: BlockRef) {
    out.extend_from_slice(&block.number.to_be_bytes());
    out.extend_from_slice(block.hash.as_slice());
}

fn read_block(reader: &mut Reader<'_>) -> Wire<BlockRef> {
    Ok(BlockRef { number: reader.u64()?, hash: reader.hash()? })
}

pub(crate) fn put_schema(batch: &mut Batch) {
    put(batch, meta::SCHEMA, &SCHEMA.to_be_bytes());
}

pub(crate) fn schema(kv: &dyn KvStore) -> Result<Option<u32>, StorageError> {
    get(kv, meta::SCHEMA, |mut reader| Ok(u32::from_be_bytes(reader.array()?)))
}

pub(crate) fn put_identity(batch: &mut Batch, identity: Identity) {
    let mut out = identity.chain_id.to_be_bytes().to_vec();
    out.extend_from_slice(identity.genesis.as_slice());
    put(batch, meta::IDENTITY, &out);
}

pub(crate) fn identity(kv: &dyn KvStore) -> Result<Option<Identity>, StorageError> {
    get(kv, meta::IDENTITY, |mut reader| {
        Ok(Identity { chain_id: reader.u64()?, genesis: reader.hash()? })
    })
}

fn put_head_blocks(out: &mut Vec<u8>, heads: &Heads) {
    for block in [heads.latest, heads.safe, heads.finalized] {
        put_block(out, block);
    }
}

fn read_heads(reader: &mut Reader<'_>) -> Wire<Heads> {
    Ok(Heads {
        latest: read_block(reader)?,
        safe: read_block(reader)?,
        finalized: read_block(reader)?,
    })
}

pub(crate) fn put_heads(batch: &mut Batch, heads: &Heads) {
    let mut out = Vec::with_capacity(120);
    put_head_blocks(&mut out, heads);
    put(batch, meta::HEADS, &out);
}

pub(crate) fn heads(kv: &dyn KvStore) -> Result<Option<Heads>, StorageError> {
    get(kv, meta::HEADS, |mut reader| {
        let heads = read_heads(&mut reader)?;
        reader.end().map(|()| heads)
    })
}

/// Where a reorg below base leads to: what is written once base is low enough. From the moment it
/// is durable the reorg happens, whether or not the process lives to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Goal {
    pub(crate) heads: Heads,
    pub(crate) cursor: Option<Vec<u8>>,
}

pub(crate) fn put_goal(batch: &mut Batch, goal: &Goal) {
    let mut out = vec![u8::from(goal.cursor.is_some())];
    put_head_blocks(&mut out, &goal.heads);
    out.extend_from_slice(goal.cursor.as_deref().unwrap_or_default());
    put(batch, meta::GOAL, &out);
}

pub(crate) fn goal(kv: &dyn KvStore) -> Result<Option<Goal>, StorageError> {
    get(kv, meta::GOAL, |mut reader| {
        let has_cursor = reader.byte()?;
        let heads = read_heads(&mut reader)?;
        let cursor = match has_cursor {
            0 => reader.end().map(|()| None)?,
            1 => Some(reader.0.to_vec()),
            _ => return Err(Damaged),
        };
        Ok(Goal { heads, cursor })
    })
}

pub(crate) fn put_base(batch: &mut Batch, base: BlockRef) {
    let mut out = Vec::with_capacity(40);
    put_block(&mut out, base);
    put(batch, meta::BASE, &out);
}

pub(crate) fn base(kv: &dyn KvStore) -> Result<Option<BlockRef>, StorageError> {
    get(kv, meta::BASE, |mut reader| {
        let base = read_block(&mut reader)?;
        reader.end().map(|()| base)
    })
}

pub(crate) fn put_applying(batch: &mut Batch, applying: &Applying) {
    let mut out = vec![match applying.step {
        Step::Histories => 0,
        Step::Flat => 1,
        Step::Unwind => 2,
    }];
    put_block(&mut out, applying.low);
    put_block(&mut out, applying.high);
    put(batch, meta::APPLYING, &out);
}

pub(crate) fn applying(kv: &dyn KvStore) -> Result<Option<Applying>, StorageError> {
    get(kv, meta::APPLYING, |mut reader| {
        let step = match reader.byte()? {
            0 => Step::Histories,
            1 => Step::Flat,
            2 => Step::Unwind,
            _ => return Err(Damaged),
        };
        let (low, high) = (read_block(&mut reader)?, read_block(&mut reader)?);
        reader.end().map(|()| Applying { step, low, high })
    })
}

/// What has been deleted of the past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pruned {
    /// Lowest height with state. Bodies and receipts up to this height are gone, block 0 excepted.
    pub(crate) state: u64,
    /// Lowest height that can be unwound to. Diffs up to this height are gone.
    pub(crate) diffs: u64,
}

pub(crate) fn put_pruned(batch: &mut Batch, pruned: Pruned) {
    let mut out = pruned.state.to_be_bytes().to_vec();
    out.extend_from_slice(&pruned.diffs.to_be_bytes());
    put(batch, meta::PRUNED, &out);
}

pub(crate) fn pruned(kv: &dyn KvStore) -> Result<Pruned, StorageError> {
    let found = get(kv, meta::PRUNED, |mut reader| {
        Ok(Pruned { state: reader.u64()?, diffs: reader.u64()? })
    })?;
    Ok(found.unwrap_or_default())
}

pub(crate) fn put_cursor(batch: &mut Batch, cursor: &[u8]) {
    put(batch, meta::CURSOR, cursor);
}

/// For a safe head that goes back: no cursor is right where one of a later block would be wrong.
pub(crate) fn drop_cursor(batch: &mut Batch) {
    batch.delete(Family::Meta, meta::CURSOR);
}

pub(crate) fn cursor(kv: &dyn KvStore) -> Result<Option<Vec<u8>>, StorageError> {
    get(kv, meta::CURSOR, |reader| Ok(reader.0.to_vec()))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;
    use crate::kv::{MemoryKv, WriteMode};

    fn block(number: u64) -> BlockRef {
        BlockRef { number, hash: B256::repeat_byte(number as u8) }
    }

    fn written(batch: &Batch) -> MemoryKv {
        let kv = MemoryKv::new();
        kv.write(batch, WriteMode::Synced).expect("memory");
        kv
    }

    fn raw(kv: &dyn KvStore, name: &[u8]) -> String {
        let value = kv.get_vec(Family::Meta, name).expect("memory").expect("present");
        hex::encode(&value[4..])
    }

    #[test]
    fn golden_bytes() {
        let mut batch = Batch::new();
        put_schema(&mut batch);
        put_identity(&mut batch, Identity { chain_id: 20_351_337, genesis: block(9).hash });
        put_heads(&mut batch, &Heads { latest: block(3), safe: block(2), finalized: block(1) });
        put_base(&mut batch, block(1));
        let applying = Applying { step: Step::Flat, low: block(1), high: block(2) };
        put_applying(&mut batch, &applying);
        put_pruned(&mut batch, Pruned { state: 7, diffs: 8 });
        put_cursor(&mut batch, &[1, 2]);
        let heads = Heads { latest: block(6), safe: block(5), finalized: block(4) };
        let goal = Goal { heads, cursor: Some(vec![3]) };
        put_goal(&mut batch, &goal);
        let kv = written(&batch);

        let of = |number: u8| format!("00000000000000{number:02x}{}", hex::encode([number; 32]));
        assert_eq!(raw(&kv, b"schema"), "0000000001");
        assert_eq!(raw(&kv, b"identity"), format!("00{:016x}{}", 20_351_337, "09".repeat(32)));
        assert_eq!(raw(&kv, b"heads"), format!("00{}{}{}", of(3), of(2), of(1)));
        assert_eq!(raw(&kv, b"base"), format!("00{}", of(1)));
        assert_eq!(raw(&kv, b"applying"), format!("0001{}{}", of(1), of(2)));
        assert_eq!(raw(&kv, b"pruned"), "0000000000000000070000000000000008");
        assert_eq!(raw(&kv, b"cursor"), "000102");
        assert_eq!(raw(&kv, b"goal"), format!("0001{}{}{}03", of(6), of(5), of(4)));

        assert_eq!(schema(&kv).expect("read"), Some(SCHEMA));
        assert_eq!(identity(&kv).expect("read").map(|id| id.chain_id), Some(20_351_337));
        assert_eq!(super::heads(&kv).expect("read").map(|heads| heads.safe), Some(block(2)));
        assert_eq!(super::goal(&kv).expect("read"), Some(goal.clone()));
        let mut batch = Batch::new();
        put_goal(&mut batch, &Goal { cursor: None, ..goal.clone() });
        let without = super::goal(&written(&batch)).expect("read").expect("present");
        assert_eq!(without, Goal { cursor: None, ..goal });
        assert_eq!(base(&kv).expect("read"), Some(block(1)));
        assert_eq!(super::applying(&kv).expect("read"), Some(applying));
        assert_eq!(pruned(&kv).expect("read"), Pruned { state: 7, diffs: 8 });
        assert_eq!(cursor(&kv).expect("read"), Some(vec![1, 2]));
    }

    #[test]
    fn an_empty_store_has_nothing() {
        let kv = MemoryKv::new();
        assert_eq!(schema(&kv).expect("read"), None);
        assert_eq!(heads(&kv).expect("read"), None);
        assert_eq!(super::applying(&kv).expect("read"), None);
        assert_eq!(pruned(&kv).expect("read"), Pruned::default());
    }
}
