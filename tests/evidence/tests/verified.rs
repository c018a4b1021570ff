//! Evidence of our making passes the code that judges real evidence, and no other root's does.

#![cfg(debug_assertions)] // Other roots exist in such builds only.
#![allow(clippy::unwrap_used)] // A panic is how a test fails.

use alloy_primitives::{B256, keccak256};
use phala_precompiles::{
    GpuRefusal, Roots, TdxRefusal,
    gpu::{self, GpuClaims, GpuInput},
    tdx::{self, Collateral, TdxClaims, TdxInput},
};
use phala_test_evidence::{CollateralTerms, Evidence, TrustedDomain};

const NOW: u64 = 1_796_000_000;

fn roots(evidence: &Evidence) -> Roots {
    Roots::for_tests(evidence.intel.root().to_vec(), evidence.nvidia.root().to_vec())
}

fn quote_claims(roots: &Roots, input: &TdxInput) -> Result<TdxClaims, TdxRefusal> {
    tdx::explain_under(roots, &input.encode()).expect("is a frame")
}

fn gpu_claims(roots: &Roots, input: &GpuInput) -> Result<GpuClaims, GpuRefusal> {
    gpu::explain_under(roots, &input.encode()).expect("is a frame")
}

#[test]
fn a_quote_claims_what_its_domain_is() {
    let evidence = Evidence::new(1, 0, 1);
    let report_data: [u8; 64] = std::array::from_fn(|index| index as u8);
    let input = evidence.tdx_input(NOW, report_data);
    let claims = quote_claims(&roots(&evidence), &input).unwrap();
    assert_eq!(claims.tdReport[520..584], report_data);
    assert_eq!(claims.tdReport[136..184], [0xd0; 48]);
    assert_eq!((claims.tcbStatus, claims.platformTcbStatus, claims.qeTcbStatus), (0, 0, 0));
    assert_eq!((claims.quoteVersion, claims.bodyType, claims.tcbEvalDataNumber), (4, 2, 17));
    assert_eq!(claims.collateralLatestIssue, NOW - 3_600);
    assert_eq!(claims.collateralExpiry, NOW - 3_600 + 30 * 86_400);
    assert_eq!(claims.ppidHash, evidence.platform.ppid_hash());
    assert_eq!(claims.quoteId, keccak256(&input.quote[..632]));
    assert!(tdx::gas(&input.encode()) < 270_000);
}

#[test]
fn a_quote_holds_under_its_own_root_only() {
    let (own, other) = (Evidence::new(1, 0, 1), Evidence::new(2, 0, 1));
    let input = own.tdx_input(NOW, [1; 64]);
    assert!(quote_claims(&roots(&own), &input).is_ok());
    assert_eq!(quote_claims(&roots(&other), &input), Err(TdxRefusal::Root));
    assert_eq!(quote_claims(Roots::pinned(), &input), Err(TdxRefusal::Root));
    let foreign = TdxInput { collateral: other.tdx_input(NOW, [1; 64]).collateral, ..input };
    assert!(matches!(quote_claims(&roots(&own), &foreign), Err(TdxRefusal::Verifier(_))));
}

#[test]
fn collateral_says_the_status_and_ends() {
    let evidence = Evidence::new(3, 7, 1);
    let roots = roots(&evidence);
    let mut input = evidence.tdx_input(NOW, [1; 64]);
    let mut terms = CollateralTerms { evaluation_number: 20, ..CollateralTerms::at(NOW) };
    for (name, status) in [("OutOfDate", 4), ("SWHardeningNeeded", 1), ("UpToDate", 0)] {
        terms.status = name;
        input.collateral = evidence.intel.collateral(&terms);
        let claims = quote_claims(&roots, &input).unwrap();
        assert_eq!((claims.tcbStatus, claims.tcbEvalDataNumber), (status, 20));
    }
    terms.status = "Revoked";
    input.collateral = evidence.intel.collateral(&terms);
    assert!(quote_claims(&roots, &input).is_err());
    terms.status = "UpToDate";
    terms.revoked = vec![evidence.platform.serial()];
    input.collateral = evidence.intel.collateral(&terms);
    assert!(quote_claims(&roots, &input).is_err(), "the platform is revoked");
    terms.revoked = vec![evidence.intel.platform(8).serial()];
    input.collateral = evidence.intel.collateral(&terms);
    assert!(quote_claims(&roots, &input).is_ok(), "another is");
    for now in [terms.issued - 1, terms.expires + 1] {
        assert!(quote_claims(&roots, &TdxInput { now, ..input.clone() }).is_err());
    }
}

