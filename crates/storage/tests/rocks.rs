//! What only a real database can show: files, locks, options, and the background thread.

mod world;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use phala_storage::kv::KvError;
use phala_storage::{
    ChainIdentity, DiskLimits, GenesisError, Mode, StorageError, Store, StoreConfig, TailLimits,
};
use world::{LARGE, SMALL, World, manual, seed, spec};

const NO_DISK_LIMITS: DiskLimits =
    DiskLimits { refuse_bytes: 0, ballast_release_bytes: 0, ballast_bytes: 0 };

fn config() -> StoreConfig {
    StoreConfig { disk: NO_DISK_LIMITS, ..manual(2) }
}

fn identity(store: &Store) -> ChainIdentity {
    ChainIdentity { chain_id: store.chain_id().expect("set"), genesis_hash: store.genesis_hash() }
}

#[test]
fn a_database_opens_again_with_everything_in_it() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::create(folder.path(), config()).expect("create");
    let mut world = World::on(seed(21), SMALL, store).expect("genesis");
    let identity = identity(&world.store);
    for round in 0..6 {
        for _ in 0..8 {
            world.extend();
        }
        let side = world.block_on(world.parent(world.store.heads().latest.hash));
        world.store.write_record(&side).expect("side block");
        if round % 2 == 0 {
            world.store.advance().expect("advance");
        }
        world.store = Store::in_memory(config()).expect("placeholder");
        world.store = Store::open(folder.path(), identity, config()).expect("open");
        assert!(world.store.has_state(side.block.hash()));
        world.check_all();
        if round == 3 {
            let chain = world.chain(world.store.heads().latest.hash);
            world.set_head(chain[10]).expect("deep reorg");
            world.check_all();
        }
    }
    world.store.verify(&mut |_| {}).expect("verify");
    let head = world.store.heads().latest;
    let straight = world.straight_store(head.hash);
    assert_eq!(
        world.store.digest(head.number).expect("digest"),
        straight.digest(head.number).expect("digest")
    );
}

#[test]
fn the_background_thread_keeps_up_and_stops() {
    let folder = tempfile::tempdir().expect("folder");
    let tail = TailLimits { blocks_max: 12, reorg_blocks: 2, ..TailLimits::default() };
    let background = StoreConfig { background: true, tail, ..config() };
    let store = Store::create(folder.path(), background).expect("create");
    let mut world = World::on(seed(22), LARGE, store).expect("genesis");
    for number in 1..=60 {
        world.extend();
        assert!(world.store.stats().tail_blocks <= 12, "the block path waits at the limit");
        if number % 20 == 0 {
            world.check_view(
                &world.store.latest_view().expect("view"),
                world.store.heads().latest.hash,
            );
        }
    }
    assert!(world.store.base().number > 40);
    let start = Instant::now();
    world.store.close().expect("close");
    assert!(start.elapsed() < Duration::from_secs(2));
    let record = Arc::clone(world.records.values().next().expect("some"));
    assert!(matches!(world.store.write_record(&record), Err(StorageError::Closing)));
    let identity = identity(&world.store);
    world.store = Store::in_memory(config()).expect("placeholder");
    world.store = Store::open(folder.path(), identity, background).expect("open");
    world.store.verify(&mut |_| {}).expect("verify");
}

