//! Changed evidence: no panic, no acceptance of anything else, no input that takes long.

use std::time::{Duration, Instant};

use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::SolValue;
use phala_precompiles::{
    Frame,
    gpu::{self, GpuClaims},
    settle::{self, SettleInput, SignedReceipt},
    tdx::{self, TdxClaims},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::vectors::{gpu_rows, one_of_each, tdx_rows};

/// Slower than this is worth a look; printed, because a loaded machine proves nothing.
const SLOW: Duration = Duration::from_millis(10);

/// Runs of one test; `MUTATIONS` makes it more.
fn rounds() -> usize {
    std::env::var("MUTATIONS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(400)
}

fn rng() -> StdRng {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// One to four changes of the kinds that break parsers.
fn mutate(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..7) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)],
            2 => bytes[at] = rng.random(),
            3 => bytes[at] = bytes[at].wrapping_add([1, u8::MAX][rng.random_range(0..2)]),
            4 => bytes.truncate(at.max(1)),
            5 => bytes.insert(at, rng.random()),
            _ => {
                let len = rng.random_range(0..64).min(bytes.len() - at);
                let copy = bytes[at..at + len].to_vec();
                let to = rng.random_range(0..=bytes.len() - len);
                bytes[to..to + len].copy_from_slice(&copy);
            }
        }
    }
}

/// Runs a function over changed inputs and says how long the slowest took.
fn run(
    name: &str,
    inputs: &[Vec<u8>],
    verify: impl Fn(&[u8]) -> Result<Vec<u8>, Frame>,
    mut check: impl FnMut(usize, &[u8], Vec<u8>),
) {
    let mut rng = rng();
    let (mut slowest, mut slow, mut frames) = (Duration::ZERO, 0, 0);
    for _ in 0..rounds() {
        let index = rng.random_range(0..inputs.len());
        let mut input = inputs[index].clone();
        mutate(&mut input, &mut rng);
        let start = Instant::now();
        let output = verify(&input);
        let took = start.elapsed();
        slowest = slowest.max(took);
        slow += usize::from(took > SLOW);
        match output {
            Ok(output) => check(index, &input, output),
            Err(_) => frames += 1,
        }
    }
    println!("{name}: slowest {slowest:?}, {slow} over {SLOW:?}, {frames} no frames");
}

/// The payload of an acceptance.
fn payload(output: &[u8]) -> Option<Bytes> {
    let (status, payload) = <(U256, Bytes)>::abi_decode_params(output).unwrap();
    assert!(status <= U256::from(1));
    status.is_zero().then_some(payload)
}

#[test]
fn changed_quotes_never_claim_anything_else() {
    let Some(rows) = tdx_rows() else { return };
    let inputs: Vec<_> = one_of_each(rows).iter().map(|row| row.input.encode()).collect();
    let known: Vec<TdxClaims> =
        inputs.iter().map(|input| tdx::explain(input).unwrap().unwrap()).collect();
    let mut accepted = 0;
    run("TDX_VERIFY", &inputs, tdx::verify, |index, _, output| {
        if let Some(payload) = payload(&output) {
            // Changes of the time and of unsigned bytes pass; what is claimed stays.
            assert_eq!(TdxClaims::abi_decode(&payload).unwrap(), known[index]);
            accepted += 1;
        }
    });
    println!("{accepted} accepted");
}

#[test]
fn changed_gpu_evidence_is_never_accepted() {
    let Some(rows) = gpu_rows() else { return };
    let rows: Vec<_> = rows.into_iter().filter(|row| row.accepted).collect();
    let inputs: Vec<_> = rows.iter().map(|row| row.input.encode()).collect();
    let known: Vec<GpuClaims> =
        inputs.iter().map(|input| gpu::explain(input).unwrap().unwrap()).collect();
    run("GPU_VERIFY", &inputs, gpu::verify, |index, input, output| {
        if let Some(payload) = payload(&output) {
            assert_eq!(GpuClaims::abi_decode(&payload).unwrap(), known[index]);
            assert_eq!(input, inputs[index], "every byte is signed");
        }
    });
}

#[test]
fn changed_batches_have_a_verdict_for_each_receipt() {
    let receipt = SignedReceipt { words: [[3; 32]; 10], r: [1; 32], s: [2; 32], v: 27 };
    let input = SettleInput { domain: B256::repeat_byte(7), receipts: vec![receipt; 3] }.encode();
    run("GPU_SETTLE", &[input], settle::verify, |_, input, output| {
        let (status, settled) = <(U256, Vec<settle::Settled>)>::abi_decode_params(&output).unwrap();
        assert!(status.is_zero());
        assert_eq!(settled.len(), (input.len() - 36) / 385);
    });
}

#[test]
fn any_bytes_are_a_frame_or_none() {
    let mut rng = rng();
    for _ in 0..20 * rounds() {
        let mut input = vec![0; rng.random_range(0..600)];
        rng.fill(&mut input[..]);
        // Far enough into the frame to matter.
        for (byte, value) in input.iter_mut().zip([1, 0, 0, 0]) {
            if rng.random_bool(0.9) {
                *byte = value;
            }
        }
        for verify in [tdx::verify, gpu::verify, settle::verify] {
            let _ = verify(&input);
        }
    }
}

/// Real evidence for `make fuzz` to begin with: `CORPUS` is its folder of corpora.
#[test]
#[ignore = "writes files where CORPUS says"]
fn writes_seeds_for_the_fuzzer() {
    let (Some(quotes), Some(evidence)) = (tdx_rows(), gpu_rows()) else { return };
    let corpus = std::path::PathBuf::from(std::env::var_os("CORPUS").expect("CORPUS is set"));
    let write = |target: &str, inputs: Vec<Vec<u8>>| {
        let folder = corpus.join(target);
        std::fs::create_dir_all(&folder).unwrap();
        for (index, input) in inputs.iter().enumerate() {
            std::fs::write(folder.join(format!("real-{index}")), input).unwrap();
        }
    };
    write("tdx_verify", one_of_each(quotes).iter().map(|row| row.input.encode()).collect());
    write("gpu_verify", evidence.iter().map(|row| row.input.encode()).collect());
    let receipt = SignedReceipt { words: [[3; 32]; 10], r: [1; 32], s: [2; 32], v: 27 };
    let batch = SettleInput { domain: B256::repeat_byte(7), receipts: vec![receipt; 2] };
    write("gpu_settle", vec![batch.encode()]);
}
