//! A process that is killed at random instants while it imports and reorgs.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use phala_engine::Engine;
use phala_storage::StoreConfig;
use phala_tests::{
    assert_verified, engine_in_folder, engine_in_memory, restless_store, seeded_rng, soak_or,
};
use rand::Rng as _;
use tempfile::TempDir;

use crate::{
    child,
    script::{Script, apply, assert_kept, next_step, spec},
};

/// Rounds unless `PHALA_CRASH_ROUNDS` says otherwise.
const ROUNDS: usize = 20;
const SOAK_ROUNDS: usize = 200;

/// Calls in a script: more than a few rounds get through.
const STEPS: usize = 1_500;

/// Time a child has before it is killed, including that for its start.
const LIFETIME_MS: std::ops::Range<u64> = 20..700;

/// Where a child works; stays for a look if the test fails.
struct Folder(Option<TempDir>);

impl Folder {
    fn with(script: &Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        script.write(&folder.path().join("script"));
        Self(Some(folder))
    }

    fn path(&self) -> &Path {
        self.0.as_ref().expect("until it is dropped").path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if thread::panicking()
            && let Some(folder) = self.0.take()
        {
            println!("the folder stays: {}", folder.keep().display());
        }
    }
}

/// What a child told before it ended.
#[derive(Debug, Default)]
struct Told {
    /// One more than the last step that returned.
    imported: usize,
    /// One more than the last step that set heads and returned.
    heads: usize,
    done: bool,
}

impl Told {
    fn hear(&mut self, line: &str) {
        let (what, index) = line.split_once(' ').unwrap_or((line, ""));
        match (what, index.parse::<usize>()) {
            (child::IMPORTED, Ok(index)) => self.imported = self.imported.max(index + 1),
            (child::HEADS, Ok(index)) => self.heads = self.heads.max(index + 1),
            (child::DONE, _) => self.done = true,
            // The test harness talks too.
            _ => {}
        }
    }
}

/// Lets a child run and kills it.
fn run_and_kill(folder: &Path, lifetime: Duration, told: &mut Told) {
    let mut process = child::start(folder);
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    // What is in the pipe when the process dies was acknowledged and is read to the end.
    let listener = thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
    thread::sleep(lifetime);
    // It may have come to the end of the script by itself.
    let _ = process.kill();
    let status = process.wait().unwrap();
    for line in listener.join().unwrap() {
        told.hear(&line);
    }
    let is_killed = std::os::unix::process::ExitStatusExt::signal(&status) == Some(9);
    assert!(is_killed || (status.success() && told.done), "the child failed: {status}, {told:?}");
}

/// A node that is never killed, kept as far as the killed one.
struct Witness {
    engine: Engine,
    next: usize,
}

impl Witness {
    fn new() -> Self {
        Self { engine: engine_in_memory(&spec(), StoreConfig::default()), next: 0 }
    }

    fn follow(&mut self, script: &Script, to: usize) {
        while self.next < to {
            apply(&self.engine, self.next, &script.steps[self.next]).unwrap();
            self.next += 1;
        }
    }
}

/// Opens what the killed process left; returns how long that took.
fn check(folder: &Path, script: &Script, told: &Told, witness: &mut Witness) -> Duration {
    let began = Instant::now();
    let engine = engine_in_folder(&spec(), &folder.join("db"), restless_store());
    let head = engine.heads().latest;
    let opened = began.elapsed();

    let next = next_step(&engine);
    assert!(next >= told.heads, "acknowledged up to step {}, kept up to {next}", told.heads);
    let in_flight = script.next_heads(told.heads).map_or(script.steps.len(), |index| index + 1);
    assert!(next <= in_flight, "nobody asked for step {next} yet, {in_flight} was in flight");
    witness.follow(script, next);
    assert_eq!(engine.heads(), witness.engine.heads(), "after step {next}");
    assert_kept(&engine, script, told.imported);
    assert_verified(engine.store());
    let digest = |engine: &Engine| engine.store().digest(head.number).unwrap();
    assert_eq!(digest(&engine), digest(&witness.engine), "at step {next}");
    opened
}

#[test]
fn a_killed_node_loses_nothing_it_acknowledged() {
    let rounds = match std::env::var("PHALA_CRASH_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("PHALA_CRASH_ROUNDS is a number"),
        Err(_) => soak_or(SOAK_ROUNDS, ROUNDS),
    };
    let mut rng = seeded_rng("a_killed_node_loses_nothing_it_acknowledged");
    let began = Instant::now();
    let script = Script::random(rng.clone(), STEPS, 8);
    println!("{} steps prepared in {:?}", script.steps.len(), began.elapsed());

    let mut folder = Folder::with(&script);
    let (mut told, mut witness) = (Told::default(), Witness::new());
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let lifetime = Duration::from_millis(rng.random_range(LIFETIME_MS));
        run_and_kill(folder.path(), lifetime, &mut told);
        // Sometimes nobody looks before the next process starts, which may die while it recovers.
        if round + 1 < rounds && !told.done && rng.random_bool(0.25) {
            println!("round {round}: killed after {lifetime:?}, not looked at");
            continue;
        }
        if !folder.path().join("db/CURRENT").exists() {
            assert_eq!(told.imported, 0, "the database is gone");
            continue;
        }
        let opened = check(folder.path(), &script, &told, &mut witness);
        slowest = slowest.max(opened);
        let (step, all) = (witness.next, script.steps.len());
        println!(
            "round {round}: killed after {lifetime:?} at step {step} of {all}, reopened in {opened:?}"
        );
        if told.done {
            folder = Folder::with(&script);
            (told, witness) = (Told::default(), Witness::new());
        }
    }
    println!("slowest reopening {slowest:?}");
}