#[test]
fn the_public_form_of_collateral_is_the_same() {
    let evidence = Evidence::new(4, 0, 1);
    let terms = CollateralTerms::at(NOW);
    let json = evidence.intel.collateral_json(&terms);
    assert_eq!(Collateral::from_json(json.as_bytes()).unwrap(), evidence.intel.collateral(&terms));
}

#[test]
fn a_domain_with_other_attributes_is_refused() {
    let evidence = Evidence::new(5, 0, 1);
    let mut input = evidence.tdx_input(NOW, [1; 64]);
    let debug = [1, 0, 0, 0x10, 0, 0, 0, 0];
    let domain = TrustedDomain { attributes: debug, ..TrustedDomain::new([1; 64]) };
    input.quote = evidence.platform.quote(&domain);
    assert!(matches!(quote_claims(&roots(&evidence), &input), Err(TdxRefusal::Verifier(_))));
}

#[test]
fn every_gpu_of_a_node_answers_for_itself() {
    let nonce = B256::repeat_byte(9);
    for count in [1, 8] {
        let evidence = Evidence::new(6, 2, count);
        let mut devices = std::collections::BTreeSet::new();
        for (gpu, input) in evidence.gpus.iter().zip(evidence.gpu_inputs(nonce)) {
            let claims = gpu_claims(&roots(&evidence), &input).unwrap();
            assert_eq!(claims.deviceId, gpu.device_id());
            assert_eq!(claims.measurementsHash, gpu.measurements_hash());
            assert_eq!(claims.arch, 1);
            assert_eq!(claims.driverVersion, B256::right_padding_from(b"590.12"));
            assert_eq!(claims.sku, B256::right_padding_from(b"G520_0200_885"));
            assert!(gpu::gas(&input.encode()).unwrap() <= 400_000);
            assert!(devices.insert(claims.deviceId));
        }
        assert_eq!(devices.len() as u64, count);
    }
}

#[test]
fn a_gpu_holds_under_its_own_root_and_for_its_own_nonce_only() {
    let (own, other) = (Evidence::new(7, 0, 1), Evidence::new(8, 0, 1));
    let input = &own.gpu_inputs(B256::repeat_byte(1))[0];
    assert!(gpu_claims(&roots(&own), input).is_ok());
    assert_eq!(
        gpu_claims(&roots(&other), input),
        Err(GpuRefusal::CertificateSignature { index: 3 })
    );
    assert_eq!(gpu_claims(Roots::pinned(), input), Err(GpuRefusal::Issuer { index: 3 }));
    let mut replayed = input.clone();
    replayed.challenge.as_mut().unwrap().nonce = B256::repeat_byte(2);
    assert_eq!(gpu_claims(&roots(&own), &replayed), Err(GpuRefusal::Nonce));
    replayed.challenge.as_mut().unwrap().report[4..36].fill(2);
    assert_eq!(gpu_claims(&roots(&own), &replayed), Err(GpuRefusal::ReportSignature));
}

#[test]
fn roots_that_are_no_certificates_refuse_everything() {
    let evidence = Evidence::new(9, 0, 1);
    for garbage in [Vec::new(), vec![0x30], vec![0xff; 600]] {
        let roots = Roots::for_tests(garbage.clone(), garbage);
        assert!(quote_claims(&roots, &evidence.tdx_input(NOW, [1; 64])).is_err());
        assert_eq!(
            gpu_claims(&roots, &evidence.gpu_inputs(B256::ZERO)[0]),
            Err(GpuRefusal::Certificate { index: 4 })
        );
    }
}

#[test]
fn the_same_seed_makes_the_same_bytes() {
    let [one, two] = [(); 2].map(|()| Evidence::new(10, 3, 2));
    assert_eq!(one.roots_json(), two.roots_json());
    assert_eq!(one.tdx_input(NOW, [1; 64]), two.tdx_input(NOW, [1; 64]));
    assert_eq!(one.gpu_inputs(B256::ZERO), two.gpu_inputs(B256::ZERO));
    assert_ne!(one.roots_json(), Evidence::new(11, 3, 2).roots_json());
}
