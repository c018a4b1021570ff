//! Chains of our own under our own key: rules that NVIDIA's certificates never break.

use alloy_primitives::keccak256;
use phala_precompiles::{
    GpuRefusal,
    gpu::{GpuAnchor, GpuClaims, GpuInput},
};

use crate::{
    der_builder::{Template, basic_constraints, element, integer, key, key_usage, name, public},
    gpu::explain,
};

/// Three certificates under `key(9)`.
struct Chain([Template; 3]);

impl Chain {
    fn new() -> Self {
        Self([
            Template::leaf("GH100 leaf", "GH100 device", &key(1)),
            Template::issuer("GH100 device", "provisioner", &key(2)),
            Template::issuer("provisioner", "nobody in particular", &key(3)),
        ])
    }

    fn with(mut self, index: usize, change: impl FnOnce(&mut Template)) -> Self {
        change(&mut self.0[index]);
        self
    }

    fn input(&self) -> GpuInput {
        let signers = [key(2), key(3), key(9)];
        GpuInput {
            anchor: GpuAnchor::Key(public(&key(9))),
            certificates: self.0.iter().zip(signers).map(|(own, key)| own.sign(&key)).collect(),
            challenge: None,
        }
    }

    fn explain(&self) -> Result<GpuClaims, GpuRefusal> {
        explain(&self.input())
    }
}

#[test]
fn a_chain_like_nvidias_is_accepted() {
    let claims = Chain::new().explain().unwrap();
    assert_eq!(claims.leafKey, public(&key(1)).to_vec());
    assert_eq!(claims.deviceId, keccak256(public(&key(2))));
    assert_eq!(claims.issuerKeyHash, keccak256(public(&key(3))));
    assert_eq!((claims.arch, claims.leafSerial[16..].to_vec()), (1, vec![0x41, 1, 2, 3]));
}

#[test]
fn another_signer_is_refused() {
    let chain = Chain::new();
    for index in 0..3 {
        let mut input = chain.input();
        input.certificates[index] = chain.0[index].sign(&key(7));
        assert_eq!(explain(&input), Err(GpuRefusal::CertificateSignature { index }));
    }
}

/// The classic: whoever has a leaf, or an issuer's key without the right, issues more.
#[test]
fn only_authorities_issue() {
    for index in [1, 2] {
        let refused = [
            vec![key_usage(0x04)],
            vec![basic_constraints(&[]), key_usage(0x04)],
            vec![basic_constraints(&[1, 1, 0xff])],
            vec![basic_constraints(&[1, 1, 0xff]), key_usage(0x80)],
        ];
        for extensions in refused {
            let chain = Chain::new().with(index, |own| own.extensions = extensions);
            assert_eq!(chain.explain(), Err(GpuRefusal::Role { index }));
        }
        let both = vec![basic_constraints(&[1, 1, 0xff]), key_usage(0x06)];
        assert!(Chain::new().with(index, |own| own.extensions = both).explain().is_ok());
    }
}

#[test]
fn path_lengths_are_kept() {
    for (index, len, accepted) in [(1, 0, true), (2, 0, false), (2, 1, true), (2, 127, true)] {
        let constraints = [[1, 1, 0xff], [2, 1, len]].concat();
        let extensions = vec![basic_constraints(&constraints), key_usage(0x04)];
        let chain = Chain::new().with(index, |own| own.extensions = extensions);
        assert_eq!(chain.explain().is_ok(), accepted, "{index} {len}");
    }
}

#[test]
fn a_leaf_signs_and_is_no_authority() {
    for extensions in [
        vec![],
        vec![key_usage(0x04)],
        vec![basic_constraints(&[1, 1, 0xff]), key_usage(0x84)],
        vec![basic_constraints(&[]), key_usage(0x80)],
    ] {
        let chain = Chain::new().with(0, |own| own.extensions = extensions);
        assert_eq!(chain.explain(), Err(GpuRefusal::Role { index: 0 }));
    }
}

