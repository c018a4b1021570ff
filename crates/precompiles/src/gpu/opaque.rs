use crate::reader::Reader;

/// Types below this may occur once; those above are unknown and of no interest.
const KNOWN_TYPES: u16 = 64;

/// Opaque data of a report: what the driver adds to the measurements, type by type.
#[derive(Default)]
pub(super) struct Opaque<'a> {
    pub(super) driver_version: Option<&'a [u8]>,
    pub(super) vbios_version: Option<&'a [u8]>,
    pub(super) nvdec0_status: Option<&'a [u8]>,
    pub(super) chip_sku: Option<&'a [u8]>,
    pub(super) project: Option<&'a [u8]>,
    pub(super) project_sku: Option<&'a [u8]>,
    pub(super) firmware_id: Option<&'a [u8]>,
    pub(super) protected_pcie_status: Option<&'a [u8]>,
    pub(super) switch_pdis: Option<&'a [u8]>,
    pub(super) version: Option<&'a [u8]>,
    pub(super) feature_flag: Option<&'a [u8]>,
}

impl<'a> Opaque<'a> {
    /// Type, length, data, again and again to the end.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let mut opaque = Self::default();
        let mut seen = 0_u64;
        while reader.end().is_none() {
            let kind = reader.u16_le()?;
            let len = reader.u16_le()?;
            let data = reader.take(len.into())?;
            if kind >= KNOWN_TYPES {
                continue;
            }
            if seen & (1 << kind) != 0 {
                return None;
            }
            seen |= 1 << kind;
            opaque.set(kind, data);
        }
        Some(opaque)
    }

    const fn set(&mut self, kind: u16, data: &'a [u8]) {
        let field = match kind {
            3 => &mut self.driver_version,
            6 => &mut self.vbios_version,
            11 => &mut self.nvdec0_status,
            15 => &mut self.chip_sku,
            17 => &mut self.project,
            18 => &mut self.project_sku,
            20 => &mut self.firmware_id,
            21 => &mut self.protected_pcie_status,
            22 => &mut self.switch_pdis,
            34 => &mut self.version,
            36 => &mut self.feature_flag,
            _ => return,
        };
        *field = Some(data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_types_in_any_order_and_passes_unknown_ones() {
        let bytes = [34, 0, 2, 0, 1, 0, 99, 0, 1, 0, 7, 99, 0, 0, 0, 3, 0, 1, 0, b'5'];
        let opaque = Opaque::parse(&bytes).expect("is well-formed");
        assert_eq!(opaque.version, Some([1, 0].as_slice()));
        assert_eq!(opaque.driver_version, Some(b"5".as_slice()));
        assert!(opaque.firmware_id.is_none());
        assert!(Opaque::parse(&[]).is_some());
    }

    #[test]
    fn refuses_repetitions_and_half_entries() {
        let bytes = [34, 0, 2, 0, 1, 0];
        assert!(Opaque::parse(&bytes.repeat(2)).is_none());
        for len in 1..bytes.len() {
            assert!(Opaque::parse(&bytes[..len]).is_none());
        }
    }
}
