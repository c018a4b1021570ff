//! `TDX_VERIFY` against dcap-qvl on its other backend, ring, which must never be in the node.

use std::io::Write as _;

use alloy_primitives::hex;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use phala_precompiles::{
    Roots, TdxRefusal,
    tdx::{self, TdxClaims, TdxInput},
};
use phala_test_evidence::{CollateralTerms, Evidence};
use phala_tests::{seeded_rng, soak_or};
use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    evidence::{one_of_each, tdx_rows},
    mutate::mutate,
    oracle,
};

/// Evidence, and the root it is judged under.
type Question = (Roots, TdxInput);

/// Names of the statuses, by our numbers.
const STATUSES: [&str; 10] = [
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "ConfigurationNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
    "",
    "TDRelaunchAdvised",
    "TDRelaunchAdvisedConfigurationNeeded",
];

/// How many answers there were of each kind.
#[derive(Debug, Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    /// Refused before the library was asked.
    framed: usize,
}

/// Asks both, and compares verdicts and claims.
fn compare(questions: &[Question]) -> Tally {
    let mut tally = Tally::default();
    let mut asked = Vec::new();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for (roots, input) in questions {
        match tdx::explain_under(roots, &input.encode()).expect("is a frame") {
            // Our framing is stricter than the library: this never reaches it.
            Err(refusal) if !matches!(refusal, TdxRefusal::Verifier(_)) => {
                assert_ne!(refusal, TdxRefusal::Panic);
                tally.framed += 1;
            }
            answer => {
                writeln!(file, "{}", question(roots, input)).unwrap();
                asked.push(answer.ok());
            }
        }
    }
    file.flush().unwrap();
    let answers = oracle::verify_quotes(file.path());
    assert_eq!(answers.len(), asked.len());
    for (index, (ours, theirs)) in asked.iter().zip(answers).enumerate() {
        assert_eq!(ours.as_ref().map_or(Value::Null, describe), theirs, "question {index}");
        if ours.is_some() { tally.accepted += 1 } else { tally.refused += 1 }
    }
    tally
}

/// As collateral services write it: the library gets what the precompile gives it.
fn question(roots: &Roots, input: &TdxInput) -> Value {
    let collateral = &input.collateral;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("was looked at");
    let qe_signer = match collateral.qe_signer.as_slice() {
        [] => &collateral.signer,
        own => own,
    };
    json!({
        "root": hex::encode_prefixed(roots.intel()),
        "quote": hex::encode_prefixed(tdx::trim_quote(&input.quote)),
        "now": input.now,
        "collateral": {
            "pck_crl_issuer_chain": "",
            "root_ca_crl": hex::encode(&collateral.root_crl),
            "pck_crl": hex::encode(&collateral.pck_crl),
            "tcb_info_issuer_chain": pem(&collateral.signer),
            "tcb_info": text(&collateral.tcb_info),
            "tcb_info_signature": hex::encode(&collateral.tcb_info_signature),
            "qe_identity_issuer_chain": pem(qe_signer),
            "qe_identity": text(&collateral.qe_identity),
            "qe_identity_signature": hex::encode(&collateral.qe_identity_signature),
        },
    })
}

fn pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
}

fn describe(claims: &TdxClaims) -> Value {
    let status = |status: u8| STATUSES[usize::from(status)];
    json!({
        "tcbStatus": status(claims.tcbStatus),
        "platformTcbStatus": status(claims.platformTcbStatus),
        "qeTcbStatus": status(claims.qeTcbStatus),
        "tcbEvalDataNumber": claims.tcbEvalDataNumber,
        "tcbDate": claims.tcbDate,
        "collateralLatestIssue": claims.collateralLatestIssue,
        "collateralExpiry": claims.collateralExpiry,
        "fmspc": hex::encode_prefixed(claims.fmspc),
        "ppidHash": claims.ppidHash,
        "tdReport": hex::encode_prefixed(&claims.tdReport),
        "advisories": &claims.advisories,
    })
}

#[test]
fn ring_agrees_on_every_recorded_quote() {
    let Some(rows) = tdx_rows() else { return };
    let count = rows.len();
    let questions: Vec<_> =
        rows.into_iter().map(|row| (Roots::pinned().clone(), row.input)).collect();
    let tally = compare(&questions);
    println!("{count} quotes: {tally:?}");
    assert_eq!(tally.accepted, 26);
    assert!(tally.refused > 50, "{tally:?}");
}

/// One field of the evidence, changed somewhere.
fn changed(input: &TdxInput, rng: &mut StdRng) -> TdxInput {
    let mut input = input.clone();
    let collateral = &mut input.collateral;
    match rng.random_range(0..10) {
        0 => mutate(&mut collateral.signer, rng),
        1 => mutate(&mut collateral.tcb_info, rng),
        2 => mutate(&mut collateral.qe_identity, rng),
        3 => mutate(&mut collateral.root_crl, rng),
        4 => mutate(&mut collateral.pck_crl, rng),
        5 => {
            let at = rng.random_range(0..64);
            collateral.tcb_info_signature[at] ^= 1 << rng.random_range(0..8);
        }
        6 => {
            collateral.qe_signer = collateral.signer.clone();
            mutate(&mut collateral.qe_signer, rng);
        }
        // Around the ends of the collateral's time, where the edges differ.
        7 => input.now = input.now.wrapping_add_signed(rng.random_range(-5_000_000..5_000_000)),
        _ => mutate(&mut input.quote, rng),
    }
    input
}

#[test]
fn ring_agrees_on_changed_quotes() {
    let Some(rows) = tdx_rows() else { return };
    let mut rng = seeded_rng("ring_agrees_on_changed_quotes");
    let inputs: Vec<_> = one_of_each(rows).into_iter().map(|row| row.input).collect();
    let change = |_| {
        let input = &inputs[rng.random_range(0..inputs.len())];
        (Roots::pinned().clone(), changed(input, &mut rng))
    };
    let questions: Vec<_> = (0..soak_or(20_000, 1_000)).map(change).collect();
    let tally = compare(&questions);
    println!("{} changed quotes: {tally:?}", questions.len());
    assert!(tally.accepted > 0 && tally.refused > tally.accepted);
}

/// Collateral nobody recorded: all statuses, revocations, and changes inside what is signed.
#[test]
fn ring_agrees_on_evidence_of_our_making() {
    const NOW: u64 = 1_796_000_000;
    let mut rng = seeded_rng("ring_agrees_on_evidence_of_our_making");
    let mut questions = Vec::new();
    for seed in 0..4 {
        let evidence = Evidence::new(seed, 0, 1);
        let roots =
            Roots::for_tests(evidence.intel.root().to_vec(), evidence.nvidia.root().to_vec());
        let honest = evidence.tdx_input(NOW, [seed as u8; 64]);
        for status in STATUSES {
            for revoked in [vec![], vec![evidence.platform.serial()]] {
                let terms = CollateralTerms { status, revoked, ..CollateralTerms::at(NOW) };
                let collateral = evidence.intel.collateral(&terms);
                questions.push((roots.clone(), TdxInput { collateral, ..honest.clone() }));
            }
        }
        for _ in 0..50 {
            questions.push((roots.clone(), changed(&honest, &mut rng)));
        }
    }
    let tally = compare(&questions);
    println!("{} of our making: {tally:?}", questions.len());
    assert!(tally.accepted >= 4 * 6, "six statuses are good: {tally:?}");
    assert!(tally.refused >= 4 * 10, "{tally:?}");
}
