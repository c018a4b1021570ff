use std::{
    fs, io,
    path::{Path, PathBuf},
};

use alloy_primitives::B256;
use parity_scale_codec::{Compact, Encode as _};

use super::{
    BreakCase, Profile, SynthError,
    account_id::blake2_256,
    draw::{Draw, Stream},
    expected::Expected,
    files::{OutFile, RawSpec, put_rpc_line, write_whole},
    pair_sorter::{PairSorter, SortedPairs},
    snap_file::NodeSpool,
    state::State,
    storage_key::StorageKey,
    trie_encoder::{TrieEncoder, TrieNode},
    world::{BLOCK_NUMBER, World},
};
use crate::Pair;

/// Where the top trie keeps the roots of child tries.
const CHILD_PREFIX: &[u8] = b":child_storage:default:";

/// A child trie nobody needs: readers must carry it, for the root.
const CHILD_NAME: &[u8] = b"synthetic-child";

/// What to make up.
#[derive(Clone, Debug)]
pub struct SynthOptions {
    /// Decides everything that is random.
    pub seed: u64,
    /// How large.
    pub profile: Profile,
    /// Folder to write to; made if it is not there.
    pub out: PathBuf,
    /// What to do wrong.
    pub break_case: Option<BreakCase>,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynthSummary {
    /// Entries of the top trie, roots of child tries included.
    pub keys: usize,
    /// Of state version 0, as the header has it.
    pub state_root: B256,
    /// Hash of the header, as an operator would be told it.
    pub block_hash: B256,
    /// In 10^-12 PHA.
    pub total_issuance: u128,
}

/// Header and what it commits to.
pub(super) struct Proof {
    pub(super) state_root: [u8; 32],
    pub(super) header: Vec<u8>,
    pub(super) block_hash: [u8; 32],
}

/// Writes a snapshot of a made-up parachain into a folder:
///
/// | File | What |
/// |---|---|
/// | `raw.json` | raw chain spec, with a child trie |
/// | `state.v3.snap`, `state.v4.snap` | trie databases as `try-runtime` saves them |
/// | `rpc.jsonl` | pairs as an RPC gives them, one a line |
/// | `header.scale`, `block_hash` | the block, and its hash in 32 bytes |
/// | `expected.json` | the report an importer must come to; not with a fault |
/// | `keys.json` | secrets of the published development keys; `tiny` only |
///
/// With [`BreakCase::StateVersion1`] there are `.snap` files only. Temporary files of twice the state's
/// size go to the system's folder for these.
///
/// # Errors
///
/// If a file cannot be written.
pub fn generate(options: &SynthOptions) -> Result<SynthSummary, SynthError> {
    let SynthOptions { seed, profile, out, break_case } = options;
    let case = *break_case;
    fs::create_dir_all(out).map_err(|source| SynthError::Write { path: out.clone(), source })?;
    let world = World::new(profile, *seed);
    let mut sorter = PairSorter::default();
    let child = child_pairs(*seed);
    let child_root = trie_root(0, child.iter().map(|pair| Ok(pair.clone())), &mut |_| Ok(()));
    let child_key = [CHILD_PREFIX, CHILD_NAME].concat();
    let child_root = child_root.map_err(SynthError::Sort)?;
    sorter.push(&child_key, &child_root).map_err(SynthError::Sort)?;
    State::encode(&world, case, &mut sorter).map_err(SynthError::Sort)?;
    let keys = sorter.count();
    let mut sorted = sorter.finish().map_err(SynthError::Sort)?;

    // What the header commits to is not what is dumped.
    let committed = match case {
        Some(case) if !case.is_of_the_ledger() => {
            let pairs = sorted.iter().map_err(SynthError::Sort)?;
            Some(trie_root(0, pairs, &mut |_| Ok(())).map_err(SynthError::Sort)?)
        }
        _ => None,
    };
    let dump = Dump { folder: out, case, child: &child, child_key: &child_key };
    let proof = dump.write(&mut sorted, Damage::new(case, keys, *seed), committed)?;
    if case.is_none() {
        let expected = Expected { world: &world, proof: &proof, keys };
        let mut file = OutFile::create(out, "expected.json")?;
        file.with(|out| serde_json::to_writer_pretty(out, &expected).map_err(io::Error::other))?;
        file.finish(false)?;
    }
    if profile.dev_keys {
        let text = format!("{:#}\n", world.keyring.to_json());
        write_whole(out, "keys.json", text.as_bytes())?;
    }
    Ok(SynthSummary {
        keys,
        state_root: proof.state_root.into(),
        block_hash: proof.block_hash.into(),
        total_issuance: world.issuance,
    })
}

/// One folder of dumps in the making.
struct Dump<'a> {
    folder: &'a Path,
    case: Option<BreakCase>,
    child: &'a [Pair],
    child_key: &'a [u8],
}

