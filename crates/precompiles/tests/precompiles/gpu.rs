//! Real GPU evidence: every recorded verdict, and what may not be changed about it.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::SolValue;
use phala_precompiles::{
    Frame, GpuRefusal,
    gpu::{self, Challenge, GpuAnchor, GpuClaims, GpuInput},
};

use crate::vectors::{GpuRow, gpu_rows};

pub(crate) fn explain(input: &GpuInput) -> Result<GpuClaims, GpuRefusal> {
    gpu::explain(&input.encode()).expect("is a frame")
}

fn refusal(input: &GpuInput) -> GpuRefusal {
    let rejected = (U256::from(1), Bytes::new()).abi_encode_params();
    assert_eq!(gpu::verify(&input.encode()).unwrap(), rejected);
    explain(input).expect_err("is refused")
}

fn accepted() -> Option<Vec<GpuRow>> {
    Some(gpu_rows()?.into_iter().filter(|row| row.accepted).collect())
}

/// Evidence of an H100 with driver 580.
pub(crate) fn sample() -> Option<GpuInput> {
    let row = accepted()?.into_iter().find(|row| row.name.starts_with("gpu/hopper_580"));
    Some(row.expect("is recorded").input)
}

fn report(input: &mut GpuInput) -> &mut Vec<u8> {
    &mut input.challenge.as_mut().expect("has a report").report
}

#[test]
fn every_recorded_evidence_has_its_verdict_and_claims() {
    let Some(rows) = gpu_rows() else { return };
    for row in &rows {
        let output = gpu::verify(&row.input.encode()).unwrap();
        let (status, payload) = <(U256, Bytes)>::abi_decode_params(&output).unwrap();
        assert_eq!(status.is_zero(), row.accepted, "{}: {:?}", row.name, explain(&row.input).err());
        if row.accepted {
            row.check_claims(&GpuClaims::abi_decode_validate(&payload).unwrap());
        } else {
            assert_eq!((status, payload.len()), (U256::from(1), 0));
        }
    }
}

#[test]
fn switches_are_accepted_without_an_architecture() {
    let Some(rows) = accepted() else { return };
    let switches: Vec<_> = rows.iter().filter(|row| row.is_switch()).collect();
    assert_eq!(switches.len(), 2);
    for row in switches {
        let claims = explain(&row.input).unwrap();
        assert_eq!((claims.arch, claims.sku, claims.driverVersion), (0, B256::ZERO, B256::ZERO));
        assert!(!claims.switchPdisHash.is_zero());
    }
}

#[test]
fn a_device_keeps_its_id_and_a_firmware_its_measurements() {
    let Some(rows) = accepted() else { return };
    let mut ids: BTreeMap<&str, BTreeSet<B256>> = BTreeMap::new();
    let mut measurements: BTreeMap<(B256, Vec<u8>), BTreeSet<B256>> = BTreeMap::new();
    for row in &rows {
        let claims = explain(&row.input).unwrap();
        ids.entry(row.device()).or_default().insert(claims.deviceId);
        if !row.is_switch() {
            let firmware = (claims.driverVersion, claims.vbiosVersion.to_vec());
            measurements.entry(firmware).or_default().insert(claims.measurementsHash);
        }
    }
    assert!(ids.len() > 15, "{}", ids.len());
    assert!(ids.values().all(|ids| ids.len() == 1));
    let all: BTreeSet<_> = ids.values().flatten().collect();
    assert_eq!(all.len(), ids.len(), "different devices have different ids");
    assert!(measurements.values().all(|hashes| hashes.len() == 1));
}

#[test]
fn another_nonce_is_refused() {
    let Some(mut input) = sample() else { return };
    input.challenge.as_mut().expect("has a report").nonce[31] ^= 1;
    assert_eq!(refusal(&input), GpuRefusal::Nonce);
}

#[test]
fn evidence_of_two_devices_does_not_mix() {
    let Some(rows) = accepted() else { return };
    for pair in rows.windows(2) {
        let input =
            GpuInput { challenge: pair[1].input.challenge.clone(), ..pair[0].input.clone() };
        if pair[0].input.certificates != input.certificates || pair[0].device() != pair[1].device()
        {
            assert!(explain(&input).is_err(), "{} with {}", pair[0].name, pair[1].name);
        }
    }
}

#[test]
fn no_report_is_accepted_short_of_its_end() {
    let Some(input) = sample() else { return };
    let whole = report(&mut input.clone()).clone();
    for len in 0..whole.len() {
        let mut input = input.clone();
        report(&mut input).truncate(len);
        assert_eq!(explain(&input), Err(GpuRefusal::Report), "{len}");
    }
    let mut longer = input;
    report(&mut longer).push(0);
    assert_eq!(refusal(&longer), GpuRefusal::Report);
}

#[test]
fn every_byte_of_a_report_matters() {
    let Some(input) = sample() else { return };
    let len = report(&mut input.clone()).len();
    for at in (0..len).filter(|at| *at < 60 || at % 97 == 0 || *at > len - 600 && at % 13 == 0) {
        let mut input = input.clone();
        report(&mut input)[at] ^= 1 << (at % 8);
        assert!(explain(&input).is_err(), "byte {at}");
    }
}

