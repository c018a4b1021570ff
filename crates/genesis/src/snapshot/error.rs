use std::{io, path::PathBuf};

use alloy_primitives::{B256, hex};

use super::StateVersion;

/// Why a snapshot is refused. Nothing is built from a refused snapshot; each refusal has an exit code of
/// its own, 10 to 39.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No reader knows the file.
    #[error(
        "{path} begins with 0x{start}: neither JSON, a try-runtime snapshot of version 2 to 4 nor a \
         phala-snap"
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Its first bytes, unpacked, as hex.
        start: String,
    },
    /// The file ends too early.
    #[error("the file ends after {offset} bytes, in the middle of {what}; copy it again")]
    Truncated {
        /// Bytes read, unpacked.
        offset: u64,
        /// What was being read.
        what: &'static str,
    },
    /// The file breaks the rules of its format.
    #[error("at byte {offset}: {reason}")]
    Malformed {
        /// Where, in the unpacked file.
        offset: u64,
        /// The rule.
        reason: String,
    },
    /// A key or a value is not hex with `0x` before it.
    #[error("at byte {offset}: {reason}")]
    Hex {
        /// Where, in the unpacked file.
        offset: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A key occurs twice, so one of its values is not the state's.
    #[error("key 0x{} occurs twice in {trie}", hex::encode(key))]
    DuplicateKey {
        /// The key.
        key: Vec<u8>,
        /// The trie it is in.
        trie: String,
    },
    /// The file asks for more than any real state.
    #[error("{what}: {found} is more than the limit of {limit}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much was asked for, at least.
        found: u64,
        /// How much is allowed.
        limit: u64,
    },
    /// The hash at the end of a phala-snap does not match what is before it.
    #[error("checksum is {found}, the contents have {computed}; the file was damaged")]
    Checksum {
        /// At the end of the file.
        found: B256,
        /// Of the contents.
        computed: B256,
    },
    /// A node is stored under a hash that is not its own.
    #[error("at byte {offset}: a trie node stored as {stored} has the hash {computed}")]
    NodeHash {
        /// Where the node is, in the unpacked file.
        offset: u64,
        /// End of its key.
        stored: B256,
        /// Its hash.
        computed: B256,
    },
    /// The trie refers to a node that the file lacks.
    #[error(
        "trie node {hash} below nibbles 0x{} is missing; the file is incomplete",
        hex::encode(path)
    )]
    MissingNode {
        /// The hash by which it is wanted.
        hash: B256,
        /// The path to it, packed to bytes.
        path: Vec<u8>,
    },
    /// A node that is reachable cannot be what a trie has there.
    #[error("trie node {hash}: {reason}")]
    BadNode {
        /// Its hash, or that of the node it is inlined in.
        hash: B256,
        /// What is wrong.
        reason: &'static str,
    },
    /// A dump holds values of more than one block.
    #[error("the dump holds values of block {first} and of block {other}; dump one block only")]
    TwoBlocks {
        /// The first block met.
        first: B256,
        /// Another.
        other: B256,
    },
    /// Temporary files cannot be written.
    #[error("cannot write temporary files in {folder}: {source}; choose another folder for them")]
    Temporary {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A snapshot cannot be written.
    #[error("cannot write the snapshot: {reason}")]
    Write {
        /// What the system said, or what the format has no place for.
        reason: String,
    },
    /// There is no header to compare with.
    #[error("neither the snapshot nor the evidence holds a header; pass --evidence or --header")]
    NoHeader,
    /// A header is not one.
    #[error("{what} is not a header: {reason}")]
    Header {
        /// Which header.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The header is not that of the block everybody was told.
    #[error("the header is that of block {computed}, not of {expected}")]
    BlockHash {
        /// The block hash given.
        expected: B256,
        /// Hash of the header.
        computed: B256,
    },
    /// The snapshot brings a header, and it is another one than the evidence's.
    #[error("the snapshot holds the header of block {snapshot}, the evidence that of {evidence}")]
    OtherHeader {
        /// Hash of the header in the snapshot.
        snapshot: B256,
        /// Hash of the header given.
        evidence: B256,
    },
    /// The snapshot says of which block it is, and it is another one.
    #[error("the snapshot says it is of block {snapshot}, the evidence is of block {evidence}")]
    OtherBlock {
        /// What the snapshot says.
        snapshot: B256,
        /// Hash of the header given.
        evidence: B256,
    },
    /// The trie in the file is complete and is not the block's: a scrape of some pallets.
    #[error(
        "the file holds the trie {storage_root}, its block has {state_root}: a partial scrape; make a \
         snapshot of all pallets"
    )]
    Partial {
        /// Root of the trie in the file.
        storage_root: B256,
        /// Root in the header.
        state_root: B256,
    },
    /// The pairs give the root in another layout than the chain has.
    #[error(
        "the pairs have the header's root {state_root} under state version {found:?}, not \
         {expected:?}: the trie was laid out anew and is not the parachain's"
    )]
    StateVersion {
        /// Root in the header.
        state_root: B256,
        /// The version that gives it.
        found: StateVersion,
        /// The version wanted.
        expected: StateVersion,
    },
    /// The pairs do not have the root of the header.
    #[error(
        "{pairs} pairs have the root {computed} under state version {expected:?}, the header has \
         {state_root}, and no version gives that: not this block's state, incomplete, or hybrid"
    )]
    Root {
        /// Number of pairs of the top trie.
        pairs: u64,
        /// Their root.
        computed: B256,
        /// The version wanted.
        expected: StateVersion,
        /// Root in the header.
        state_root: B256,
    },
    /// A child trie does not have the root that the state has for it.
    #[error(
        "child trie 0x{}: the state holds {found} as its root, its pairs have {computed}",
        hex::encode(name)
    )]
    ChildRoot {
        /// Name of the child trie.
        name: Vec<u8>,
        /// Root in the top trie, as hex.
        found: String,
        /// Root of its pairs.
        computed: B256,
    },
    /// A file of the evidence bundle is missing or not what it should be.
    #[error("evidence {file}: {reason}")]
    Evidence {
        /// The file, within the bundle.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// The read proof does not lead from the relay chain's state to the parachain's head.
    #[error("relay read proof: {reason}")]
    RelayProof {
        /// Where it ends.
        reason: String,
    },
    /// The relay chain has another head for the parachain.
    #[error("relay block {relay} has parachain head {found}, not {expected}")]
    RelayHead {
        /// Hash of the relay block.
        relay: B256,
        /// Hash of the head it has.
        found: B256,
        /// Hash of the header to prove.
        expected: B256,
    },
    /// The justification finalizes a block that is not shown to descend from the relay block.
    #[error(
        "the justification is for {target} (number {number}), which is not shown to descend from {relay}"
    )]
    RelayAncestry {
        /// What is finalized.
        target: B256,
        /// Its number.
        number: u32,
        /// What should be.
        relay: B256,
    },
    /// A vote of the justification is not valid.
    #[error("vote of authority {authority}: {reason}")]
    Vote {
        /// Public key of the voter.
        authority: B256,
        /// Why it does not count.
        reason: &'static str,
    },
    /// Too few voted.
    #[error("authorities of weight {voted} of {total} voted; finality needs more than two thirds")]
    Weight {
        /// Weight of those who voted.
        voted: u64,
        /// Weight of all.
        total: u64,
    },
}