#[test]
fn readers_see_whole_states_while_blocks_come_in() {
    let folder = tempfile::tempdir().expect("folder");
    let tail = TailLimits { blocks_max: 9, reorg_blocks: 2, ..TailLimits::default() };
    // Old heights are pruned, and compaction drops them, while they are read.
    let mode = Mode::Full { retain_blocks: 24 };
    let background = StoreConfig { background: true, tail, mode, unwind_blocks: 24, ..config() };
    let store = Store::create(folder.path(), background).expect("create");
    let mut world = World::on(seed(23), SMALL, store.clone()).expect("genesis");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for reader in 0..2u64 {
            let (store, stop) = (&store, &stop);
            scope.spawn(move || {
                let mut round = reader;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    round = round.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let latest = store.heads().latest.number;
                    let number = (round >> 33) % (latest + 1);
                    // A deep reorg may have taken the height away in between.
                    let Ok(view) = store.history(number) else { continue };
                    let Some(header) = store.header(view.block().hash).expect("read") else {
                        continue;
                    };
                    let mut builder =
                        phala_trie::StateRootBuilder::new(|_: Option<&B256>, _, _| Ok(()));
                    view.scan_accounts(&[], B256::ZERO, &mut |hash, account| {
                        let mut slots = Vec::new();
                        view.scan_slots(&hash, &[], B256::ZERO, &mut |slot, value| {
                            slots.push((slot, value));
                            std::ops::ControlFlow::Continue(())
                        })
                        .expect("scan");
                        builder.account(hash, account, slots).expect("sorted");
                        std::ops::ControlFlow::Continue(())
                    })
                    .expect("scan");
                    let (root, _) = builder.finish().expect("root");
                    assert_eq!(root, header.state_root, "state of block {number}");
                }
            });
        }
        for number in 1..=100u64 {
            world.extend();
            if number % 40 == 0 {
                world.store.compact().expect("compact");
            }
            if number % 50 == 0 {
                let chain = world.chain(world.store.heads().latest.hash);
                world.set_head(chain[chain.len() - 12]).expect("reorg below base");
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(world.store.oldest_state() > 20);
    world.check_all();
    world.store.verify(&mut |_| {}).expect("verify");
}

#[test]
fn another_chain_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("folder");
    assert!(matches!(
        Store::open(folder.path(), ChainIdentity { chain_id: 1, genesis_hash: None }, config()),
        Err(StorageError::NoGenesis)
    ));
    let store = Store::create(folder.path(), config()).expect("create");
    assert!(matches!(store.latest_view(), Err(StorageError::NoGenesis)));
    let chain = spec(SMALL);
    let genesis = store.init_genesis(&chain).expect("genesis");
    assert_eq!(store.init_genesis(&chain).expect("again"), genesis);
    let mut other = chain;
    other.genesis.timestamp += 1;
    assert!(matches!(store.init_genesis(&other), Err(StorageError::WrongChain { .. })));
    let right = identity(&store);
    drop(store);
    for wrong in [
        ChainIdentity { chain_id: right.chain_id + 1, ..right },
        ChainIdentity { genesis_hash: Some(B256::repeat_byte(1)), ..right },
    ] {
        let error = Store::open(folder.path(), wrong, config()).expect_err("another chain");
        assert!(error.to_string().contains("use another data directory"), "{error}");
    }
    let unknown = ChainIdentity { genesis_hash: None, ..right };
    assert_eq!(
        Store::open(folder.path(), unknown, config()).expect("open").genesis_hash(),
        Some(genesis)
    );
}

#[test]
fn a_genesis_that_breaks_the_rules_is_refused() {
    let store = Store::in_memory(config()).expect("store");
    let mut chain = spec(SMALL);
    let address = world::address(0);
    let account = chain.genesis.alloc.get_mut(&address).expect("contract");
    account.nonce = 0;
    account.code = Default::default();
    let error = store.init_genesis(&chain).expect_err("storage without code");
    assert!(
        matches!(error, StorageError::Genesis(GenesisError::BareStorage(found)) if found == address)
    );
    let mut chain = spec(SMALL);
    chain.genesis.number = 3;
    assert!(matches!(
        store.init_genesis(&chain),
        Err(StorageError::Genesis(GenesisError::Number(3)))
    ));
    assert!(!store.is_initialised());
    store.init_genesis(&spec(SMALL)).expect("still possible");
}

const LOCK_FOLDER: &str = "PHALA_TEST_LOCK_FOLDER";

