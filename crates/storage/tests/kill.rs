//! A process killed at any instant, on real files: the next one finds everything acknowledged.

mod world;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use phala_primitives::Heads;
use phala_storage::kv::MemoryKv;
use phala_storage::{DiskLimits, Record, Store, StoreConfig, TailLimits};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use world::{SMALL, World, manual, seed};

const FOLDER: &str = "PHALA_TEST_KILL_FOLDER";
const SEED: &str = "PHALA_TEST_KILL_SEED";
const ROUNDS: u32 = 8;

fn config() -> StoreConfig {
    StoreConfig {
        background: true,
        tail: TailLimits { blocks_max: 9, reorg_blocks: 2, ..TailLimits::default() },
        disk: DiskLimits { refuse_bytes: 0, ballast_release_bytes: 0, ballast_bytes: 0 },
        ..StoreConfig::default()
    }
}

/// The same blocks and heads for every process with this seed; some heads go back, also below base.
fn script(seed: u64) -> (World, Vec<(Arc<Record>, Heads)>) {
    let mut world = World::new(seed, SMALL, Arc::new(MemoryKv::new()), manual(2));
    let mut script = Vec::new();
    for number in 1..=400u64 {
        let head = world.store.heads().latest.hash;
        let parent = if number.is_multiple_of(40) {
            world.chain(head)[world.number(head) as usize - 8]
        } else {
            head
        };
        let record = world.block_on(parent);
        let heads = world.heads_on(record.block.hash());
        world.store.write_block_and_heads(&record, heads, &[], None).expect("write");
        script.push((record, heads));
    }
    (world, script)
}

/// The process that is killed: goes on where the last one stopped, and says what is durable.
fn import(folder: &Path, seed: u64) {
    let (world, script) = script(seed);
    let store = Store::create(folder, config()).expect("open");
    store.init_genesis(&world.spec).expect("genesis");
    let latest = store.heads().latest;
    let done = script.iter().rposition(|(_, heads)| heads.latest == latest);
    println!("ready");
    for (record, heads) in &script[done.map_or(0, |place| place + 1)..] {
        // Base is a race; wherever the fork is, the call is one step.
        store.write_block_and_heads(record, *heads, &[], None).expect("write");
        println!("{}", heads.latest.hash);
    }
    println!("finished");
}

#[test]
fn killed_processes_lose_nothing() {
    if let (Some(folder), Ok(seed)) = (std::env::var_os(FOLDER), std::env::var(SEED)) {
        return import(Path::new(&folder), seed.parse().expect("a seed"));
    }
    let seed = seed(41);
    let (world, script) = script(seed);
    let folder = tempfile::tempdir().expect("folder");
    let mut rng = StdRng::seed_from_u64(seed);
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().expect("test binary"))
            .args(["--exact", "killed_processes_lose_nothing", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(SEED, seed.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("child");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let delay = Duration::from_millis(rng.random_range(0..150));
        let pid = child.id();
        let mut killed_at = None;
        let mut acknowledged = None;
        let mut finished = false;
        for line in lines.map_while(Result::ok) {
            if line.ends_with("ready") {
                killed_at = Some(Instant::now() + delay);
            }
            if let Ok(hash) = line.parse::<B256>() {
                acknowledged = Some(hash);
            }
            finished |= line == "finished";
            if killed_at.is_some_and(|at| Instant::now() >= at) {
                child.kill().expect("kill");
                killed_at = None;
            }
        }
        child.wait().expect("wait");

        let store = Store::create(folder.path(), StoreConfig { background: false, ..config() });
        let store = store.expect("open");
        let head = store.heads().latest;
        println!("round {round}, process {pid}: head {} after {delay:?}", head.number);
        if let Some(hash) = acknowledged {
            let place = |hash| script.iter().rposition(|(_, heads)| heads.latest.hash == hash);
            let acknowledged = place(hash).expect("of the script");
            let found = place(head.hash).unwrap_or_default();
            let expected = acknowledged..=acknowledged + 1;
            // A block comes twice in the script if a reorg goes back to it.
            let is_next = script.get(acknowledged + 1).is_some_and(|(_, next)| next.latest == head);
            assert!(expected.contains(&found) || is_next, "{hash} is lost, {head:?} is found");
        }
        store.verify(&mut |_| {}).expect("verify");
        if head.number > 0 {
            let straight = world.straight_store(head.hash);
            assert_eq!(
                store.digest(head.number).expect("digest"),
                straight.digest(head.number).expect("digest")
            );
        }
        if finished {
            break;
        }
    }
}
