//! Revocation lists as long as a frame takes them, with as many entries as fit.

/// How the entries of a list are written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entries {
    /// The shortest that differ, in order.
    Ascending,
    /// The same in an order that a sort has to undo.
    Scattered,
    /// The shortest of all, all alike.
    Alike,
    /// As Intel writes them: long numbers and a reason.
    WithReasons,
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;

/// `crl` with other entries, at most `len_max` bytes long. Its signature does not fit any more.
pub(crate) fn stuffed(crl: &[u8], entries: Entries, len_max: usize) -> Vec<u8> {
    let (signed, tail) = split(contents(crl));
    let mut parts = Vec::new();
    let mut rest = contents(signed);
    while !rest.is_empty() {
        let (part, more) = split(rest);
        parts.push(part.to_vec());
        rest = more;
    }
    // Version, algorithm, issuer, two times; then the entries, if any, and the extensions.
    parts.retain(|part| part[0] != SEQUENCE || part.len() < 200);
    let extensions = parts.pop().unwrap_or_default();
    let room = len_max
        .saturating_sub(parts.concat().len() + extensions.len() + tail.len() + 3 * HEADER_LEN_MAX);
    let len = entry(entries, 0).len();
    let list: Vec<u8> = (0..room / len).flat_map(|index| entry(entries, index)).collect();
    parts.push(element(SEQUENCE, &list));
    parts.push(extensions);
    element(SEQUENCE, &[element(SEQUENCE, &parts.concat()), tail.to_vec()].concat())
}

fn entry(entries: Entries, index: usize) -> Vec<u8> {
    let index = index as u32;
    let serial = match entries {
        Entries::Ascending => vec![1 + (index >> 16) as u8, (index >> 8) as u8, index as u8],
        Entries::Scattered => {
            let scattered = index.wrapping_mul(0x9e37_79b1);
            vec![1 + (scattered >> 26) as u8, (scattered >> 18) as u8, (scattered >> 10) as u8]
        }
        Entries::Alike => vec![1],
        Entries::WithReasons => [vec![0x41; 16], index.to_be_bytes().to_vec()].concat(),
    };
    let mut entry = element(INTEGER, &serial);
    entry.extend(element(UTC_TIME, b"250101000000Z"));
    if matches!(entries, Entries::WithReasons) {
        const KEY_COMPROMISE: &[u8] =
            &[0x30, 0x0c, 0x30, 0x0a, 6, 3, 0x55, 0x1d, 0x15, 4, 3, 0x0a, 1, 1];
        entry.extend(KEY_COMPROMISE);
    }
    element(SEQUENCE, &entry)
}

/// Tag and the longest length written here.
const HEADER_LEN_MAX: usize = 5;

fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let len = value.len().to_be_bytes();
    let header = match value.len() {
        short @ ..0x80 => vec![tag, short as u8],
        0x80..0x100 => vec![tag, 0x81, len[7]],
        0x100..0x1_0000 => vec![tag, 0x82, len[6], len[7]],
        _ => vec![tag, 0x83, len[5], len[6], len[7]],
    };
    [header.as_slice(), value].concat()
}

/// Start and length of the contents.
fn header(der: &[u8]) -> (usize, usize) {
    match der[1] {
        len @ ..=0x7f => (2, len.into()),
        0x81 => (3, usize::from(der[2])),
        _ => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
    }
}

fn contents(der: &[u8]) -> &[u8] {
    let (start, len) = header(der);
    &der[start..start + len]
}

fn split(der: &[u8]) -> (&[u8], &[u8]) {
    let (start, len) = header(der);
    der.split_at(start + len)
}
