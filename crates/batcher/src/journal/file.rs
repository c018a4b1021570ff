use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use alloy_primitives::{Address, keccak256};

use super::record::Record;
use crate::JournalError;

/// First bytes of a journal; the digit is the version of the format.
const MAGIC: &[u8; 8] = b"PHLBAJ1\n";

/// Magic, two chain ids, inbox, sender, check.
const HEADER_BYTES: usize = 8 + 8 + 8 + 20 + 20 + CHECK_BYTES;

/// Bytes of Keccak-256 that guard a header or a record.
const CHECK_BYTES: usize = 8;

/// Length and check in front of each record.
const RECORD_HEADER_BYTES: usize = 4 + CHECK_BYTES;

/// A journal is compacted long before. A larger file is not ours, and is not read into memory.
const FILE_BYTES_MAX: u64 = 1 << 30;

const FILE_NAME: &str = "journal";
const NEXT_NAME: &str = "journal.new";
const LOCK_NAME: &str = "lock";
const DAMAGED_NAME: &str = "journal.damaged";

/// Whose journal it is: one of another chain or sender would be replayed where it means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalIdentity {
    pub(super) l1_chain_id: u64,
    pub(super) l2_chain_id: u64,
    pub(super) inbox: Address,
    pub(super) sender: Address,
}

impl JournalIdentity {
    fn header(&self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        let (body, check) = header.split_at_mut(HEADER_BYTES - CHECK_BYTES);
        body[..8].copy_from_slice(MAGIC);
        body[8..16].copy_from_slice(&self.l1_chain_id.to_be_bytes());
        body[16..24].copy_from_slice(&self.l2_chain_id.to_be_bytes());
        body[24..44].copy_from_slice(self.inbox.as_slice());
        body[44..].copy_from_slice(self.sender.as_slice());
        check.copy_from_slice(&keccak256(&*body)[..CHECK_BYTES]);
        header
    }

    /// Reads a header; `None` if it is damaged or of another format.
    fn from_header(header: &[u8; HEADER_BYTES]) -> Option<Self> {
        let number = |at: usize| {
            let bytes: [u8; 8] = header[at..at + 8].try_into().expect("eight bytes of the header");
            u64::from_be_bytes(bytes)
        };
        let identity = Self {
            l1_chain_id: number(8),
            l2_chain_id: number(16),
            inbox: Address::from_slice(&header[24..44]),
            sender: Address::from_slice(&header[44..64]),
        };
        (identity.header() == *header).then_some(identity)
    }
}

impl std::fmt::Display for JournalIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { l1_chain_id, l2_chain_id, inbox, sender } = self;
        write!(f, "sender {sender}, inbox {inbox}, l1 chain {l1_chain_id}, l2 chain {l2_chain_id}")
    }
}

/// The journal on disk.
///
/// ```text
/// header  "PHLBAJ1\n" | l1 chain id u64 | l2 chain id u64 | inbox 20 | sender 20 | check 8
/// record  length u32 | check 8 | tag u8, RLP            (numbers big-endian, any number of records)
/// ```
///
/// A check is the start of the Keccak-256 of what it guards. Records are only appended. The first
/// one that is cut off or does not match its check ends the journal: what is behind goes to a file
/// of its own and the journal is cut there, so that what is appended later can be read.
#[derive(Debug)]
pub(super) struct JournalFile {
    folder: PathBuf,
    header: [u8; HEADER_BYTES],
    file: File,
    len_bytes: u64,
    /// Held as long as the journal is open.
    _lock: File,
}

/// What was in the file.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) records: Vec<Record>,
    pub(super) damaged_bytes: u64,
    pub(super) is_new: bool,
}

