use std::ops::ControlFlow;

use alloy_primitives::{B256, Keccak256};
use phala_primitives::{BlockRef, EMPTY_STORAGE_ROOT};

use crate::record::{encode_body, encode_receipts};
use crate::state_value::put_account;
use crate::wire::put_word;
use crate::{StorageError, Store};

/// Starts every digest, so that a change of what is hashed changes all digests.
const DOMAIN: &[u8] = b"phala-storage-digest-1";

impl Store {
    /// Hash of the logical content up to a height, with the bodies and receipts this node keeps.
    ///
    /// Equal on every node that keeps the same bodies, whatever way it got there: where base
    /// stands, side blocks, heads, cursor and caches do not count.
    pub fn digest(&self, upto: u64) -> Result<B256, StorageError> {
        self.digest_range(self.oldest_state() + 1, upto)
    }

    /// Hash of all header hashes and the state at `upto`, and of bodies, receipts and senders of
    /// the blocks `from..=upto`. For nodes that keep different parts of the past.
    pub fn digest_range(&self, from: u64, upto: u64) -> Result<B256, StorageError> {
        let mut hasher = Keccak256::new();
        hasher.update(DOMAIN);
        hasher.update(from.to_be_bytes());
        hasher.update(upto.to_be_bytes());
        for number in 0..=upto {
            hasher.update(self.canonical_block(number)?.hash);
        }
        self.digest_state(upto, &mut hasher)?;
        for number in from.max(1)..=upto {
            let at = self.canonical_block(number)?;
            let block = self.inner().read_block(at)?;
            let receipts = self.inner().read_receipts(at)?;
            let (Some(block), Some(receipts)) = (block, receipts) else {
                return Err(StorageError::Pruned {
                    requested: number,
                    oldest: self.oldest_state() + 1,
                });
            };
            for part in [encode_body(&block), encode_receipts(&receipts)] {
                hasher.update((part.len() as u64).to_be_bytes());
                hasher.update(part);
            }
        }
        Ok(hasher.finalize())
    }

    pub(crate) fn canonical_block(&self, number: u64) -> Result<BlockRef, StorageError> {
        let hash = self.canonical_hash(number)?.ok_or_else(|| StorageError::AboveHead {
            requested: number,
            latest: self.heads().latest.number,
        })?;
        Ok(BlockRef { number, hash })
    }

    fn digest_state(&self, number: u64, hasher: &mut Keccak256) -> Result<(), StorageError> {
        let view = self.history(number)?;
        let mut failed = Ok(());
        let mut value = Vec::with_capacity(128);
        view.scan_accounts(&[], B256::ZERO, &mut |hash, account| {
            value.clear();
            value.extend_from_slice(hash.as_slice());
            put_account(&mut value, &account);
            hasher.update(&value);
            if account.storage_root == EMPTY_STORAGE_ROOT {
                return ControlFlow::Continue(());
            }
            failed = view.scan_slots(&hash, &[], B256::ZERO, &mut |slot, word| {
                value.clear();
                value.extend_from_slice(slot.as_slice());
                let len = put_word(&mut value, &word);
                value.push(len as u8);
                hasher.update(&value);
                ControlFlow::Continue(())
            });
            if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        failed
    }
}
