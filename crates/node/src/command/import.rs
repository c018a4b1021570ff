use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy_primitives::B256;
use flate2::read::MultiGzDecoder;
use phala_engine::{Engine, EngineConfig, ImportStatus};
use phala_primitives::{Block, SealedBlock};

use super::progress::Progress;
use crate::{
    NodeError,
    block_stream::{BlockReader, CountingReader},
    config::Settings,
    open::open_or_init,
};

/// Buffer between the file and the decoder.
const BUFFER_BYTES: usize = 1 << 20;

/// Blocks between two moves of the head. Each block is durable when it is imported; the head only
/// says from where on a restart has to look at the file again.
const HEAD_INTERVAL: u64 = 64;

/// Executes and stores the blocks of a file; those the chain has already are skipped, so that an
/// interrupted import continues.
pub(crate) fn import(settings: &Settings, file: &Path) -> Result<(), NodeError> {
    let opened = open_or_init(settings)?;
    let engine = Engine::new(
        Arc::clone(&opened.spec),
        opened.store.clone(),
        EngineConfig {
            trie_cache_bytes: (settings.storage.trie_cache_size_mb as usize) << 20,
            bundle_dir: Some(opened.data.refused_blocks()),
            ..EngineConfig::default()
        },
    );
    let result = import_file(&engine, file);
    drop(engine);
    opened.close()?;
    result
}

fn import_file(engine: &Engine, path: &Path) -> Result<(), NodeError> {
    if path == Path::new("-") {
        let progress = Progress::new("importing", None);
        let input = BufReader::with_capacity(BUFFER_BYTES, io::stdin().lock());
        return Importer::new(engine, progress, None).run(input);
    }
    let error = |source| NodeError::File { action: "cannot open", path: path.to_owned(), source };
    let file = File::open(path).map_err(error)?;
    let len = file.metadata().map_err(error)?.len();
    let (counting, read) = CountingReader::new(file);
    let input = BufReader::with_capacity(BUFFER_BYTES, counting);
    let importer = Importer::new(engine, Progress::new("importing", Some(len)), Some(&read));
    if path.extension().is_some_and(|extension| extension == "gz") {
        importer.run(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(input)))
    } else {
        importer.run(input)
    }
}

struct Importer<'a> {
    engine: &'a Engine,
    progress: Progress,
    /// Bytes read from the file, for the progress.
    read: Option<&'a AtomicU64>,
    read_before: u64,
    /// Newest block imported since the head was last moved.
    tip: Option<(u64, B256)>,
    skipped: u64,
}

impl<'a> Importer<'a> {
    const fn new(engine: &'a Engine, progress: Progress, read: Option<&'a AtomicU64>) -> Self {
        Self { engine, progress, read, read_before: 0, tip: None, skipped: 0 }
    }

    fn run(mut self, input: impl Read) -> Result<(), NodeError> {
        let mut blocks = BlockReader::new(input);
        let result = loop {
            match blocks.next_block() {
                Ok(Some(block)) => {
                    if let Err(error) = self.take(block) {
                        break Err(error);
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.into()),
            }
        };
        // What came before a bad block is good.
        self.move_head()?;
        let head = self.engine.heads().latest.number;
        if self.skipped > 0 {
            tracing::info!(blocks = self.skipped, "skipped blocks the chain has already");
        }
        self.progress.finish(head);
        result
    }

    fn take(&mut self, block: Block) -> Result<(), NodeError> {
        let number = block.header.number;
        let gas = block.header.gas_used;
        let block = SealedBlock::from_parts_unchecked(block.header, block.body, B256::ZERO);
        let hash = block.header().hash_slow();
        let block = SealedBlock::new_unchecked(block.into_block(), hash);
        if self.is_known(number, hash)? {
            self.skipped += 1;
        } else if number == 0 {
            let ours = self.engine.store().canonical_hash(0)?.unwrap_or_default();
            return Err(NodeError::ForeignBlocks { found: hash, ours });
        } else {
            // Full blocks may fill what is kept beside the head before the interval is over.
            if self.engine.store().ensure_extendable(block.header().parent_hash).is_err() {
                self.move_head()?;
            }
            match self.engine.import(block)? {
                ImportStatus::Valid { .. } | ImportStatus::AlreadyKnown => {}
                ImportStatus::Syncing { parent } => {
                    return Err(NodeError::UnknownParent { number, hash, parent });
                }
                ImportStatus::Invalid { reason, .. } => {
                    return Err(NodeError::InvalidBlock { number, hash, reason });
                }
            }
            self.tip = Some((number, hash));
            if number.is_multiple_of(HEAD_INTERVAL) {
                self.move_head()?;
            }
        }
        let read = self.read.map_or(0, |read| read.load(Ordering::Relaxed));
        self.progress.advance(number, read - self.read_before, gas);
        self.read_before = read;
        Ok(())
    }

    fn is_known(&self, number: u64, hash: B256) -> Result<bool, NodeError> {
        Ok(number <= self.engine.heads().latest.number
            && self.engine.store().canonical_hash(number)? == Some(hash))
    }

    fn move_head(&mut self) -> Result<(), NodeError> {
        if let Some((_, hash)) = self.tip.take() {
            self.engine.set_heads(hash, None, None)?;
        }
        Ok(())
    }
}
