use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rocksdb::{
    BottommostLevelCompaction, ColumnFamily, ColumnFamilyDescriptor, CompactOptions, DB,
    DBRawIteratorWithThreadMode, ErrorKind, FlushOptions, ReadOptions, Snapshot, WriteBatch,
    WriteOptions,
};

use super::rocks_options::Tuning;
use super::{
    Batch, Bounds, Family, FamilySize, KvCursor, KvError, KvSnapshot, KvStore, Op, Pressure,
    WriteMode,
};

/// Sizes of the database's memory.
#[derive(Clone, Copy, Debug)]
pub struct RocksConfig {
    /// Cache of table blocks.
    pub block_cache_bytes: usize,
    /// All memtables together.
    pub write_buffer_bytes: usize,
    /// Fails instead of making a new database.
    pub must_exist: bool,
}

impl Default for RocksConfig {
    fn default() -> Self {
        Self { block_cache_bytes: 96 << 20, write_buffer_bytes: 96 << 20, must_exist: false }
    }
}

/// [`KvStore`] over RocksDB.
pub struct RocksKv {
    db: Arc<DB>,
    history_floor: Arc<AtomicU64>,
    synced: WriteOptions,
    logged: WriteOptions,
    unlogged: WriteOptions,
}

impl RocksKv {
    /// Opens the database in this folder, or makes it.
    pub fn open(path: &Path, config: &RocksConfig) -> Result<Self, KvError> {
        let history_floor = Arc::new(AtomicU64::new(0));
        let tuning = Tuning::new(config, Arc::clone(&history_floor));
        let families = Family::ALL
            .into_iter()
            .map(|family| ColumnFamilyDescriptor::new(family.name(), tuning.family(family)));
        let db = DB::open_cf_descriptors(&tuning.database(), path, families)
            .map_err(|error| open_error(path, error))?;

        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        let mut unlogged = WriteOptions::default();
        unlogged.disable_wal(true);
        // Not `low_pri`: RocksDB refuses such writes at the first sign of compaction work. The writer
        // looks at the pressure itself, and pauses.
        unlogged.set_no_slowdown(true);
        unlogged.set_memtable_insert_hint_per_batch(true);
        let logged = WriteOptions::default();
        Ok(Self { db: Arc::new(db), history_floor, synced, logged, unlogged })
    }

    fn handle(&self, family: Family) -> &ColumnFamily {
        handle(&self.db, family)
    }

    fn property(&self, family: Family, name: &str) -> u64 {
        let value = self.db.property_int_value_cf(self.handle(family), name);
        value.ok().flatten().unwrap_or_default()
    }
}

fn handle(db: &DB, family: Family) -> &ColumnFamily {
    db.cf_handle(family.name()).expect("every family is opened with the database")
}

fn read_pinned(
    db: &DB,
    family: Family,
    key: &[u8],
    options: &ReadOptions,
    read: &mut dyn FnMut(&[u8]),
) -> Result<bool, KvError> {
    match db.get_pinned_cf_opt(handle(db, family), key, options).map_err(kv_error)? {
        Some(value) => {
            read(&value);
            Ok(true)
        }
        None => Ok(false),
    }
}

impl KvStore for RocksKv {
    fn write(&self, batch: &Batch, mode: WriteMode) -> Result<(), KvError> {
        let mut raw = WriteBatch::with_capacity_bytes(batch.size_bytes() + batch.len() * 16);
        for op in batch.iter() {
            match op {
                Op::Put(family, key, value) => raw.put_cf(self.handle(family), key, value),
                Op::Delete(family, key) => raw.delete_cf(self.handle(family), key),
                Op::DeleteRange(family, from, to) => {
                    raw.delete_range_cf(self.handle(family), from, to);
                }
            }
        }
        let options = match mode {
            WriteMode::Synced => &self.synced,
            WriteMode::Logged => &self.logged,
            WriteMode::Unlogged => &self.unlogged,
        };
        self.db.write_opt(raw, options).map_err(kv_error)
    }

    fn flush(&self, families: &[Family]) -> Result<(), KvError> {
        let handles: Vec<_> = families.iter().map(|family| self.handle(*family)).collect();
        let mut options = FlushOptions::default();
        options.set_wait(true);
        self.db.flush_cfs_opt(&handles, &options).map_err(kv_error)
    }

    fn snapshot(&self) -> Arc<dyn KvSnapshot> {
        Arc::new(RocksSnapshot::new(Arc::clone(&self.db)))
    }