impl JournalFile {
    pub(super) fn open(
        folder: &Path,
        identity: &JournalIdentity,
    ) -> Result<(Self, Content), JournalError> {
        let failed = |source| JournalError::Io { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = lock(folder)?;
        let path = folder.join(FILE_NAME);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let total = file.metadata().map_err(failed)?.len();
        if total > FILE_BYTES_MAX {
            return Err(JournalError::TooLarge { path, bytes: total, max: FILE_BYTES_MAX });
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;

        let header = identity.header();
        let mut journal =
            Self { folder: folder.to_owned(), header, file, len_bytes: 0, _lock: lock };
        // A file shorter than its header was never written to: records come after it.
        let Some((found, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            journal.rewrite(&[])?;
            return Ok((journal, Content { records: Vec::new(), damaged_bytes: 0, is_new: true }));
        };
        match JournalIdentity::from_header(found) {
            None => return Err(JournalError::BadHeader { path }),
            Some(other) if other != *identity => {
                return Err(JournalError::OtherIdentity {
                    path,
                    found: Box::new(other),
                    wanted: Box::new(*identity),
                });
            }
            Some(_) => {}
        }
        let (records, good) = parse(rest);
        let damaged = &rest[good..];
        if !damaged.is_empty() {
            fs::write(folder.join(DAMAGED_NAME), damaged).map_err(failed)?;
        }
        journal.len_bytes = (HEADER_BYTES + good) as u64;
        journal.cut().map_err(failed)?;
        let damaged_bytes = damaged.len() as u64;
        Ok((journal, Content { records, damaged_bytes, is_new: false }))
    }

    pub(super) const fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Appends records and syncs. After an error the file is as it was before.
    pub(super) fn append(&mut self, records: &[Record]) -> Result<(), JournalError> {
        let mut bytes = Vec::new();
        for record in records {
            put(record, &mut bytes);
        }
        let result = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        match result {
            Ok(()) => {
                self.len_bytes += bytes.len() as u64;
                Ok(())
            }
            Err(source) => {
                // Half a record would hide everything appended after it.
                let path = self.folder.join(FILE_NAME);
                match self.cut() {
                    Ok(()) => Err(JournalError::Io { path, source }),
                    Err(source) => Err(JournalError::Unusable { path, source }),
                }
            }
        }
    }

    /// Replaces the content, atomically.
    pub(super) fn rewrite(&mut self, records: &[Record]) -> Result<(), JournalError> {
        let mut bytes = self.header.to_vec();
        for record in records {
            put(record, &mut bytes);
        }
        let (path, next) = (self.folder.join(FILE_NAME), self.folder.join(NEXT_NAME));
        let replace = || -> io::Result<File> {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(&next)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&next, &path)?;
            Ok(file)
        };
        self.file = replace().map_err(|source| JournalError::Io { path: path.clone(), source })?;
        self.len_bytes = bytes.len() as u64;
        // The new file is in place, so appends must go there. Whether it is after a crash is not
        // known until the folder is synced.
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| JournalError::Unusable { path, source })
    }

    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.len_bytes)?;
        self.file.seek(SeekFrom::Start(self.len_bytes))?;
        self.file.sync_all()
    }
}

/// Makes sure that no other process uses the folder.
fn lock(folder: &Path) -> Result<File, JournalError> {
    let path = folder.join(LOCK_NAME);
    let failed = |source| JournalError::Io { path: path.clone(), source };
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn put(record: &Record, out: &mut Vec<u8>) {
    let body = record.encode();
    let len =
        u32::try_from(body.len()).expect("a record holds one transaction's data, at most 6 blobs");
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&keccak256(&body)[..CHECK_BYTES]);
    out.extend_from_slice(&body);
}

/// Good records, and where the first bad one starts.
fn parse(content: &[u8]) -> (Vec<Record>, usize) {
    let mut records = Vec::new();
    let mut rest = content;
    while let Some((record, behind)) = parse_record(rest) {
        records.push(record);
        rest = behind;
    }
    (records, content.len() - rest.len())
}

fn parse_record(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<RECORD_HEADER_BYTES>()?;
    let (len, check) = header.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    let (body, behind) = rest.split_at_checked(len)?;
    if keccak256(body)[..CHECK_BYTES] != *check {
        return None;
    }
    Some((Record::decode(body)?, behind))
}
