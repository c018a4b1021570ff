use super::{certificate::Certificate, key::Key};
use crate::GpuRefusal;

/// What the last certificate is checked against.
pub(super) struct Anchor<'a> {
    pub(super) key: Key<'a>,
    /// The name the last issuer must have; a bare key has none.
    pub(super) subject: Option<&'a [u8]>,
}

/// Certificates, leaf first, of which each is signed by the next.
///
/// There is one way to read a chain, so the number of signatures is the number of certificates.
pub(super) struct Chain<'a>(Vec<Certificate<'a>>);

impl<'a> Chain<'a> {
    pub(super) fn parse(certificates: &'a [Vec<u8>]) -> Result<Self, GpuRefusal> {
        let parse = |(index, der): (usize, &'a Vec<u8>)| {
            Certificate::parse(der).ok_or(GpuRefusal::Certificate { index })
        };
        certificates.iter().enumerate().map(parse).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn leaf(&self) -> Option<&Certificate<'a>> {
        self.0.first()
    }

    /// The device's own certificate, the same under every firmware.
    pub(super) fn device(&self) -> Option<&Certificate<'a>> {
        self.0.get(1)
    }

    /// The key that issued the device certificate.
    pub(super) fn device_issuer(&self) -> Option<&Certificate<'a>> {
        self.0.get(2)
    }

    /// Places and names; cheap, so before any signature.
    pub(super) fn check_order(&self, anchor: &Anchor<'_>) -> Result<(), GpuRefusal> {
        for (index, certificate) in self.0.iter().enumerate() {
            let fits = match index.checked_sub(1) {
                None => is_leaf(certificate),
                Some(below) => is_issuer(certificate, below),
            };
            if !fits {
                return Err(GpuRefusal::Role { index });
            }
            let issuer = self.0.get(index + 1).map(|next| next.subject).or(anchor.subject);
            if issuer.is_some_and(|subject| subject != certificate.issuer) {
                return Err(GpuRefusal::Issuer { index });
            }
        }
        Ok(())
    }

    pub(super) fn check_signatures(&self, anchor: &Anchor<'_>) -> Result<(), GpuRefusal> {
        for (index, certificate) in self.0.iter().enumerate() {
            let key = self.0.get(index + 1).map_or(anchor.key, |next| next.key);
            let valid = key
                .has_signed(certificate.signed, &certificate.signature)
                .ok_or(GpuRefusal::Key)?;
            if !valid {
                return Err(GpuRefusal::CertificateSignature { index });
            }
        }
        Ok(())
    }
}

fn is_leaf(certificate: &Certificate<'_>) -> bool {
    let extensions = &certificate.extensions;
    extensions.basic_constraints.is_none()
        && extensions.key_usage.is_some_and(|usage| usage.digital_signature())
}

/// May issue with `below` other issuers between it and the leaf.
fn is_issuer(certificate: &Certificate<'_>, below: usize) -> bool {
    let extensions = &certificate.extensions;
    let is_ca = extensions.basic_constraints.is_some_and(|constraints| {
        constraints.is_ca && constraints.path_len.is_none_or(|len| below <= len.into())
    });
    is_ca && extensions.key_usage.is_some_and(|usage| usage.key_cert_sign())
}
