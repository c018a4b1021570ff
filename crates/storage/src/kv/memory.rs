use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{
    Batch, Bounds, Family, FamilySize, KvCursor, KvError, KvSnapshot, KvStore, Op, Pressure,
    WriteMode,
};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;
type Image = [Arc<Map>; Family::ALL.len()];

/// [`KvStore`] in memory that remembers what a disk would have kept.
///
/// Every write and every flush of a family passes two numbered points, one before and one after
/// it takes effect. A [`Fault`] happens at one of them, and [`MemoryKv::restart`] gives what a
/// machine would find afterwards.
pub struct MemoryKv {
    inner: Mutex<Inner>,
}

struct Inner {
    live: Image,
    /// What the disk holds without the log.
    tables: Image,
    /// Every write since the start or the last restart.
    journal: Vec<Written>,
    /// Writes of a family before this place in the journal are in its tables.
    flushed: [usize; Family::ALL.len()],
    /// Logged writes before this place survive a lost machine.
    synced: usize,
    points: u64,
    fault: Option<Fault>,
    stopped: bool,
    history_floor: u64,
}

struct Written {
    batch: Batch,
    logged: bool,
}

/// What goes wrong, and at which numbered point.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The machine stops: this call and all later ones fail.
    Stop {
        /// Number of the point.
        at: u64,
    },
    /// Calls from this point on fail with an error, as often as said, and change nothing.
    Fail {
        /// Number of the first point.
        at: u64,
        /// How many calls fail.
        times: u64,
        /// The error they fail with.
        error: KvError,
    },
}

/// What a stopped machine kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// The process was killed: the log is complete, unflushed writes without a log are gone.
    Process,
    /// The power was cut: the log ends at its last sync.
    Machine,
    /// As [`Survival::Machine`], and some families had flushed some of their unlogged writes by
    /// themselves; the number chooses which and how many.
    MachineWithPartialFlushes(u64),
}

impl Default for MemoryKv {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryKv {
    /// An empty store.
    pub fn new() -> Self {
        Self::with_image(std::array::from_fn(|_| Arc::default()))
    }

    /// Number of points passed so far.
    pub fn points(&self) -> u64 {
        self.inner.lock().points
    }

    /// Arranges a fault, in place of one arranged before.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.inner.lock().fault = fault;
    }

    /// The store as the next process finds it.
    pub fn restart(&self, survival: Survival) -> Self {
        let inner = self.inner.lock();
        let log_end = match survival {
            Survival::Process => inner.journal.len(),
            Survival::Machine | Survival::MachineWithPartialFlushes(_) => inner.synced,
        };
        let mut image = inner.tables.clone();
        for family in Family::ALL {
            let index = family as usize;
            let flushed = inner.flushed[index];
            let unlogged_end = match survival {
                Survival::MachineWithPartialFlushes(seed) => {
                    let rest = (inner.journal.len() - flushed) as u64;
                    flushed + (mix(seed ^ index as u64) % (rest + 1)) as usize
                }
                _ => flushed,
            };
            let map = Arc::make_mut(&mut image[index]);
            for (place, written) in inner.journal.iter().enumerate().skip(flushed) {
                let kept = if written.logged { place < log_end } else { place < unlogged_end };
                if kept {
                    apply(map, family, &written.batch);
                }
            }
        }
        Self::with_image(image)
    }

    fn with_image(image: Image) -> Self {
        Self {
            inner: Mutex::new(Inner {
                live: image.clone(),
                tables: image,
                journal: Vec::new(),
                flushed: [0; Family::ALL.len()],
                synced: 0,
                points: 0,
                fault: None,
                stopped: false,
                history_floor: 0,
            }),
        }
    }
}

impl Inner {
    fn pass(&mut self) -> Result<(), KvError> {
        if self.stopped {
            return Err(KvError::Closed);
        }
        let point = self.points;
        self.points += 1;
        match &mut self.fault {
            Some(Fault::Stop { at }) if *at == point => {
                self.stopped = true;
                Err(KvError::Closed)
            }
            Some(Fault::Fail { at, times, error }) if point >= *at && *times > 0 => {
                *times -= 1;
                Err(error.clone())
            }
            _ => Ok(()),
        }
    }

    /// The point behind an effect: the caller is not told that it happened.
    fn pass_after(&mut self) -> Result<(), KvError> {
        let point = self.points;
        self.points += 1;
        if let Some(Fault::Stop { at }) = self.fault
            && at == point
        {
            self.stopped = true;
            return Err(KvError::Closed);
        }
        Ok(())
    }
}

