//! Damaged files end in an error or in other pairs, never in a panic.

use phala_genesis_lib::snapshot::{StateVersion, write_phala_snap};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};

use crate::{
    files::{header, open_bytes, pair, raw_spec, sample, try_runtime},
    plain_trie::PlainTrie,
};

fn originals() -> Vec<Vec<u8>> {
    let pairs = sample();
    let mut files = vec![raw_spec(&pairs).into_bytes()];
    let lines: Vec<_> = pairs.iter().map(pair).collect();
    files.push(lines.join("\n").into_bytes());
    files.push(format!(r#"[{{"changes":[{}]}}]"#, lines.join(",")).into_bytes());
    for state_version in [StateVersion::V0, StateVersion::V1] {
        let trie = PlainTrie::new(&pairs, state_version);
        files.extend([2, 3, 4].map(|version| try_runtime(version, &trie, &header(trie.root, 9))));
    }
    let mut snap = Vec::new();
    write_phala_snap(&open_bytes(&files[0]).unwrap(), None, &mut snap).unwrap();
    files.push(snap);
    files.push(zstd::encode_all(files[0].as_slice(), 1).unwrap());
    files
}

/// Changes, removes, doubles or inserts some bytes.
fn damage(rng: &mut ChaCha8Rng, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + rng.next_u32() % 3 {
        let at = rng.next_u32() as usize % bytes.len().max(1);
        let len = (1 + rng.next_u32() as usize % 40).min(bytes.len() - at);
        match rng.next_u32() % 5 {
            0 => bytes[at..].iter_mut().take(1).for_each(|byte| *byte ^= 1 << (rng.next_u32() % 8)),
            1 => bytes[at..].iter_mut().take(1).for_each(|byte| *byte = rng.next_u32() as u8),
            2 => drop(bytes.drain(at..at + len)),
            3 => {
                let part = bytes[at..at + len].to_vec();
                bytes.splice(at..at, part);
            }
            _ => bytes.insert(at, [0, 0xff, b'"', b'{', b']', b','][rng.next_u32() as usize % 6]),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

#[test]
fn damaged_files_never_panic_and_never_pass_for_the_original() {
    let seed = std::env::var("PHALA_TEST_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("PHALA_TEST_SEED={seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut refused, mut read) = (0, 0);
    for original in originals() {
        let root = open_bytes(&original).unwrap().root(StateVersion::V0).unwrap();
        for _ in 0..300 {
            let damaged = damage(&mut rng, &original);
            match open_bytes(&damaged) {
                Err(error) => {
                    assert!((10..40).contains(&error.exit_code()));
                    assert!(!error.to_string().is_empty());
                    refused += 1;
                }
                Ok(snapshot) => {
                    let pairs = snapshot.pairs().collect::<Result<Vec<_>, _>>().unwrap();
                    let same = snapshot.root(StateVersion::V0).unwrap() == root;
                    assert_eq!(same, pairs.len() == sample().len() && same);
                    read += 1;
                }
            }
        }
    }
    println!("{refused} refused, {read} read");
    assert!(refused > read && read > 0);
}
