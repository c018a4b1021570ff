use std::path::{Path, PathBuf};

use alloy_primitives::B256;

use super::{
    Format, Header, Pairs, Progress, SnapshotError, StateVersion,
    format::Detected,
    input::open_input,
    json_file,
    pairs::ChildRoot,
    phala_snap,
    sorter::Sorter,
    store::{CHILD_ROOT_PREFIX, Section, Store},
    temporary::TemporaryFolder,
    trie::root_of,
    try_runtime,
};

/// Memory for sorting: two parts for the parachain's whole state.
const MEMORY_BYTES: usize = 256 << 20;

/// How a snapshot is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Folder for temporary files, which take as much room as the snapshot has unpacked, twice; the
    /// system's if none is named.
    pub temporary_folder: Option<PathBuf>,
    /// Bytes of memory for sorting.
    pub memory_bytes: usize,
    /// Who is told how far it is.
    pub progress: Progress,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { temporary_folder: None, memory_bytes: MEMORY_BYTES, progress: Progress::default() }
    }
}

/// Reads a snapshot of whatever format; `.gz` and `.zst` are unpacked. What comes back is well formed,
/// sorted and without duplicates, and not yet proved to be anybody's state.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Snapshot, SnapshotError> {
    let folder = TemporaryFolder::new(options.temporary_folder.clone());
    let (detected, stream) = open_input(path, &options.progress)?;
    let sorter = Sorter::new(folder.clone(), options.memory_bytes, options.progress.clone());
    let contents = match detected {
        Detected::Json => json_file::read(stream, sorter)?,
        Detected::TryRuntime => try_runtime::read(stream, sorter, &folder, &options.progress)?,
        Detected::PhalaSnap => phala_snap::read(stream, &folder)?,
    };
    Snapshot::new(contents, options.progress.clone())
}

/// What a reader found in a file.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) format: Format,
    pub(crate) store: Store,
    /// Header of the block, where the format has one.
    pub(crate) header: Option<Header>,
    /// Block that the file says it is of, where it says so without a header.
    pub(crate) block_hash: Option<B256>,
    /// Root and layout of the trie in the file, where it holds a trie.
    pub(crate) trie: Option<(B256, StateVersion)>,
}

/// The state in a snapshot, in temporary files that vanish with it.
#[derive(Debug)]
pub struct Snapshot {
    contents: Contents,
    /// Under the file's state version, V0 if it has none.
    child_roots: Vec<ChildRoot>,
    progress: Progress,
}

/// A child trie of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildTrie {
    /// Its name, without `:child_storage:default:`.
    pub name: Vec<u8>,
    /// Number of its pairs.
    pub pairs: u64,
}

impl Snapshot {
    fn new(contents: Contents, progress: Progress) -> Result<Self, SnapshotError> {
        let mut snapshot = Self { contents, child_roots: Vec::new(), progress };
        snapshot.child_roots = snapshot.child_roots(snapshot.state_version())?;
        Ok(snapshot)
    }

    /// What the file was.
    pub fn format(&self) -> Format {
        self.contents.format
    }

    /// The header in the file, if its format has one.
    pub fn header(&self) -> Option<&Header> {
        self.contents.header.as_ref()
    }

    /// The block that the file says it is of.
    pub fn block_hash(&self) -> Option<B256> {
        self.header().map(Header::hash).or(self.contents.block_hash)
    }

    /// Root of the trie in a try-runtime snapshot. Its pairs have this root, which may be another than
    /// the block's.
    pub fn storage_root(&self) -> Option<B256> {
        self.contents.trie.map(|(root, _)| root)
    }

    /// Layout that the file has, V0 if it holds no trie.
    pub fn state_version(&self) -> StateVersion {
        self.contents.trie.map_or(StateVersion::V0, |(_, version)| version)
    }

    /// Number of pairs of the top trie in the file.
    pub fn pair_count(&self) -> u64 {
        self.contents.store.top.pairs
    }

    /// The pairs of the top trie in the order of their keys, roots of child tries among them.
    pub fn pairs(&self) -> Pairs {
        Pairs::new(self.contents.store.read(self.contents.store.top), self.child_roots.clone())
    }

    /// The child tries, by name.
    pub fn child_tries(&self) -> impl Iterator<Item = ChildTrie> + '_ {
        let children = self.contents.store.children.iter();
        children.map(|(name, section)| ChildTrie { name: name.clone(), pairs: section.pairs })
    }

    /// The pairs of a child trie; none if it does not exist.
    pub fn child_pairs(&self, name: &[u8]) -> Option<Pairs> {
        let children = &self.contents.store.children;
        let at = children.binary_search_by(|(other, _)| other.as_slice().cmp(name)).ok()?;
        Some(self.section_pairs(children[at].1))
    }

    fn section_pairs(&self, section: Section) -> Pairs {
        Pairs::new(self.contents.store.read(section), Vec::new())
    }

    /// Computes the root of the state from its pairs, child tries first.
    pub fn root(&self, version: StateVersion) -> Result<B256, SnapshotError> {
        let roots = if version == self.state_version() {
            self.child_roots.clone()
        } else {
            self.child_roots(version)?
        };
        let mut pairs = Pairs::new(self.contents.store.read(self.contents.store.top), roots);
        root_of(&mut pairs, version, &self.progress, Some(self.pair_count()))
    }

    fn child_roots(&self, version: StateVersion) -> Result<Vec<ChildRoot>, SnapshotError> {
        let children = self.contents.store.children.iter();
        children
            .map(|(name, section)| {
                let mut pairs = self.section_pairs(*section);
                let root = root_of(&mut pairs, version, &Progress::default(), None)?;
                Ok(([CHILD_ROOT_PREFIX, name].concat(), root))
            })
            .collect()
    }
}
