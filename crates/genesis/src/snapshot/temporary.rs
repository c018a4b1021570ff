use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::SnapshotError;

/// Bytes read or written at once, and memory of each open part of a merge.
const BUFFER_LEN: usize = 256 << 10;

/// Where temporary files are. They have no names and vanish with the program.
#[derive(Clone, Debug)]
pub(crate) struct TemporaryFolder(Arc<Path>);

impl TemporaryFolder {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self(folder.unwrap_or_else(std::env::temp_dir).into())
    }

    pub(crate) fn writer(&self) -> Result<TemporaryWriter, SnapshotError> {
        let file = tempfile::tempfile_in(&self.0).map_err(|error| self.error(error))?;
        let file = BufWriter::with_capacity(BUFFER_LEN, file);
        Ok(TemporaryWriter { file, len: 0, folder: self.clone() })
    }

    fn error(&self, source: io::Error) -> SnapshotError {
        SnapshotError::Temporary { folder: self.0.to_path_buf(), source }
    }
}

/// A temporary file that is being written.
#[derive(Debug)]
pub(crate) struct TemporaryWriter {
    file: BufWriter<File>,
    len: u64,
    folder: TemporaryFolder,
}

impl TemporaryWriter {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.file.write_all(bytes).map_err(|error| self.folder.error(error))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Bytes written so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn finish(self) -> Result<TemporaryFile, SnapshotError> {
        let Self { file, len, folder } = self;
        let file = file.into_inner().map_err(|error| folder.error(error.into_error()))?;
        Ok(TemporaryFile { file: Arc::new(file), len, folder })
    }
}

/// A temporary file that is only read from now on, by any number of readers.
#[derive(Clone, Debug)]
pub(crate) struct TemporaryFile {
    file: Arc<File>,
    len: u64,
    folder: TemporaryFolder,
}

impl TemporaryFile {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn read_at(&self, to: &mut [u8], at: u64) -> Result<(), SnapshotError> {
        self.file.read_exact_at(to, at).map_err(|error| self.folder.error(error))
    }

    pub(crate) fn section(&self, start: u64, end: u64) -> TemporaryReader {
        let buffer = Vec::with_capacity(BUFFER_LEN.min((end - start) as usize));
        TemporaryReader { file: self.clone(), at: start, end, buffer, used: 0 }
    }
}

/// Reads a part of a temporary file from its beginning.
#[derive(Debug)]
pub(crate) struct TemporaryReader {
    file: TemporaryFile,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl TemporaryReader {
    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.end && self.used == self.buffer.len()
    }

    pub(crate) fn read(&mut self, to: &mut Vec<u8>, len: usize) -> Result<(), SnapshotError> {
        to.clear();
        let buffered = &self.buffer[self.used..];
        if buffered.len() >= len {
            to.extend_from_slice(&buffered[..len]);
            self.used += len;
            return Ok(());
        }
        (&mut *self)
            .take(len as u64)
            .read_to_end(to)
            .and_then(
                |read| if read == len { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) },
            )
            .map_err(|error| self.file.folder.error(error))
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes).map_err(|error| self.file.folder.error(error))?;
        Ok(bytes)
    }
}

impl Read for TemporaryReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.used == self.buffer.len() {
            let len = BUFFER_LEN.min(usize::try_from(self.end - self.at).unwrap_or(BUFFER_LEN));
            self.buffer.resize(len, 0);
            self.used = 0;
            self.file.file.read_exact_at(&mut self.buffer, self.at)?;
            self.at += len as u64;
        }
        let len = to.len().min(self.buffer.len() - self.used);
        to[..len].copy_from_slice(&self.buffer[self.used..self.used + len]);
        self.used += len;
        Ok(len)
    }
}
