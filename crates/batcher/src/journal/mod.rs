//! The file that remembers what was signed.

mod file;
mod record;

use std::{collections::BTreeMap, path::Path};

use alloy_primitives::{Address, Bytes};

use file::JournalFile;
pub use file::JournalIdentity;
use record::Record;

use crate::{JournalError, SubmissionId, TxData};

/// A journal below this is not worth compacting.
const COMPACT_BYTES_MIN: u64 = 8 << 20;

/// A submission that is not done, as the journal knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournaledTx {
    /// Its name.
    pub id: SubmissionId,
    /// What it posts; `None` if it only uses up its nonce.
    pub data: Option<TxData>,
    /// Signed transactions (EIP-2718, without blobs), and whether each carries the frames.
    pub versions: Vec<(Bytes, bool)>,
}

/// What is known of submissions that are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalFloor {
    /// Id of the next submission.
    pub next_id: u64,
    /// Nonce after the highest one that is done.
    pub next_nonce: u64,
    /// Highest L1 block one of them was mined in.
    pub l1_block: u64,
}

/// What a journal held when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Submissions that are not done, by id.
    pub txs: Vec<JournaledTx>,
    /// The others.
    pub floor: JournalFloor,
    /// Bytes behind the last good record, which were set aside.
    pub damaged_bytes: u64,
    /// There was no journal before.
    pub is_new: bool,
}

/// Remembers every signed transaction before it is sent, until it is deep enough in L1.
///
/// One process at a time, one chain and sender per folder. Each change is on disk when its method
/// returns, and the file never holds much more than what is on its way.
#[derive(Debug)]
pub struct Journal {
    file: JournalFile,
    live: BTreeMap<SubmissionId, JournaledTx>,
    floor: JournalFloor,
}

impl Journal {
    /// Opens or creates the journal in this folder.
    pub fn open(
        folder: &Path,
        identity: &JournalIdentity,
    ) -> Result<(Self, Recovered), JournalError> {
        let (file, content) = JournalFile::open(folder, identity)?;
        let mut journal = Self { file, live: BTreeMap::new(), floor: JournalFloor::default() };
        for record in content.records {
            journal.apply(record);
        }
        // Data without a version was never signed, or at least never sent.
        journal.live.retain(|_, tx| !tx.versions.is_empty());
        let recovered = Recovered {
            txs: journal.live.values().cloned().collect(),
            floor: journal.floor,
            damaged_bytes: content.damaged_bytes,
            is_new: content.is_new,
        };
        Ok((journal, recovered))
    }

    /// Id of the next submission.
    pub const fn next_id(&self) -> SubmissionId {
        SubmissionId(self.floor.next_id)
    }

    /// Notes a new submission with its first signed transaction.
    pub fn begin(
        &mut self,
        id: SubmissionId,
        data: &TxData,
        raw: &Bytes,
    ) -> Result<(), JournalError> {
        let carries_frames = data.carries.is_some();
        let version = Record::Version { id, carries_frames, raw: raw.clone() };
        if carries_frames {
            self.write(vec![Record::Data { id, data: data.clone() }, version])
        } else {
            self.write(vec![version])
        }
    }

    /// Notes another signed transaction of a submission.
    pub fn add_version(
        &mut self,
        id: SubmissionId,
        raw: &Bytes,
        carries_frames: bool,
    ) -> Result<(), JournalError> {
        self.write(vec![Record::Version { id, carries_frames, raw: raw.clone() }])
    }

    /// Notes that a submission needs no more attention.
    pub fn done(
        &mut self,
        id: SubmissionId,
        nonce: u64,
        l1_block: u64,
    ) -> Result<(), JournalError> {
        self.write(vec![Record::Done { id, nonce, l1_block }])?;
        if self.file.len_bytes() >= COMPACT_BYTES_MIN.max(2 * self.live_bytes()) {
            self.compact()?;
        }
        Ok(())
    }

    /// Bytes of the file.
    pub const fn len_bytes(&self) -> u64 {
        self.file.len_bytes()
    }

    fn live_bytes(&self) -> u64 {
        let bytes = |tx: &JournaledTx| {
            let data = tx.data.as_ref().map_or(0, TxData::data_bytes);
            data + tx.versions.iter().map(|(raw, _)| raw.len()).sum::<usize>()
        };
        self.live.values().map(bytes).sum::<usize>() as u64
    }

    fn write(&mut self, records: Vec<Record>) -> Result<(), JournalError> {
        self.file.append(&records)?;
        for record in records {
            self.apply(record);
        }
        Ok(())
    }

    /// Leaves only what is not done in the file.
    pub fn compact(&mut self) -> Result<(), JournalError> {
        let JournalFloor { next_id, next_nonce, l1_block } = self.floor;
        let mut records = vec![Record::Floor { next_id, next_nonce, l1_block }];
        for tx in self.live.values() {
            let id = tx.id;
            records.extend(tx.data.clone().map(|data| Record::Data { id, data }));
            let version = |(raw, carries_frames): &(Bytes, bool)| Record::Version {
                id,
                carries_frames: *carries_frames,
                raw: raw.clone(),
            };
            records.extend(tx.versions.iter().map(version));
        }
        self.file.rewrite(&records)
    }

    fn apply(&mut self, record: Record) {
        match record {
            Record::Data { id, data } => self.entry(id).data = Some(data),
            Record::Version { id, carries_frames, raw } => {
                self.entry(id).versions.push((raw, carries_frames));
            }
            Record::Done { id, nonce, l1_block } => {
                self.live.remove(&id);
                self.floor.next_id = self.floor.next_id.max(id.0.saturating_add(1));
                self.floor.next_nonce = self.floor.next_nonce.max(nonce.saturating_add(1));
                self.floor.l1_block = self.floor.l1_block.max(l1_block);
            }
            Record::Floor { next_id, next_nonce, l1_block } => {
                self.floor.next_id = self.floor.next_id.max(next_id);
                self.floor.next_nonce = self.floor.next_nonce.max(next_nonce);
                self.floor.l1_block = self.floor.l1_block.max(l1_block);
            }
        }
    }

    fn entry(&mut self, id: SubmissionId) -> &mut JournaledTx {
        self.floor.next_id = self.floor.next_id.max(id.0.saturating_add(1));
        self.live.entry(id).or_insert_with(|| JournaledTx { id, data: None, versions: Vec::new() })
    }
}

impl JournalIdentity {
    /// The journal of this sender on these chains.
    pub const fn new(l1_chain_id: u64, l2_chain_id: u64, inbox: Address, sender: Address) -> Self {
        Self { l1_chain_id, l2_chain_id, inbox, sender }
    }
}

#[cfg(test)]
mod tests;
