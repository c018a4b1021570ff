use alloy_primitives::{Address, B256};
use parking_lot::Mutex;

/// Entries of the cache the pool, gossip and import share: about two minutes of full blocks, 4 MB.
const DEFAULT_ENTRIES: usize = 64 * 1024;

/// Entries that compete for one place in the cache.
const WAYS: usize = 8;

/// Senders of transactions seen lately, so that no signature is recovered twice.
///
/// A transaction hash covers the signature, so an entry can never become wrong; it can only be
/// evicted. Only senders whose signature passed the rules of a block (EIP-2) may be inserted.
///
/// Each hash has one set of eight places, the newest entry first. Hashes are uniform, and somebody
/// who grinds them only buys cache misses.
#[derive(Debug)]
pub struct SenderCache {
    sets: Box<[Mutex<Set>]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Set {
    entries: [Option<(B256, Address)>; WAYS],
}

impl SenderCache {
    /// Creates a cache for at least `entries` senders.
    pub fn new(entries: usize) -> Self {
        let sets = entries.div_ceil(WAYS).next_power_of_two();
        Self { sets: (0..sets).map(|_| Mutex::new(Set::default())).collect() }
    }

    /// The sender of the transaction with this hash, if it is known.
    pub fn get(&self, hash: &B256) -> Option<Address> {
        let set = self.set(hash).lock();
        set.entries.iter().flatten().find(|(known, _)| known == hash).map(|(_, sender)| *sender)
    }

    /// Remembers a sender; the oldest entry of its set makes room.
    pub fn insert(&self, hash: B256, sender: Address) {
        let mut set = self.set(&hash).lock();
        if set.entries.iter().flatten().any(|(known, _)| *known == hash) {
            return;
        }
        set.entries.rotate_right(1);
        set.entries[0] = Some((hash, sender));
    }

    fn set(&self, hash: &B256) -> &Mutex<Set> {
        let bytes = [hash[0], hash[1], hash[2], hash[3]];
        // The number of sets is a power of two, so the mask keeps the index in range.
        let index = u32::from_le_bytes(bytes) as usize & (self.sets.len() - 1);
        &self.sets[index]
    }
}

impl Default for SenderCache {
    fn default() -> Self {
        Self::new(DEFAULT_ENTRIES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(set: u8, tag: u8) -> B256 {
        let mut hash = B256::ZERO;
        hash[0] = set;
        hash[31] = tag;
        hash
    }

    #[test]
    fn returns_what_was_inserted() {
        let cache = SenderCache::new(64);
        assert_eq!(cache.get(&hash(1, 1)), None);
        cache.insert(hash(1, 1), Address::repeat_byte(1));
        cache.insert(hash(2, 1), Address::repeat_byte(2));
        assert_eq!(cache.get(&hash(1, 1)), Some(Address::repeat_byte(1)));
        assert_eq!(cache.get(&hash(2, 1)), Some(Address::repeat_byte(2)));
        assert_eq!(cache.get(&hash(1, 2)), None);
    }

    #[test]
    fn a_full_set_forgets_its_oldest_entry_only() {
        let cache = SenderCache::new(64);
        for tag in 0..=8 {
            cache.insert(hash(3, tag), Address::repeat_byte(tag));
            cache.insert(hash(3, tag), Address::repeat_byte(tag));
        }
        assert_eq!(cache.get(&hash(3, 0)), None);
        for tag in 1..=8 {
            assert_eq!(cache.get(&hash(3, tag)), Some(Address::repeat_byte(tag)));
        }
    }

    #[test]
    fn the_smallest_cache_works() {
        let cache = SenderCache::new(0);
        cache.insert(hash(0xff, 0xff), Address::ZERO);
        assert_eq!(cache.get(&hash(0xff, 0xff)), Some(Address::ZERO));
    }
}
