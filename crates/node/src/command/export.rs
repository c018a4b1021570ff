use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use flate2::{Compression, write::GzEncoder};
use phala_storage::{StorageError, Store};

use super::progress::Progress;
use crate::{NodeError, block_stream::write_block, config::Settings, open::open_existing};

/// Buffer in front of the file.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes canonical blocks to a file; `-` is standard output, `.gz` is compressed.
pub(crate) fn export(
    settings: &Settings,
    file: &Path,
    from: u64,
    to: Option<u64>,
) -> Result<(), NodeError> {
    let opened = open_existing(settings)?;
    let latest = opened.store.heads().latest.number;
    let to = to.unwrap_or(latest);
    if to > latest || from > to {
        return Err(NodeError::BlockRange { from, to, latest });
    }
    let result = if file == Path::new("-") {
        write_blocks(
            &opened.store,
            from,
            to,
            BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock()),
            |_| Ok(()),
        )
    } else {
        write_file(&opened.store, from, to, file)
    };
    opened.close()?;
    result
}

/// Writes beside the file and renames, so that a file of this name is always whole.
fn write_file(store: &Store, from: u64, to: u64, path: &Path) -> Result<(), NodeError> {
    let partial = path.with_added_extension("partial");
    let error =
        |action, path: &Path, source| NodeError::File { action, path: path.to_owned(), source };
    let file = File::create(&partial).map_err(|source| error("cannot create", &partial, source))?;
    let out = BufWriter::with_capacity(BUFFER_BYTES, file);
    if path.extension().is_some_and(|extension| extension == "gz") {
        let out = GzEncoder::new(out, Compression::default());
        write_blocks(store, from, to, out, |out| sync(out.finish()?))?;
    } else {
        write_blocks(store, from, to, out, sync)?;
    }
    std::fs::rename(&partial, path).map_err(|source| error("cannot create", path, source))
}

fn sync(out: BufWriter<File>) -> io::Result<()> {
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

fn write_blocks<W: Write>(
    store: &Store,
    from: u64,
    to: u64,
    mut out: W,
    finish: impl FnOnce(W) -> io::Result<()>,
) -> Result<(), NodeError> {
    let mut progress = Progress::new("exporting", Some(to - from + 1));
    for number in from..=to {
        let block = canonical_block(store, number)?;
        write_block(&mut out, &block).map_err(NodeError::Output)?;
        progress.advance(number, 1, 0);
    }
    out.flush().and_then(|()| finish(out)).map_err(NodeError::Output)?;
    progress.finish(to);
    Ok(())
}

fn canonical_block(store: &Store, number: u64) -> Result<phala_primitives::Block, NodeError> {
    let hash = store.canonical_hash(number)?.ok_or(NodeError::BlockMissing { number })?;
    let block = store.block(hash)?.ok_or(StorageError::UnknownBlock(hash))?;
    Ok(block.clone_block())
}
