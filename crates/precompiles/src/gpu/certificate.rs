use super::{
    der::{self, Der},
    key::{KEY_LEN, Key, SIGNATURE_LEN, signature_from_der},
};

/// `AlgorithmIdentifier` of ecdsa-with-SHA384.
const ECDSA_WITH_SHA384: &[u8] =
    &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];

/// `SubjectPublicKeyInfo` of an id-ecPublicKey on secp384r1, up to the key.
const P384_KEY_INFO: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
    0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

/// X.509 version 3, as `[0] { INTEGER 2 }`.
const VERSION_3: &[u8] = &[der::INTEGER, 1, 2];

const CONTEXT_0: u8 = 0xa0;
const CONTEXT_3: u8 = 0xa3;

const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
/// 2.23.133.5.4.1, the identity of the firmware in Hopper leaves.
const DICE_FIRMWARE: &[u8] = &[0x67, 0x81, 0x05, 0x05, 0x04, 0x01];
/// 2.23.133.5.4.1.1, `DiceTcbInfo` in Blackwell leaves.
const DICE_TCB_INFO: &[u8] = &[0x67, 0x81, 0x05, 0x05, 0x04, 0x01, 0x01];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// RFC 5280; NVIDIA's leaves use all of it.
const SERIAL_LEN_MAX: usize = 20;

/// NVIDIA's certificates have four to six.
const EXTENSIONS_MAX: usize = 16;

/// A version 3 certificate for a P-384 key, signed with ECDSA and SHA-384, in strict DER.
///
/// Times are not kept: NVIDIA's device certificates do not expire, and the function has no clock.
pub(super) struct Certificate<'a> {
    /// What the issuer signed.
    pub(super) signed: &'a [u8],
    pub(super) signature: [u8; SIGNATURE_LEN],
    /// Magnitude, at most 20 bytes.
    pub(super) serial: &'a [u8],
    /// The whole DER of the name.
    pub(super) issuer: &'a [u8],
    /// The whole DER of the name.
    pub(super) subject: &'a [u8],
    pub(super) key: Key<'a>,
    pub(super) extensions: Extensions<'a>,
}

/// What matters among the extensions.
#[derive(Default)]
pub(super) struct Extensions<'a> {
    pub(super) basic_constraints: Option<BasicConstraints>,
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) dice_firmware: Option<&'a [u8]>,
    pub(super) dice_tcb_info: Option<&'a [u8]>,
}

#[derive(Clone, Copy)]
pub(super) struct BasicConstraints {
    pub(super) is_ca: bool,
    pub(super) path_len: Option<u8>,
}

/// The first byte of the bit string.
#[derive(Clone, Copy)]
pub(super) struct KeyUsage(u8);

impl KeyUsage {
    pub(super) const fn digital_signature(self) -> bool {
        self.0 & 0x80 != 0
    }

    pub(super) const fn key_cert_sign(self) -> bool {
        self.0 & 0x04 != 0
    }
}

impl<'a> Certificate<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut certificate = Der::new(der::only(bytes, der::SEQUENCE)?);
        let signed = certificate.expect(der::SEQUENCE)?;
        algorithm(&mut certificate)?;
        let signature = bits(certificate.expect(der::BIT_STRING)?.value)?;
        certificate.end()?;

        let mut der = Der::new(signed.value);
        (der.expect(CONTEXT_0)?.value == VERSION_3).then_some(())?;
        let serial = der::positive(der.expect(der::INTEGER)?.value)?;
        (serial.len() <= SERIAL_LEN_MAX).then_some(())?;
        algorithm(&mut der)?;
        let issuer = der.expect(der::SEQUENCE)?.whole;
        validity(der.expect(der::SEQUENCE)?.value)?;
        let subject = der.expect(der::SEQUENCE)?.whole;
        let key = key(der.expect(der::SEQUENCE)?.whole)?;
        let extensions = Extensions::parse(der.expect(CONTEXT_3)?.value)?;
        der.end()?;
        Some(Self {
            signed: signed.whole,
            signature: signature_from_der(signature)?,
            serial,
            issuer,
            subject,
            key,
            extensions,
        })
    }

    /// The common name of the subject, if it has exactly one and it is text.
    pub(super) fn common_name(&self) -> Option<&'a str> {
        let mut names = Der::new(der::only(self.subject, der::SEQUENCE)?);
        let mut found = None;
        while !names.is_empty() {
            let attribute = der::only(names.expect(der::SET)?.value, der::SEQUENCE)?;
            let mut attribute = Der::new(attribute);
            let kind = attribute.expect(der::OBJECT)?.value;
            let value = attribute.element()?;
            attribute.end()?;
            if kind == COMMON_NAME {
                let is_text = matches!(value.tag, der::UTF8_STRING | der::PRINTABLE_STRING);
                if !is_text || found.is_some() {
                    return None;
                }
                found = Some(core::str::from_utf8(value.value).ok()?);
            }
        }
        found
    }
}

