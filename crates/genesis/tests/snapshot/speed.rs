//! Measured, not asserted: `--ignored --nocapture`, `PHALA_SNAPSHOT_KEYS` for another number.

use std::{
    io::{BufWriter, Write as _},
    time::Instant,
};

use alloy_primitives::hex;
use phala_genesis_lib::snapshot::{OpenOptions, StateVersion, open};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};

#[test]
#[ignore = "a measurement of a minute"]
fn a_large_dump_is_read_and_its_root_computed() {
    let count: u64 =
        std::env::var("PHALA_SNAPSHOT_KEYS").map_or(1_500_000, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.jsonl");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(&path).unwrap());
    // Thirty maps, as pallets have them, keys by hash; values around 100 bytes.
    let maps: Vec<[u8; 32]> = (0..30)
        .map(|_| {
            let mut prefix = [0; 32];
            rng.fill_bytes(&mut prefix);
            prefix
        })
        .collect();
    for index in 0..count {
        let mut key = [0; 80];
        key[..32].copy_from_slice(&maps[(index % 30) as usize]);
        rng.fill_bytes(&mut key[32..]);
        let value = vec![rng.next_u32() as u8; 20 + rng.next_u32() as usize % 160];
        writeln!(out, r#"["0x{}","0x{}"]"#, hex::encode(key), hex::encode(value)).unwrap();
    }
    drop(out);
    let size_mb = path.metadata().unwrap().len() >> 20;
    let start = Instant::now();
    let snapshot = open(&path, &OpenOptions::default()).unwrap();
    let read = start.elapsed();
    assert_eq!(snapshot.pair_count(), count);
    let start = Instant::now();
    let root = snapshot.root(StateVersion::V0).unwrap();
    let took = start.elapsed();
    let rate = count as f64 / took.as_secs_f64() / 1e3;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    println!(
        "{count} pairs, {size_mb} MB of JSON lines: read {read:.2?}, root {root} in {took:.2?} ({rate:.0} k pairs/s), {peak}"
    );
}
