use std::{
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read},
    path::Path,
};

use alloy_primitives::hex;
use flate2::bufread::MultiGzDecoder;

use super::{Format, Progress, SnapshotError, Step, format::Detected, scale::stream_error};

/// Bytes read at once, from the disk and out of a decoder.
const BUFFER_LEN: usize = 256 << 10;
/// Bytes by which files are recognised.
const MAGIC_LEN: usize = 8;

/// A file, unpacked if it is packed.
pub(crate) type Stream = Box<dyn BufRead + Send>;

/// Opens a file, unpacks `.gz` and `.zst` by their first bytes, and recognises the format inside.
pub(crate) fn open_input(
    path: &Path,
    progress: &Progress,
) -> Result<(Detected, Stream), SnapshotError> {
    let failed = |source| SnapshotError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let total = file.metadata().map_err(failed)?;
    if total.is_dir() {
        return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    let counted = Counted { file, done: 0, total: Some(total.len()), progress: progress.clone() };
    let (start, file) = peek(counted).map_err(failed)?;
    let mut stream: Stream = Box::new(BufReader::with_capacity(BUFFER_LEN, file));
    if start.starts_with(&[0x1f, 0x8b]) {
        stream = Box::new(BufReader::with_capacity(BUFFER_LEN, MultiGzDecoder::new(stream)));
    } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder = zstd::Decoder::with_buffer(stream).map_err(failed)?;
        stream = Box::new(BufReader::with_capacity(BUFFER_LEN, decoder));
    }
    // What is packed may end early, or not be packed at all.
    let (start, stream) = peek(stream).map_err(|error| stream_error(error, 0, "packed data"))?;
    let detected = Format::detect(&start).ok_or_else(|| SnapshotError::UnknownFormat {
        path: path.to_owned(),
        start: hex::encode(&start),
    })?;
    Ok((detected, Box::new(stream)))
}

type Peeked<R> = io::Chain<Cursor<Vec<u8>>, R>;

/// The first bytes, and the stream that still has them.
fn peek<R: Read>(mut stream: R) -> io::Result<(Vec<u8>, Peeked<R>)> {
    let mut start = Vec::with_capacity(MAGIC_LEN);
    (&mut stream).take(MAGIC_LEN as u64).read_to_end(&mut start)?;
    Ok((start.clone(), Cursor::new(start).chain(stream)))
}

/// Tells how much of the file has been read, packed as it is.
struct Counted {
    file: File,
    done: u64,
    total: Option<u64>,
    progress: Progress,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.file.read(buffer)?;
        self.done += len as u64;
        self.progress.report(Step::Read, self.done, self.total);
        Ok(len)
    }
}
