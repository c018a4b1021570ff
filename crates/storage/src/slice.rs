use std::time::{Duration, Instant};

use crate::StorageError;
use crate::kv::{Batch, Family, KvError, KvStore, WriteMode};

/// Keys in one slice: about a millisecond of the database's write queue, which the block path
/// shares.
const KEYS_MAX: usize = 400;

/// Bytes in one slice, for families with larger values.
const BYTES_MAX: usize = 256 << 10;

/// Pause when the database would have to wait for compaction.
const STALL_PAUSE: Duration = Duration::from_millis(20);

/// Slices between two looks at how far compaction is behind.
const SLICES_BETWEEN_LOOKS: u32 = 64;

/// Level-0 files and waiting memtables at which the writer waits by itself, well before the
/// database would slow everybody down.
const LEVEL0_FILES_MAX: u64 = 40;
const IMMUTABLE_MEMTABLES_MAX: u64 = 3;

/// A stall longer than this is an error, so that the caller can see whether it should go on.
const STALL_MAX: Duration = Duration::from_secs(60);

/// Writes many keys of derived families in small batches without the log.
pub(crate) struct SliceWriter<'a> {
    kv: &'a dyn KvStore,
    batch: Batch,
    slices: u32,
    /// Called before each slice; an error stops the writing.
    may_go_on: &'a dyn Fn() -> Result<(), StorageError>,
}

impl<'a> SliceWriter<'a> {
    pub(crate) fn new(
        kv: &'a dyn KvStore,
        may_go_on: &'a dyn Fn() -> Result<(), StorageError>,
    ) -> Self {
        Self { kv, batch: Batch::new(), slices: 0, may_go_on }
    }

    pub(crate) fn put(
        &mut self,
        family: Family,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), StorageError> {
        self.batch.put(family, key, value);
        self.write_if_full()
    }

    pub(crate) fn delete(&mut self, family: Family, key: &[u8]) -> Result<(), StorageError> {
        self.batch.delete(family, key);
        self.write_if_full()
    }

    /// Sets the key, or removes it if the value is empty.
    pub(crate) fn put_or_delete(
        &mut self,
        family: Family,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), StorageError> {
        if value.is_empty() { self.delete(family, key) } else { self.put(family, key, value) }
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self) -> Result<(), StorageError> {
        self.write()
    }

    fn write_if_full(&mut self) -> Result<(), StorageError> {
        if self.batch.len() >= KEYS_MAX || self.batch.size_bytes() >= BYTES_MAX {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), StorageError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        (self.may_go_on)()?;
        if self.slices.is_multiple_of(SLICES_BETWEEN_LOOKS) {
            self.wait_for_compaction()?;
        }
        self.slices = self.slices.wrapping_add(1);
        let start = Instant::now();
        loop {
            match self.kv.write(&self.batch, WriteMode::Unlogged) {
                Err(KvError::Stalled) if start.elapsed() < STALL_MAX => self.pause()?,
                result => {
                    result?;
                    break;
                }
            }
        }
        self.batch.clear();
        Ok(())
    }

    fn wait_for_compaction(&self) -> Result<(), StorageError> {
        let start = Instant::now();
        loop {
            let pressure = self.kv.pressure();
            if pressure.level0_files < LEVEL0_FILES_MAX
                && pressure.immutable_memtables < IMMUTABLE_MEMTABLES_MAX
            {
                return Ok(());
            }
            if start.elapsed() >= STALL_MAX {
                return Err(KvError::Stalled.into());
            }
            self.pause()?;
        }
    }

    fn pause(&self) -> Result<(), StorageError> {
        metrics::counter!("phala_storage_stall_pauses_total").increment(1);
        std::thread::sleep(STALL_PAUSE);
        (self.may_go_on)()
    }
}
