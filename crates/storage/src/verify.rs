//! The long checks of a whole database.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use alloy_consensus::transaction::SignerRecoverable;
use alloy_consensus::{TxReceipt, proofs};
use alloy_primitives::{B256, Bloom, U256, keccak256};
use phala_primitives::{
    Account, BlockRef, EMPTY_CODE_HASH, EMPTY_STORAGE_ROOT, Receipt, RecoveredBlock, SealedHeader,
    StoredNode,
};
use phala_trie::{SourceError, StateRootBuilder};
use rayon::prelude::*;

use crate::genesis::trie_error;
use crate::index::index_entries;
use crate::keys;
use crate::kv::{Bounds, Family, KvSnapshot};
use crate::meta;
use crate::open::read_diff;
use crate::record::StoredDiff;
use crate::state_value::put_account;
use crate::wire::put_word;
use crate::{StorageError, Store, View};

/// Between two reports of progress.
const REPORT_EVERY: u64 = 1_000;

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyProgress {
    /// What is being checked.
    pub stage: VerifyStage,
    /// Blocks or accounts checked in this stage.
    pub done: u64,
    /// How many there are, if known.
    pub total: Option<u64>,
}

/// What is being checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyStage {
    /// Headers, bodies, receipts and senders against each other.
    Blocks,
    /// State root, storage roots, stored nodes and code from scratch, at base.
    BaseState,
    /// State root from scratch, at the head.
    HeadState,
    /// Histories against what the blocks changed, and indexes against bodies.
    Histories,
    /// No derived entry above base.
    Leftovers,
}

/// What a verification has looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Canonical headers.
    pub headers: u64,
    /// Bodies with their receipts.
    pub bodies: u64,
    /// Accounts at base.
    pub accounts: u64,
    /// Slots at base.
    pub slots: u64,
    /// Stored trie nodes at base.
    pub nodes: u64,
    /// Values before a block.
    pub histories: u64,
    /// Index entries.
    pub indexes: u64,
}

impl Store {
    /// Checks everything that can be checked: every hash and link, senders, the state from
    /// scratch, histories against diffs, indexes against bodies. Stops at the first defect.
    pub fn verify(
        &self,
        progress: &mut dyn FnMut(VerifyProgress),
    ) -> Result<VerifyReport, StorageError> {
        // A half-finished move of base is finished first; it is no defect. And base stands still until
        // the end: what a move is writing would look like leftovers.
        let _base = self.inner().base_move.lock();
        self.inner().finish_begun()?;
        let mut verify =
            Verify { store: self, report: VerifyReport::default(), progress, base: self.base() };
        verify.blocks()?;
        verify.state(VerifyStage::BaseState, verify.base)?;
        let latest = self.heads().latest;
        if latest != verify.base {
            verify.state(VerifyStage::HeadState, latest)?;
        }
        verify.histories()?;
        verify.leftovers()?;
        Ok(verify.report)
    }
}

struct Verify<'a> {
    store: &'a Store,
    report: VerifyReport,
    progress: &'a mut dyn FnMut(VerifyProgress),
    base: BlockRef,
}

