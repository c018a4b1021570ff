use std::ops::Range;

use alloy_primitives::B256;

use super::run::{find_in, head, table};

/// Sorted slots by account and slot, with small values.
#[derive(Debug, Default)]
pub(crate) struct SlotRun {
    owners: Vec<B256>,
    /// Place of the first slot of each owner.
    starts: Vec<u32>,
    table: Vec<u32>,
    shift: u32,
    slots: Vec<B256>,
    ends: Vec<u32>,
    values: Vec<u8>,
}

impl SlotRun {
    /// Appends a slot behind all before it.
    pub(crate) fn push(&mut self, owner: B256, slot: B256, value: &[u8]) {
        if self.owners.last() != Some(&owner) {
            debug_assert!(self.owners.last().is_none_or(|last| *last < owner), "owners in order");
            self.owners.push(owner);
            self.starts.push(self.slots.len() as u32);
        } else {
            debug_assert!(self.slots.last().is_none_or(|last| *last < slot), "slots in order");
        }
        self.slots.push(slot);
        self.values.extend_from_slice(value);
        self.ends.push(self.values.len() as u32);
    }

    /// Makes the table; reads before that find nothing.
    pub(crate) fn seal(&mut self) {
        (self.table, self.shift) = table(&self.owners);
    }

    pub(crate) const fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.owners.len() * 36 + self.slots.len() * 36 + self.values.len() + self.table.len() * 4
    }

    pub(crate) fn get(&self, owner: &B256, slot: &B256) -> Option<&[u8]> {
        let place = find_in(&self.slots, self.of_owner(owner), slot)?;
        Some(self.value(place))
    }

    /// Places of the slots of an account.
    pub(crate) fn of_owner(&self, owner: &B256) -> Range<usize> {
        if self.table.is_empty() {
            return 0..0;
        }
        let entry = (head(owner) >> self.shift) as usize;
        let range = self.table[entry] as usize..self.table[entry + 1] as usize;
        find_in(&self.owners, range, owner).map_or(0..0, |place| self.owner_slots(place))
    }

    /// Place of the first slot in `range` not below `slot`.
    pub(crate) fn lower_bound(&self, range: Range<usize>, slot: &B256) -> usize {
        range.start + self.slots[range].partition_point(|candidate| candidate < slot)
    }

    pub(crate) fn slot(&self, place: usize) -> &B256 {
        &self.slots[place]
    }

    pub(crate) fn value(&self, place: usize) -> &[u8] {
        let start = if place == 0 { 0 } else { self.ends[place - 1] as usize };
        &self.values[start..self.ends[place] as usize]
    }

    /// All slots in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&B256, &B256, &[u8])> {
        (0..self.owners.len()).flat_map(move |owner| {
            self.owner_slots(owner)
                .map(move |place| (&self.owners[owner], &self.slots[place], self.value(place)))
        })
    }

    fn owner_slots(&self, owner: usize) -> Range<usize> {
        let end = self.starts.get(owner + 1).map_or(self.slots.len(), |end| *end as usize);
        self.starts[owner] as usize..end
    }

    pub(crate) fn merge(older: &Self, newer: &Self) -> Self {
        let mut merged = Self {
            slots: Vec::with_capacity(older.len() + newer.len()),
            ends: Vec::with_capacity(older.len() + newer.len()),
            values: Vec::with_capacity(older.values.len() + newer.values.len()),
            ..Self::default()
        };
        let (mut old, mut new) = (older.iter().peekable(), newer.iter().peekable());
        loop {
            let take_new = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(a), Some(b)) => {
                    let order = (b.0, b.1).cmp(&(a.0, a.1));
                    if order.is_eq() {
                        old.next();
                    }
                    order.is_le()
                }
                (None, Some(_)) => true,
                (Some(_), None) => false,
            };
            let next = if take_new { new.next() } else { old.next() };
            let (owner, slot, value) = next.expect("the side was peeked at");
            merged.push(*owner, *slot, value);
        }
        merged.seal();
        merged
    }
}
