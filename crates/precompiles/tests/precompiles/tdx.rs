//! Real quotes: every recorded verdict, and what may and may not be changed about a quote.

use std::time::{Duration, Instant};

use alloy_primitives::{Bytes, U256, hex};
use alloy_sol_types::SolValue;
use base64::{Engine, engine::general_purpose::STANDARD};
use phala_precompiles::{
    Frame, TdxRefusal,
    tdx::{self, TdxClaims, TdxInput, trim_quote},
};

use crate::vectors::{self, TdxRow, one_of_each, tdx_rows};

/// Lengths of header and authentication data before the PCK chain, in a v4 quote.
const REPORT_END: usize = 48 + 584;
const AUTH: usize = REPORT_END + 4;
const INNER: usize = AUTH + 64 + 64 + 6;
const CHAIN_LEN: usize = INNER + 384 + 64 + 2 + 32 + 2;
const CHAIN: usize = CHAIN_LEN + 4;

/// The recorded v4 quote with its own collateral, accepted.
pub(crate) fn sample() -> Option<TdxInput> {
    let rows = one_of_each(tdx_rows()?);
    let row = rows.into_iter().find(|row| row.name.starts_with("tdx/tdx_quote with"));
    Some(row.expect("is recorded").input)
}

fn explain(input: &TdxInput) -> Result<TdxClaims, TdxRefusal> {
    tdx::explain(&input.encode()).expect("is a frame")
}

fn refusal(input: &TdxInput) -> TdxRefusal {
    assert_eq!(tdx::verify(&input.encode()).unwrap(), rejected());
    explain(input).expect_err("is refused")
}

/// `(1, "")`.
fn rejected() -> Vec<u8> {
    (U256::from(1), Bytes::new()).abi_encode_params()
}

#[test]
fn every_recorded_quote_has_its_verdict_and_claims() {
    let Some(rows) = tdx_rows() else { return };
    let mut accepted = 0;
    for row in &rows {
        let output = tdx::verify(&row.input.encode()).unwrap();
        let (status, payload) = <(U256, Bytes)>::abi_decode_params(&output).unwrap();
        assert_eq!(status.is_zero(), row.accepted, "{}: {:?}", row.name, explain(&row.input).err());
        if row.accepted {
            row.check_claims(&TdxClaims::abi_decode_validate(&payload).unwrap());
            accepted += 1;
        } else {
            assert_eq!(output, rejected());
        }
    }
    assert_eq!(accepted, 26, "29 recorded, of which 3 are SGX");
}

#[test]
fn an_sgx_quote_is_refused_by_its_shape() {
    let Some(rows) = tdx_rows() else { return };
    let sgx: Vec<&TdxRow> = rows.iter().filter(|row| row.name.starts_with("tdx/sgx")).collect();
    assert_eq!(sgx.len(), 10);
    for row in sgx {
        assert_eq!(
            refusal(&row.input),
            TdxRefusal::Unsupported { field: "quote version", value: 3 }
        );
    }
}

#[test]
fn zeros_after_a_quote_do_not_matter_and_anything_else_does() {
    let Some(mut input) = sample() else { return };
    assert_eq!(input.quote.len(), 5_006);
    let claims = explain(&input).unwrap();
    let trimmed = trim_quote(&input.quote).to_vec();
    assert_eq!(trimmed.len(), 4_936);
    for len in [trimmed.len(), 4_937, 8_000, 16_384] {
        input.quote.clone_from(&trimmed);
        input.quote.resize(len, 0);
        assert_eq!(explain(&input).as_ref(), Ok(&claims));
        assert_eq!(trim_quote(&input.quote), trimmed);
    }
    for at in [4_936, 10_000, 16_383] {
        let mut input = input.clone();
        input.quote[at] = 1;
        assert_eq!(refusal(&input), TdxRefusal::Padding);
        assert_eq!(trim_quote(&input.quote), input.quote);
    }
}

#[test]
fn the_8000_byte_quote_of_a_provider_is_framed() {
    let Some(root) = vectors::root() else { return };
    let Some(mut input) = sample() else { return };
    input.quote = vectors::tdx_quote(&root.join("attestation"), "tdx/automata_quotev4.hex");
    assert_eq!((input.quote.len(), trim_quote(&input.quote).len()), (8_000, 4_935));
    assert!(matches!(refusal(&input), TdxRefusal::Verifier(_)), "but its platform is another");
}

#[test]
fn no_quote_is_accepted_short_of_its_end() {
    let Some(mut input) = sample() else { return };
    let whole = trim_quote(&input.quote).to_vec();
    for len in 0..whole.len() {
        input.quote = whole[..len].to_vec();
        assert!(matches!(explain(&input), Err(TdxRefusal::Truncated(_))), "{len}");
    }
}