impl Dump<'_> {
    /// Writes every format in one pass over the pairs. `committed` is what the header says if that is not
    /// the root of what is written.
    fn write(
        &self,
        sorted: &mut SortedPairs,
        mut damage: Damage,
        committed: Option<[u8; 32]>,
    ) -> Result<Proof, SynthError> {
        let state_version = u8::from(self.case == Some(BreakCase::StateVersion1));
        let truncate = self.case == Some(BreakCase::Truncated);
        let mut texts = if state_version == 0 {
            Some((RawSpec::create(self.folder)?, OutFile::create(self.folder, "rpc.jsonl")?))
        } else {
            None
        };
        let mut spool = NodeSpool::new().map_err(SynthError::Sort)?;
        let mut trie = TrieEncoder::new(state_version);
        for pair in sorted.iter().map_err(SynthError::Sort)? {
            let Some(mut pair) = damage.apply(pair.map_err(SynthError::Sort)?) else { continue };
            if state_version == 1 && pair.key == self.child_key {
                // A child trie in another layout has another root.
                let child = self.child.iter().map(|pair| Ok(pair.clone()));
                let root = trie_root(state_version, child, &mut |_| Ok(()));
                pair.value = root.map_err(SynthError::Sort)?.to_vec();
            }
            trie.push(&pair.key, &pair.value, &mut |node| spool.put(&[], &node))
                .map_err(SynthError::Sort)?;
            let Some((raw, rpc)) = &mut texts else { continue };
            for _ in 0..damage.times() {
                // Raw specs have child tries beside the top trie, not in it.
                if pair.key != self.child_key {
                    raw.put(&pair.key, &pair.value)?;
                }
                put_rpc_line(rpc, &pair.key, &pair.value)?;
            }
        }
        let storage_root =
            trie.finish(&mut |node| spool.put(&[], &node)).map_err(SynthError::Sort)?;
        let child = self.child.iter().map(|pair| Ok(pair.clone()));
        trie_root(state_version, child, &mut |node| spool.put(CHILD_NAME, &node))
            .map_err(SynthError::Sort)?;
        if self.case == Some(BreakCase::DuplicateKey) {
            spool.repeat_last().map_err(SynthError::Sort)?;
        }
        if let Some((raw, rpc)) = texts {
            raw.finish(CHILD_NAME, self.child, truncate)?;
            rpc.finish(truncate)?;
        }
        let proof = Proof::new(committed.unwrap_or(storage_root), self.case);
        for (name, version, before, after) in [
            ("state.v3.snap", 3, proof.block_hash.as_slice(), [].as_slice()),
            ("state.v4.snap", 4, &[], &proof.header),
        ] {
            let mut file = OutFile::create(self.folder, name)?;
            file.with(|out| {
                spool.write_snap(out, (version, state_version), before, &storage_root, after)
            })?;
            file.finish(truncate)?;
        }
        write_whole(self.folder, "header.scale", &proof.header)?;
        write_whole(self.folder, "block_hash", &proof.block_hash)?;
        Ok(proof)
    }
}

impl Proof {
    fn new(state_root: [u8; 32], case: Option<BreakCase>) -> Self {
        let slot = (6_u8, *b"aura", 294_400_000_u64.encode());
        let seal = (5_u8, *b"aura", vec![0x5e_u8; 64]);
        let digest = (Compact(2_u32), slot, seal);
        let header = ([1_u8; 32], Compact(BLOCK_NUMBER), state_root, [2_u8; 32], digest).encode();
        let mut block_hash = blake2_256(&header);
        block_hash[0] ^= u8::from(case == Some(BreakCase::WrongBlockHash));
        Self { state_root, header, block_hash }
    }
}

/// What is done to pairs after the header committed to them.
struct Damage {
    case: Option<BreakCase>,
    /// How many pairs are left alone first.
    skip: u64,
    /// The damage was done with the last pair.
    is_here: bool,
    is_done: bool,
}

impl Damage {
    fn new(case: Option<BreakCase>, keys: usize, seed: u64) -> Self {
        let skip = Draw::new(seed, Stream::Damage).below(keys as u64 / 2);
        Self { case, skip, is_here: false, is_done: false }
    }

    fn apply(&mut self, mut pair: Pair) -> Option<Pair> {
        self.is_here = false;
        if self.case == Some(BreakCase::PartialScrape) {
            let is_kept =
                |pallet| pair.key.starts_with(&StorageKey::new(pallet, "").into_bytes()[..16]);
            return (is_kept("System") || is_kept("Balances")).then_some(pair);
        }
        self.skip = self.skip.saturating_sub(1);
        if self.is_done || self.skip > 0 || pair.value.is_empty() {
            return Some(pair);
        }
        self.is_here = true;
        self.is_done = true;
        match self.case {
            Some(BreakCase::ValueChanged) => pair.value[0] ^= 1,
            Some(BreakCase::KeyMissing) => return None,
            _ => {}
        }
        Some(pair)
    }

    /// How often the last pair is written.
    fn times(&self) -> usize {
        1 + usize::from(self.is_here && self.case == Some(BreakCase::DuplicateKey))
    }
}

fn child_pairs(seed: u64) -> Vec<Pair> {
    let mut draw = Draw::new(seed, Stream::Damage);
    // One value on each side of what is hashed in state version 1.
    let pair = |nth: u8| Pair { key: vec![nth, nth / 2], value: draw.bytes(30 + usize::from(nth)) };
    (0..7).map(pair).collect()
}

/// Root of pairs in the order of their keys.
fn trie_root(
    state_version: u8,
    pairs: impl Iterator<Item = io::Result<Pair>>,
    sink: &mut impl FnMut(TrieNode<'_>) -> io::Result<()>,
) -> io::Result<[u8; 32]> {
    let mut trie = TrieEncoder::new(state_version);
    for pair in pairs {
        let Pair { key, value } = pair?;
        trie.push(&key, &value, sink)?;
    }
    trie.finish(sink)
}
