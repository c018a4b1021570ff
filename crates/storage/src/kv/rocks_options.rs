use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, BlockBasedTablePinningTier, Cache, ChecksumType,
    CompactionDecision, DBCompressionType, DBRecoveryMode, DataBlockIndexType, Env, Options,
    SliceTransform, WriteBufferManager,
};

use super::{Family, RocksConfig};
use crate::keys;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Cap of the write-ahead log: its replay must fit the restart budget.
pub(super) const WAL_BYTES_MAX: u64 = 32 << 20;

/// Size at which a memtable of a logged family is flushed: never, because the cap of the log comes
/// first. A flush that starts earlier leaves more in the log than a memtable holds until it is
/// done; whoever opens the database then meets a full memtable during the replay, and RocksDB
/// answers by writing all logged families to files, at the limited rate of background writes:
/// 0.8 s instead of 0.05. Twice the cap, because the log grows on while the cap's flush runs.
const LOGGED_MEMTABLE_BYTES: usize = 2 * WAL_BYTES_MAX as usize;

/// File handles kept open.
pub(super) const OPEN_FILES_MAX: i32 = 1_024;

/// Most bytes background work writes a second where cores are few; tuned down by RocksDB itself.
const BACKGROUND_BYTES_PER_SEC: i64 = 64 << 20;

/// Machines with at most this many cores limit the rate of background writes.
const FEW_CORES: usize = 4;

/// History entries are rewritten at least this often, so that pruned ones leave.
const HISTORY_COMPACTION_SECS: u64 = 3 * 24 * 60 * 60;

/// Values from this size on lie in blob files, where compaction does not move them.
const BLOB_BYTES_MIN: u64 = 1 << 10;

/// Finds the block number in a key.
type NumberOf = fn(&[u8]) -> Option<u64>;

/// Options of the database and of each family; the table in `docs/storage.md`.
pub(super) struct Tuning {
    cache: Cache,
    buffers: WriteBufferManager,
    history_floor: Arc<AtomicU64>,
    must_exist: bool,
}

impl Tuning {
    pub(super) fn new(config: &RocksConfig, history_floor: Arc<AtomicU64>) -> Self {
        Self {
            // 0 lets the cache find the size of its entries out by itself.
            cache: Cache::new_hyper_clock_cache(config.block_cache_bytes, 0),
            buffers: WriteBufferManager::new_write_buffer_manager(config.write_buffer_bytes, false),
            history_floor,
            must_exist: config.must_exist,
        }
    }

    pub(super) fn database(&self) -> Options {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // What is not flushed is in the log, or will be derived again: closing needs no flush, and
        // on a busy disk a flush would take longer than a stop may. Nor does opening: the log stays
        // until its families are flushed.
        let mut options = Options::default()
            .get_options_from_string(
                "avoid_flush_during_shutdown=true;avoid_flush_during_recovery=true",
            )
            .expect("the linked RocksDB has this option");
        options.create_if_missing(!self.must_exist);
        options.create_missing_column_families(true);
        options.set_paranoid_checks(true);
        options.set_enable_pipelined_write(true);
        options.set_max_total_wal_size(WAL_BYTES_MAX);
        options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
        options.set_track_and_verify_wals_in_manifest(true);
        options.set_recycle_log_file_num(0);
        options.set_bytes_per_sync(1 << 20);
        options.set_max_open_files(OPEN_FILES_MAX);
        options.set_skip_stats_update_on_db_open(true);
        options.set_write_buffer_manager(&self.buffers);
        options.set_max_background_jobs(i32::try_from(cores.clamp(2, 8)).unwrap_or(8));
        options.set_keep_log_file_num(4);
        options.set_max_log_file_size(8 * MIB);
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        if let Ok(mut env) = Env::new() {
            // Compaction yields to execution.
            env.lower_thread_pool_cpu_priority();
            options.set_env(&env);
        }
        if cores <= FEW_CORES {
            options.set_auto_tuned_ratelimiter(BACKGROUND_BYTES_PER_SEC, 100_000, 10);
        }
        options
    }

    pub(super) fn family(&self, family: Family) -> Options {
        match family {
            Family::Bodies | Family::Receipts | Family::Diffs => self.record_blobs(),
            Family::Headers | Family::Canonical | Family::Meta => self.small_records(false),
            Family::Codes => self.small_records(true),
            Family::Accounts | Family::Storage => self.flat(),
            Family::Trie => self.trie(),
            Family::AccountHistory => self.history(Some(32)),
            Family::StorageHistory => self.history(Some(64)),
            Family::TrieHistory => self.history(None),
            // Headers stay, and so do the numbers of their hashes.
            Family::BlockIndex => self.index(8, None),
            Family::TxIndex => self.index(8, Some(tx_index_number)),
            Family::LogIndex => self.index(9, Some(keys::trailing_number)),
        }
    }

    fn base(&self) -> Options {
        let mut options = Options::default();
        options.set_level_compaction_dynamic_level_bytes(true);
        options.set_max_bytes_for_level_base(128 << 20);
        // A stall in one family stops every write of the database, so no family may cause one:
        // the advance watches compaction itself.
        // For the hard limit 0 means none. A soft limit of 0 means "always speed compaction up",
        // which refuses every low-priority write; so it is set out of reach instead.
        options.set_soft_pending_compaction_bytes_limit(usize::MAX >> 8);
        options.set_hard_pending_compaction_bytes_limit(0);
        options.set_level_zero_slowdown_writes_trigger(64);
        options.set_level_zero_stop_writes_trigger(128);
        options.set_compression_type(DBCompressionType::None);
        options
    }

