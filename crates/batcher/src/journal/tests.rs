use std::fs;

use phala_batch::ChannelId;

use super::*;
use crate::{BlockRange, DaType, FrameRange};

const IDENTITY: JournalIdentity =
    JournalIdentity::new(1, 20_351_337, Address::repeat_byte(6), Address::repeat_byte(5));

fn data(byte: u8) -> TxData {
    TxData {
        da: DaType::Calldata,
        carries: Some(FrameRange {
            channel: ChannelId([byte; 16]),
            frames: 0..1,
            closes_channel: true,
            blocks: BlockRange { first: 1, last: u64::from(byte) },
        }),
        items: vec![vec![byte; 20].into()],
    }
}

fn raw(byte: u8) -> Bytes {
    vec![byte; 30].into()
}

fn open(folder: &Path) -> (Journal, Recovered) {
    Journal::open(folder, &IDENTITY).expect("opens")
}

/// Three submissions: one done, one bumped, one that only uses up its nonce.
fn fill(journal: &mut Journal) {
    journal.begin(SubmissionId(0), &data(1), &raw(1)).expect("written");
    journal.begin(SubmissionId(1), &data(2), &raw(2)).expect("written");
    journal.done(SubmissionId(0), 40, 900).expect("written");
    journal.add_version(SubmissionId(1), &raw(3), true).expect("written");
    journal.begin(SubmissionId(2), &TxData::empty(DaType::Blobs), &raw(4)).expect("written");
}

fn filled() -> Vec<JournaledTx> {
    vec![
        JournaledTx {
            id: SubmissionId(1),
            data: Some(data(2)),
            versions: vec![(raw(2), true), (raw(3), true)],
        },
        JournaledTx { id: SubmissionId(2), data: None, versions: vec![(raw(4), false)] },
    ]
}

#[test]
fn remembers_what_is_not_done() {
    let folder = tempfile::tempdir().expect("folder");
    let (mut journal, recovered) = open(folder.path());
    assert!(recovered.is_new && recovered.txs.is_empty());
    assert_eq!(journal.next_id(), SubmissionId(0));
    fill(&mut journal);
    assert_eq!(journal.next_id(), SubmissionId(3));
    drop(journal);
    let (journal, recovered) = open(folder.path());
    assert_eq!(recovered.txs, filled());
    assert_eq!(recovered.floor, JournalFloor { next_id: 3, next_nonce: 41, l1_block: 900 });
    assert!(!recovered.is_new);
    assert_eq!((recovered.damaged_bytes, journal.next_id()), (0, SubmissionId(3)));
}

#[test]
fn a_compaction_changes_nothing_but_the_size() {
    let folder = tempfile::tempdir().expect("folder");
    let (mut journal, _) = open(folder.path());
    fill(&mut journal);
    let before = journal.len_bytes();
    journal.compact().expect("compacted");
    assert!(journal.len_bytes() < before);
    journal.begin(SubmissionId(3), &data(9), &raw(9)).expect("written");
    drop(journal);
    let (_, recovered) = open(folder.path());
    assert_eq!(recovered.txs[..2], filled());
    assert_eq!(recovered.txs[2].id, SubmissionId(3));
    assert_eq!(recovered.floor, JournalFloor { next_id: 4, next_nonce: 41, l1_block: 900 });
}

#[test]
fn the_file_stays_bounded() {
    let folder = tempfile::tempdir().expect("folder");
    let (mut journal, _) = open(folder.path());
    let mut large = data(1);
    large.items = vec![vec![7; 1 << 20].into()];
    for id in 0..40 {
        journal.begin(SubmissionId(id), &large, &raw(1)).expect("written");
        journal.done(SubmissionId(id), id, id).expect("written");
        assert!(journal.len_bytes() <= COMPACT_BYTES_MIN + (2 << 20), "{}", journal.len_bytes());
    }
    drop(journal);
    let (_, recovered) = open(folder.path());
    assert_eq!(recovered.floor, JournalFloor { next_id: 40, next_nonce: 40, l1_block: 39 });
}

#[test]
fn every_cut_keeps_the_records_before_it_and_can_be_appended_to() {
    let folder = tempfile::tempdir().expect("folder");
    let (mut journal, _) = open(folder.path());
    let header = journal.len_bytes() as usize;
    fill(&mut journal);
    drop(journal);
    let path = folder.path().join("journal");
    let whole = fs::read(&path).expect("file");
    let mut known_before = 0;
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).expect("written");
        let (mut journal, recovered) = open(folder.path());
        assert_eq!(recovered.is_new, cut < header, "cut at {cut}");
        // Nothing is made up, and what was known at a shorter cut is not lost at a longer one.
        let known = recovered.txs.iter().map(|tx| tx.versions.len()).sum::<usize>()
            + usize::try_from(recovered.floor.next_nonce.min(1)).expect("0 or 1");
        assert!(known >= known_before, "cut at {cut}");
        known_before = known;
        for tx in &recovered.txs {
            assert!(tx.data.is_some() || tx.id == SubmissionId(2));
        }
        journal.begin(SubmissionId(90), &data(9), &raw(9)).expect("written");
        drop(journal);
        let (_, again) = open(folder.path());
        assert_eq!(again.damaged_bytes, 0, "cut at {cut}");
        assert_eq!(again.txs.len(), recovered.txs.len() + 1);
        assert_eq!(again.txs.last().expect("the new one").id, SubmissionId(90));
    }
}

#[test]
fn every_flipped_byte_is_noticed() {
    let folder = tempfile::tempdir().expect("folder");
    let (mut journal, _) = open(folder.path());
    let header = journal.len_bytes() as usize;
    fill(&mut journal);
    drop(journal);
    let path = folder.path().join("journal");
    let whole = fs::read(&path).expect("file");
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        fs::write(&path, &damaged).expect("written");
        match Journal::open(folder.path(), &IDENTITY) {
            Ok((_, recovered)) => {
                assert!(at >= header && recovered.damaged_bytes > 0, "byte {at}");
                assert!(recovered.txs != filled(), "byte {at}");
                let aside = fs::read(folder.path().join("journal.damaged")).expect("set aside");
                assert_eq!(aside.len() as u64, recovered.damaged_bytes);
            }
            Err(error) => {
                assert!(at < header, "byte {at}: {error}");
                assert!(matches!(error, JournalError::BadHeader { .. }), "byte {at}: {error}");
            }
        }
    }
}

#[test]
fn one_process_at_a_time() {
    let folder = tempfile::tempdir().expect("folder");
    let (journal, _) = open(folder.path());
    let error = Journal::open(folder.path(), &IDENTITY).expect_err("locked");
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    drop(journal);
    open(folder.path());
}

#[test]
fn a_journal_of_another_chain_or_sender_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    drop(open(folder.path()));
    let mut others = [IDENTITY; 4];
    others[0].l1_chain_id = 5;
    others[1].l2_chain_id = 5;
    others[2].inbox = Address::ZERO;
    others[3].sender = Address::ZERO;
    for other in others {
        let error = Journal::open(folder.path(), &other).expect_err("another one");
        assert!(matches!(error, JournalError::OtherIdentity { .. }), "{error}");
    }
    open(folder.path());
}
