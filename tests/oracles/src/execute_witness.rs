//! Executes blocks from witness files with kona-executor and compares the block hash.
//!
//! Usage: `execute-witness FILE...`, each file JSON or gzipped JSON with `parent_header`,
//! `payload_attributes`, `expected_block_hash`, `rollup_config` and `preimages` (byte strings, the
//! key of each is its keccak256). Prints one line a file; exits with 1 if any hash differs.

use std::{collections::HashMap, fs::File, io::Read, path::Path};

use alloy_consensus::{Header, Sealable};
use alloy_op_evm::OpEvmFactory;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::Decodable;
use eyre::{WrapErr, ensure, eyre};
use kona_executor::{StatelessL2Builder, TrieDBProvider};
use kona_genesis::RollupConfig;
use kona_mpt::{NoopTrieHinter, TrieNode, TrieProvider};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use serde::Deserialize;

/// Largest file read, decompressed.
const FILE_BYTES_MAX: u64 = 256 << 20;

#[derive(Deserialize)]
struct Witness {
    parent_header: Header,
    payload_attributes: OpPayloadAttributes,
    expected_block_hash: B256,
    rollup_config: RollupConfig,
    preimages: Vec<Bytes>,
}

#[derive(Debug)]
struct Preimages(HashMap<B256, Bytes>);

#[derive(Debug)]
struct PreimageError(String);

impl std::fmt::Display for PreimageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PreimageError {}

impl Preimages {
    fn get(&self, key: B256) -> Result<&Bytes, PreimageError> {
        self.0.get(&key).ok_or_else(|| PreimageError(format!("no preimage of {key}")))
    }
}

impl TrieProvider for &Preimages {
    type Error = PreimageError;

    fn trie_node_by_hash(&self, key: B256) -> Result<TrieNode, Self::Error> {
        TrieNode::decode(&mut self.get(key)?.as_ref()).map_err(|e| PreimageError(e.to_string()))
    }
}

impl TrieDBProvider for &Preimages {
    fn bytecode_by_hash(&self, code_hash: B256) -> Result<Bytes, Self::Error> {
        self.get(code_hash).cloned()
    }

    fn header_by_hash(&self, hash: B256) -> Result<Header, Self::Error> {
        Header::decode(&mut self.get(hash)?.as_ref()).map_err(|e| PreimageError(e.to_string()))
    }
}

fn main() -> eyre::Result<()> {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    ensure!(!files.is_empty(), "usage: execute-witness FILE...");
    for file in &files {
        let path = Path::new(file);
        let hash = execute(path).wrap_err_with(|| path.display().to_string())?;
        println!("{} {hash}", path.display());
    }
    println!("{} passed, 0 failed", files.len());
    Ok(())
}

fn execute(path: &Path) -> eyre::Result<B256> {
    let witness: Witness = serde_json::from_str(&read(path)?)?;
    let preimages =
        Preimages(witness.preimages.into_iter().map(|bytes| (keccak256(&bytes), bytes)).collect());
    let mut builder = StatelessL2Builder::new(
        &witness.rollup_config,
        OpEvmFactory::default(),
        &preimages,
        NoopTrieHinter,
        witness.parent_header.seal_slow(),
    );
    let outcome =
        builder.build_block(witness.payload_attributes).map_err(|error| eyre!("{error}"))?;
    let (hash, expected) = (outcome.header.seal(), witness.expected_block_hash);
    ensure!(hash == expected, "block hash is {hash}, expected {expected}");
    Ok(hash)
}

fn read(path: &Path) -> eyre::Result<String> {
    let file = File::open(path)?;
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::GzDecoder::new(file).take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    } else {
        file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    }
    Ok(text)
}
