use base64::{Engine, engine::general_purpose::STANDARD};

/// The longest certificate taken; those of Intel and NVIDIA have 500 to 1,300 bytes.
pub(crate) const CERTIFICATE_LEN_MAX: usize = 2_048;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// Bytes of base64 a line, as RFC 7468 has it.
const LINE_LEN: usize = 64;

/// The most a certificate takes as base64, with a line end of two bytes for each line.
const BASE64_LEN_MAX: usize =
    (CERTIFICATE_LEN_MAX.div_ceil(3) * 4).div_ceil(LINE_LEN) * (LINE_LEN + 2);

/// Certificates a text may hold: NVIDIA's chains have five, Intel's three.
const CERTIFICATES_MAX: usize = 8;

/// PEM certificates with nothing but white space and NUL around them, as DER.
pub(crate) fn certificates(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut certificates = Vec::new();
    let mut rest = skip_blanks(text);
    while !rest.is_empty() {
        if certificates.len() == CERTIFICATES_MAX {
            return None;
        }
        let body = rest.strip_prefix(BEGIN)?;
        // Base64 has no dash, so the first one ends the body.
        let end = body.iter().position(|&byte| byte == b'-')?;
        let (body, tail) = body.split_at_checked(end)?;
        certificates.push(decode(body)?);
        rest = skip_blanks(tail.strip_prefix(END)?);
    }
    Some(certificates)
}

/// One certificate as PEM.
pub(crate) fn encode(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII, so any index is a boundary.
        let (line, tail) = rest.split_at(rest.len().min(LINE_LEN));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

fn decode(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() > BASE64_LEN_MAX {
        return None;
    }
    let base64: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    // Canonical padding and no stray bits, so that one certificate has one text but for blanks.
    let der = STANDARD.decode(base64).ok()?;
    (!der.is_empty() && der.len() <= CERTIFICATE_LEN_MAX).then_some(der)
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0).count();
    &text[blanks..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(ders: &[&[u8]]) -> String {
        ders.iter().map(|der| encode(der)).collect()
    }

    #[test]
    fn reads_what_it_writes() {
        for len in [1, 2, 3, 47, 48, 49, 660, 2_048] {
            let der = vec![0xa5; len];
            assert_eq!(certificates(encode(&der).as_bytes()), Some(vec![der]));
        }
    }

    #[test]
    fn takes_blanks_between_certificates_and_other_line_ends() {
        let text = chain(&[b"leaf", b"intermediate", b"root"]);
        let expected = certificates(text.as_bytes());
        assert_eq!(expected.as_ref().map(Vec::len), Some(3));
        for variant in [
            text.replace('\n', "\r\n"),
            format!("\0 \t{text}\0\0"),
            text.replace("-----BEGIN", " \r\n\0-----BEGIN"),
        ] {
            assert_eq!(certificates(variant.as_bytes()), expected);
        }
    }

    #[test]
    fn refuses_anything_else_around_or_inside() {
        let good = chain(&[b"leaf", b"intermediate", b"root"]);
        for bad in [
            format!("x{good}"),
            format!("{good}x"),
            format!("{good}-----BEGIN CERTIFICATE-----"),
            good.replace("CERTIFICATE-----\n-----BEGIN", "CERTIFICATE-----\nName: x\n-----BEGIN"),
            good.replace("BEGIN CERTIFICATE", "BEGIN X509 CRL"),
            good.replace("bGVhZg==", "bGVhZg"),
            good.replace("bGVhZg==", "bGVhZh=="),
            good.replace("bGVhZg==", "bGVh\0Zg=="),
            good.replace("bGVhZg==", ""),
            good.replace("bGVhZg==", "bGVh*g=="),
        ] {
            assert_ne!(bad, good);
            assert_eq!(certificates(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_certificate_is_at_most_2048_bytes() {
        assert!(
            certificates(encode(&[1; CERTIFICATE_LEN_MAX]).replace('\n', "\r\n").as_bytes())
                .is_some()
        );
        assert!(certificates(encode(&[1; CERTIFICATE_LEN_MAX + 1]).as_bytes()).is_none());
    }
}