#[test]
fn a_second_process_is_refused() {
    if let Some(folder) = std::env::var_os(LOCK_FOLDER) {
        // The other process: holds the database until its input ends.
        let _store = Store::create(Path::new(&folder), config()).expect("create");
        println!("holding");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).expect("stdin");
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    let mut holder = Command::new(std::env::current_exe().expect("test binary"))
        .args(["--exact", "a_second_process_is_refused", "--nocapture"])
        .env(LOCK_FOLDER, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("second process");
    let output = BufReader::new(holder.stdout.take().expect("piped"));
    let held = output.lines().map_while(Result::ok).any(|line| line.contains("holding"));
    assert!(held, "the other process has the database");
    let error = Store::create(folder.path(), config()).expect_err("locked");
    assert!(matches!(error, StorageError::Kv(KvError::Locked(_))), "{error}");
    assert!(error.to_string().contains("in use by another process"), "{error}");
    holder.kill().expect("kill");
    holder.wait().expect("wait");
    Store::create(folder.path(), config()).expect("the lock ends with its process");
}

#[test]
fn the_database_runs_with_the_documented_options() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::create(folder.path(), config()).expect("create");
    drop(store);
    let newest = std::fs::read_dir(folder.path())
        .expect("folder")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("OPTIONS-"))
        })
        .max()
        .expect("options file");
    let text = std::fs::read_to_string(newest).expect("options");
    let section = |name: &str| -> String {
        let start = text.find(name).unwrap_or_else(|| panic!("{name}"));
        let rest = &text[start + name.len()..];
        rest[..rest.find("\n[").unwrap_or(rest.len())].to_owned()
    };
    let has = |section: &str, option: &str| {
        let found = section.lines().any(|line| line.trim() == option);
        assert!(found, "{option} in {section}");
    };
    let database = section("[DBOptions]");
    for option in [
        "enable_pipelined_write=true",
        "max_total_wal_size=33554432",
        "wal_recovery_mode=kPointInTimeRecovery",
        "track_and_verify_wals_in_manifest=true",
        "paranoid_checks=true",
        "recycle_log_file_num=0",
        "max_open_files=1024",
        "skip_stats_update_on_db_open=true",
        "atomic_flush=false",
        "avoid_flush_during_recovery=true",
        "bytes_per_sync=1048576",
    ] {
        has(&database, option);
    }
    let family = |name: &str| section(&format!("[CFOptions \"{name}\"]"));
    for name in ["headers", "bodies", "receipts", "diffs", "codes", "canonical", "meta"] {
        has(&family(name), "write_buffer_size=67108864");
    }
    let table = |name: &str| section(&format!("[TableOptions/BlockBasedTable \"{name}\"]"));
    for name in ["bodies", "receipts", "diffs"] {
        has(&family(name), "enable_blob_files=true");
        has(&family(name), "min_blob_size=1024");
        has(&family(name), "enable_blob_garbage_collection=false");
    }
    for name in ["accounts", "storage", "trie", "account_history", "log_index", "meta"] {
        has(&family(name), "hard_pending_compaction_bytes_limit=0");
        has(&family(name), "level0_slowdown_writes_trigger=64");
        has(&family(name), "level0_stop_writes_trigger=128");
        has(&family(name), "level_compaction_dynamic_level_bytes=true");
        has(&table(name), "checksum=kXXH3");
    }
    for name in ["accounts", "storage"] {
        has(&table(name), "block_size=4096");
        has(&table(name), "data_block_index_type=kDataBlockBinaryAndHash");
        has(&family(name), "bottommost_compression=kLZ4Compression");
    }
    has(&family("account_history"), "prefix_extractor=rocksdb.FixedPrefix.32");
    has(&family("storage_history"), "prefix_extractor=rocksdb.FixedPrefix.64");
    has(&family("storage_history"), "bottommost_compression=kZSTD");
    has(&family("storage_history"), "level0_file_num_compaction_trigger=8");
    has(&family("log_index"), "prefix_extractor=rocksdb.FixedPrefix.9");
    has(&family("tx_index"), "prefix_extractor=rocksdb.FixedPrefix.8");
}

/// Copies a database that is in use, as it would be found after a kill.
fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("folder").flatten() {
        if entry.file_name() != "LOCK" {
            // A file may leave while the folder is being read.
            let _ = std::fs::copy(entry.path(), to.join(entry.file_name()));
        }
    }
}

