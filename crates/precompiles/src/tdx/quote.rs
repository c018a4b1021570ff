use crate::{TdxRefusal, reader::Reader};

const HEADER_LEN: usize = 48;

/// Trusted domain, in the header's TEE type.
const TEE_TDX: u32 = 0x81;

/// ECDSA over P-256, in the header's attestation key type.
const KEY_ECDSA_P256: u16 = 2;

/// Certification data that holds the quoting enclave's report.
const CERTIFICATION_QE_REPORT: u16 = 6;

/// Certification data that holds a PEM chain.
const CERTIFICATION_PCK_CHAIN: u16 = 5;

/// What the quoting enclave has hashed into its report beside the attestation key.
const QE_AUTH_LEN: u16 = 32;

/// Body types and the lengths of their TD reports.
const TD_REPORTS: [(u16, usize); 3] = [(2, 584), (3, 648), (4, 885)];

/// A quote of the one shape in which TDX platforms sign.
///
/// Strict where the library is lenient, so that what it is given has one meaning: other outer
/// certification types and bytes after the authentication data would pass it unseen.
pub(super) struct Quote<'a> {
    pub(super) version: u16,
    pub(super) body_type: u16,
    /// The quote without padding.
    pub(super) bytes: &'a [u8],
    /// Header, body descriptor if any, and report: what the attestation key signed.
    pub(super) signed: &'a [u8],
    /// The TD report.
    pub(super) report: &'a [u8],
    /// Text of the PCK certificate chain.
    pub(super) pck_chain: &'a [u8],
}

impl<'a> Quote<'a> {
    pub(super) fn parse(padded: &'a [u8]) -> Result<Self, TdxRefusal> {
        let mut reader = Reader::new(padded);
        let version = header(&mut reader)?;
        let (body_type, report_len) = body(&mut reader, version)?;
        let report = take(&mut reader, "td report", report_len)?;
        let signed = &padded[..padded.len() - reader.rest().len()];

        let auth_len = reader.u32_le().ok_or(TdxRefusal::Truncated("authentication data"))?;
        let auth = take(&mut reader, "authentication data", auth_len as usize)?;
        let pck_chain = authentication(auth)?;
        // Services fill a buffer made for the longest quote, so zeros are no reason to refuse.
        if reader.rest().iter().any(|&byte| byte != 0) {
            return Err(TdxRefusal::Padding);
        }
        let bytes = &padded[..padded.len() - reader.rest().len()];
        Ok(Self { version, body_type, bytes, signed, report, pck_chain })
    }
}

/// A quote without the zeros services pad it with; what is no quote stays as it is.
pub fn trim_quote(quote: &[u8]) -> &[u8] {
    Quote::parse(quote).map_or(quote, |parsed| parsed.bytes)
}

fn header(reader: &mut Reader<'_>) -> Result<u16, TdxRefusal> {
    let mut header = Reader::new(take(reader, "header", HEADER_LEN)?);
    let truncated = TdxRefusal::Truncated("header");
    let (Some(version), Some(key), Some(tee)) = (header.u16_le(), header.u16_le(), header.u32_le())
    else {
        return Err(truncated);
    };
    only("quote version", matches!(version, 4 | 5), version)?;
    only("attestation key type", key == KEY_ECDSA_P256, key)?;
    only("tee type", tee == TEE_TDX, tee)?;
    Ok(version)
}

fn body(reader: &mut Reader<'_>, version: u16) -> Result<(u16, usize), TdxRefusal> {
    if version == 4 {
        return Ok(TD_REPORTS[0]);
    }
    let truncated = TdxRefusal::Truncated("body descriptor");
    let (Some(body_type), Some(len)) = (reader.u16_le(), reader.u32_le()) else {
        return Err(truncated);
    };
    let known = TD_REPORTS.into_iter().find(|(known, _)| *known == body_type);
    let Some((_, report_len)) = known else {
        return Err(TdxRefusal::Unsupported { field: "body type", value: body_type.into() });
    };
    only("body length", len as usize == report_len, len)?;
    Ok((body_type, report_len))
}

/// Signature, key, and the quoting enclave's report with the text of the PCK chain.
fn authentication(auth: &[u8]) -> Result<&[u8], TdxRefusal> {
    const NAME: &str = "authentication data";
    let mut reader = Reader::new(auth);
    take(&mut reader, NAME, 64 + 64)?; // Signature and attestation key.
    let kind = reader.u16_le().ok_or(TdxRefusal::Truncated(NAME))?;
    only("certification type", kind == CERTIFICATION_QE_REPORT, kind)?;
    let len = reader.u32_le().ok_or(TdxRefusal::Truncated(NAME))?;
    let certification = take(&mut reader, "certification data", len as usize)?;
    reader.end().ok_or(TdxRefusal::Length(NAME))?;

    const INNER: &str = "certification data";
    let mut reader = Reader::new(certification);
    take(&mut reader, INNER, 384 + 64)?; // Report of the quoting enclave and its signature.
    let len = reader.u16_le().ok_or(TdxRefusal::Truncated(INNER))?;
    only("qe authentication data length", len == QE_AUTH_LEN, len)?;
    take(&mut reader, INNER, len.into())?;
    let kind = reader.u16_le().ok_or(TdxRefusal::Truncated(INNER))?;
    only("pck certification type", kind == CERTIFICATION_PCK_CHAIN, kind)?;
    let len = reader.u32_le().ok_or(TdxRefusal::Truncated(INNER))?;
    let chain = take(&mut reader, "pck certificate chain", len as usize)?;
    reader.end().ok_or(TdxRefusal::Length(INNER))?;
    Ok(chain)
}

fn take<'a>(
    reader: &mut Reader<'a>,
    name: &'static str,
    len: usize,
) -> Result<&'a [u8], TdxRefusal> {
    reader.take(len).ok_or(TdxRefusal::Truncated(name))
}

fn only(field: &'static str, holds: bool, value: impl Into<u32>) -> Result<(), TdxRefusal> {
    if holds { Ok(()) } else { Err(TdxRefusal::Unsupported { field, value: value.into() }) }
}