impl Verify<'_> {
    fn tell(&mut self, stage: VerifyStage, done: u64, total: Option<u64>) {
        if done.is_multiple_of(REPORT_EVERY) || Some(done) == total {
            (self.progress)(VerifyProgress { stage, done, total });
        }
    }

    fn blocks(&mut self) -> Result<(), StorageError> {
        let latest = self.store.heads().latest.number;
        let mut parent = None;
        for number in 0..=latest {
            let at = self.store.canonical_block(number)?;
            let header = self.store.inner().read_header(at)?;
            let header = header.ok_or_else(|| StorageError::missing("header", at))?;
            if parent.is_some_and(|parent| parent != header.parent_hash) {
                return Err(mismatch("parent hash", at));
            }
            parent = Some(at.hash);
            self.report.headers += 1;
            if number > self.store.oldest_state() {
                self.body(at, &header)?;
            }
            self.tell(VerifyStage::Blocks, number, Some(latest));
        }
        Ok(())
    }

    fn body(&mut self, at: BlockRef, header: &SealedHeader) -> Result<(), StorageError> {
        let inner = self.store.inner();
        let block = inner.read_block(at)?.ok_or_else(|| StorageError::missing("body", at))?;
        let receipts = inner.read_receipts(at)?;
        let receipts = receipts.ok_or_else(|| StorageError::missing("receipts", at))?;
        check_transactions(at, header, &block)?;
        check_receipts(at, header, &receipts)?;
        if block.body().transactions.len() != receipts.len() {
            return Err(mismatch("number of receipts", at));
        }
        self.report.bodies += 1;
        Ok(())
    }

    /// Root, storage roots, stored nodes and code of one block from its flat state.
    fn state(&mut self, stage: VerifyStage, at: BlockRef) -> Result<(), StorageError> {
        let header = self.store.inner().read_header(at)?;
        let header = header.ok_or_else(|| StorageError::missing("header", at))?;
        let view = self.store.view(at.hash)?.ok_or_else(|| StorageError::missing("state", at))?;
        let mut nodes = 0;
        let sink = |owner: Option<&B256>, path: Vec<u8>, node: StoredNode| {
            nodes += 1;
            let key = keys::trie(owner, &path);
            match view.node(&key).map_err(SourceError::new)? {
                Some(stored) if stored == node => Ok(()),
                _ => Err(SourceError::new(StorageError::damaged(Family::Trie, &key))),
            }
        };
        let mut builder = StateRootBuilder::new(sink);
        let (mut accounts, mut slots) = (0, 0);
        let mut failed: Result<(), StorageError> = Ok(());
        view.scan_accounts(&[], B256::ZERO, &mut |hash, account| {
            failed = one_account(&view, &mut builder, at, hash, account, &mut slots);
            accounts += 1;
            if accounts % REPORT_EVERY == 0 {
                (self.progress)(VerifyProgress { stage, done: accounts, total: None });
            }
            if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        failed?;
        let (computed, _) = builder.finish().map_err(trie_error)?;
        if computed != header.state_root {
            let expected = header.state_root;
            return Err(StorageError::RootMismatch { number: at.number, expected, computed });
        }
        if stage == VerifyStage::BaseState {
            self.report.accounts = accounts;
            self.report.slots = slots;
            self.report.nodes = nodes;
        }
        (self.progress)(VerifyProgress { stage, done: accounts, total: Some(accounts) });
        Ok(())
    }

    /// Every value before a block that its diff names is in the histories, every later state reads
    /// what the block left, and every index entry of its body is there.
    fn histories(&mut self) -> Result<(), StorageError> {
        let inner = self.store.inner();
        let pruned = meta::pruned(inner.kv.as_ref())?;
        let snapshot = inner.kv.snapshot();
        let first = pruned.diffs.max(pruned.state) + 1;
        for number in first..=self.base.number {
            let at = self.store.canonical_block(number)?;
            let diff = read_diff(snapshot.as_ref(), at)?;
            self.report.histories += check_histories(snapshot.as_ref(), at, &diff)?;
            check_after(&self.store.history(number)?, at, &diff)?;
            let block = inner.read_block(at)?.ok_or_else(|| StorageError::missing("body", at))?;
            let receipts = inner.read_receipts(at)?;
            let receipts = receipts.ok_or_else(|| StorageError::missing("receipts", at))?;
            for (family, key, value) in index_entries(at, &block.body().transactions, &receipts) {
                if snapshot.get_vec(family, &key)?.as_ref() != Some(&value) {
                    return Err(StorageError::damaged(family, &key));
                }
                self.report.indexes += 1;
            }
            self.tell(VerifyStage::Histories, number, Some(self.base.number));
        }
        Ok(())
    }

    /// Nothing of a block that was never in base, or that was unwound, is left.
    fn leftovers(&mut self) -> Result<(), StorageError> {
        let snapshot = self.store.inner().kv.snapshot();
        let number_of = |family, key: &[u8]| match family {
            Family::TxIndex => keys::tx_index_place(key).map(|(number, _)| number),
            _ => keys::trailing_number(key),
        };
        let mut done = 0;
        for family in [
            Family::AccountHistory,
            Family::StorageHistory,
            Family::TrieHistory,
            Family::BlockIndex,
            Family::TxIndex,
            Family::LogIndex,
        ] {
            let mut cursor = snapshot.cursor(family, Bounds::default());
            let mut found = cursor.seek(&[])?;
            while found {
                let key = cursor.item().0;
                if number_of(family, key).is_none_or(|number| number > self.base.number) {
                    return Err(StorageError::damaged(family, key));
                }
                done += 1;
                self.tell(VerifyStage::Leftovers, done, None);
                found = cursor.next()?;
            }
        }
        (self.progress)(VerifyProgress { stage: VerifyStage::Leftovers, done, total: Some(done) });
        Ok(())
    }
}

const fn mismatch(what: &'static str, at: BlockRef) -> StorageError {
    StorageError::Mismatch { what, number: at.number, hash: at.hash }
}

fn check_transactions(
    at: BlockRef,
    header: &SealedHeader,
    block: &RecoveredBlock,
) -> Result<(), StorageError> {
    let transactions = &block.body().transactions;
    if proofs::calculate_transaction_root(transactions) != header.transactions_root {
        return Err(mismatch("transactions root", at));
    }
    if block.senders().len() != transactions.len() {
        return Err(mismatch("number of senders", at));
    }
    let right = transactions
        .par_iter()
        .zip(block.senders())
        .all(|(tx, sender)| tx.recover_signer().is_ok_and(|found| found == *sender));
    if right { Ok(()) } else { Err(mismatch("sender", at)) }
}

fn check_receipts(
    at: BlockRef,
    header: &SealedHeader,
    receipts: &[Receipt],
) -> Result<(), StorageError> {
    let with_bloom: Vec<_> = receipts.iter().map(TxReceipt::with_bloom_ref).collect();
    if proofs::calculate_receipt_root(&with_bloom) != header.receipts_root {
        return Err(mismatch("receipts root", at));
    }
    let bloom = with_bloom.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.logs_bloom);
    if bloom != header.logs_bloom {
        return Err(mismatch("logs bloom", at));
    }
    let gas = receipts.last().map_or(0, TxReceipt::cumulative_gas_used);
    if gas != header.gas_used {
        return Err(mismatch("gas used", at));
    }
    Ok(())
}

