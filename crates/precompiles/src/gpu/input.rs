use alloy_primitives::B256;

use super::key::KEY_LEN;
use crate::{
    Frame, Roots,
    pem::{self, CERTIFICATE_LEN_MAX},
    reader::Reader,
};

/// The one version of the frame.
const VERSION: u8 = 1;

const ANCHOR_ROOT: u8 = 0;
const ANCHOR_KEY: u8 = 1;

/// Links from a leaf to NVIDIA's root, which is not sent.
const CERTIFICATES_TO_ROOT: u8 = 4;

/// Links to a key below the root.
const CERTIFICATES_TO_KEY_MAX: u8 = 3;

/// Reports have 4.1 to 4.3 KB.
const REPORT_LEN_MAX: usize = 8_192;

/// The key that vouches for the last certificate, or for the report if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuAnchor {
    /// NVIDIA Device Identity CA.
    Root,
    /// A key the caller has verified before: SEC1, uncompressed.
    Key([u8; KEY_LEN]),
}

/// A report and the challenge it must answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The nonce sent to the device.
    pub nonce: B256,
    /// Request and response, 4.1 KB.
    pub report: Vec<u8>,
}

/// The input frame.
///
/// ```text
/// 0   1   version = 1
/// 1   1   anchor: 0 NVIDIA's root (4 certificates), 1 the key given (0 to 3)
/// 2   1   number of certificates
/// 3   1   1 if there is a report
/// 4   32  nonce, zero if there is no report
/// 36  97  anchor key 0x04.., zero if the anchor is the root
/// 133 ..  certificates, leaf first: 2 bytes of length, DER
/// ..  ..  report, if any: 2 bytes of length, report
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuInput {
    /// Where the chain ends.
    pub anchor: GpuAnchor,
    /// DER, leaf first.
    pub certificates: Vec<Vec<u8>>,
    /// What the leaf, or the anchor if there is none, has to have signed.
    pub challenge: Option<Challenge>,
}

impl GpuInput {
    /// Evidence as devices give it: a PEM chain that ends with NVIDIA's root, which is dropped.
    pub fn from_pem(chain: &[u8], challenge: Challenge) -> Option<Self> {
        let mut certificates = pem::certificates(chain)?;
        certificates.pop().filter(|root| root == Roots::in_force().nvidia())?;
        Some(Self { anchor: GpuAnchor::Root, certificates, challenge: Some(challenge) })
    }

    /// The bytes to call the precompile with.
    pub fn encode(&self) -> Vec<u8> {
        let (anchor, key) = match self.anchor {
            GpuAnchor::Root => (ANCHOR_ROOT, [0; KEY_LEN]),
            GpuAnchor::Key(key) => (ANCHOR_KEY, key),
        };
        let count = u8::try_from(self.certificates.len()).unwrap_or(u8::MAX);
        let mut input = vec![VERSION, anchor, count, self.challenge.is_some().into()];
        input.extend(self.challenge.as_ref().map_or(B256::ZERO, |challenge| challenge.nonce));
        input.extend(key);
        let reports = self.challenge.iter().map(|challenge| &challenge.report);
        for part in self.certificates.iter().chain(reports) {
            // A length that does not fit makes a frame that is refused, as it should be.
            input.extend(u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
            input.extend(part);
        }
        input
    }

    /// Exactly a frame, each field within its cap.
    pub fn decode(input: &[u8]) -> Result<Self, Frame> {
        let mut reader = Reader::new(input);
        let truncated = reader.truncated();
        let header = Header::read(&mut reader)?;
        let nonce = B256::from(reader.array().ok_or(truncated)?);
        let key = reader.array().ok_or(truncated)?;
        let anchor = header.anchor(key)?;
        let mut part = |name, max| {
            let len = reader.u16_be().ok_or(truncated)?;
            reader.field(name, len.into(), max).map(<[u8]>::to_vec)
        };
        let certificates = (0..header.certificates)
            .map(|_| part("certificate", CERTIFICATE_LEN_MAX))
            .collect::<Result<_, _>>()?;
        let challenge = if header.has_report {
            Some(Challenge { nonce, report: part("report", REPORT_LEN_MAX)? })
        } else if nonce.is_zero() {
            None
        } else {
            return Err(Frame::NotZero("nonce without report"));
        };
        reader.finish()?;
        Ok(Self { anchor, certificates, challenge })
    }
}

/// Signatures the header announces.
pub(super) fn signatures(input: &[u8]) -> Result<u64, Frame> {
    let header = Header::read(&mut Reader::new(input))?;
    Ok(u64::from(header.certificates) + u64::from(header.has_report))
}

struct Header {
    anchor: u8,
    certificates: u8,
    has_report: bool,
}

impl Header {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Frame> {
        let truncated = reader.truncated();
        let mut byte = || reader.u8().ok_or(truncated);
        let version = byte()?;
        if version != VERSION {
            return Err(Frame::Version(version));
        }
        let out_of_range = |field, value: u8| Frame::OutOfRange { field, value: value.into() };
        let anchor = byte()?;
        if anchor > ANCHOR_KEY {
            return Err(out_of_range("anchor", anchor));
        }
        let certificates = byte()?;
        let fits = match anchor {
            ANCHOR_ROOT => certificates == CERTIFICATES_TO_ROOT,
            _ => certificates <= CERTIFICATES_TO_KEY_MAX,
        };
        if !fits {
            return Err(out_of_range("number of certificates", certificates));
        }
        let has_report = match byte()? {
            0 => false,
            1 => true,
            other => return Err(out_of_range("report flag", other)),
        };
        // Nothing checked must not look like everything good.
        if certificates == 0 && !has_report {
            return Err(Frame::Empty);
        }
        Ok(Self { anchor, certificates, has_report })
    }