/// SplitMix64: spreads a small seed over all bits.
const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn apply(map: &mut Map, only: Family, batch: &Batch) {
    for op in batch.iter() {
        match op {
            Op::Put(family, key, value) if family == only => {
                map.insert(key.to_vec(), value.to_vec());
            }
            Op::Delete(family, key) if family == only => {
                map.remove(key);
            }
            Op::DeleteRange(family, from, to) if family == only && from < to => {
                let keys: Vec<_> = map
                    .range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)))
                    .map(|(key, _)| key.clone())
                    .collect();
                for key in keys {
                    map.remove(&key);
                }
            }
            _ => {}
        }
    }
}

impl KvStore for MemoryKv {
    fn write(&self, batch: &Batch, mode: WriteMode) -> Result<(), KvError> {
        let mut inner = self.inner.lock();
        inner.pass()?;
        let mut families: Vec<Family> = batch
            .iter()
            .map(|op| match op {
                Op::Put(family, ..) | Op::Delete(family, _) | Op::DeleteRange(family, ..) => family,
            })
            .collect();
        families.sort_unstable();
        families.dedup();
        for family in families {
            apply(Arc::make_mut(&mut inner.live[family as usize]), family, batch);
        }
        let logged = mode != WriteMode::Unlogged;
        inner.journal.push(Written { batch: batch.clone(), logged });
        if mode == WriteMode::Synced {
            inner.synced = inner.journal.len();
        }
        inner.pass_after()
    }

    fn flush(&self, families: &[Family]) -> Result<(), KvError> {
        let mut inner = self.inner.lock();
        for family in families {
            inner.pass()?;
            let index = *family as usize;
            inner.tables[index] = Arc::clone(&inner.live[index]);
            inner.flushed[index] = inner.journal.len();
            if !Family::DERIVED.contains(family) {
                // Logged data in a table implies that the log before it is on the disk.
                inner.synced = inner.journal.len();
            }
            inner.pass_after()?;
        }
        Ok(())
    }

    fn snapshot(&self) -> Arc<dyn KvSnapshot> {
        Arc::new(MemorySnapshot(self.inner.lock().live.clone()))
    }

    fn get(
        &self,
        family: Family,
        key: &[u8],
        read: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, KvError> {
        let map = {
            let inner = self.inner.lock();
            if inner.stopped {
                return Err(KvError::Closed);
            }
            Arc::clone(&inner.live[family as usize])
        };
        Ok(map.get(key).map(|value| read(value)).is_some())
    }

    fn set_history_floor(&self, number: u64) {
        let mut inner = self.inner.lock();
        inner.history_floor = inner.history_floor.max(number);
    }

    fn reclaim(&self, _family: Family, _from: &[u8], _to: &[u8]) -> Result<(), KvError> {
        Ok(())
    }

    fn compact(&self, family: Family) -> Result<(), KvError> {
        let filtered =
            [Family::AccountHistory, Family::StorageHistory, Family::TrieHistory, Family::LogIndex];
        if filtered.contains(&family) {
            let mut inner = self.inner.lock();
            let floor = inner.history_floor;
            let map = Arc::make_mut(&mut inner.live[family as usize]);
            map.retain(|key, _| {
                key.last_chunk::<8>().is_none_or(|number| u64::from_be_bytes(*number) > floor)
            });
            let index = family as usize;
            inner.tables[index] = Arc::clone(&inner.live[index]);
            inner.flushed[index] = inner.journal.len();
        }
        Ok(())
    }

    fn pressure(&self) -> Pressure {
        Pressure::default()
    }

    fn size(&self, family: Family) -> FamilySize {
        let map = Arc::clone(&self.inner.lock().live[family as usize]);
        FamilySize {
            disk_bytes: map.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum(),
            keys: map.len() as u64,
        }
    }

    fn log_bytes(&self) -> u64 {
        0
    }
}

struct MemorySnapshot(Image);

impl KvSnapshot for MemorySnapshot {
    fn get(
        &self,
        family: Family,
        key: &[u8],
        read: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, KvError> {
        Ok(self.0[family as usize].get(key).map(|value| read(value)).is_some())
    }

    fn cursor(&self, family: Family, bounds: Bounds) -> Box<dyn KvCursor + '_> {
        Box::new(MemoryCursor { map: &self.0[family as usize], bounds, here: None })
    }
}

struct MemoryCursor<'a> {
    map: &'a Map,
    bounds: Bounds,
    here: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> MemoryCursor<'a> {
    fn stand(&mut self, found: Option<(&'a Vec<u8>, &'a Vec<u8>)>) -> Result<bool, KvError> {
        self.here =
            found.map(|(key, value)| (key.as_slice(), value.as_slice())).filter(|(key, _)| {
                self.bounds.lower.as_deref().is_none_or(|lower| *key >= lower)
                    && self.bounds.upper.as_deref().is_none_or(|upper| *key < upper)
            });
        Ok(self.here.is_some())
    }
}