#[test]
fn inner_lengths_have_one_value() {
    let Some(input) = sample() else { return };
    let at = [
        (REPORT_END, "authentication data"),
        (INNER - 4, "certification data"),
        (INNER + 448, "qe authentication data"),
        (CHAIN_LEN, "pck chain"),
    ];
    for (at, name) in at {
        for change in [1, u8::MAX] {
            let mut input = input.clone();
            input.quote[at] = input.quote[at].wrapping_add(change);
            assert!(!matches!(refusal(&input), TdxRefusal::Verifier(_)), "{name}");
        }
    }
}

#[test]
fn fields_with_one_meaning_have_one_value() {
    let Some(input) = sample() else { return };
    for (at, name) in [
        (0, "quote version"),
        (2, "attestation key type"),
        (4, "tee type"),
        (INNER - 6, "certification type"),
        (CHAIN_LEN - 2, "pck certification type"),
    ] {
        for value in 0..=u8::MAX {
            let mut changed = input.clone();
            changed.quote[at] = value;
            // Version 5 is a version, but this is not its layout.
            if changed != input && (at, value) != (0, 5) {
                let expected = TdxRefusal::Unsupported { field: name, value: value.into() };
                assert_eq!(refusal(&changed), expected);
            }
        }
    }
}

#[test]
fn the_malleated_signature_is_accepted_under_the_same_id() {
    let Some(rows) = tdx_rows() else { return };
    for row in one_of_each(rows) {
        let claims = explain(&row.input).unwrap();
        let mut input = row.input.clone();
        let signature =
            48 + if claims.quoteVersion == 5 { 6 } else { 0 } + claims.tdReport.len() + 4;
        let s = &mut input.quote[signature + 32..signature + 64];
        let order = U256::from_be_bytes(hex!(
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
        ));
        let other = order - U256::from_be_slice(s);
        s.copy_from_slice(&other.to_be_bytes::<32>());
        assert_ne!(input.quote, row.input.quote);
        assert_eq!(explain(&input), Ok(claims), "{}", row.name);
    }
}

#[test]
fn every_signed_bit_matters() {
    let Some(input) = sample() else { return };
    // A stride that is no multiple of eight meets every field and every bit position.
    for bit in (0..8 * REPORT_END).step_by(211) {
        let mut input = input.clone();
        input.quote[bit / 8] ^= 1 << (bit % 8);
        assert!(explain(&input).is_err(), "bit {bit}");
    }
}

/// The sample with another text in place of its PCK chain, lengths made to fit.
fn with_chain(input: &TdxInput, chain: &[u8]) -> TdxInput {
    let quote = trim_quote(&input.quote);
    let mut quote = [&quote[..CHAIN], chain].concat();
    let mut set = |at: usize, end: usize| {
        let len = (end - at - 4) as u32;
        quote[at..at + 4].copy_from_slice(&len.to_le_bytes());
    };
    let end = CHAIN + chain.len();
    set(REPORT_END, end);
    set(INNER - 4, end);
    set(CHAIN_LEN, end);
    TdxInput { quote, ..input.clone() }
}

fn pem(der: &[u8]) -> Vec<u8> {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
        .into_bytes()
}

/// The three certificates of the sample.
fn pck_chain(input: &TdxInput) -> Vec<Vec<u8>> {
    let text = &trim_quote(&input.quote)[CHAIN..];
    let text = std::str::from_utf8(text).unwrap().trim_end_matches('\0');
    let bodies = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    bodies
        .map(|body| {
            let body = body.split("-----END").next().unwrap().replace(char::is_whitespace, "");
            STANDARD.decode(body).unwrap()
        })
        .collect()
}

fn with_certificates<D: AsRef<[u8]>>(input: &TdxInput, ders: &[D]) -> TdxInput {
    let text: Vec<u8> = ders.iter().flat_map(|der| pem(der.as_ref())).collect();
    with_chain(input, &text)
}

#[test]
fn only_leaf_intermediate_and_root_make_a_pck_chain() {
    let Some(input) = sample() else { return };
    let chain = pck_chain(&input);
    let [leaf, intermediate, root] = chain.as_slice() else { panic!("three certificates") };
    assert_eq!(explain(&with_certificates(&input, &chain)), explain(&input), "other line ends");
    for four in [
        [leaf, intermediate, intermediate, root],
        [leaf, intermediate, root, root],
        [leaf, leaf, intermediate, root],
    ] {
        assert_eq!(refusal(&with_certificates(&input, &four)), TdxRefusal::PckChain);
    }
    assert_eq!(refusal(&with_certificates(&input, &[leaf, intermediate])), TdxRefusal::PckChain);
    for foreign in [leaf, intermediate, &input.collateral.signer] {
        let chain = [leaf, intermediate, foreign];
        assert_eq!(refusal(&with_certificates(&input, &chain)), TdxRefusal::Root);
    }
    for wrong in [[intermediate, leaf, root], [leaf, leaf, root], [leaf, root, root]] {
        assert!(matches!(refusal(&with_certificates(&input, &wrong)), TdxRefusal::Verifier(_)));
    }
}