    fn anchor(&self, key: [u8; KEY_LEN]) -> Result<GpuAnchor, Frame> {
        match self.anchor {
            ANCHOR_ROOT if key == [0; KEY_LEN] => Ok(GpuAnchor::Root),
            ANCHOR_ROOT => Err(Frame::NotZero("anchor key beside the root")),
            _ if key[0] == 4 => Ok(GpuAnchor::Key(key)),
            _ => Err(Frame::OutOfRange { field: "anchor key form", value: key[0].into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(anchor: GpuAnchor, certificates: usize, report: bool) -> GpuInput {
        GpuInput {
            anchor,
            certificates: (0..certificates).map(|index| vec![index as u8; 10 + index]).collect(),
            challenge: report
                .then(|| Challenge { nonce: B256::repeat_byte(7), report: vec![8; 20] }),
        }
    }

    fn key() -> GpuAnchor {
        GpuAnchor::Key([4; KEY_LEN])
    }

    #[test]
    fn decodes_what_it_encodes() {
        for (anchor, certificates, report) in [
            (GpuAnchor::Root, 4, true),
            (GpuAnchor::Root, 4, false),
            (key(), 0, true),
            (key(), 1, false),
            (key(), 3, true),
        ] {
            let input = sample(anchor, certificates, report);
            let bytes = input.encode();
            assert_eq!(signatures(&bytes), Ok(certificates as u64 + u64::from(report)));
            assert_eq!(GpuInput::decode(&bytes), Ok(input));
        }
    }

    #[test]
    fn lays_out_fields_as_specified() {
        let bytes = sample(key(), 1, true).encode();
        assert_eq!(bytes[..4], [1, 1, 1, 1]);
        assert_eq!(bytes[4..36], [7; 32]);
        assert_eq!(bytes[36..133], [4; 97]);
        assert_eq!(bytes[133..135], [0, 10]);
        assert_eq!(bytes[145..147], [0, 20]);
        assert_eq!(bytes.len(), 167);
    }

    #[test]
    fn refuses_every_other_length() {
        for input in [sample(GpuAnchor::Root, 4, true), sample(key(), 1, false)] {
            let good = input.encode();
            for len in 0..good.len() {
                assert!(matches!(
                    GpuInput::decode(&good[..len]),
                    Err(Frame::Truncated { len: seen }) if seen == len
                ));
            }
            let longer = [good.as_slice(), &[0]].concat();
            assert_eq!(GpuInput::decode(&longer), Err(Frame::Trailing { len: 1 }));
            for change in [1, u8::MAX] {
                let mut bytes = good.clone();
                bytes[134] = bytes[134].wrapping_add(change);
                assert!(GpuInput::decode(&bytes).is_err());
            }
        }
    }

    #[test]
    fn the_number_of_certificates_follows_from_the_anchor() {
        for certificates in 0..6 {
            let decode = |anchor| GpuInput::decode(&sample(anchor, certificates, true).encode());
            assert_eq!(decode(GpuAnchor::Root).is_ok(), certificates == 4);
            assert_eq!(decode(key()).is_ok(), certificates <= 3);
        }
        assert_eq!(GpuInput::decode(&sample(key(), 0, false).encode()), Err(Frame::Empty));
    }

    #[test]
    fn refuses_what_has_no_meaning() {
        let good = sample(GpuAnchor::Root, 4, false).encode();
        for (at, value) in [(0, 2), (0, 0), (1, 2), (3, 2), (4, 1), (35, 1), (36, 4), (132, 1)] {
            let mut bytes = good.clone();
            bytes[at] = value;
            assert!(GpuInput::decode(&bytes).is_err(), "{at}");
        }
        for form in [0, 2, 3, 6] {
            let mut bytes = sample(key(), 1, true).encode();
            bytes[36] = form;
            assert!(GpuInput::decode(&bytes).is_err(), "compressed and other forms");
        }
    }

    #[test]
    fn caps_hold_to_the_byte() {
        let mut input = sample(key(), 1, true);
        input.certificates[0].resize(2_048, 0);
        assert!(GpuInput::decode(&input.encode()).is_ok());
        input.certificates[0].resize(2_049, 0);
        assert!(matches!(
            GpuInput::decode(&input.encode()),
            Err(Frame::TooLong { max: 2_048, .. })
        ));
        let mut input = sample(key(), 1, true);
        let report = |len| Some(Challenge { nonce: B256::ZERO, report: vec![0; len] });
        input.challenge = report(8_192);
        assert!(GpuInput::decode(&input.encode()).is_ok());
        input.challenge = report(8_193);
        assert!(matches!(
            GpuInput::decode(&input.encode()),
            Err(Frame::TooLong { max: 8_192, .. })
        ));
    }
}
