//! The little DER that certificates and revocation lists need.

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// Tag, minimal length, value. Nothing here reaches 64 KiB.
pub(crate) fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let len = match value.len() {
        len @ ..0x80 => vec![len as u8],
        len @ 0x80..0x100 => vec![0x81, len as u8],
        len => {
            let len = u16::try_from(len).expect("evidence is short");
            [&[0x82], len.to_be_bytes().as_slice()].concat()
        }
    };
    [vec![tag], len, value.to_vec()].concat()
}

pub(crate) fn sequence<P: AsRef<[u8]>>(parts: &[P]) -> Vec<u8> {
    let parts: Vec<u8> = parts.iter().flat_map(|part| part.as_ref().to_vec()).collect();
    element(SEQUENCE, &parts)
}

/// A positive INTEGER of this magnitude, minimal.
pub(crate) fn integer(magnitude: &[u8]) -> Vec<u8> {
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    let magnitude = &magnitude[zeros..];
    let sign: &[u8] = if magnitude.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    element(INTEGER, &[sign, magnitude].concat())
}

/// A BIT STRING of whole bytes.
pub(crate) fn bits(value: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], value].concat())
}

/// A name with nothing but a common name.
pub(crate) fn name(common_name: &str) -> Vec<u8> {
    let attribute =
        [element(OBJECT, &[0x55, 4, 3]), element(UTF8_STRING, common_name.as_bytes())].concat();
    element(SEQUENCE, &element(SET, &element(SEQUENCE, &attribute)))
}