impl SnapshotError {
    /// What a program that stops because of it exits with.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Read { .. } => 10,
            Self::UnknownFormat { .. } => 11,
            Self::Truncated { .. } => 12,
            Self::Malformed { .. } => 13,
            Self::Hex { .. } => 14,
            Self::DuplicateKey { .. } => 15,
            Self::Limit { .. } => 16,
            Self::Checksum { .. } => 17,
            Self::NodeHash { .. } => 18,
            Self::MissingNode { .. } => 19,
            Self::BadNode { .. } => 20,
            Self::TwoBlocks { .. } => 21,
            Self::Temporary { .. } => 22,
            Self::Write { .. } => 23,
            Self::NoHeader => 24,
            Self::Header { .. } => 25,
            Self::BlockHash { .. } => 26,
            Self::OtherHeader { .. } => 27,
            Self::OtherBlock { .. } => 28,
            Self::Partial { .. } => 29,
            Self::StateVersion { .. } => 30,
            Self::Root { .. } => 31,
            Self::ChildRoot { .. } => 32,
            Self::Evidence { .. } => 33,
            Self::RelayProof { .. } => 34,
            Self::RelayHead { .. } => 35,
            Self::RelayAncestry { .. } => 36,
            Self::Vote { .. } => 37,
            Self::Weight { .. } => 38,
        }
    }
}
