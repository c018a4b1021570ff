//! Signatures of parachain keys: published ones, and everything that is none.

use alloy_primitives::B256;
use ed25519_dalek::{Signer, SigningKey};
use phala_precompiles::substrate;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::Value;

use crate::vectors::{self, array, bytes, text};

const ED25519: u8 = 0;
const SR25519: u8 = 1;

fn is_valid(input: &[u8]) -> bool {
    let word = substrate::verify(input).expect("has no frame errors");
    let word = B256::try_from(word.as_slice()).expect("is a word");
    assert!(word[..31].iter().all(|byte| *byte == 0) && word[31] <= 1);
    word[31] == 1
}

fn input(scheme: u8, key: &[u8], signature: &[u8], payload: &[u8]) -> Vec<u8> {
    [&[scheme], key, signature, payload].concat()
}

/// The recorded inputs, with whether they are good.
fn recorded() -> Option<Vec<(Vec<u8>, bool)>> {
    let path = vectors::root()?.join("parachain/vectors/signatures.json");
    let file = vectors::json(&path);
    let rows = array(&file["vectors"]).iter().filter(|row| row["scheme"] != "ecdsa");
    Some(rows.map(|row| (recorded_input(row), row["valid"] == true)).collect())
}

fn recorded_input(row: &Value) -> Vec<u8> {
    let scheme = if row["scheme"] == "sr25519" { SR25519 } else { ED25519 };
    let message = text(&row["message"]);
    let payload = match row["wrapped"] == true {
        true => format!("<Bytes>{message}</Bytes>"),
        false => message.to_owned(),
    };
    input(scheme, &bytes(&row["public_key"]), &bytes(&row["signature"]), payload.as_bytes())
}

#[test]
fn recorded_signatures_have_their_verdicts() {
    let Some(rows) = recorded() else { return };
    assert_eq!(rows.len(), 8);
    assert_eq!(rows.iter().filter(|(_, valid)| *valid).count(), 6);
    for (input, valid) in rows {
        assert_eq!(is_valid(&input), valid);
    }
}

#[test]
fn every_bit_of_a_good_input_matters() {
    let Some(rows) = recorded() else { return };
    for (good, _) in rows.into_iter().filter(|(_, valid)| *valid) {
        for bit in (0..8 * good.len()).filter(|bit| bit % 7 == 0 || *bit < 8) {
            let mut input = good.clone();
            input[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_valid(&input), "bit {bit}");
        }
        for len in 0..good.len() {
            assert!(!is_valid(&good[..len]), "length {len}");
        }
        assert!(!is_valid(&[good.as_slice(), &[0]].concat()));
    }
}

fn signed(payload: &[u8]) -> Vec<u8> {
    let key = SigningKey::from_bytes(&[7; 32]);
    let signature = key.sign(payload).to_bytes();
    input(ED25519, key.verifying_key().as_bytes(), &signature, payload)
}

#[test]
fn payloads_have_0_to_4096_bytes() {
    for len in [0, 1, 4_095, 4_096] {
        assert!(is_valid(&signed(&vec![b'x'; len])), "{len}");
    }
    for len in [4_097, 5_000, 100_000] {
        assert!(!is_valid(&signed(&vec![b'x'; len])), "{len}");
    }
}

#[test]
fn other_schemes_are_unknown() {
    let mut input = signed(b"message");
    for scheme in 1..=u8::MAX {
        input[0] = scheme;
        assert!(!is_valid(&input));
    }
}

/// A key of small order, with which a non-strict verifier finds every message signed.
#[test]
fn weak_keys_sign_nothing() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let signature = [identity, [0; 32]].concat();
    for scheme in [ED25519, SR25519] {
        assert!(!is_valid(&input(scheme, &identity, &signature, b"anything")));
        assert!(!is_valid(&input(scheme, &[0; 32], &[0; 64], b"anything")));
    }
}

#[test]
fn a_scalar_is_written_in_one_way() {
    let mut good = signed(b"message");
    assert!(is_valid(&good));
    // s + L, the order of the group, little-endian.
    let order =
        alloy_primitives::hex!("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0_u16;
    for (byte, add) in good[65..97].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert!(!is_valid(&good));
}

#[test]
fn any_bytes_have_an_answer() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(4);
    println!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    for _ in 0..3_000 {
        let mut input = vec![0; rng.random_range(0..200)];
        rng.fill(&mut input[..]);
        if let Some(scheme) = input.first_mut() {
            *scheme &= 1;
        }
        assert!(!is_valid(&input));
    }
}

#[test]
fn gas_grows_with_words_of_the_payload() {
    for (len, gas) in
        [(0, 20_000), (97, 20_000), (98, 20_012), (129, 20_012), (130, 20_024), (4_193, 21_536)]
    {
        assert_eq!(substrate::gas(&vec![0; len]), gas);
    }
}
