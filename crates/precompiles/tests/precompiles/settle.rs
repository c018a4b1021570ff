//! Batches of receipts signed with keys of our own.

use alloy_primitives::{Address, B256, U256, b256, hex, keccak256};
use alloy_sol_types::{Eip712Domain, SolStruct, SolValue, eip712_domain, sol};
use phala_precompiles::{
    Frame,
    settle::{
        self, RECEIPT_TYPE, SettleInput, Settled, SignedReceipt, VERDICT_DUPLICATE, VERDICT_OK,
        VERDICT_RANGE, VERDICT_SIGNATURE,
    },
};
use secp256k1::{Message, SECP256K1, SecretKey};

sol! {
    /// As contracts declare it.
    struct Receipt {
        bytes32 jobId;
        bytes32 specHash;
        bytes32 inputHash;
        bytes32 resultHash;
        bytes32 deliveryHash;
        uint64 startedAt;
        uint64 finishedAt;
        uint64 gpuSeconds;
        uint256 amount;
        uint64 epoch;
    }
}

const ORDER: U256 =
    U256::from_be_bytes(hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"));

fn domain() -> Eip712Domain {
    eip712_domain! {
        name: "GpuJobSettlement",
        version: "1",
        chain_id: 2035,
        verifying_contract: Address::repeat_byte(0x20),
    }
}

fn separator() -> B256 {
    domain().separator()
}

fn receipt(job: u64) -> Receipt {
    Receipt {
        jobId: U256::from(job).into(),
        specHash: B256::repeat_byte(1),
        inputHash: B256::repeat_byte(2),
        resultHash: B256::repeat_byte(3),
        deliveryHash: B256::repeat_byte(4),
        startedAt: 1_000,
        finishedAt: 1_060,
        gpuSeconds: 60,
        amount: U256::from(job) * U256::from(10).pow(U256::from(18)),
        epoch: 7,
    }
}

fn words(receipt: &Receipt) -> [[u8; 32]; 10] {
    let encoded = receipt.abi_encode();
    std::array::from_fn(|word| encoded[32 * word..][..32].try_into().unwrap())
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_byte_array([seed; 32]).unwrap()
}

fn address(seed: u8) -> Address {
    let key = key(seed).public_key(SECP256K1).serialize_uncompressed();
    Address::from_raw_public_key(&key[1..])
}

/// Signed by the worker of this seed, whatever the words say.
fn sign(words: [[u8; 32]; 10], seed: u8) -> SignedReceipt {
    let mut receipt = SignedReceipt { words, r: [0; 32], s: [0; 32], v: 0 };
    let digest = receipt.digest(&separator());
    let signature = SECP256K1.sign_ecdsa_recoverable(Message::from_digest(digest.0), &key(seed));
    let (id, bytes) = signature.serialize_compact();
    receipt.r.copy_from_slice(&bytes[..32]);
    receipt.s.copy_from_slice(&bytes[32..]);
    receipt.v = 27 + i32::from(id) as u8;
    receipt
}

fn good(job: u64) -> SignedReceipt {
    sign(words(&receipt(job)), 5)
}

fn settle(receipts: &[SignedReceipt]) -> Vec<Settled> {
    let input = SettleInput { domain: separator(), receipts: receipts.to_vec() }.encode();
    let output = settle::verify(&input).unwrap();
    let (status, settled) = <(U256, Vec<Settled>)>::abi_decode_params(&output).unwrap();
    assert_eq!(status, U256::ZERO);
    assert_eq!(settle::explain(&input).as_ref(), Ok(&settled));
    settled
}

fn verdicts(receipts: &[SignedReceipt]) -> Vec<u8> {
    settle(receipts).iter().map(|settled| settled.verdict).collect()
}

#[test]
fn the_type_is_what_solidity_hashes() {
    assert_eq!(Receipt::eip712_root_type(), RECEIPT_TYPE);
    let receipt = receipt(3);
    let expected = receipt.eip712_signing_hash(&domain());
    assert_eq!(good(3).digest(&separator()), expected);
    assert_eq!(receipt.eip712_type_hash(), keccak256(RECEIPT_TYPE));
}

#[test]
fn a_good_receipt_names_its_worker() {
    for seed in 1..20 {
        let receipt = receipt(9);
        let settled = settle(&[sign(words(&receipt), seed)]);
        let expected = Settled {
            jobId: receipt.jobId,
            digest: receipt.eip712_signing_hash(&domain()),
            worker: address(seed),
            amount: receipt.amount,
            gpuSeconds: 60,
            verdict: VERDICT_OK,
        };
        assert_eq!(settled, [expected]);
    }
}

/// The output of a batch, word for word.
#[test]
fn the_output_is_laid_out_as_contracts_decode_it() {
    let output = settle::verify(
        &SettleInput { domain: separator(), receipts: vec![good(1), good(2)] }.encode(),
    )
    .unwrap();
    let word = |index: usize| U256::from_be_slice(&output[32 * index..][..32]);
    assert_eq!(output.len(), 32 * (3 + 2 * 6));
    assert_eq!((word(0), word(1), word(2)), (U256::ZERO, U256::from(64), U256::from(2)));
    assert_eq!((word(3), word(9)), (U256::from(1), U256::from(2)));
    assert_eq!(word(5), U256::from_be_slice(address(5).as_slice()));
    assert_eq!((word(7), word(8)), (U256::from(60), U256::ZERO));
}

#[test]
fn a_high_s_is_no_signature() {
    let mut receipt = good(1);
    let s = U256::from_be_bytes(receipt.s);
    receipt.s = (ORDER - s).to_be_bytes();
    receipt.v = 27 + 28 - receipt.v;
    assert_eq!(verdicts(&[receipt]), [VERDICT_SIGNATURE]);
    // The bound itself is low, one more is high.
    let half: U256 = ORDER >> 1;
    for (s, is_low) in [(half, true), (half + U256::from(1), false)] {
        let receipt = SignedReceipt { s: s.to_be_bytes(), ..good(1) };
        let settled = &settle(&[receipt])[0];
        assert_eq!(settled.verdict == VERDICT_OK, is_low);
        assert_eq!(settled.worker.is_zero(), !is_low);
        assert_ne!(settled.worker, address(5));
    }
}

#[test]
fn only_27_and_28_recover() {
    let receipt = good(1);
    for v in 0..=u8::MAX {
        let settled = settle(&[SignedReceipt { v, ..receipt }]).remove(0);
        match v {
            _ if v == receipt.v => assert_eq!(settled.worker, address(5)),
            27 | 28 => assert_ne!(settled.worker, address(5)),
            _ => assert_eq!((settled.verdict, settled.worker), (VERDICT_SIGNATURE, Address::ZERO)),
        }
    }
}

#[test]
fn numbers_that_are_no_scalars_are_no_signature() {
    let receipt = good(1);
    let order = ORDER.to_be_bytes();
    for bad in [
        SignedReceipt { r: [0; 32], ..receipt },
        SignedReceipt { s: [0; 32], ..receipt },
        SignedReceipt { r: order, ..receipt },
        SignedReceipt { s: order, ..receipt },
        SignedReceipt { r: [0xff; 32], ..receipt },
        SignedReceipt { s: [0xff; 32], ..receipt },
        // No point of the curve has this x.
        SignedReceipt { r: U256::from(5).to_be_bytes(), ..receipt },
    ] {
        let settled = &settle(&[bad])[0];
        assert_eq!((settled.verdict, settled.worker), (VERDICT_SIGNATURE, Address::ZERO));
        assert_eq!(settled.digest, receipt.digest(&separator()));
    }
}

#[test]
fn another_domain_recovers_another_worker() {
    let input = SettleInput { domain: B256::repeat_byte(7), receipts: vec![good(1)] };
    assert_ne!(settle::explain(&input.encode()).unwrap()[0].worker, address(5));
}

#[test]
fn words_outside_their_type_are_out_of_range() {
    for word in [5, 6, 7, 9] {
        for byte in [0, 23] {
            let mut words = words(&receipt(1));
            words[word][byte] = 1;
            let receipt = sign(words, 5);
            let settled = &settle(&[receipt])[0];
            assert_eq!(settled.verdict, VERDICT_RANGE, "word {word}");
            assert_eq!(
                (settled.worker, settled.digest),
                (address(5), receipt.digest(&separator()))
            );
            assert_eq!(settled.gpuSeconds, if word == 7 { 0 } else { 60 });
        }
        let mut words = words(&receipt(1));
        words[word][24..].fill(0xff);
        // The largest time to start is later than this receipt's end.
        let expected = if word == 5 { VERDICT_RANGE } else { VERDICT_OK };
        assert_eq!(verdicts(&[sign(words, 5)]), [expected]);
    }
    for word in [0, 1, 2, 3, 4, 8] {
        let mut words = words(&receipt(1));
        words[word] = [0xff; 32];
        assert_eq!(verdicts(&[sign(words, 5)]), [VERDICT_OK], "word {word} takes any value");
    }
}

#[test]
fn a_job_does_not_finish_before_it_starts() {
    for (finished, verdict) in
        [(999, VERDICT_RANGE), (1_000, VERDICT_OK), (0, VERDICT_RANGE), (u64::MAX, VERDICT_OK)]
    {
        let words = words(&Receipt { finishedAt: finished, ..receipt(1) });
        assert_eq!(verdicts(&[sign(words, 5)]), [verdict], "{finished}");
    }
}

#[test]
fn a_job_is_settled_once_by_its_first_good_receipt() {
    let bad = SignedReceipt { v: 0, ..good(1) };
    let mut words = words(&receipt(1));
    words[9][0] = 1;
    let range = sign(words, 5);
    assert_eq!(
        verdicts(&[bad, range, good(1), good(2), good(1), sign(self::words(&receipt(2)), 6), bad]),
        [
            VERDICT_SIGNATURE,
            VERDICT_RANGE,
            VERDICT_OK,
            VERDICT_OK,
            VERDICT_DUPLICATE,
            VERDICT_DUPLICATE,
            VERDICT_SIGNATURE,
        ]
    );
}

#[test]
fn a_batch_has_1_to_256_receipts() {
    let input = |count: usize| SettleInput {
        domain: separator(),
        receipts: vec![SignedReceipt { words: [[0; 32]; 10], r: [0; 32], s: [0; 32], v: 0 }; count],
    };
    for count in [1, 2, 256] {
        let input = input(count).encode();
        assert_eq!(input.len(), 36 + 385 * count);
        assert_eq!(settle::explain(&input).unwrap().len(), count);
        let words = input.len().div_ceil(32) as u64;
        assert_eq!(settle::gas(&input), Ok(5_000 + 3_600 * count as u64 + 3 * words));
    }
    assert!(settle::gas(&input(256).encode()).unwrap() <= 1_000_000);
    for count in [0, 257, 1_000] {
        let frame = Frame::OutOfRange { field: "number of receipts", value: count as u32 };
        assert_eq!(settle::verify(&input(count).encode()), Err(frame));
        assert_eq!(settle::gas(&input(count).encode()), Err(frame));
    }
}

#[test]
fn frames_are_exact() {
    let good = SettleInput { domain: separator(), receipts: vec![good(1), good(2)] }.encode();
    for len in 0..good.len() {
        assert_eq!(settle::verify(&good[..len]), Err(Frame::Truncated { len }));
    }
    let longer = [good.as_slice(), &[0]].concat();
    assert_eq!(settle::verify(&longer), Err(Frame::Trailing { len: 1 }));
    for (at, frame) in [(0, Frame::Version(2)), (1, Frame::NotZero("byte 1"))] {
        let mut bytes = good.clone();
        bytes[at] = 2;
        assert_eq!(settle::verify(&bytes), Err(frame));
        assert_eq!(settle::gas(&bytes), Err(frame));
    }
}

/// A digest computed by hand, so that no two mistakes here can agree.
#[test]
fn the_digest_is_the_documented_one() {
    let receipt = SignedReceipt { words: [[0; 32]; 10], r: [0; 32], s: [0; 32], v: 0 };
    let typehash = keccak256(
        "Receipt(bytes32 jobId,bytes32 specHash,bytes32 inputHash,bytes32 resultHash,bytes32 \
         deliveryHash,uint64 startedAt,uint64 finishedAt,uint64 gpuSeconds,uint256 amount,uint64 \
         epoch)",
    );
    let hash = keccak256([typehash.as_slice(), &[0; 320]].concat());
    let domain = b256!("1111111111111111111111111111111111111111111111111111111111111111");
    let expected = keccak256([&[0x19, 1], domain.as_slice(), hash.as_slice()].concat());
    assert_eq!(receipt.digest(&domain), expected);
}
