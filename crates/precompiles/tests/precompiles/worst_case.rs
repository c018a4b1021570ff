//! The search for the input that takes the longest for its gas.

use std::time::{Duration, Instant};

use phala_precompiles::{
    gpu::{self, GpuAnchor, GpuInput},
    substrate,
    tdx::{self, TdxInput},
};
use secp256k1::{Message, SECP256K1, SecretKey};

use crate::{
    der_builder::{Template, element, key, public},
    tdx::sample,
};

/// Gas of `ecrecover`.
const ECRECOVER_GAS: f64 = 3_000.0;

fn shortest(runs: usize, mut run: impl FnMut()) -> Duration {
    let once = |_| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..runs).map(once).min().unwrap()
}

/// Seconds of `ecrecover` for each of its gas.
fn ecrecover_rate() -> f64 {
    let message = Message::from_digest([7; 32]);
    let key = SecretKey::from_byte_array([5; 32]).unwrap();
    let signature = SECP256K1.sign_ecdsa_recoverable(message, &key);
    let took = shortest(500, || {
        let key = SECP256K1.recover_ecdsa(message, &signature).unwrap();
        alloy_primitives::keccak256(&key.serialize_uncompressed()[1..]);
    });
    println!("ecrecover: {took:?}");
    took.as_secs_f64() / ECRECOVER_GAS
}

/// A CRL like `crl` with as many short entries as fit `len` bytes.
fn stuffed(crl: &[u8], len: usize) -> Vec<u8> {
    // SEQUENCE { SEQUENCE { version, algorithm, issuer, times, entries, extensions }, .. }
    let (signed, tail) = split(inner(crl));
    let mut parts = Vec::new();
    let mut rest = inner(signed);
    while !rest.is_empty() {
        let (part, more) = split(rest);
        parts.push(part.to_vec());
        rest = more;
    }
    let room =
        len - 64
            - parts.iter().enumerate().fold(tail.len(), |sum, (index, part)| {
                sum + if index == 5 { 0 } else { part.len() }
            });
    let time = element(0x17, b"250101000000Z");
    let entries: Vec<u8> = (0_u32..)
        .map(|serial| {
            let serial = element(2, &[[1].as_slice(), &serial.to_be_bytes()[1..]].concat());
            element(0x30, &[serial, time.clone()].concat())
        })
        .take(room / 23)
        .flatten()
        .collect();
    parts[5] = long(0x30, &entries);
    long(0x30, &[long(0x30, &parts.concat()), tail.to_vec()].concat())
}

/// An element with a length of three bytes, which certificates never need.
fn long(tag: u8, value: &[u8]) -> Vec<u8> {
    if value.len() < 0x1_0000 {
        return element(tag, value);
    }
    [&[tag, 0x83], &(value.len() as u32).to_be_bytes()[1..], value].concat()
}

fn header(der: &[u8]) -> (usize, usize) {
    match der[1] {
        len @ 0..=0x7f => (2, len.into()),
        0x81 => (3, der[2].into()),
        _ => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
    }
}

fn inner(der: &[u8]) -> &[u8] {
    let (start, len) = header(der);
    &der[start..start + len]
}

fn split(der: &[u8]) -> (&[u8], &[u8]) {
    let (start, len) = header(der);
    der.split_at(start + len)
}

fn tdx_candidates(honest: &TdxInput) -> Vec<(String, Vec<u8>)> {
    let mut candidates = Vec::new();
    let mut add = |name: &str, change: &dyn Fn(&mut TdxInput)| {
        let mut input = honest.clone();
        change(&mut input);
        let outcome = tdx::explain(&input.encode()).unwrap().err();
        let outcome = outcome.map_or_else(|| "accepted".to_owned(), |refusal| refusal.to_string());
        candidates.push((format!("{name} ({outcome})"), input.encode()));
    };
    add("honest", &|_| {});
    let crl = |input: &mut TdxInput| {
        input.collateral.pck_crl = stuffed(&input.collateral.pck_crl, 131_072);
    };
    add("pck crl of 131,072 bytes", &crl);
    // The last thing checked is wrong, so that everything before it is done.
    add("unsigned quote", &|input| input.quote[700] ^= 1);
    let json = |input: &mut TdxInput| {
        let level = r#"{"tcb":{"sgxtcbcomponents":[],"pcesvn":0},"tcbDate":"2024-03-13T00:00:00Z","tcbStatus":"UpToDate"},"#;
        let text = String::from_utf8(input.collateral.tcb_info.clone()).unwrap();
        let start = text.rfind("\"tcbLevels\":[").unwrap() + 13;
        let levels = level.repeat((65_536 - text.len()) / level.len());
        let text = [&text[..start], &levels, &text[start..]].concat();
        input.collateral.tcb_info = text.into_bytes();
    };
    add("tcb info of 65,536 bytes", &json);
    let nested = |input: &mut TdxInput| {
        let text = String::from_utf8(input.collateral.tcb_info.clone()).unwrap();
        let junk = "[".repeat(30_000) + &"]".repeat(30_000);
        input.collateral.tcb_info = format!("{{\"x\":{junk},{}", &text[1..]).into_bytes();
    };
    add("tcb info nested 30,000 deep", &nested);
    add("both", &|input| {
        crl(input);
        json(input);
    });
    let signer = |input: &mut TdxInput| {
        input.collateral.qe_signer = input.collateral.signer.clone();
        let last = input.collateral.qe_signer.len() - 1;
        input.collateral.qe_signer[last] ^= 1;
    };
    add("a forged signer of the identity", &signer);
    candidates
}

/// A chain under a key of our own; as good as any for timing.
fn gpu_candidate() -> Vec<u8> {
    let own = [
        Template::leaf("leaf", "device", &key(1)).sign(&key(2)),
        Template::issuer("device", "issuer", &key(2)).sign(&key(3)),
        Template::issuer("issuer", "x", &key(3)).sign(&key(9)),
    ];
    let anchor = GpuAnchor::Key(public(&key(9)));
    GpuInput { anchor, certificates: own.to_vec(), challenge: None }.encode()
}

#[test]
#[ignore = "measures; run with --nocapture on a quiet machine"]
fn the_dearest_input_for_its_gas() {
    let Some(honest) = sample() else { return };
    let rate = ecrecover_rate();
    let mut worst = (0.0, String::new());
    let mut measure = |name: String, gas: u64, run: &dyn Fn()| {
        let took = shortest(30, run);
        let relative = took.as_secs_f64() / gas as f64 / rate;
        println!("{relative:.2} of ecrecover's time per gas: {name}, {took:?}, {gas} gas");
        if relative > worst.0 {
            worst = (relative, name);
        }
    };
    for (name, input) in tdx_candidates(&honest) {
        measure(name, tdx::gas(&input), &|| drop(tdx::verify(&input)));
    }
    let chain = gpu_candidate();
    assert!(gpu::explain(&chain).unwrap().is_ok());
    measure("gpu chain of 3".into(), gpu::gas(&chain).unwrap(), &|| drop(gpu::verify(&chain)));
    for (scheme, name) in [(0, "ed25519"), (1, "sr25519")] {
        for len in [0, 4_096] {
            let key = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";
            let key = alloy_primitives::hex::decode(key).unwrap();
            let mut scalar = [0x07; 32];
            scalar[31] |= 0x80 * scheme;
            let input = [vec![scheme], key.clone(), key, scalar.to_vec(), vec![7; len]].concat();
            let gas = substrate::gas(&input);
            measure(format!("{name} over {len}"), gas, &|| drop(substrate::verify(&input)));
        }
    }
    println!("worst: {:.2}, {}", worst.0, worst.1);
}
