use super::{
    Challenge, GpuAnchor, GpuClaims, GpuInput,
    certificate::Certificate,
    chain::{Anchor, Chain},
    firmware_id::firmware_id,
    key::Key,
    report::Report,
};
use crate::{GpuRefusal, Roots};

/// Parses and compares everything first; signatures, which cost the time, come last.
pub(super) fn verify(roots: &Roots, input: &GpuInput) -> Result<GpuClaims, GpuRefusal> {
    // The root stands after the last certificate. Only one of a test can be none.
    let no_root = GpuRefusal::Certificate { index: input.certificates.len() };
    let root = Certificate::parse(roots.nvidia()).ok_or(no_root)?;
    let anchor = match &input.anchor {
        GpuAnchor::Root => Anchor { key: root.key, subject: Some(root.subject) },
        GpuAnchor::Key(key) => Anchor { key: Key(key), subject: None },
    };
    let chain = Chain::parse(&input.certificates)?;
    chain.check_order(&anchor)?;
    let mut claims = GpuClaims::of_chain(&chain, &anchor);
    let report = input.challenge.as_ref().map(|challenge| answer(challenge, &chain)).transpose()?;
    if let Some(report) = &report {
        claims = claims.with_report(report).ok_or(GpuRefusal::Report)?;
    }
    chain.check_signatures(&anchor)?;
    if let Some(report) = &report {
        let key = chain.leaf().map_or(anchor.key, |leaf| leaf.key);
        if !key.has_signed(report.signed, &report.signature).ok_or(GpuRefusal::Key)? {
            return Err(GpuRefusal::ReportSignature);
        }
    }
    Ok(claims)
}

/// A report that answers the challenge and runs the firmware the leaf was made for.
fn answer<'a>(challenge: &'a Challenge, chain: &Chain<'_>) -> Result<Report<'a>, GpuRefusal> {
    let report = Report::parse(&challenge.report).ok_or(GpuRefusal::Report)?;
    if report.nonce != challenge.nonce {
        return Err(GpuRefusal::Nonce);
    }
    // Old drivers and switches do not tell; without a certificate there is nothing to compare.
    if let (Some(told), Some(leaf)) = (report.opaque.firmware_id, chain.leaf())
        && firmware_id(&leaf.extensions) != Some(told)
    {
        return Err(GpuRefusal::FirmwareId);
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_root_is_the_pinned_one() {
        let hash = hex!("102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48");
        assert_eq!(Sha256::digest(Roots::pinned().nvidia())[..], hash);
        assert_eq!(
            Certificate::parse(Roots::pinned().nvidia()).and_then(|root| root.common_name()),
            Some("NVIDIA Device Identity CA")
        );
    }
}