impl<'a> Extensions<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut list = Der::new(der::only(bytes, der::SEQUENCE)?);
        let mut extensions = Self::default();
        let mut seen: Vec<&[u8]> = Vec::with_capacity(EXTENSIONS_MAX);
        while !list.is_empty() {
            let mut extension = Der::new(list.expect(der::SEQUENCE)?.value);
            let kind = extension.expect(der::OBJECT)?.value;
            let critical = match extension.optional(der::BOOLEAN)? {
                // The default is not written out in DER.
                Some(written) => der::boolean(written.value).filter(|critical| *critical)?,
                None => false,
            };
            let value = extension.expect(der::OCTET_STRING)?.value;
            extension.end()?;
            if seen.contains(&kind) || seen.len() == EXTENSIONS_MAX {
                return None;
            }
            seen.push(kind);
            extensions.set(kind, critical, value)?;
        }
        Some(extensions)
    }

    fn set(&mut self, kind: &[u8], critical: bool, value: &'a [u8]) -> Option<()> {
        match kind {
            BASIC_CONSTRAINTS => self.basic_constraints = Some(BasicConstraints::parse(value)?),
            KEY_USAGE => self.key_usage = Some(KeyUsage::parse(value)?),
            DICE_FIRMWARE => self.dice_firmware = Some(value),
            DICE_TCB_INFO => self.dice_tcb_info = Some(value),
            // What is critical and not understood makes the certificate unusable.
            _ if critical => return None,
            _ => {}
        }
        Some(())
    }
}

impl BasicConstraints {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut der = Der::new(der::only(bytes, der::SEQUENCE)?);
        let is_ca = match der.optional(der::BOOLEAN)? {
            Some(written) => der::boolean(written.value).filter(|is_ca| *is_ca)?,
            None => false,
        };
        let path_len = match der.optional(der::INTEGER)? {
            Some(written) => match written.value {
                [len @ ..0x80] => Some(*len),
                _ => return None,
            },
            None => None,
        };
        der.end()?;
        Some(Self { is_ca, path_len })
    }
}

impl KeyUsage {
    fn parse(bytes: &[u8]) -> Option<Self> {
        match der::only(bytes, der::BIT_STRING)? {
            // The last byte ends with the last bit set, as DER wants named bits.
            [unused @ 0..=7, bits] if bits.trailing_zeros() == u32::from(*unused) => {
                Some(Self(*bits))
            }
            // decipherOnly is the ninth bit.
            [7, bits, 0x80] => Some(Self(*bits)),
            _ => None,
        }
    }
}

fn algorithm(der: &mut Der<'_>) -> Option<()> {
    (der.expect(der::SEQUENCE)?.whole == ECDSA_WITH_SHA384).then_some(())
}

/// A BIT STRING of whole bytes.
fn bits(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(&[0])
}

fn key(info: &[u8]) -> Option<Key<'_>> {
    let key: &[u8; KEY_LEN] = info.strip_prefix(P384_KEY_INFO)?.try_into().ok()?;
    (key[0] == 4).then_some(Key(key))
}

/// Two times of the forms RFC 5280 allows; what they say does not matter.
fn validity(value: &[u8]) -> Option<()> {
    let mut der = Der::new(value);
    for _ in 0..2 {
        let time = der.element()?;
        let digits = match time.tag {
            der::UTC_TIME => 12,
            der::GENERALIZED_TIME => 14,
            _ => return None,
        };
        let (figures, zone) = time.value.split_at_checked(digits)?;
        (zone == b"Z" && figures.iter().all(u8::is_ascii_digit)).then_some(())?;
    }
    der.end()
}
