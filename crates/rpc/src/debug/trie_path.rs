use alloy_primitives::{B256, Bytes};
use alloy_rlp::Header;

/// Where in its trie a node is, if one of the nodes on the way to `key` refers to it: the first key
/// that can be below it.
///
/// Only children of branches are found; the child of an extension is on the way itself.
pub(super) fn path_of_child(key: &B256, nodes: &[Bytes], hash: B256) -> Option<B256> {
    let mut depth = 0;
    for node in nodes {
        let items = items(node)?;
        match items.as_slice() {
            [path, _] => depth += path_len(path)?,
            items if items.len() == 17 => {
                let child = items[..16].iter().position(|item| *item == hash.as_slice());
                if let Some(nibble) = child {
                    return Some(first_below(key, depth, u8::try_from(nibble).ok()?));
                }
                depth += 1;
            }
            _ => return None,
        }
        if depth >= 64 {
            return None;
        }
    }
    None
}

/// The payloads of a node's fields.
fn items(mut node: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = Header::decode_bytes(&mut node, true).ok()?;
    let mut items = Vec::with_capacity(17);
    while !rest.is_empty() && items.len() < 17 {
        let header = Header::decode(&mut rest).ok()?;
        let (payload, after) = rest.split_at_checked(header.payload_length)?;
        items.push(payload);
        rest = after;
    }
    Some(items)
}

/// Number of nibbles in a hex-prefix encoded path.
fn path_len(path: &[u8]) -> Option<usize> {
    let first = path.first()?;
    Some((path.len() - 1) * 2 + usize::from(first >> 4 & 1))
}

/// `depth` nibbles of `key`, another nibble, and zeros.
fn first_below(key: &B256, depth: usize, nibble: u8) -> B256 {
    let mut path = B256::ZERO;
    let whole = depth / 2;
    path[..whole].copy_from_slice(&key[..whole]);
    path[whole] = if depth.is_multiple_of(2) { nibble << 4 } else { key[whole] & 0xf0 | nibble };
    path
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use super::*;

    fn branch(child: usize, hash: B256) -> Bytes {
        let mut fields = Vec::new();
        for place in 0..17 {
            if place == child {
                fields.extend(alloy_rlp::encode(hash));
            } else {
                fields.push(0x80);
            }
        }
        let mut node = Vec::new();
        Header { list: true, payload_length: fields.len() }.encode(&mut node);
        node.extend(fields);
        node.into()
    }

    fn extension(path: &[u8]) -> Bytes {
        let fields = [alloy_rlp::encode(path), alloy_rlp::encode(B256::ZERO)].concat();
        let mut node = Vec::new();
        Header { list: true, payload_length: fields.len() }.encode(&mut node);
        node.extend(fields);
        node.into()
    }

    #[test]
    fn finds_the_place_of_a_sibling() {
        let key = B256::repeat_byte(0xab);
        let hash = B256::repeat_byte(7);
        let other = branch(0xa, B256::repeat_byte(1));
        let at_root = path_of_child(&key, &[branch(3, hash)], hash).unwrap();
        assert_eq!(at_root[..2], [0x30, 0]);
        let below = path_of_child(&key, &[other.clone(), branch(3, hash)], hash).unwrap();
        assert_eq!(below[..2], [0xa3, 0]);
        // An extension of three nibbles (odd: flag 1).
        let nodes = [extension(&[0x1a, 0xba]), branch(3, hash)];
        assert_eq!(path_of_child(&key, &nodes, hash).unwrap()[..3], [0xab, 0xa3, 0]);
        assert_eq!(path_of_child(&key, &[other], hash), None);
        assert_eq!(path_of_child(&key, &[Bytes::from_static(&[0xff])], hash), None);
    }
}