#[test]
fn issuers_are_compared_byte_for_byte() {
    for (index, subject) in [(0, "GH100 Device"), (1, "provisioner "), (0, "")] {
        let chain = Chain::new().with(index, |own| own.issuer = name(subject));
        assert_eq!(chain.explain(), Err(GpuRefusal::Issuer { index }));
    }
    let root = GpuInput { anchor: GpuAnchor::Root, ..Chain::new().input() };
    let mut certificates = root.certificates.clone();
    certificates.push(Template::issuer("nobody in particular", "NVIDIA", &key(9)).sign(&key(9)));
    let refusal = explain(&GpuInput { certificates, ..root });
    assert_eq!(refusal, Err(GpuRefusal::Issuer { index: 3 }), "the root has a name");
}

#[test]
fn certificates_have_one_form() {
    type Change = fn(&mut Template);
    let malformed: [(&str, Change); 21] = [
        ("version 1", |own| own.version = Vec::new()),
        ("version 2", |own| own.version = element(0xa0, &[2, 1, 1])),
        ("negative serial", |own| own.serial = element(2, &[0x80])),
        ("serial with a needless zero", |own| own.serial = element(2, &[0, 1])),
        ("serial zero", |own| own.serial = element(2, &[0])),
        ("serial of 21 bytes", |own| own.serial = element(2, &[1; 21])),
        ("sha-256", |own| own.algorithm[11] = 2),
        ("sha-256 outside", |own| own.outer_algorithm[11] = 2),
        ("other curve", |own| own.key_prefix[19] = 0x23),
        ("compressed key", |own| own.key[0] = 2),
        ("no validity", |own| own.validity = element(0x30, &[])),
        ("time without zone", |own| own.validity[16] = b'+'),
        ("time of letters", |own| own.validity[5] = b'x'),
        ("issuer unique id", |own| own.tail = element(0x81, &[0, 1])),
        ("second key usage", |own| own.extensions.push(key_usage(0x80))),
        ("unknown critical", |own| own.extensions.push((vec![0x55, 0x1d, 0x1e], true, vec![0]))),
        ("key usage with loose bits", |own| own.extensions[0].2[2] = 0),
        ("key usage of nothing", |own| own.extensions[0].2 = element(3, &[0])),
        ("constraints of garbage", |own| own.extensions.push(basic_constraints(&[4, 0]))),
        ("written default", |own| own.extensions.push(basic_constraints(&[1, 1, 0]))),
        ("too many", |own| {
            own.extensions.extend((0..16).map(|kind| (vec![0x55, 0x1d, kind], false, vec![0])));
        }),
    ];
    for (name, change) in malformed {
        for index in 0..3 {
            let chain = Chain::new().with(index, change);
            assert_eq!(chain.explain(), Err(GpuRefusal::Certificate { index }), "{name}");
        }
    }
    let fine: [Change; 4] = [
        |own| own.serial = integer(&[0xff; 20]),
        |own| own.extensions.push((vec![0x55, 0x1d, 0x1e], false, vec![0])),
        |own| own.validity[2..17].copy_from_slice(&element(0x17, b"491017000000Z")),
        |own| own.extensions.reverse(),
    ];
    for change in fine {
        for index in 0..3 {
            assert!(Chain::new().with(index, change).explain().is_ok());
        }
    }
}

#[test]
fn a_certified_key_that_is_no_point_is_refused() {
    let chain = Chain::new().with(1, |own| own.key[96] ^= 1);
    assert_eq!(chain.explain(), Err(GpuRefusal::Key));
}

#[test]
fn the_architecture_is_the_devices() {
    for (subject, arch) in [("GH100 x", 1), ("GB100 x", 2), ("GH100", 0), ("LS10 x", 0), ("", 0)] {
        let chain = Chain::new()
            .with(0, |own| own.issuer = name(subject))
            .with(1, |own| own.subject = name(subject));
        assert_eq!(chain.explain().unwrap().arch, arch, "{subject}");
    }
}
