//! Writes certificates as NVIDIA's are, with whatever is wrong about them that a test wants.

use p384::ecdsa::{Signature, SigningKey, signature::Signer};

const ECDSA_WITH_SHA384: &[u8] =
    &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];

/// An extension: object identifier, critical or not, value.
pub(crate) type Extension = (Vec<u8>, bool, Vec<u8>);

/// A certificate to be.
#[derive(Clone)]
pub(crate) struct Template {
    pub(crate) version: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) algorithm: Vec<u8>,
    pub(crate) outer_algorithm: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) validity: Vec<u8>,
    pub(crate) key_prefix: Vec<u8>,
    pub(crate) key: Vec<u8>,
    pub(crate) extensions: Vec<Extension>,
    /// After the extensions, inside what is signed.
    pub(crate) tail: Vec<u8>,
}

impl Template {
    /// A leaf.
    pub(crate) fn leaf(subject: &str, issuer: &str, key: &SigningKey) -> Self {
        Self {
            version: element(0xa0, &[2, 1, 2]),
            serial: element(2, &[0x41, 1, 2, 3]),
            algorithm: ECDSA_WITH_SHA384.to_vec(),
            outer_algorithm: ECDSA_WITH_SHA384.to_vec(),
            issuer: name(issuer),
            subject: name(subject),
            validity: element(
                0x30,
                &[element(0x17, b"201017000000Z"), element(0x18, b"99991231235959Z")].concat(),
            ),
            key_prefix: vec![
                0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
            ],
            key: public(key).to_vec(),
            extensions: vec![key_usage(0x80)],
            tail: Vec::new(),
        }
    }

    /// An issuer.
    pub(crate) fn issuer(subject: &str, issuer: &str, key: &SigningKey) -> Self {
        Self {
            extensions: vec![basic_constraints(&[1, 1, 0xff]), key_usage(0x04)],
            ..Self::leaf(subject, issuer, key)
        }
    }

    pub(crate) fn sign(&self, key: &SigningKey) -> Vec<u8> {
        let extensions: Vec<u8> = self.extensions.iter().flat_map(extension).collect();
        let signed = element(
            0x30,
            &[
                self.version.clone(),
                self.serial.clone(),
                self.algorithm.clone(),
                self.issuer.clone(),
                self.validity.clone(),
                self.subject.clone(),
                [self.key_prefix.as_slice(), &self.key].concat(),
                element(0xa3, &element(0x30, &extensions)),
                self.tail.clone(),
            ]
            .concat(),
        );
        let signature: Signature = key.sign(&signed);
        let (r, s) = signature.split_bytes();
        let signature = element(0x30, &[integer(&r), integer(&s)].concat());
        let signature = element(3, &[vec![0], signature].concat());
        element(0x30, &[signed, self.outer_algorithm.clone(), signature].concat())
    }
}

pub(crate) fn public(key: &SigningKey) -> [u8; 97] {
    key.verifying_key().to_sec1_point(false).as_bytes().try_into().unwrap()
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 48]).unwrap()
}

pub(crate) fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let len = match value.len() {
        len @ ..0x80 => vec![len as u8],
        len @ 0x80..0x100 => vec![0x81, len as u8],
        len => vec![0x82, (len >> 8) as u8, len as u8],
    };
    [vec![tag], len, value.to_vec()].concat()
}

/// A positive INTEGER, minimal.
pub(crate) fn integer(magnitude: &[u8]) -> Vec<u8> {
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    let magnitude = &magnitude[zeros..];
    let sign = if magnitude[0] >= 0x80 { vec![0] } else { Vec::new() };
    element(2, &[sign, magnitude.to_vec()].concat())
}

/// A name with nothing but a common name.
pub(crate) fn name(common_name: &str) -> Vec<u8> {
    let attribute = [element(6, &[0x55, 4, 3]), element(0x0c, common_name.as_bytes())].concat();
    element(0x30, &element(0x31, &element(0x30, &attribute)))
}

pub(crate) fn key_usage(bits: u8) -> Extension {
    let unused = bits.trailing_zeros().min(7) as u8;
    (vec![0x55, 0x1d, 0x0f], true, element(3, &[unused, bits]))
}

pub(crate) fn basic_constraints(contents: &[u8]) -> Extension {
    (vec![0x55, 0x1d, 0x13], true, element(0x30, contents))
}

fn extension((kind, critical, value): &Extension) -> Vec<u8> {
    let critical = if *critical { element(1, &[0xff]) } else { Vec::new() };
    element(0x30, &[element(6, kind), critical, element(4, value)].concat())
}
