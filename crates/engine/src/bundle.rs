use std::{
    fs, io,
    path::{Path, PathBuf},
};

use alloy_primitives::hex;
use alloy_rlp::Encodable;
use parking_lot::Mutex;
use phala_chainspec::ChainSpec;
use phala_primitives::Header;
use tracing::{error, warn};

use crate::{BlockError, candidate::Candidate};

/// Bundles kept; the oldest is deleted.
const BUNDLES_MAX: usize = 32;

/// Keeps what is needed to reproduce why a block was refused: the chain, the parent's header, the
/// block and the reason, as one JSON file for each block. The state before the block is the
/// parent's, which every node on the chain has.
#[derive(Debug)]
pub(crate) struct Bundles {
    dir: Option<PathBuf>,
    writing: Mutex<()>,
}

impl Bundles {
    pub(crate) const fn new(dir: Option<PathBuf>) -> Self {
        Self { dir, writing: Mutex::new(()) }
    }

    /// Writes a bundle. A failure is logged: it must not decide about the block.
    pub(crate) fn keep(
        &self,
        spec: &ChainSpec,
        parent: &Header,
        candidate: &Candidate,
        reason: &BlockError,
    ) {
        let Some(dir) = &self.dir else { return };
        let (number, hash) = (candidate.header().number, candidate.hash());
        let path = dir.join(format!("{number}-{hash}.json"));
        let bundle = serde_json::json!({
            "version": 1,
            "chain_id": spec.chain_id,
            "number": number,
            "hash": hash,
            "reason": reason.to_string(),
            "parent_header_rlp": hex::encode_prefixed(alloy_rlp::encode(parent)),
            "block_rlp": hex::encode_prefixed(block_rlp(candidate)),
        });
        let _one_at_a_time = self.writing.lock();
        match write(dir, &path, &bundle) {
            Ok(()) => warn!(number, %hash, path = %path.display(), "kept refused block"),
            Err(error) => error!(path = %path.display(), %error, "cannot keep refused block"),
        }
    }
}

fn block_rlp(candidate: &Candidate) -> Vec<u8> {
    let mut rlp = Vec::with_capacity(candidate.size_bytes());
    candidate.block().encode(&mut rlp);
    rlp
}

fn write(dir: &Path, path: &Path, bundle: &serde_json::Value) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::write(path, serde_json::to_vec(bundle)?)?;
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "json") {
            files.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    files.sort();
    for (_, old) in files.iter().rev().skip(BUNDLES_MAX) {
        fs::remove_file(old)?;
    }
    Ok(())
}