/// The library tries every issuer that has the right name; four forged ones cost it 13 ms.
#[test]
fn forged_intermediates_never_reach_the_path_builder() {
    let Some(input) = sample() else { return };
    let chain = pck_chain(&input);
    let [leaf, intermediate, root] = chain.as_slice() else { panic!("three certificates") };
    // The true names with another serial number: right in every way but the signature.
    let forged: Vec<Vec<u8>> = (1..=4_u8)
        .map(|index| {
            let mut forged = root.clone();
            let serial = forged.windows(2).position(|pair| pair == [2, 20]).unwrap();
            forged[serial + 21] ^= index;
            forged
        })
        .collect();
    let mut many = vec![leaf];
    many.extend(&forged);
    many.push(root);
    assert_eq!(refusal(&with_certificates(&input, &many)), TdxRefusal::PckChain);

    let honest = timed(&input);
    let one = with_certificates(&input, &[leaf, &forged[0], root]);
    assert!(matches!(refusal(&one), TdxRefusal::Verifier(_)));
    let signer = TdxInput {
        collateral: tdx::Collateral { signer: intermediate.clone(), ..input.collateral.clone() },
        ..input
    };
    assert!(matches!(refusal(&signer), TdxRefusal::Verifier(_)));
    for (name, input) in [("one forged", &one), ("foreign signer", &signer)] {
        println!("{name}: {:?}, honest: {honest:?}", timed(input));
    }
}

fn timed(input: &TdxInput) -> Duration {
    let input = input.encode();
    let start = Instant::now();
    tdx::verify(&input).unwrap();
    start.elapsed()
}

#[test]
fn a_signer_of_its_own_for_the_identity_is_taken() {
    let Some(mut input) = sample() else { return };
    let claims = explain(&input);
    assert!(input.collateral.qe_signer.is_empty());
    input.collateral.qe_signer = input.collateral.signer.clone();
    assert_eq!(explain(&input), claims);
    input.collateral.qe_signer[300] ^= 1;
    assert!(matches!(refusal(&input), TdxRefusal::Verifier(_)));
}

#[test]
fn collateral_changed_anywhere_is_refused() {
    let Some(input) = sample() else { return };
    type Part = fn(&mut TdxInput) -> &mut Vec<u8>;
    let parts: [(Part, &str); 7] = [
        (|input| &mut input.collateral.tcb_info, "tcb info"),
        (|input| &mut input.collateral.tcb_info_signature, "tcb info signature"),
        (|input| &mut input.collateral.qe_identity, "qe identity"),
        (|input| &mut input.collateral.qe_identity_signature, "qe identity signature"),
        (|input| &mut input.collateral.signer, "signer"),
        (|input| &mut input.collateral.root_crl, "root crl"),
        (|input| &mut input.collateral.pck_crl, "pck crl"),
    ];
    for (part, name) in parts {
        let len = part(&mut input.clone()).len();
        for at in (0..len).step_by(len / 16) {
            let mut input = input.clone();
            part(&mut input)[at] ^= 1;
            assert!(explain(&input).is_err(), "{name} at {at}");
        }
    }
    let mut input = input;
    input.collateral.tcb_info[5] = 0xff;
    assert_eq!(refusal(&input), TdxRefusal::Text("tcb info"));
}

#[test]
fn any_time_is_taken_and_only_the_right_one_accepted() {
    let Some(mut input) = sample() else { return };
    for now in [0, 1, u64::from(u32::MAX), 1 << 40, 1 << 62, u64::MAX] {
        input.now = now;
        assert!(matches!(explain(&input), Err(TdxRefusal::Verifier(_))), "{now}");
    }
}

#[test]
fn frames_are_exact() {
    let Some(input) = sample() else { return };
    let good = input.encode();
    for len in (0..good.len()).step_by(97).chain([good.len() - 1]) {
        assert!(matches!(tdx::verify(&good[..len]), Err(Frame::Truncated { .. })), "{len}");
    }
    let longer = [good.as_slice(), &[0]].concat();
    assert_eq!(tdx::verify(&longer), Err(Frame::Trailing { len: 1 }));
}

#[test]
fn gas_grows_with_words() {
    assert_eq!(tdx::gas(&[]), 250_000);
    assert_eq!(tdx::gas(&[0]), 250_032);
    assert_eq!(tdx::gas(&[0; 32]), 250_032);
    assert_eq!(tdx::gas(&[0; 33]), 250_064);
    let Some(rows) = tdx_rows() else { return };
    for row in rows.iter().filter(|row| row.accepted) {
        let gas = tdx::gas(&row.input.encode());
        assert!(gas <= 270_000, "{}: {gas}", row.name);
    }
}