impl KvCursor for MemoryCursor<'_> {
    fn seek(&mut self, key: &[u8]) -> Result<bool, KvError> {
        let from = self.bounds.lower.as_deref().map_or(key, |lower| lower.max(key));
        let found = self.map.range::<[u8], _>((Bound::Included(from), Bound::Unbounded)).next();
        self.stand(found)
    }

    fn seek_back(&mut self, key: &[u8]) -> Result<bool, KvError> {
        let end = match self.bounds.upper.as_deref() {
            Some(upper) if upper <= key => Bound::Excluded(upper),
            _ => Bound::Included(key),
        };
        let found = self.map.range::<[u8], _>((Bound::Unbounded, end)).next_back();
        self.stand(found)
    }

    fn next(&mut self) -> Result<bool, KvError> {
        let Some((key, _)) = self.here else { return Ok(false) };
        let found = self.map.range::<[u8], _>((Bound::Excluded(key), Bound::Unbounded)).next();
        self.stand(found)
    }

    fn prev(&mut self) -> Result<bool, KvError> {
        let Some((key, _)) = self.here else { return Ok(false) };
        let found = self.map.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(key))).next_back();
        self.stand(found)
    }

    fn item(&self) -> (&[u8], &[u8]) {
        self.here.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(kv: &MemoryKv, family: Family, key: &[u8], mode: WriteMode) -> Result<(), KvError> {
        let mut batch = Batch::new();
        batch.put(family, key, b"v");
        kv.write(&batch, mode)
    }

    fn has(kv: &MemoryKv, family: Family, key: &[u8]) -> bool {
        kv.get(family, key, &mut |_| {}).expect("not stopped")
    }

    #[test]
    fn a_killed_process_keeps_the_log_and_a_lost_machine_its_synced_part() {
        let kv = MemoryKv::new();
        put(&kv, Family::Meta, b"synced", WriteMode::Synced).expect("write");
        put(&kv, Family::Meta, b"logged", WriteMode::Logged).expect("write");
        put(&kv, Family::Accounts, b"unlogged", WriteMode::Unlogged).expect("write");
        let killed = kv.restart(Survival::Process);
        assert!(has(&killed, Family::Meta, b"synced") && has(&killed, Family::Meta, b"logged"));
        assert!(!has(&killed, Family::Accounts, b"unlogged"));
        let lost = kv.restart(Survival::Machine);
        assert!(has(&lost, Family::Meta, b"synced") && !has(&lost, Family::Meta, b"logged"));
        kv.flush(&[Family::Accounts]).expect("flush");
        assert!(has(&kv.restart(Survival::Machine), Family::Accounts, b"unlogged"));
    }

    #[test]
    fn a_stop_falls_before_or_after_the_effect() {
        for (at, kept) in [(0, false), (1, true)] {
            let kv = MemoryKv::new();
            kv.set_fault(Some(Fault::Stop { at }));
            assert_eq!(put(&kv, Family::Meta, b"k", WriteMode::Synced), Err(KvError::Closed));
            assert_eq!(put(&kv, Family::Meta, b"l", WriteMode::Synced), Err(KvError::Closed));
            assert_eq!(has(&kv.restart(Survival::Machine), Family::Meta, b"k"), kept);
        }
    }

    #[test]
    fn a_failing_call_changes_nothing_and_a_later_one_works() {
        let kv = MemoryKv::new();
        let error = KvError::NoSpace("0 bytes".into());
        kv.set_fault(Some(Fault::Fail { at: 0, times: 1, error: error.clone() }));
        assert_eq!(put(&kv, Family::Meta, b"k", WriteMode::Synced), Err(error));
        assert!(!has(&kv, Family::Meta, b"k"));
        put(&kv, Family::Meta, b"k", WriteMode::Synced).expect("second try");
        assert!(has(&kv, Family::Meta, b"k"));
    }
}
