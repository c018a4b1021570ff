use std::hash::Hash;

use alloy_primitives::map::HashMap;

/// A bounded map that forgets what was not used lately.
///
/// Two generations: what is written goes to the young one; when that is full it becomes the old
/// one, and the old one is dropped. There is no list of uses to maintain, so a hit is one or two
/// lookups, and at least the newest half of the capacity is always kept.
#[derive(Debug)]
pub(crate) struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    young_weight: usize,
    young_weight_max: usize,
}

/// Where a value was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a, V> {
    /// In the young generation.
    Young(&'a V),
    /// In the old generation: the caller inserts it again if it wants to keep it.
    Old(&'a V),
}

impl<'a, V> Found<'a, V> {
    /// The value, wherever it was.
    pub(crate) const fn value(&self) -> &'a V {
        match self {
            Self::Young(value) | Self::Old(value) => value,
        }
    }
}

impl<K: Eq + Hash, V> Generations<K, V> {
    /// A map whose entries weigh at most `weight_max` together.
    pub(crate) fn new(weight_max: usize) -> Self {
        Self {
            young: HashMap::default(),
            old: HashMap::default(),
            young_weight: 0,
            young_weight_max: (weight_max / 2).max(1),
        }
    }

    /// Looks a key up.
    pub(crate) fn get(&self, key: &K) -> Option<Found<'_, V>> {
        if let Some(value) = self.young.get(key) {
            return Some(Found::Young(value));
        }
        self.old.get(key).map(Found::Old)
    }

    /// Writes an entry of the given weight; an entry that is replaced weighs the same.
    pub(crate) fn insert(&mut self, key: K, value: V, weight: usize) {
        if self.young.insert(key, value).is_some() {
            return;
        }
        self.young_weight += weight;
        if self.young_weight > self.young_weight_max {
            self.old = std::mem::take(&mut self.young);
            self.young_weight = 0;
        }
    }

    /// Forgets a key.
    pub(crate) fn remove(&mut self, key: &K) {
        // The weight of the young generation is left as it is: it only makes it end earlier.
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
        self.young_weight = 0;
    }

    #[cfg(test)]
    /// Number of entries, counting one twice that is in both generations.
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_half_and_never_more_than_all() {
        let mut map = Generations::new(8);
        for key in 0..100_u32 {
            map.insert(key, key, 1);
            assert!(map.len() <= 9, "{}", map.len());
            for recent in key.saturating_sub(3)..=key {
                assert_eq!(map.get(&recent).map(|found| *found.value()), Some(recent));
            }
        }
        assert_eq!(map.get(&0), None);
    }

    #[test]
    fn a_new_value_hides_the_old_generation_until_removed_from_both() {
        let mut map = Generations::new(4);
        for key in 0..3_u32 {
            map.insert(key, 10, 1);
        }
        assert_eq!(map.get(&0), Some(Found::Old(&10)));
        map.insert(0, 20, 1);
        assert_eq!(map.get(&0), Some(Found::Young(&20)));
        map.remove(&0);
        assert_eq!(map.get(&0), None);
        map.clear();
        assert_eq!(map.len(), 0);
    }
}
