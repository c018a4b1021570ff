use alloy_primitives::{B256, keccak256};
use phala_precompiles::gpu::{Challenge, GpuAnchor, GpuInput};

use crate::{
    authority::{Authority, Role, extension},
    der::{OBJECT, OCTET_STRING, element, integer, sequence},
    intel::pem,
    key::{Key, secret},
};

/// 2.23.133.5.4.1, the identity of the firmware in the leaf.
const DICE_FIRMWARE: &[u8] = &[0x67, 0x81, 0x05, 0x05, 0x04, 0x01];
const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];

/// Measurements of a GPU.
const BLOCKS: u8 = 64;

/// Hash of the firmware, in leaf and report.
const FIRMWARE_ID: [u8; 48] = [0xf1; 48];

/// The authorities that NVIDIA keeps, under a root of their own.
pub struct NvidiaLike {
    seed: u64,
    root: Authority,
    identity: Authority,
    provisioner: Authority,
}

impl NvidiaLike {
    /// The same seed makes the same authorities.
    pub fn new(seed: u64) -> Self {
        let key = |label| Key::p384(seed, label);
        let root = Authority::root("Test Device Identity CA", key("nvidia root"), seed);
        let identity =
            root.subject("Test GH100 Identity", key("identity"), seed, Role::Issuer, &[]);
        let provisioner = identity.subject(
            "Test GH100 Provisioner ICA 1",
            key("provisioner"),
            seed,
            Role::Issuer,
            &[],
        );
        Self { seed, root, identity, provisioner }
    }

    /// The root certificate, DER.
    pub fn root(&self) -> &[u8] {
        self.root.certificate()
    }

    /// Device number `index`: another key and serial for each, the same firmware.
    pub fn gpu(&self, index: u64) -> Gpu {
        let seed = secret(self.seed, &format!("gpu {index}"))[..8]
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let device = self.provisioner.subject(
            "GH100 A01 GSP BROM",
            Key::p384(seed, "device"),
            seed,
            Role::Issuer,
            &[],
        );
        let firmware = sequence(&[
            integer(&[1]),
            device.key().info(),
            sequence(&[element(OBJECT, SHA384), element(OCTET_STRING, &FIRMWARE_ID)]),
        ]);
        let leaf = device.subject(
            "GH100 A01 GSP FMC LF",
            Key::p384(seed, "leaf"),
            seed,
            Role::DeviceLeaf,
            &[extension(DICE_FIRMWARE, false, &firmware)],
        );
        let issuers = [&device, &self.provisioner, &self.identity];
        let certificates = [&leaf].into_iter().chain(issuers);
        Gpu {
            certificates: certificates.map(|own| own.certificate().to_vec()).collect(),
            root: self.root().to_vec(),
            device_id: keccak256(device.key().public()),
            leaf,
            measurements: [[0x6e; 48]; BLOCKS as usize],
            driver: "590.12".to_owned(),
            sku: ["G520", "0200", "885"],
        }
    }
}

/// A device in confidential-computing mode.
pub struct Gpu {
    leaf: Authority,
    certificates: Vec<Vec<u8>>,
    root: Vec<u8>,
    device_id: B256,
    /// What it runs, block by block.
    pub measurements: [[u8; 48]; BLOCKS as usize],
    /// Version of its driver.
    pub driver: String,
    /// Project, SKU of the project and SKU of the chip.
    pub sku: [&'static str; 3],
}

impl Gpu {
    /// Four certificates, leaf first, without the root.
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    /// All five as PEM, as devices give them.
    pub fn chain_pem(&self) -> String {
        self.certificates.iter().chain([&self.root]).map(|own| pem(own)).collect()
    }

    /// keccak256 of the device's key, as claims have it.
    pub const fn device_id(&self) -> B256 {
        self.device_id
    }

    /// keccak256 of all measurements, as claims have it.
    pub fn measurements_hash(&self) -> B256 {
        keccak256(self.measurements.concat())
    }

    /// The answer to a challenge: SPDM request and response.
    pub fn report(&self, nonce: B256) -> Vec<u8> {
        let mut report = vec![0x11, 0xe0, 0x01, 0xff];
        report.extend(nonce);
        report.extend([0, 0x11, 0x60, 0, 0, BLOCKS]);
        report.extend(&(u32::from(BLOCKS) * 55).to_le_bytes()[..3]);
        for (index, value) in (1..).zip(self.measurements) {
            report.extend([index, 1, 51, 0, 1, 48, 0]);
            report.extend(value);
        }
        report.extend(keccak256([b"device nonce", nonce.as_slice()].concat()));
        let opaque = self.opaque();
        report.extend(u16::try_from(opaque.len()).expect("is short").to_le_bytes());
        report.extend(opaque);
        let signature = self.leaf.key().sign(&report);
        report.extend(signature);
        report
    }

    /// What the driver adds, type by type.
    fn opaque(&self) -> Vec<u8> {
        let [project, project_sku, chip_sku] =
            self.sku.map(|text| format!("{text}\0").into_bytes());
        let entries: [(u16, Vec<u8>); 9] = [
            (3, format!("{}\0", self.driver).into_bytes()),
            (6, vec![0, 0x96, 0, 0xcf, 0, 0, 0, 5]),
            (11, vec![0xaa]),
            (15, chip_sku),
            (17, project),
            (18, project_sku),
            (20, FIRMWARE_ID.to_vec()),
            (34, vec![1, 0]),
            (36, vec![0, 0]),
        ];
        let mut opaque = Vec::new();
        for (kind, data) in entries {
            opaque.extend(kind.to_le_bytes());
            opaque.extend(u16::try_from(data.len()).expect("is short").to_le_bytes());
            opaque.extend(data);
        }
        opaque
    }

    /// Calldata of `GPU_VERIFY`, before it is encoded.
    pub fn input(&self, nonce: B256) -> GpuInput {
        let challenge = Challenge { nonce, report: self.report(nonce) };
        let certificates = self.certificates.clone();
        GpuInput { anchor: GpuAnchor::Root, certificates, challenge: Some(challenge) }
    }
}
