//! Changed evidence: no panic, no acceptance of anything else, no input that takes long.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::SolValue;
use phala_precompiles::{
    Frame,
    gpu::{self, GpuClaims},
    settle::{self, SettleInput, SignedReceipt},
    substrate,
    tdx::{self, TdxClaims},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    mutate::mutate,
    vectors::{gpu_rows, one_of_each, tdx_rows},
};

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

/// Inputs, and how many in a thousand are made of them.
struct Family {
    name: &'static str,
    per_mille: u32,
    inputs: Vec<Vec<u8>>,
    verify: fn(&[u8]) -> Result<Vec<u8>, Frame>,
    /// No frames, refused, accepted.
    outcomes: [u64; 3],
}

/// Mostly evidence with one flaw that is noticed after everything is parsed and before any
/// signature is checked, so that the millions take minutes; a hundredth is whole evidence.
fn families() -> Option<Vec<Family>> {
    let quotes: Vec<_> = one_of_each(tdx_rows()?).into_iter().map(|row| row.input).collect();
    let gpus: Vec<_> =
        gpu_rows()?.into_iter().filter(|row| row.accepted).map(|row| row.input).collect();
    let flawed_quotes = quotes.iter().cloned().map(|mut input| {
        input.collateral.root_crl[0] ^= 1; // No longer a SEQUENCE.
        input.encode()
    });
    let flawed_gpus = gpus.iter().cloned().map(|mut input| {
        let challenge = input.challenge.as_mut().expect("is recorded");
        challenge.nonce = B256::repeat_byte(1); // Not the report's.
        input.encode()
    });
    let receipt = SignedReceipt { words: [[3; 32]; 10], r: [1; 32], s: [2; 32], v: 0 };
    let batch = |count| {
        let domain = B256::repeat_byte(7);
        SettleInput { domain, receipts: vec![receipt; count] }.encode()
    };
    let key =
        alloy_primitives::hex!("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d");
    let signature = |scheme: u8| [&[scheme], key.as_slice(), &key, &[0x87; 32], &[5; 40]].concat();
    let family = |name, per_mille, inputs, verify| Family {
        name,
        per_mille,
        inputs,
        verify,
        outcomes: [0; 3],
    };
    Some(vec![
        family("TDX_VERIFY, flawed", 390, flawed_quotes.collect(), tdx::verify),
        family("TDX_VERIFY", 5, quotes.iter().map(|input| input.encode()).collect(), tdx::verify),
        family("GPU_VERIFY, flawed", 390, flawed_gpus.collect(), gpu::verify),
        family("GPU_VERIFY", 5, gpus.iter().map(|input| input.encode()).collect(), gpu::verify),
        family("GPU_SETTLE", 180, vec![batch(1), batch(3)], settle::verify),
        family("SUBSTRATE_VERIFY", 30, vec![signature(0), signature(1)], substrate::verify),
    ])
}

/// Recorded in `docs/benchmarks.md`.
#[test]
#[ignore = "takes minutes; MUTATIONS and SEED say how many and which"]
fn ten_million_changed_inputs_and_no_panic() {
    static PANICS: AtomicU64 = AtomicU64::new(0);
    let Some(mut families) = families() else { return };
    assert_eq!(families.iter().map(|family| family.per_mille).sum::<u32>(), 1_000);
    // A panic becomes a refusal; only a hook sees it.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(u64::from(phala_precompiles::panic_is_caught()), Ordering::Relaxed);
        hook(info);
    }));
    let count = std::env::var("MUTATIONS").ok().and_then(|count| count.parse().ok());
    let count: u64 = count.unwrap_or(10_000_000);
    let mut rng = rng();
    let start = Instant::now();
    for _ in 0..count {
        let mut lot = rng.random_range(0..1_000);
        let drawn = families.iter_mut().find(|family| {
            let hit = lot < family.per_mille;
            lot = lot.saturating_sub(family.per_mille);
            hit
        });
        let family = drawn.expect("shares add up");
        let mut input = family.inputs[rng.random_range(0..family.inputs.len())].clone();
        mutate(&mut input, &mut rng);
        let outcome = match (family.verify)(&input) {
            Err(_) => 0,
            // `(1, "")`, no receipt, or 0.
            Ok(output) if output.len() == 96 || output == [0; 32] => 1,
            Ok(_) => 2,
        };
        family.outcomes[outcome] += 1;
        assert_eq!(PANICS.load(Ordering::Relaxed), 0, "{}", alloy_primitives::hex::encode(&input));
    }
    println!("{count} in {:.0} s", start.elapsed().as_secs_f64());
    for Family { name, outcomes: [frames, refused, answered], .. } in families {
        println!("{name}: {frames} no frames, {refused} refused, {answered} accepted or answered");
        assert!(count < 100_000 || frames + refused + answered > 0);
    }
    let _ = std::panic::take_hook();
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
