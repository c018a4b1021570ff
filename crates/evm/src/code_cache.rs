use alloy_primitives::{Address, B256, U256, map::B256Map};
use parking_lot::Mutex;
use revm::{DatabaseRef, bytecode::Bytecode, state::AccountInfo};

/// What all cached codes together may take.
const BUDGET_BYTES: usize = 32 << 20;

/// Locks; code hashes are uniform, so this many threads rarely meet.
const SHARDS: usize = 16;

/// An estimate of what an entry takes besides its code: key, table entry, reference counts.
const ENTRY_OVERHEAD_BYTES: usize = 256;

/// Codes ready to run, by hash, shared by everything that executes.
///
/// A code hash names its content, so entries never become wrong. Each shard has two generations: a
/// hit in the old one moves the code to the young one, and when the young one is full it becomes the
/// old one, whose entries are dropped.
#[derive(Debug)]
pub struct CodeCache {
    shards: [Mutex<Shard>; SHARDS],
    generation_bytes: usize,
}

#[derive(Debug, Default)]
struct Shard {
    young: B256Map<Bytecode>,
    young_bytes: usize,
    old: B256Map<Bytecode>,
}

impl CodeCache {
    /// A cache of 32 MB.
    pub fn new() -> Self {
        Self::with_budget(BUDGET_BYTES)
    }

    fn with_budget(bytes: usize) -> Self {
        Self { shards: Default::default(), generation_bytes: bytes / SHARDS / 2 }
    }

    /// The code with this hash, if it is known.
    pub fn get(&self, hash: &B256) -> Option<Bytecode> {
        let mut shard = self.shard(hash).lock();
        if let Some(code) = shard.young.get(hash) {
            return Some(code.clone());
        }
        let code = shard.old.remove(hash)?;
        shard.insert(*hash, code.clone(), self.generation_bytes);
        Some(code)
    }

    /// Remembers a code.
    pub fn insert(&self, hash: B256, code: Bytecode) {
        self.shard(&hash).lock().insert(hash, code, self.generation_bytes);
    }

    fn shard(&self, hash: &B256) -> &Mutex<Shard> {
        &self.shards[hash[0] as usize % SHARDS]
    }
}

impl Default for CodeCache {
    fn default() -> Self {
        Self::new()
    }
}

impl Shard {
    fn insert(&mut self, hash: B256, code: Bytecode, generation_bytes: usize) {
        // The jump table has one bit for each byte of code.
        let size = ENTRY_OVERHEAD_BYTES + code.bytes_ref().len() / 8 * 9;
        if size > generation_bytes {
            return;
        }
        if self.young_bytes + size > generation_bytes {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        if self.young.insert(hash, code).is_none() {
            self.young_bytes += size;
        }
    }
}

/// A view whose codes come from a [`CodeCache`] where it has them.
#[derive(Clone, Copy, Debug)]
pub struct WithCodeCache<'a, DB> {
    db: DB,
    cache: &'a CodeCache,
}

impl<'a, DB> WithCodeCache<'a, DB> {
    /// Puts a cache in front of a view.
    pub const fn new(db: DB, cache: &'a CodeCache) -> Self {
        Self { db, cache }
    }
}

impl<DB: DatabaseRef> DatabaseRef for WithCodeCache<'_, DB> {
    type Error = DB::Error;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, DB::Error> {
        self.db.basic_ref(address)
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, DB::Error> {
        if let Some(code) = self.cache.get(&code_hash) {
            return Ok(code);
        }
        let code = self.db.code_by_hash_ref(code_hash)?;
        self.cache.insert(code_hash, code.clone());
        Ok(code)
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, DB::Error> {
        self.db.storage_ref(address, slot)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, DB::Error> {
        self.db.block_hash_ref(number)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Bytes;

    use super::*;

    fn code(tag: u8) -> Bytecode {
        Bytecode::new_raw(Bytes::from(vec![tag; 1_000]))
    }

    fn hash(tag: u8) -> B256 {
        // All in one shard.
        let mut hash = B256::ZERO;
        hash[31] = tag;
        hash
    }

    #[test]
    fn stays_below_its_budget_and_keeps_what_is_used() {
        let cache = CodeCache::with_budget(SHARDS * 2 * 5_000);
        for tag in 0..100 {
            cache.insert(hash(tag), code(tag));
            assert_eq!(cache.get(&hash(0)).map(|code| code.bytes_slice()[0]), Some(0));
            let shard = cache.shards[0].lock();
            assert!(shard.young_bytes <= 5_000);
            assert!(shard.young.len() + shard.old.len() <= 8);
        }
        assert!(cache.get(&hash(99)).is_some());
        assert!(cache.get(&hash(50)).is_none());
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let cache = CodeCache::with_budget(SHARDS * 2 * 1_000);
        cache.insert(hash(1), code(1));
        assert!(cache.get(&hash(1)).is_none());
    }

    #[test]
    fn inserting_twice_counts_once() {
        let cache = CodeCache::new();
        cache.insert(hash(1), code(1));
        let bytes = cache.shards[0].lock().young_bytes;
        cache.insert(hash(1), code(1));
        assert_eq!(cache.shards[0].lock().young_bytes, bytes);
    }
}
