use std::cmp::Ordering;

use alloy_primitives::B256;
use phala_primitives::TrieNodeDiff;

use crate::update::Effects;

/// Pairs the stored nodes an update took away with those it put there, by path, and appends those
/// that differ.
pub(crate) fn collect(owner: Option<B256>, effects: &mut Effects, out: &mut Vec<TrieNodeDiff>) {
    effects.removed.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    effects.added.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let mut removed = effects.removed.drain(..).peekable();
    let mut added = effects.added.drain(..).peekable();
    loop {
        let order = match (removed.peek(), added.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let old = if order.is_le() { removed.next() } else { None };
        let new = if order.is_ge() { added.next() } else { None };
        let diff = match (old, new) {
            (Some((path, before)), Some((_, after))) if before != after => {
                TrieNodeDiff { owner, path, before: Some(before), after: Some(after) }
            }
            (Some((path, before)), None) => {
                TrieNodeDiff { owner, path, before: Some(before), after: None }
            }
            (None, Some((path, after))) => {
                TrieNodeDiff { owner, path, before: None, after: Some(after) }
            }
            _ => continue,
        };
        out.push(diff);
    }
}
