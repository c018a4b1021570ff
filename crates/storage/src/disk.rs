//! Free space on the disk, looked at before the database meets the end of it.

use std::ffi::CString;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::StorageError;
use crate::config::DiskLimits;

/// A look at the file system is a system call; a burst of blocks shares one.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// File whose deletion makes room for a clean close.
const BALLAST: &str = "BALLAST";

/// Watches the free space of the folder of a store.
pub(crate) struct Disk {
    place: Option<Place>,
}

struct Place {
    folder: CString,
    ballast: PathBuf,
    limits: DiskLimits,
    looked: Mutex<Option<Instant>>,
    free: AtomicU64,
}

impl Disk {
    /// No disk, no limits.
    pub(crate) const fn none() -> Self {
        Self { place: None }
    }

    /// Watches `path` and puts the ballast there if there is room.
    pub(crate) fn new(path: &Path, limits: DiskLimits) -> Result<Self, StorageError> {
        let folder_error = |error| StorageError::Folder { path: path.display().to_string(), error };
        let folder = CString::new(path.as_os_str().as_bytes())
            .map_err(|error| folder_error(std::io::Error::other(error)))?;
        let place = Place {
            folder,
            ballast: path.join(BALLAST),
            limits,
            looked: Mutex::new(None),
            free: AtomicU64::new(u64::MAX),
        };
        place.put_ballast();
        Ok(Self { place: Some(place) })
    }

    /// Error if there is too little room to write a block.
    pub(crate) fn ensure_room(&self) -> Result<(), StorageError> {
        let Some(place) = &self.place else { return Ok(()) };
        let (free, needed) = (place.look(), place.limits.refuse_bytes);
        if free < place.limits.ballast_release_bytes {
            place.release_ballast();
        }
        if free < needed {
            return Err(StorageError::DiskFull { free, needed });
        }
        Ok(())
    }

    /// Bytes free; all bits set without a disk.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.place.as_ref().map_or(u64::MAX, Place::look)
    }
}

impl Place {
    fn look(&self) -> u64 {
        let mut looked = self.looked.lock();
        if looked.is_none_or(|at| at.elapsed() >= LOOK_INTERVAL) {
            *looked = Some(Instant::now());
            if let Some(free) = free_bytes(&self.folder) {
                self.free.store(free, Ordering::Relaxed);
            }
        }
        self.free.load(Ordering::Relaxed)
    }

    /// Best effort: a node without ballast works, it only closes less cleanly on a full disk.
    fn put_ballast(&self) {
        let wanted = self.limits.ballast_bytes;
        let there = std::fs::metadata(&self.ballast).map_or(0, |metadata| metadata.len());
        let free = free_bytes(&self.folder).unwrap_or(0);
        if there >= wanted || free < self.limits.refuse_bytes.saturating_add(wanted) {
            return;
        }
        if let Err(error) = write_ballast(&self.ballast, wanted) {
            tracing::warn!(%error, "no ballast file");
        }
    }

    fn release_ballast(&self) {
        if std::fs::remove_file(&self.ballast).is_ok() {
            tracing::warn!(bytes = self.limits.ballast_bytes, "disk nearly full, ballast released");
        }
    }
}

fn write_ballast(path: &Path, bytes: u64) -> std::io::Result<()> {
    use std::os::fd::AsRawFd as _;
    let mut file = File::create(path)?;
    let Ok(len) = libc::off_t::try_from(bytes) else { return Ok(()) };
    // SAFETY: The descriptor is open for the whole call.
    let failed = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, len) };
    if failed != 0 {
        drop(file);
        let _ = std::fs::remove_file(path);
        return Err(std::io::Error::from_raw_os_error(failed));
    }
    file.flush()
}

fn free_bytes(folder: &CString) -> Option<u64> {
    // SAFETY: All-zero bytes are a valid `statvfs`, which is plain data.
    let mut stat: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: The path ends with a zero byte and `stat` outlives the call.
    let failed = unsafe { libc::statvfs(folder.as_ptr(), &raw mut stat) };
    (failed == 0).then(|| stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(refuse: u64, release: u64, ballast: u64) -> DiskLimits {
        DiskLimits { refuse_bytes: refuse, ballast_release_bytes: release, ballast_bytes: ballast }
    }

    #[test]
    fn too_little_room_is_an_error_that_says_how_much() {
        let folder = tempfile::tempdir().expect("folder");
        let roomy = Disk::new(folder.path(), limits(0, 0, 0)).expect("disk");
        roomy.ensure_room().expect("room");
        let tight = Disk::new(folder.path(), limits(u64::MAX, 0, 0)).expect("disk");
        let error = tight.ensure_room().expect_err("no disk is that large");
        assert!(matches!(error, StorageError::DiskFull { needed: u64::MAX, .. }), "{error}");
        assert!(error.to_string().starts_with("disk full: "));
    }

    #[test]
    fn the_ballast_leaves_when_the_disk_is_nearly_full() {
        let folder = tempfile::tempdir().expect("folder");
        let disk = Disk::new(folder.path(), limits(0, u64::MAX, 1 << 16)).expect("disk");
        let ballast = folder.path().join(BALLAST);
        assert_eq!(std::fs::metadata(&ballast).expect("ballast").len(), 1 << 16);
        disk.ensure_room().expect("room");
        assert!(!ballast.exists());
    }
}
