use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use alloy_primitives::{Bytes, keccak256};

/// First bytes of a journal; the digit is the version of the format.
const MAGIC: &[u8; 8] = b"PHLTXJ1\n";

/// Length (4, big-endian) and check (4) in front of each transaction.
const RECORD_HEADER_BYTES: usize = 8;

/// A journal is compacted long before; one that is larger is not read beyond this.
const JOURNAL_BYTES_MAX: u64 = 256 << 20;

/// The file of local transactions.
///
/// ```text
/// "PHLTXJ1\n"  ( length u32 BE | first 4 bytes of keccak256(transaction) | transaction, EIP-2718 )*
/// ```
///
/// Written at the end only. A record that is cut off or does not match its check ends the journal;
/// opening cuts the file there, so that what is appended later can be read.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    len_bytes: u64,
}

/// What a journal held when it was opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    pub(crate) transactions: Vec<Bytes>,
    /// Bytes behind the last good record.
    pub(crate) damaged_bytes: u64,
}

impl Journal {
    /// Opens or creates a journal and reads it.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Recovered)> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let total = file.metadata()?.len();
        let mut content = Vec::new();
        Read::by_ref(&mut file).take(JOURNAL_BYTES_MAX).read_to_end(&mut content)?;
        let (transactions, good) = parse(&content);
        let recovered = Recovered { transactions, damaged_bytes: total - good as u64 };

        let mut journal = Self { path: path.to_owned(), file, len_bytes: good as u64 };
        journal.file.set_len(journal.len_bytes)?;
        if good == 0 {
            journal.file.seek(SeekFrom::Start(0))?;
            journal.file.write_all(MAGIC)?;
            journal.len_bytes = MAGIC.len() as u64;
        }
        journal.file.seek(SeekFrom::End(0))?;
        journal.file.sync_all()?;
        sync_folder(path)?;
        Ok((journal, recovered))
    }

    pub(crate) const fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Appends transactions and syncs. After an error the file is as it was before.
    pub(crate) fn append(&mut self, transactions: &[Bytes]) -> io::Result<()> {
        let mut records = Vec::new();
        for tx in transactions {
            put_record(&mut records, tx)?;
        }
        let result = self.file.write_all(&records).and_then(|()| self.file.sync_data());
        match result {
            Ok(()) => self.len_bytes += records.len() as u64,
            // A half-written record would hide everything appended after it.
            Err(_) => {
                self.file.set_len(self.len_bytes)?;
                self.file.seek(SeekFrom::End(0))?;
            }
        }
        result
    }

    /// Replaces the journal by one of these transactions only, atomically.
    pub(crate) fn rewrite(&mut self, transactions: &[Bytes]) -> io::Result<()> {
        let mut content = MAGIC.to_vec();
        for tx in transactions {
            put_record(&mut content, tx)?;
        }
        let next_path = self.path.with_extension("new");
        let mut next = File::create(&next_path)?;
        next.write_all(&content)?;
        next.sync_all()?;
        fs::rename(&next_path, &self.path)?;
        sync_folder(&self.path)?;
        self.file = next;
        self.len_bytes = content.len() as u64;
        Ok(())
    }
}

fn put_record(out: &mut Vec<u8>, tx: &Bytes) -> io::Result<()> {
    let len = u32::try_from(tx.len()).map_err(io::Error::other)?;
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&keccak256(tx)[..4]);
    out.extend_from_slice(tx);
    Ok(())
}

/// Good records, and where the first bad one starts.
fn parse(content: &[u8]) -> (Vec<Bytes>, usize) {
    let mut transactions = Vec::new();
    let Some(mut rest) = content.strip_prefix(MAGIC) else { return (transactions, 0) };
    while let Some((tx, behind)) = parse_record(rest) {
        transactions.push(Bytes::copy_from_slice(tx));
        rest = behind;
    }
    (transactions, content.len() - rest.len())
}

fn parse_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<RECORD_HEADER_BYTES>()?;
    let (len, check) = header.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    let (tx, behind) = rest.split_at_checked(len)?;
    (keccak256(tx)[..4] == *check).then_some((tx, behind))
}

/// Makes a created or renamed file survive a power loss.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn txs(range: std::ops::Range<u8>) -> Vec<Bytes> {
        range.map(|byte| Bytes::from(vec![byte; usize::from(byte) + 1])).collect()
    }

    fn reopen(path: &Path) -> Recovered {
        Journal::open(path).expect("opens").1
    }

    #[test]
    fn keeps_what_was_appended() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("deeper/journal.bin");
        let (mut journal, recovered) = Journal::open(&path).expect("opens");
        assert_eq!(recovered, Recovered::default());
        journal.append(&txs(0..3)).expect("writes");
        journal.append(&txs(3..5)).expect("writes");
        assert_eq!(journal.len_bytes(), fs::metadata(&path).expect("file").len());
        assert_eq!(reopen(&path), Recovered { transactions: txs(0..5), damaged_bytes: 0 });
    }

    #[test]
    fn bytes_are_as_documented() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("journal.bin");
        Journal::open(&path)
            .expect("opens")
            .0
            .append(&[Bytes::from_static(b"ab")])
            .expect("writes");
        let mut expected = b"PHLTXJ1\n\0\0\0\x02".to_vec();
        expected.extend_from_slice(&keccak256(b"ab")[..4]);
        expected.extend_from_slice(b"ab");
        assert_eq!(fs::read(&path).expect("file"), expected);
    }

    #[test]
    fn a_rewrite_leaves_only_what_it_was_given_and_appends_go_on() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("journal.bin");
        let (mut journal, _) = Journal::open(&path).expect("opens");
        journal.append(&txs(0..20)).expect("writes");
        journal.rewrite(&txs(5..7)).expect("writes");
        journal.append(&txs(9..10)).expect("writes");
        let mut expected = txs(5..7);
        expected.extend(txs(9..10));
        assert_eq!(reopen(&path).transactions, expected);
    }

    #[test]
    fn every_cut_keeps_the_records_before_it_and_can_be_appended_to() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("journal.bin");
        Journal::open(&path).expect("opens").0.append(&txs(0..4)).expect("writes");
        let whole = fs::read(&path).expect("file");
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).expect("writes");
            let (mut journal, recovered) = Journal::open(&path).expect("opens");
            let kept = recovered.transactions.len();
            assert_eq!(recovered.transactions, txs(0..4)[..kept]);
            journal.append(&txs(7..8)).expect("writes");
            let mut expected = recovered.transactions;
            expected.extend(txs(7..8));
            assert_eq!(reopen(&path), Recovered { transactions: expected, damaged_bytes: 0 });
        }
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("journal.bin");
        Journal::open(&path).expect("opens").0.append(&txs(0..4)).expect("writes");
        let whole = fs::read(&path).expect("file");
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            fs::write(&path, &damaged).expect("writes");
            let recovered = reopen(&path);
            let kept = recovered.transactions.len();
            assert!(kept < 4, "byte {at}");
            assert!(recovered.damaged_bytes > 0, "byte {at}");
            assert_eq!(recovered.transactions, txs(0..4)[..kept]);
        }
    }
}