#[test]
fn opening_replays_the_log_and_writes_no_files() {
    use phala_storage::kv::{Batch, Family, KvStore, RocksConfig, RocksKv, WriteMode};
    let folder = tempfile::tempdir().expect("folder");
    let kv = RocksKv::open(folder.path(), &RocksConfig::default()).expect("open");
    // Most of the log's cap, in few large values and in many small ones.
    let large: Vec<u8> = (0..300_000u32).map(|i| i.wrapping_mul(2_654_435_761) as u8).collect();
    for number in 0..100u64 {
        let mut batch = Batch::new();
        batch.put(Family::Diffs, &number.to_be_bytes(), &large[..200_000]);
        for small in 0..64u64 {
            let key = [number.to_be_bytes(), small.to_be_bytes()].concat();
            batch.put(Family::Headers, &key, &large[..600]);
            batch.put(Family::Meta, b"heads", &large[..120]);
        }
        kv.write(&batch, WriteMode::Synced).expect("write");
        if number % 33 == 32 {
            let copy = tempfile::tempdir().expect("folder");
            copy_files(folder.path(), copy.path());
            let reopened = RocksKv::open(copy.path(), &RocksConfig::default()).expect("reopen");
            assert!(reopened.log_bytes() > number * 200_000, "the log is still needed");
            for family in [Family::Diffs, Family::Headers, Family::Meta] {
                assert_eq!(reopened.size(family).disk_bytes, 0, "{family:?} after {number}");
            }
            let reopened: &dyn KvStore = &reopened;
            let last = reopened.get_vec(Family::Diffs, &number.to_be_bytes()).expect("read");
            assert_eq!(last.as_deref(), Some(&large[..200_000]));
        }
    }
    // The cap holds all the same.
    for number in 100..600u64 {
        let mut batch = Batch::new();
        batch.put(Family::Diffs, &number.to_be_bytes(), &large[..200_000]);
        kv.write(&batch, WriteMode::Logged).expect("write");
    }
    let start = Instant::now();
    while kv.log_bytes() > 36 << 20 {
        assert!(start.elapsed() < Duration::from_secs(60), "{} bytes of log", kv.log_bytes());
        // A write makes RocksDB look at the cap, and at logs that are no longer needed.
        kv.write(&Batch::new(), WriteMode::Synced).expect("write");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn blob_bytes(folder: &Path) -> u64 {
    std::fs::read_dir(folder)
        .expect("folder")
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|ext| ext == "blob"))
        .filter_map(|entry| entry.metadata().ok())
        .map(|metadata| metadata.len())
        .sum()
}

