use crate::{
    der::{
        BIT_STRING, BOOLEAN, GENERALIZED_TIME, OBJECT, OCTET_STRING, SEQUENCE, element, integer,
        name, sequence,
    },
    key::{Key, secret},
    time::utc_time,
};

const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 0x14];

/// keyCertSign and cRLSign, with the number of bits that do not count.
const SIGNS_CERTIFICATES: [u8; 2] = [1, 0x06];

/// digitalSignature.
const SIGNS_MESSAGES: [u8; 2] = [7, 0x80];

/// 2020-09-13, before anything a test dates.
const NOT_BEFORE: u64 = 1_600_000_000;

/// 2049-12-31, the last year of `UTCTime`.
const NOT_AFTER: u64 = 2_524_607_999;

/// What a certificate may do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Issue.
    Issuer,
    /// Sign, and say that it does not issue, as Intel's do.
    Signer,
    /// Sign, and say nothing of issuing, as NVIDIA's do.
    DeviceLeaf,
}

/// A name with a key and a certificate.
pub(crate) struct Authority {
    name: String,
    key: Key,
    certificate: Vec<u8>,
    serial: [u8; 20],
}

impl Authority {
    /// One that nobody issued.
    pub(crate) fn root(name: &str, key: Key, seed: u64) -> Self {
        let mut root = Self::unissued(name, key, seed);
        root.certificate = root.issue(&root, Role::Issuer, &[]);
        root
    }

    /// One that this one issued.
    pub(crate) fn subject(
        &self,
        name: &str,
        key: Key,
        seed: u64,
        role: Role,
        extensions: &[Vec<u8>],
    ) -> Self {
        let mut subject = Self::unissued(name, key, seed);
        subject.certificate = self.issue(&subject, role, extensions);
        subject
    }

    fn unissued(name: &str, key: Key, seed: u64) -> Self {
        let mut serial = [0; 20];
        serial.copy_from_slice(&secret(seed, &format!("serial of {name}"))[..20]);
        // Positive, and of full length.
        serial[0] = serial[0] & 0x7f | 0x40;
        Self { name: name.to_owned(), key, certificate: Vec::new(), serial }
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    pub(crate) fn serial(&self) -> &[u8; 20] {
        &self.serial
    }

    fn issue(&self, subject: &Self, role: Role, more: &[Vec<u8>]) -> Vec<u8> {
        let usage = |bits: [u8; 2]| extension(KEY_USAGE, true, &element(BIT_STRING, &bits));
        let constraints =
            |contents: &[u8]| extension(BASIC_CONSTRAINTS, true, &element(SEQUENCE, contents));
        let mut extensions = match role {
            Role::Issuer => {
                vec![constraints(&element(BOOLEAN, &[0xff])), usage(SIGNS_CERTIFICATES)]
            }
            Role::Signer => vec![constraints(&[]), usage(SIGNS_MESSAGES)],
            Role::DeviceLeaf => vec![usage(SIGNS_MESSAGES)],
        };
        extensions.extend(more.iter().cloned());
        let forever = element(GENERALIZED_TIME, b"99991231235959Z");
        let not_after =
            if matches!(self.key, Key::P384(_)) { forever } else { utc_time(NOT_AFTER) };
        self.key.seal(&sequence(&[
            element(0xa0, &integer(&[2])),
            integer(&subject.serial),
            self.key.algorithm(),
            name(&self.name),
            sequence(&[utc_time(NOT_BEFORE), not_after]),
            name(&subject.name),
            subject.key.info(),
            element(0xa3, &sequence(&extensions)),
        ]))
    }

    /// A list of revoked serial numbers.
    pub(crate) fn revocations(&self, issued: u64, next: u64, revoked: &[[u8; 20]]) -> Vec<u8> {
        let entries: Vec<_> =
            revoked.iter().map(|serial| sequence(&[integer(serial), utc_time(issued)])).collect();
        let number = extension(CRL_NUMBER, false, &integer(&[1]));
        let mut parts = vec![
            integer(&[1]),
            self.key.algorithm(),
            name(&self.name),
            utc_time(issued),
            utc_time(next),
        ];
        // The list is left out when it is empty.
        if !entries.is_empty() {
            parts.push(sequence(&entries));
        }
        parts.push(element(0xa0, &sequence(&[number])));
        self.key.seal(&sequence(&parts))
    }
}

pub(crate) fn extension(kind: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![element(OBJECT, kind)];
    if critical {
        parts.push(element(BOOLEAN, &[0xff]));
    }
    parts.push(element(OCTET_STRING, value));
    sequence(&parts)
}