    fn get(
        &self,
        family: Family,
        key: &[u8],
        read: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, KvError> {
        read_pinned(&self.db, family, key, &ReadOptions::default(), read)
    }

    fn set_history_floor(&self, number: u64) {
        self.history_floor.fetch_max(number, Ordering::Release);
    }

    fn reclaim(&self, family: Family, from: &[u8], to: &[u8]) -> Result<(), KvError> {
        let handle = self.handle(family);
        self.db.delete_file_in_range_cf(handle, from, to).map_err(kv_error)?;
        self.db.compact_range_cf(handle, Some(from), Some(to));
        Ok(())
    }

    fn compact(&self, family: Family) -> Result<(), KvError> {
        let handle = self.handle(family);
        self.db.flush_cf(handle).map_err(kv_error)?;
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        self.db.compact_range_cf_opt(handle, None::<&[u8]>, None::<&[u8]>, &options);
        Ok(())
    }

    fn pressure(&self) -> Pressure {
        let most = |name: &str| {
            Family::DERIVED.iter().map(|family| self.property(*family, name)).max().unwrap_or(0)
        };
        Pressure {
            level0_files: Family::DERIVED
                .iter()
                .filter_map(|family| {
                    let name = "rocksdb.num-files-at-level0";
                    let value = self.db.property_value_cf(self.handle(*family), name);
                    value.ok().flatten()?.parse().ok()
                })
                .max()
                .unwrap_or(0),
            immutable_memtables: most("rocksdb.num-immutable-mem-table"),
        }
    }

    fn size(&self, family: Family) -> FamilySize {
        FamilySize {
            disk_bytes: self.property(family, "rocksdb.total-sst-files-size")
                + self.property(family, "rocksdb.total-blob-file-size"),
            keys: self.property(family, "rocksdb.estimate-num-keys"),
        }
    }

    fn log_bytes(&self) -> u64 {
        let Ok(entries) = std::fs::read_dir(self.db.path()) else { return 0 };
        entries
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|ext| ext == "log"))
            .filter_map(|entry| entry.metadata().ok())
            .map(|metadata| metadata.len())
            .sum()
    }
}

/// A snapshot that keeps its database open.
struct RocksSnapshot {
    /// Read options that name the snapshot, made once instead of per read.
    options: ReadOptions,
    snapshot: ManuallyDrop<Snapshot<'static>>,
    db: Arc<DB>,
}

impl RocksSnapshot {
    fn new(db: Arc<DB>) -> Self {
        // SAFETY: The snapshot borrows the database behind `db`, whose address is stable in its
        // `Arc`. `drop` ends the snapshot before the `Arc` is released, and the borrow is never
        // handed out with the longer lifetime.
        let long: &'static DB = unsafe { &*Arc::as_ptr(&db) };
        let snapshot = long.snapshot();
        let mut options = ReadOptions::default();
        options.set_snapshot(&snapshot);
        Self { options, snapshot: ManuallyDrop::new(snapshot), db }
    }
}

impl Drop for RocksSnapshot {
    fn drop(&mut self) {
        // SAFETY: Dropped once, here, while `db` is still alive; nothing reads through `options`
        // any more because reading borrows `self`.
        unsafe { ManuallyDrop::drop(&mut self.snapshot) };
    }
}

impl KvSnapshot for RocksSnapshot {
    fn get(
        &self,
        family: Family,
        key: &[u8],
        read: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, KvError> {
        read_pinned(&self.db, family, key, &self.options, read)
    }

    fn cursor(&self, family: Family, bounds: Bounds) -> Box<dyn KvCursor + '_> {
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.snapshot);
        options.set_auto_readahead_size(true);
        if bounds.within_prefix {
            options.set_prefix_same_as_start(true);
        } else {
            options.set_total_order_seek(true);
        }
        if let Some(lower) = bounds.lower {
            options.set_iterate_lower_bound(lower);
        }
        if let Some(upper) = bounds.upper {
            options.set_iterate_upper_bound(upper);
        }
        Box::new(RocksCursor(self.db.raw_iterator_cf_opt(handle(&self.db, family), options)))
    }
}

struct RocksCursor<'a>(DBRawIteratorWithThreadMode<'a, DB>);

impl RocksCursor<'_> {
    fn position(&self) -> Result<bool, KvError> {
        if self.0.valid() {
            return Ok(true);
        }
        self.0.status().map_err(kv_error)?;
        Ok(false)
    }
}

impl KvCursor for RocksCursor<'_> {
    fn seek(&mut self, key: &[u8]) -> Result<bool, KvError> {
        self.0.seek(key);
        self.position()
    }

    fn seek_back(&mut self, key: &[u8]) -> Result<bool, KvError> {
        self.0.seek_for_prev(key);
        self.position()
    }

    fn next(&mut self) -> Result<bool, KvError> {
        self.0.next();
        self.position()
    }

    fn prev(&mut self) -> Result<bool, KvError> {
        self.0.prev();
        self.position()
    }

    fn item(&self) -> (&[u8], &[u8]) {
        self.0.item().unwrap_or_default()
    }
}

fn kv_error(error: rocksdb::Error) -> KvError {
    let kind = error.kind();
    let message = error.into_string();
    match kind {
        ErrorKind::Incomplete | ErrorKind::TryAgain | ErrorKind::Busy => KvError::Stalled,
        ErrorKind::Corruption => KvError::Corruption(message),
        _ if message.contains("No space left") || message.contains("NoSpace") => {
            KvError::NoSpace(message)
        }
        _ => KvError::Io(message),
    }
}

fn open_error(path: &Path, error: rocksdb::Error) -> KvError {
    let message = error.to_string();
    if message.contains("lock hold by current process") || message.contains("While lock file") {
        return KvError::Locked(path.display().to_string());
    }
    kv_error(error)
}