    fn table(&self, block_bytes: usize) -> BlockBasedOptions {
        let mut table = BlockBasedOptions::default();
        table.set_block_size(block_bytes);
        table.set_block_cache(&self.cache);
        table.set_checksum_type(ChecksumType::XXH3);
        table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
        table.set_cache_index_and_filter_blocks(true);
        table.set_cache_index_and_filter_blocks_with_high_priority(true);
        table.set_top_level_index_pinning_tier(BlockBasedTablePinningTier::All);
        table
    }

    fn record_blobs(&self) -> Options {
        let mut options = self.base();
        options.set_write_buffer_size(LOGGED_MEMTABLE_BYTES);
        options.set_max_write_buffer_number(3);
        options.set_enable_blob_files(true);
        options.set_min_blob_size(BLOB_BYTES_MIN);
        options.set_blob_file_size(128 << 20);
        options.set_blob_compression_type(DBCompressionType::None);
        options.set_enable_blob_gc(false);
        options.set_block_based_table_factory(&self.table(16 * KIB));
        options
    }

    fn small_records(&self, filter: bool) -> Options {
        let mut options = self.base();
        options.set_write_buffer_size(LOGGED_MEMTABLE_BYTES);
        options.set_max_write_buffer_number(3);
        options.set_target_file_size_base(16 << 20);
        options.set_compression_type(DBCompressionType::Lz4);
        let mut table = self.table(16 * KIB);
        if filter {
            table.set_bloom_filter(10.0, false);
        }
        options.set_block_based_table_factory(&table);
        options
    }

    fn flat(&self) -> Options {
        let mut options = self.base();
        options.set_write_buffer_size(16 * MIB);
        options.set_max_write_buffer_number(3);
        options.set_target_file_size_base(32 << 20);
        options.set_bottommost_compression_type(DBCompressionType::Lz4);
        let mut table = self.table(4 * KIB);
        table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
        table.set_data_block_hash_ratio(0.75);
        table.set_ribbon_filter(10.0);
        table.set_partition_filters(true);
        options.set_block_based_table_factory(&table);
        options
    }

    fn trie(&self) -> Options {
        let mut options = self.base();
        options.set_write_buffer_size(8 * MIB);
        options.set_max_write_buffer_number(2);
        options.set_target_file_size_base(16 << 20);
        options.set_block_based_table_factory(&self.table(16 * KIB));
        options
    }

    fn history(&self, prefix: Option<usize>) -> Options {
        let mut options = self.base();
        options.set_write_buffer_size(16 * MIB);
        options.set_max_write_buffer_number(3);
        options.set_target_file_size_base(64 << 20);
        options.set_max_bytes_for_level_base(512 << 20);
        options.set_level_zero_file_num_compaction_trigger(8);
        options.set_periodic_compaction_seconds(HISTORY_COMPACTION_SECS);
        options.set_num_levels(7);
        let mut levels = [DBCompressionType::Lz4; 7];
        levels[0] = DBCompressionType::None;
        levels[1] = DBCompressionType::None;
        options.set_compression_per_level(&levels);
        options.set_bottommost_compression_type(DBCompressionType::Zstd);
        self.drop_below_floor(&mut options, keys::trailing_number);

        let mut table = self.table(16 * KIB);
        if let Some(bytes) = prefix {
            options.set_prefix_extractor(SliceTransform::create_fixed_prefix(bytes));
            table.set_ribbon_filter(10.0);
            table.set_partition_filters(true);
            table.set_whole_key_filtering(false);
        }
        options.set_block_based_table_factory(&table);
        options
    }

    /// Compaction drops entries whose number is not above the floor.
    fn drop_below_floor(&self, options: &mut Options, number: NumberOf) {
        let floor = Arc::clone(&self.history_floor);
        options.set_compaction_filter("phala.history_floor", move |_level, key, _value| {
            // The closure only reads an atomic, so compactions may share it.
            match number(key) {
                Some(number) if number <= floor.load(Ordering::Acquire) => {
                    CompactionDecision::Remove
                }
                _ => CompactionDecision::Keep,
            }
        });
    }

    fn index(&self, prefix: usize, number: Option<NumberOf>) -> Options {
        let mut options = self.base();
        options.set_write_buffer_size(8 * MIB);
        options.set_max_write_buffer_number(2);
        options.set_target_file_size_base(32 << 20);
        options.set_prefix_extractor(SliceTransform::create_fixed_prefix(prefix));
        if let Some(number) = number {
            self.drop_below_floor(&mut options, number);
        }
        let mut table = self.table(16 * KIB);
        table.set_ribbon_filter(10.0);
        table.set_partition_filters(true);
        table.set_whole_key_filtering(false);
        options.set_block_based_table_factory(&table);
        options
    }
}

fn tx_index_number(key: &[u8]) -> Option<u64> {
    keys::tx_index_place(key).map(|(number, _)| number)
}