fn one_account<S: phala_trie::StoredNodeSink>(
    view: &View,
    builder: &mut StateRootBuilder<S>,
    at: BlockRef,
    hash: B256,
    account: Account,
    slots: &mut u64,
) -> Result<(), StorageError> {
    let next = (account.storage_root != EMPTY_STORAGE_ROOT).then_some(B256::ZERO);
    let mut pages =
        SlotPages { view, owner: hash, page: VecDeque::new(), next, failed: Ok(()), count: 0 };
    let built = builder.account(hash, account, &mut pages).map_err(trie_error)?;
    pages.failed?;
    *slots += pages.count;
    if built.storage_root != account.storage_root {
        return Err(mismatch("storage root", at));
    }
    if account.code_hash != EMPTY_CODE_HASH
        && keccak256(view.code(&account.code_hash)?) != account.code_hash
    {
        return Err(StorageError::damaged(Family::Codes, account.code_hash.as_slice()));
    }
    Ok(())
}

/// Slots held at once.
const PAGE_SLOTS: usize = 4_096;

/// All slots of an account, read in pages so that the largest contract fits.
struct SlotPages<'a> {
    view: &'a View,
    owner: B256,
    page: VecDeque<(B256, U256)>,
    next: Option<B256>,
    failed: Result<(), StorageError>,
    count: u64,
}

impl Iterator for SlotPages<'_> {
    type Item = (B256, U256);

    fn next(&mut self) -> Option<(B256, U256)> {
        if self.page.is_empty()
            && let Some(start) = self.next.take()
        {
            let (page, next) = (&mut self.page, &mut self.next);
            self.failed = self.view.scan_slots(&self.owner, &[], start, &mut |slot, word| {
                if page.len() == PAGE_SLOTS {
                    *next = Some(slot);
                    return ControlFlow::Break(());
                }
                page.push_back((slot, word));
                ControlFlow::Continue(())
            });
        }
        self.count += u64::from(!self.page.is_empty());
        self.page.pop_front()
    }
}

fn check_histories(
    snapshot: &dyn KvSnapshot,
    at: BlockRef,
    diff: &StoredDiff,
) -> Result<u64, StorageError> {
    let mut count = 0;
    let mut value = Vec::new();
    let mut check = |family, key: &[u8], value: &[u8]| {
        count += 1;
        match snapshot.get_vec(family, key)? {
            Some(found) if found == value => Ok(()),
            _ => Err(StorageError::damaged(family, key)),
        }
    };
    for account in &diff.accounts {
        value.clear();
        if let Some(before) = &account.before {
            put_account(&mut value, before);
        }
        let key = keys::account_history(&account.hash, at.number);
        check(Family::AccountHistory, &key, &value)?;
        for slot in &account.slots {
            value.clear();
            put_word(&mut value, &slot.before);
            let key = keys::storage_history(&account.hash, &slot.hash, at.number);
            check(Family::StorageHistory, &key, &value)?;
        }
    }
    Ok(count)
}

/// The state after the block has what the block left.
fn check_after(view: &View, at: BlockRef, diff: &StoredDiff) -> Result<(), StorageError> {
    for account in &diff.accounts {
        if view.account(&account.hash)? != account.after {
            return Err(mismatch("account after the block", at));
        }
        for slot in &account.slots {
            let found: U256 = view.slot(&account.hash, &slot.hash)?;
            if found != slot.after {
                return Err(mismatch("slot after the block", at));
            }
        }
    }
    Ok(())
}
