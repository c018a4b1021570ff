use std::ops::{ControlFlow, Range};

use alloy_primitives::{B256, U256};
use phala_primitives::Account;

use super::View;
use crate::StorageError;
use crate::keys;
use crate::kv::{Bounds, Family, KvCursor, end_of_prefix};
use crate::layer::{Run, SlotRun};
use crate::state_value::{decode_account, decode_slot};

/// Entries of one key that are stepped over one by one before the cursor seeks instead.
const STEPS_BEFORE_SEEK: usize = 4;

/// Hashed keys in order: from (inclusive), to (exclusive, if any).
type KeyRange = (B256, Option<B256>);

/// One ordered input of a merged scan. Empty values mean absent.
enum Input<'a> {
    Accounts { run: &'a Run, place: usize },
    Slots { run: &'a SlotRun, places: Range<usize> },
    Flat { cursor: Box<dyn KvCursor + 'a>, key: Option<B256> },
    History(HistoryInput<'a>),
}

/// For each key its first entry with a number in `after..=upto`.
struct HistoryInput<'a> {
    cursor: Box<dyn KvCursor + 'a>,
    owner: &'a [u8],
    after: u64,
    upto: u64,
    key: Option<B256>,
}

impl View {
    /// Accounts from `start` on whose nibbles begin with `prefix`, in order, until `f` breaks.
    pub fn scan_accounts(
        &self,
        prefix: &[u8],
        start: B256,
        f: &mut dyn FnMut(B256, Account) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        let Some(range) = key_range(prefix, start) else { return Ok(()) };
        let mut inputs = Vec::new();
        for layer in self.layers() {
            let place = layer.accounts.lower_bound(&range.0);
            inputs.push(Input::Accounts { run: &layer.accounts, place });
        }
        if let Some(history) = &self.0.history {
            inputs.push(self.history_input(
                Family::AccountHistory,
                &[],
                history.number(),
                range,
            )?);
            if let Some(dirty) = &self.0.base.dirty {
                let run = &dirty.cover.accounts;
                inputs.push(Input::Accounts { run, place: run.lower_bound(&range.0) });
            }
        }
        inputs.push(self.flat_input(Family::Accounts, &[], range)?);
        merge(inputs, range.1, |key, value| {
            let account = decode_account(value)
                .map_err(|_| StorageError::damaged(Family::Accounts, key.as_slice()))?;
            Ok(f(key, account))
        })
    }

    /// Slots of an account from `start` on whose nibbles begin with `prefix`, in order, until `f`
    /// breaks.
    pub fn scan_slots(
        &self,
        owner: &B256,
        prefix: &[u8],
        start: B256,
        f: &mut dyn FnMut(B256, U256) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        let Some(range) = key_range(prefix, start) else { return Ok(()) };
        let slots = |run: &SlotRun| {
            let places = run.of_owner(owner);
            run.lower_bound(places.clone(), &range.0)..places.end
        };
        let mut inputs = Vec::new();
        for layer in self.layers() {
            let places = slots(&layer.slots);
            if !places.is_empty() {
                inputs.push(Input::Slots { run: &layer.slots, places });
            }
        }
        if let Some(history) = &self.0.history {
            let number = history.number();
            inputs.push(self.history_input(
                Family::StorageHistory,
                owner.as_slice(),
                number,
                range,
            )?);
            if let Some(dirty) = &self.0.base.dirty {
                let run = &dirty.cover.slots;
                inputs.push(Input::Slots { run, places: slots(run) });
            }
        }
        inputs.push(self.flat_input(Family::Storage, owner.as_slice(), range)?);
        merge(inputs, range.1, |key, value| {
            let value = decode_slot(value)
                .map_err(|_| StorageError::damaged(Family::Storage, &keys::slot(owner, &key)))?;
            Ok(f(key, value))
        })
    }

    fn flat_input<'a>(
        &'a self,
        family: Family,
        owner: &[u8],
        range: KeyRange,
    ) -> Result<Input<'a>, StorageError> {
        let from = [owner, range.0.as_slice()].concat();
        let mut cursor = self.0.base.snapshot.cursor(family, bounds(owner, range));
        let found = cursor.seek(&from)?;
        let key = if found { Some(hash_at(family, cursor.item().0, owner.len())?) } else { None };
        Ok(Input::Flat { cursor, key })
    }

    fn history_input<'a>(
        &'a self,
        family: Family,
        owner: &'a [u8],
        number: u64,
        range: KeyRange,
    ) -> Result<Input<'a>, StorageError> {
        let mut cursor = self.0.base.snapshot.cursor(family, bounds(owner, range));
        let found = cursor.seek(&[owner, range.0.as_slice()].concat())?;
        let upto = self.0.base.block.number;
        let mut input = HistoryInput { cursor, owner, after: number, upto, key: None };
        input.settle(family, found)?;
        Ok(Input::History(input))
    }
}

impl Input<'_> {
    fn key(&self) -> Option<B256> {
        match self {
            Input::Accounts { run, place } => (*place < run.len()).then(|| *run.key(*place)),
            Input::Slots { run, places } => (!places.is_empty()).then(|| *run.slot(places.start)),
            Input::Flat { key, .. } => *key,
            Input::History(input) => input.key,
        }
    }

    fn value(&self) -> &[u8] {
        match self {
            Input::Accounts { run, place } => run.value(*place),
            Input::Slots { run, places } => run.value(places.start),
            Input::Flat { cursor, .. } => cursor.item().1,
            Input::History(input) => input.cursor.item().1,
        }
    }

    fn step(&mut self) -> Result<(), StorageError> {
        match self {
            Input::Accounts { place, .. } => *place += 1,
            Input::Slots { places, .. } => places.start += 1,
            Input::Flat { cursor, key } => {
                *key = if cursor.next()? {
                    let at = cursor.item().0;
                    let owner_len = at.len().saturating_sub(32);
                    Some(hash_at(Family::Accounts, at, owner_len)?)
                } else {
                    None
                };
            }
            Input::History(input) => input.step()?,
        }
        Ok(())
    }
}

