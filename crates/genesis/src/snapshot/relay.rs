use alloy_primitives::hex;

use super::{
    AuthoritySet, Header, Justification, SnapshotError,
    trie::{blake2_256, read_from_proof},
};

/// Storage key of `Paras.Heads(2035)`: `twox128("Paras") ++ twox128("Heads") ++ twox64concat(2035u32)`.
const PARACHAIN_HEAD_KEY: [u8; 44] = hex!(
    "cd710b30bd2eab0352ddcc26417aa1941b3c252fcb29d88eff4f3de5de4476c3160394315fe95b98f3070000"
);

/// The way from the relay chain's finality to a header of the parachain.
#[derive(Clone, Debug)]
pub struct RelayEvidence {
    /// A relay block after which the parachain's head is ours.
    pub header: Header,
    /// Nodes of its state trie on the way to the head.
    pub read_proof: Vec<Vec<u8>>,
    /// Finality of this relay block or a later one.
    pub justification: Justification,
    /// Headers between the relay block and the justified one, which is the last; none if it is the same.
    pub headers: Vec<Header>,
    /// Who voted; the operator vouches for it.
    pub authorities: AuthoritySet,
}

impl RelayEvidence {
    /// Proves that the relay chain finalized a block after which `header` is the parachain's head.
    pub fn check(&self, header: &Header) -> Result<(), SnapshotError> {
        self.check_head(header)?;
        self.check_ancestry()?;
        self.justification.check(&self.authorities)
    }

    /// The state of the relay block holds the header, as `HeadData`: its bytes with their length.
    fn check_head(&self, header: &Header) -> Result<(), SnapshotError> {
        let value = read_from_proof(self.header.state_root, &self.read_proof, &PARACHAIN_HEAD_KEY)?;
        let found = strip_length(&value).ok_or_else(|| SnapshotError::RelayProof {
            reason: format!("the head of the parachain is 0x{}", hex::encode(&value)),
        })?;
        if found == header.encoded() {
            return Ok(());
        }
        Err(SnapshotError::RelayHead {
            relay: self.header.hash(),
            found: blake2_256(found),
            expected: header.hash(),
        })
    }

    /// The justified block is the relay block or follows from it, header by header.
    fn check_ancestry(&self) -> Result<(), SnapshotError> {
        let relay = self.header.hash();
        let mut last = (relay, self.header.number);
        for header in &self.headers {
            if header.parent_hash != last.0 {
                break;
            }
            last = (header.hash(), header.number);
        }
        let (target, number) = self.justification.target();
        if last == (target, number) {
            return Ok(());
        }
        Err(SnapshotError::RelayAncestry { target, number, relay })
    }
}

fn strip_length(value: &[u8]) -> Option<&[u8]> {
    let mut scale = super::scale::ScaleReader::new(value);
    let len = scale.compact("a length").ok()?;
    let bytes = &value[usize::try_from(scale.offset()).ok()?..];
    (bytes.len() as u64 == len).then_some(bytes)
}
