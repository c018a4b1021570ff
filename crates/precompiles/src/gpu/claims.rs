use alloy_primitives::{B256, FixedBytes, keccak256};
use alloy_sol_types::sol;

use super::{
    chain::{Anchor, Chain},
    key::Key,
    opaque::Opaque,
    report::Report,
};

sol! {
    /// What genuine evidence says, in the form contracts decode.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct GpuClaims {
        /// The key that signs reports: SEC1, 97 bytes. Of the leaf, or the anchor without one.
        bytes leafKey;
        /// Serial number of the leaf, which NVIDIA calls ueid; it changes with the firmware.
        bytes20 leafSerial;
        /// keccak256 of the device's own key; zero with fewer than two certificates.
        bytes32 deviceId;
        /// keccak256 of the key of the third certificate, or of the anchor without one.
        bytes32 issuerKeyHash;
        /// 1 GH100, 2 GB100, 0 anything else, switches too.
        uint8 arch;
        /// keccak256 of all measurement values; zero without a report.
        bytes32 measurementsHash;
        /// ASCII, zeros after it.
        bytes32 driverVersion;
        /// As in the report; zero for switches, which write it otherwise.
        bytes8 vbiosVersion;
        /// ASCII "project_projectSku_chipSku", zeros after it.
        bytes32 sku;
        /// 0xaa enabled, 0x55 disabled, 0 not said.
        uint8 nvdec0;
        /// 0xaa enabled, 0x55 disabled, 0 not said.
        uint8 ppcie;
        /// 0 if not said.
        uint16 opaqueVersion;
        /// 0 one GPU, 1 one GPU of many, 2 protected PCIe; 0 too if not said.
        uint16 featureFlag;
        /// keccak256 of the switches the GPU sees; zero if not said.
        bytes32 switchPdisHash;
    }
}

/// Common names of device certificates begin with the chip.
const ARCHITECTURES: [(&str, u8); 2] = [("GH100 ", 1), ("GB100 ", 2)];

impl GpuClaims {
    pub(super) fn of_chain(chain: &Chain<'_>, anchor: &Anchor<'_>) -> Self {
        let leaf_key = chain.leaf().map_or(anchor.key, |leaf| leaf.key);
        let issuer = chain.device_issuer().map_or(anchor.key, |issuer| issuer.key);
        Self {
            leafKey: leaf_key.0.to_vec().into(),
            leafSerial: chain
                .leaf()
                .map(|leaf| FixedBytes::left_padding_from(leaf.serial))
                .unwrap_or_default(),
            deviceId: chain.device().map(|device| device.key.hash()).unwrap_or_default(),
            issuerKeyHash: Key::hash(&issuer),
            arch: chain.device().and_then(|device| device.common_name()).map_or(0, arch),
            ..Self::default()
        }
    }

    /// Adds what the report says; `None` if it says it in a form no device uses.
    pub(super) fn with_report(self, report: &Report<'_>) -> Option<Self> {
        let opaque = &report.opaque;
        Some(Self {
            measurementsHash: keccak256(&report.measurements),
            driverVersion: opaque.driver_version.map_or(Some(B256::ZERO), ascii_word)?,
            vbiosVersion: opaque
                .vbios_version
                .and_then(|version| version.try_into().ok())
                .unwrap_or_default(),
            sku: sku(opaque)?,
            nvdec0: opaque.nvdec0_status.map_or(Some(0), byte)?,
            ppcie: opaque.protected_pcie_status.map_or(Some(0), byte)?,
            opaqueVersion: opaque.version.map_or(Some(0), half)?,
            featureFlag: opaque.feature_flag.map_or(Some(0), half)?,
            switchPdisHash: opaque.switch_pdis.map(keccak256).unwrap_or_default(),
            ..self
        })
    }
}

fn arch(common_name: &str) -> u8 {
    let known = ARCHITECTURES.iter().find(|(prefix, _)| common_name.starts_with(prefix));
    known.map_or(0, |(_, arch)| *arch)
}

/// All three parts, or zero if none is there.
fn sku(opaque: &Opaque<'_>) -> Option<B256> {
    match (opaque.project, opaque.project_sku, opaque.chip_sku) {
        (Some(project), Some(project_sku), Some(chip_sku)) => {
            let parts = [ascii(project)?, ascii(project_sku)?, ascii(chip_sku)?];
            ascii_word(&parts.join(&b'_'))
        }
        (None, None, None) => Some(B256::ZERO),
        _ => None,
    }
}

/// Text to the first NUL, with nothing but NUL after it.
fn ascii(data: &[u8]) -> Option<&[u8]> {
    let len = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let (text, padding) = data.split_at(len);
    let is_text = text.iter().all(u8::is_ascii_graphic) && padding.iter().all(|&byte| byte == 0);
    is_text.then_some(text)
}

fn ascii_word(data: &[u8]) -> Option<B256> {
    let text = ascii(data)?;
    (text.len() <= 32).then(|| B256::right_padding_from(text))
}

fn byte(data: &[u8]) -> Option<u8> {
    data.try_into().ok().map(u8::from_le_bytes)
}

fn half(data: &[u8]) -> Option<u16> {
    data.try_into().ok().map(u16::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_at_the_first_nul() {
        assert_eq!(ascii(b"862\0\0"), Some(b"862".as_slice()));
        assert_eq!(ascii(b"862"), Some(b"862".as_slice()));
        assert_eq!(ascii(b"8\x002\0"), None);
        assert_eq!(ascii(b"8 2"), None);
        assert_eq!(ascii_word(&[b'1'; 32]), Some(B256::repeat_byte(b'1')));
        assert_eq!(ascii_word(&[b'1'; 33]), None);
    }

    #[test]
    fn the_sku_has_three_parts_or_none() {
        let whole = Opaque {
            project: Some(b"G520\0"),
            project_sku: Some(b"0200\0"),
            chip_sku: Some(b"885\0\0"),
            ..Opaque::default()
        };
        assert_eq!(sku(&whole), Some(B256::right_padding_from(b"G520_0200_885")));
        assert_eq!(sku(&Opaque::default()), Some(B256::ZERO));
        assert_eq!(sku(&Opaque { project: None, ..whole }), None);
    }

    #[test]
    fn architectures_are_known_by_their_first_word() {
        assert_eq!(arch("GH100 A01 GSP BROM"), 1);
        assert_eq!(arch("GB100 A01 GSP BROM"), 2);
        assert_eq!(arch("GH1000 A01 GSP BROM"), 0);
        assert_eq!(arch("LS10 A01 FSP BROM"), 0);
    }
}