impl HistoryInput<'_> {
    fn step(&mut self) -> Result<(), StorageError> {
        let Some(key) = self.key else { return Ok(()) };
        let family = Family::AccountHistory;
        for _ in 0..STEPS_BEFORE_SEEK {
            let found = self.cursor.next()?;
            if !found || hash_at(family, self.cursor.item().0, self.owner.len())? != key {
                return self.settle(family, found);
            }
        }
        let end = end_of_prefix(&[self.owner, key.as_slice()].concat());
        let found = match end {
            Some(end) => self.cursor.seek(&end)?,
            None => false,
        };
        self.settle(family, found)
    }

    /// Goes on from here to the first entry that counts.
    fn settle(&mut self, family: Family, mut found: bool) -> Result<(), StorageError> {
        self.key = None;
        while found {
            let at = self.cursor.item().0;
            let key = hash_at(family, at, self.owner.len())?;
            let number =
                keys::trailing_number(at).ok_or_else(|| StorageError::damaged(family, at))?;
            if number <= self.after {
                let next = (self.after + 1).to_be_bytes();
                found = self.cursor.seek(&[self.owner, key.as_slice(), &next].concat())?;
            } else if number <= self.upto {
                self.key = Some(key);
                break;
            } else {
                match end_of_prefix(&[self.owner, key.as_slice()].concat()) {
                    Some(end) => found = self.cursor.seek(&end)?,
                    None => break,
                }
            }
        }
        Ok(())
    }
}

/// Calls `f` with the present keys of all inputs in order; where several hold a key, the first
/// input's value counts.
fn merge(
    mut inputs: Vec<Input<'_>>,
    end: Option<B256>,
    mut f: impl FnMut(B256, &[u8]) -> Result<ControlFlow<()>, StorageError>,
) -> Result<(), StorageError> {
    loop {
        let Some(key) = inputs.iter().filter_map(Input::key).min() else { return Ok(()) };
        if end.is_some_and(|end| key >= end) {
            return Ok(());
        }
        let mut first = true;
        for input in &mut inputs {
            if input.key() != Some(key) {
                continue;
            }
            if first {
                first = false;
                let value = input.value();
                if !value.is_empty() && f(key, value)?.is_break() {
                    return Ok(());
                }
            }
            input.step()?;
        }
    }
}

fn bounds(owner: &[u8], range: KeyRange) -> Bounds {
    let lower = [owner, range.0.as_slice()].concat();
    let upper = match range.1 {
        Some(end) => Some([owner, end.as_slice()].concat()),
        None => end_of_prefix(owner),
    };
    Bounds { lower: Some(lower), upper, within_prefix: false }
}

fn hash_at(family: Family, key: &[u8], offset: usize) -> Result<B256, StorageError> {
    key.get(offset..offset + 32)
        .and_then(|hash| B256::try_from(hash).ok())
        .ok_or_else(|| StorageError::damaged(family, key))
}

/// Keys that are not below `start` and whose nibbles begin with `prefix`.
fn key_range(prefix: &[u8], start: B256) -> Option<KeyRange> {
    let mut lower = B256::ZERO;
    for (place, nibble) in prefix.iter().take(64).enumerate() {
        lower[place / 2] |= if place % 2 == 0 { nibble << 4 } else { *nibble };
    }
    let end = prefix.iter().take(64).rposition(|nibble| *nibble < 15).map(|last| {
        let mut end = B256::ZERO;
        for (place, nibble) in prefix[..=last].iter().enumerate() {
            let nibble = if place == last { nibble + 1 } else { *nibble };
            end[place / 2] |= if place % 2 == 0 { nibble << 4 } else { nibble };
        }
        end
    });
    let from = lower.max(start);
    if end.is_some_and(|end| from >= end) { None } else { Some((from, end)) }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::b256;

    use super::*;

    #[test]
    fn a_prefix_bounds_its_keys() {
        assert_eq!(key_range(&[], B256::ZERO), Some((B256::ZERO, None)));
        let (from, end) = key_range(&[1, 15], B256::ZERO).expect("not empty");
        assert_eq!(from[0], 0x1f);
        assert_eq!(end.map(|end| end[0]), Some(0x20));
        let (from, end) = key_range(&[15, 15, 15], B256::ZERO).expect("not empty");
        assert_eq!(
            (from, end),
            (b256!("fff0000000000000000000000000000000000000000000000000000000000000"), None)
        );
        assert_eq!(key_range(&[0], B256::repeat_byte(0x11)), None);
        let start = b256!("1f10000000000000000000000000000000000000000000000000000000000000");
        assert_eq!(key_range(&[1, 15], start).map(|range| range.0), Some(start));
        let full = [3; 64];
        let (from, end) = key_range(&full, B256::ZERO).expect("one key");
        assert_eq!(from, B256::repeat_byte(0x33));
        assert_eq!(end.map(|end| end[31]), Some(0x34));
    }
}
