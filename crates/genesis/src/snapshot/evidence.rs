use std::{fs::File, io::Read as _, path::Path};

use alloy_primitives::{B256, hex};

use super::{
    AuthoritySet, Header, Justification, SnapshotError, relay::RelayEvidence, scale::ScaleReader,
};

/// Bytes of a file of the bundle. A proof of one value has some KiB, a justification of 1,000 authorities
/// 200 KiB, headers in it some more.
const FILE_LEN_MAX: u64 = 64 << 20;
/// Nodes of a read proof. A path has at most as many as the key has nibbles.
const PROOF_NODES_MAX: u64 = 10_000;

/// What says which block a snapshot must be of. As a folder:
///
/// ```text
/// header.scale          parachain header
/// block_hash            its hash as everybody was told it, 32 bytes or hex
/// relay/header.scale    header of the relay block that includes the parachain block   (optional, all or none)
/// relay/read_proof      Vec<Vec<u8>>: trie nodes for Paras.Heads(2035)
/// relay/justification   GRANDPA justification of that block or a descendant
/// relay/headers         headers after the relay block up to the justified one, in order; absent if it is the same
/// relay/authority_set   (u64, Vec<([u8; 32], u64)>): set id, and key and weight of each authority
/// ```
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Header of the parachain's block.
    pub header: Header,
    /// What everybody was told its hash is.
    pub block_hash: B256,
    /// The way to the finality of the relay chain.
    pub relay: Option<RelayEvidence>,
}

impl Evidence {
    /// Reads a bundle; checks nothing yet.
    pub fn load(folder: &Path) -> Result<Self, SnapshotError> {
        let header = load_header(&folder.join("header.scale"))?;
        let block_hash = parse_hash(&read_file(folder, "block_hash")?)
            .ok_or_else(|| bad("block_hash", "neither 32 bytes nor 64 hex digits"))?;
        let relay = match folder.join("relay").is_dir() {
            true => Some(load_relay(folder)?),
            false => None,
        };
        Ok(Self { header, block_hash, relay })
    }
}

/// Reads a file with a header: SCALE, or its hex.
pub fn load_header(path: &Path) -> Result<Header, SnapshotError> {
    let name =
        path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let bytes = read_file(path.parent().unwrap_or_else(|| Path::new("")), &name)?;
    let text = bytes.trim_ascii();
    let unhexed = text.strip_prefix(b"0x").and_then(|digits| hex::decode(digits).ok());
    Header::decode(unhexed.as_deref().unwrap_or(&bytes), &path.display().to_string())
}

fn load_relay(folder: &Path) -> Result<RelayEvidence, SnapshotError> {
    let header = Header::decode(&read_file(folder, "relay/header.scale")?, "relay/header.scale")?;
    let read_proof = decode_proof(&read_file(folder, "relay/read_proof")?)
        .map_err(|error| bad("relay/read_proof", error))?;
    let justification = Justification::decode(&read_file(folder, "relay/justification")?)
        .map_err(|error| bad("relay/justification", error))?;
    let headers = match folder.join("relay/headers").exists() {
        true => decode_headers(&read_file(folder, "relay/headers")?)?,
        false => Vec::new(),
    };
    let authorities = AuthoritySet::decode(&read_file(folder, "relay/authority_set")?)
        .map_err(|error| bad("relay/authority_set", error))?;
    Ok(RelayEvidence { header, read_proof, justification, headers, authorities })
}

fn decode_proof(bytes: &[u8]) -> Result<Vec<Vec<u8>>, SnapshotError> {
    let mut scale = ScaleReader::new(bytes);
    let count = scale.compact("the number of nodes")?;
    if count > PROOF_NODES_MAX {
        return Err(SnapshotError::Limit {
            what: "nodes of a proof",
            found: count,
            limit: PROOF_NODES_MAX,
        });
    }
    let mut nodes = Vec::new();
    for _ in 0..count {
        let mut node = Vec::new();
        scale.bytes_into(&mut node, bytes.len(), "bytes of a node")?;
        nodes.push(node);
    }
    scale.end("the last node")?;
    Ok(nodes)
}

fn decode_headers(mut bytes: &[u8]) -> Result<Vec<Header>, SnapshotError> {
    let mut headers = Vec::new();
    while !bytes.is_empty() {
        let (header, len) = Header::decode_first(bytes, "relay/headers")?;
        headers.push(header);
        bytes = &bytes[len..];
    }
    Ok(headers)
}

/// A hash as 32 bytes or as 64 hex digits, with or without `0x`, white space around it.
fn parse_hash(bytes: &[u8]) -> Option<B256> {
    if let Ok(hash) = B256::try_from(bytes) {
        return Some(hash);
    }
    std::str::from_utf8(bytes).ok()?.trim().parse().ok()
}

fn read_file(folder: &Path, name: &str) -> Result<Vec<u8>, SnapshotError> {
    let path = folder.join(name);
    let failed =
        |error: std::io::Error| bad(name, format!("cannot read {}: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = File::open(&path).map_err(failed)?;
    file.take(FILE_LEN_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_LEN_MAX {
        return Err(bad(name, format!("more than {FILE_LEN_MAX} bytes")));
    }
    Ok(bytes)
}

fn bad(file: &str, reason: impl ToString) -> SnapshotError {
    SnapshotError::Evidence { file: file.to_owned(), reason: reason.to_string() }
}