#[test]
fn pruning_keeps_what_it_promises_and_gives_space_back() {
    let folder = tempfile::tempdir().expect("folder");
    let archive = StoreConfig { mode: Mode::Archive, unwind_blocks: 1_000, ..config() };
    let full = StoreConfig { mode: Mode::Full { retain_blocks: 20 }, unwind_blocks: 16, ..archive };
    let store = Store::create(folder.path(), archive).expect("create");
    let mut world = World::on(seed(24), SMALL, store).expect("genesis");
    world.input_bytes = 40_000;
    let side = world.block_on(world.genesis.hash);
    world.store.write_record(&side).expect("side block");
    for number in 1..=120 {
        world.extend();
        if number % 20 == 0 {
            // A blob file leaves when its last block has left, so there must be several.
            world.store.compact().expect("compact");
        }
    }
    world.store.advance().expect("advance");
    let before = blob_bytes(folder.path());
    let identity = identity(&world.store);
    world.store = Store::in_memory(config()).expect("placeholder");
    world.store = Store::open(folder.path(), identity, full).expect("open");
    assert_eq!(world.store.oldest_state(), 0);

    // A view at the edge keeps its height readable while it is held.
    let held = world.store.history(60).expect("history");
    world.extend();
    world.store.advance().expect("advance");
    assert_eq!(world.store.oldest_state(), 60);
    world.store.compact().expect("compact");
    world.check_view(&held, world.chain(world.store.heads().latest.hash)[59]);
    drop(held);

    for _ in 0..10 {
        world.extend();
    }
    world.store.advance().expect("advance");
    world.store.compact().expect("compact");
    let base = world.store.base().number;
    let oldest = world.store.oldest_state();
    assert!(oldest <= base - 20 && oldest + 4 > base - 20, "oldest {oldest}, base {base}");
    world.check_all();
    let error = world.store.history(oldest - 1).expect_err("pruned");
    assert!(matches!(error, StorageError::Pruned { oldest: found, .. } if found == oldest));
    assert!(matches!(
        world.store.logs(Default::default(), 1..=5),
        Err(StorageError::Pruned { .. })
    ));
    let chain = world.chain(world.store.heads().latest.hash);
    assert!(world.store.header(chain[0]).expect("read").is_some(), "headers stay");
    assert!(world.store.block(chain[0]).expect("read").is_none());
    assert!(world.store.receipts(chain[0]).expect("read").is_none());
    assert!(world.store.block(world.genesis.hash).expect("read").is_some());
    assert!(world.store.header(side.block.hash()).expect("read").is_none());
    let pruned_tx = world.records[&chain[0]].block.body().transactions[0].tx_hash();
    assert_eq!(world.store.transaction(pruned_tx).expect("read"), None);
    world.store.verify(&mut |_| {}).expect("verify");
    let after = blob_bytes(folder.path());
    assert!(after < before / 2, "blob files shrink: {before} to {after}");
    for family in ["account_history", "storage_history", "tx_index", "log_index"] {
        let size =
            world.store.stats().families.iter().find(|(name, _)| *name == family).map(|f| f.1);
        assert!(size.is_some_and(|size| size.keys < 1_500), "{family}: {size:?}");
    }

    // As deep as promised, and not deeper.
    let floor = base - 16;
    assert!(matches!(world.store.unwind(floor - 4), Err(StorageError::TooDeep { .. })));
    world.store.unwind(floor + 1).expect("unwind");
    assert_eq!(world.store.heads().latest.number, floor + 1);
    world.check_all();
    world.store.verify(&mut |_| {}).expect("verify");

    // The digest of the common part equals an archive's.
    let head = world.store.heads().latest;
    let straight = world.straight_store(head.hash);
    let from = world.store.oldest_state() + 1;
    assert_eq!(
        world.store.digest(head.number).expect("digest"),
        straight.digest_range(from, head.number).expect("digest")
    );
}

#[test]
fn a_damaged_value_is_an_error_and_no_panic() {
    use phala_storage::kv::{Batch, Family, KvStore, MemoryKv, WriteMode};
    let kv = Arc::new(MemoryKv::new());
    let mut world = World::new(seed(25), SMALL, Arc::clone(&kv), manual(2));
    let hash = world.extend();
    let tx = world.records[&hash].block.body().transactions[0].tx_hash();
    for _ in 0..4 {
        world.extend();
    }
    world.store.advance().expect("advance");
    let block = world.block_ref(hash);
    let mut key = block.number.to_be_bytes().to_vec();
    key.extend_from_slice(hash.as_slice());
    for family in [Family::Headers, Family::Bodies, Family::Receipts, Family::Diffs] {
        let store: &dyn KvStore = kv.as_ref();
        let value = store.get_vec(family, &key).expect("read").expect("there");
        let mut damaged = value.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0x10;
        for bytes in [damaged, value[..value.len() - 1].to_vec(), vec![]] {
            let mut batch = Batch::new();
            batch.put(family, &key, &bytes);
            kv.write(&batch, WriteMode::Synced).expect("memory");
            let fresh = Store::with_kv(Arc::clone(&kv) as _, manual(2)).expect("open");
            let result = match family {
                Family::Headers => fresh.header(hash).map(|_| ()),
                Family::Bodies => fresh.transaction(tx).map(|_| ()),
                Family::Receipts => fresh.receipts(hash).map(|_| ()),
                _ => fresh.diff(block).map(|_| ()),
            };
            assert!(matches!(result, Err(StorageError::Damaged { .. })), "{family:?}");
            assert!(fresh.verify(&mut |_| {}).is_err());
        }
        let mut batch = Batch::new();
        batch.put(family, &key, &value);
        kv.write(&batch, WriteMode::Synced).expect("memory");
    }
    world.store.verify(&mut |_| {}).expect("verify");
}
