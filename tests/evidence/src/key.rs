use alloy_primitives::keccak256;
use p256::ecdsa::signature::Signer;

use crate::der::{OBJECT, bits, element, integer, sequence};

const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const SECP256R1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const SECP384R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const ECDSA_WITH_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];

/// A private key that follows from a seed and a label.
pub(crate) enum Key {
    /// Intel's curve.
    P256(Box<p256::ecdsa::SigningKey>),
    /// NVIDIA's.
    P384(Box<p384::ecdsa::SigningKey>),
}

impl Key {
    pub(crate) fn p256(seed: u64, label: &str) -> Self {
        let key = p256::ecdsa::SigningKey::from_slice(&secret(seed, label)[..32]);
        Self::P256(Box::new(key.expect("a hash is a key but with probability 2^-32")))
    }

    pub(crate) fn p384(seed: u64, label: &str) -> Self {
        let key = p384::ecdsa::SigningKey::from_slice(&secret(seed, label)[..48]);
        Self::P384(Box::new(key.expect("a hash is a key but with probability 2^-190")))
    }

    /// SEC1, uncompressed.
    pub(crate) fn public(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::P384(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
        }
    }

    /// `r || s`.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
        }
    }

    /// A certificate or a list, signed.
    pub(crate) fn seal(&self, to_be_signed: &[u8]) -> Vec<u8> {
        let signature = self.sign(to_be_signed);
        let (r, s) = signature.split_at(signature.len() / 2);
        let signature = bits(&sequence(&[integer(r), integer(s)]));
        sequence(&[to_be_signed, &self.algorithm(), &signature])
    }

    /// `AlgorithmIdentifier` of its signatures.
    pub(crate) fn algorithm(&self) -> Vec<u8> {
        let algorithm = match self {
            Self::P256(_) => ECDSA_WITH_SHA256,
            Self::P384(_) => ECDSA_WITH_SHA384,
        };
        sequence(&[element(OBJECT, algorithm)])
    }

    /// `SubjectPublicKeyInfo`.
    pub(crate) fn info(&self) -> Vec<u8> {
        let curve = match self {
            Self::P256(_) => SECP256R1,
            Self::P384(_) => SECP384R1,
        };
        let algorithm = sequence(&[element(OBJECT, EC_PUBLIC_KEY), element(OBJECT, curve)]);
        sequence(&[algorithm, bits(&self.public())])
    }
}

/// Bytes that nobody else derives: 64 from a seed and a label.
pub(crate) fn secret(seed: u64, label: &str) -> [u8; 64] {
    let half =
        |which: u8| keccak256([&seed.to_be_bytes(), [which].as_slice(), label.as_bytes()].concat());
    let mut secret = [0; 64];
    secret[..32].copy_from_slice(half(0).as_slice());
    secret[32..].copy_from_slice(half(1).as_slice());
    secret
}