#[test]
fn every_byte_of_a_certificate_matters() {
    let Some(input) = sample() else { return };
    for index in 0..4 {
        let len = input.certificates[index].len();
        for at in (0..len).filter(|at| *at < 16 || at % 41 == index) {
            let mut input = input.clone();
            input.certificates[index][at] ^= 1 << (at % 8);
            assert!(explain(&input).is_err(), "certificate {index}, byte {at}");
        }
        for len in (0..len).step_by(31).chain([len - 1]) {
            let mut input = input.clone();
            input.certificates[index].truncate(len);
            assert_eq!(explain(&input), Err(GpuRefusal::Certificate { index }));
        }
        let mut input = input.clone();
        input.certificates[index].push(0);
        assert_eq!(refusal(&input), GpuRefusal::Certificate { index });
    }
}

#[test]
fn certificates_have_their_places() {
    let Some(input) = sample() else { return };
    let swapped = |a: usize, b: usize| {
        let mut input = input.clone();
        input.certificates.swap(a, b);
        refusal(&input)
    };
    assert_eq!(swapped(0, 1), GpuRefusal::Role { index: 0 });
    assert_eq!(swapped(1, 2), GpuRefusal::Issuer { index: 0 });
    assert_eq!(swapped(2, 3), GpuRefusal::Issuer { index: 1 });
}

/// The same device with fewer links, each ending at a key the caller learned before.
#[test]
fn a_known_key_shortens_the_chain() {
    let Some(full) = sample() else { return };
    let claims = explain(&full).unwrap();
    let leaf: [u8; 97] = claims.leafKey.to_vec().try_into().unwrap();
    let keys: Vec<[u8; 97]> =
        std::iter::once(leaf).chain(full.certificates[1..].iter().map(|der| key_of(der))).collect();
    for links in 0..4 {
        let input = GpuInput {
            anchor: GpuAnchor::Key(keys[links]),
            certificates: full.certificates[..links].to_vec(),
            challenge: full.challenge.clone(),
        };
        let short = explain(&input).unwrap();
        let expected = GpuClaims {
            leafSerial: if links > 0 { claims.leafSerial } else { Default::default() },
            deviceId: if links > 1 { claims.deviceId } else { Default::default() },
            arch: if links > 1 { claims.arch } else { 0 },
            issuerKeyHash: alloy_primitives::keccak256(keys[links.min(2)]),
            ..claims.clone()
        };
        assert_eq!(short, expected, "{links} links");

        for (other, key) in keys.iter().enumerate() {
            let input = GpuInput { anchor: GpuAnchor::Key(*key), ..input.clone() };
            assert_eq!(explain(&input).is_ok(), other == links, "{links} links, key {other}");
        }
        if links > 0 {
            let bare = GpuInput { challenge: None, ..input };
            let bare_claims = explain(&bare).unwrap();
            assert_eq!(bare_claims.measurementsHash, B256::ZERO);
            assert_eq!(bare_claims.leafKey, claims.leafKey);
        }
    }
    assert_eq!(claims.issuerKeyHash, alloy_primitives::keccak256(keys[2]));
}

/// The key in a certificate of NVIDIA's.
fn key_of(der: &[u8]) -> [u8; 97] {
    let at = der.windows(4).position(|bytes| bytes == [3, 0x62, 0, 4]).unwrap() + 3;
    der[at..at + 97].try_into().unwrap()
}

#[test]
fn an_anchor_that_is_no_point_is_refused() {
    let Some(full) = sample() else { return };
    for key in [[4; 97], {
        let mut key = [0xff; 97];
        key[0] = 4;
        key
    }] {
        for links in [0, 3] {
            let input = GpuInput {
                anchor: GpuAnchor::Key(key),
                certificates: full.certificates[..links].to_vec(),
                challenge: full.challenge.clone(),
            };
            assert_eq!(refusal(&input), GpuRefusal::Key);
        }
    }
}

#[test]
fn the_chain_alone_can_be_verified() {
    let Some(full) = sample() else { return };
    let bare = GpuInput { challenge: None, ..full.clone() };
    let claims = explain(&bare).unwrap();
    assert_eq!(claims.deviceId, explain(&full).unwrap().deviceId);
    assert_eq!(claims.measurementsHash, B256::ZERO);
}

#[test]
fn frames_are_exact() {
    let Some(input) = sample() else { return };
    let good = input.encode();
    for len in (0..good.len()).step_by(61).chain([good.len() - 1]) {
        assert!(matches!(gpu::verify(&good[..len]), Err(Frame::Truncated { .. })), "{len}");
    }
    let longer = [good.as_slice(), &[0]].concat();
    assert_eq!(gpu::verify(&longer), Err(Frame::Trailing { len: 1 }));
}

#[test]
fn gas_grows_with_signatures_and_words() {
    let header = |anchor: u8, links: u8, report: u8| gpu::gas(&[1, anchor, links, report]);
    assert_eq!(header(0, 4, 1), Ok(10_000 + 5 * 75_000 + 32));
    assert_eq!(header(1, 0, 1), Ok(10_000 + 75_000 + 32));
    assert_eq!(header(1, 2, 0), Ok(10_000 + 2 * 75_000 + 32));
    assert!(gpu::gas(&[1, 0, 4]).is_err());
    let Some(rows) = gpu_rows() else { return };
    for row in rows {
        let gas = gpu::gas(&row.input.encode()).unwrap();
        assert!(gas <= 400_000, "{}: {gas}", row.name);
        let challenge = row.input.challenge.expect("has a report");
        let known = GpuInput {
            anchor: GpuAnchor::Key([4; 97]),
            certificates: Vec::new(),
            challenge: Some(Challenge { ..challenge }),
        };
        assert!(gpu::gas(&known.encode()).unwrap() <= 90_000);
    }
}
