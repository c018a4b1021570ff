use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::DevnetError;

/// Marks a folder as a devnet's, to be emptied by the next one, and locks it while one runs.
const LOCK_FILE: &str = "devnet.lock";

/// The folder of a devnet. It goes away with it unless it is to be kept.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    keep: bool,
    /// Held while this value lives.
    _lock: File,
    _temporary: Option<TempDir>,
}

impl Folder {
    /// Empties a folder that an earlier devnet left, or makes one.
    pub(crate) fn prepare(dir: Option<&Path>, keep: bool) -> Result<Self, DevnetError> {
        let (path, temporary) = match dir {
            Some(dir) => (dir.to_owned(), None),
            None => {
                let mut builder = tempfile::Builder::new();
                let made = builder.prefix("phala-devnet-").disable_cleanup(keep).tempdir();
                let made = made.map_err(|source| file_error(&std::env::temp_dir(), source))?;
                (made.path().to_owned(), Some(made))
            }
        };
        fs::create_dir_all(&path).map_err(|source| file_error(&path, source))?;
        let path = path.canonicalize().map_err(|source| file_error(&path, source))?;
        let lock = lock(&path)?;
        empty(&path)?;
        Ok(Self { path, keep, _lock: lock, _temporary: temporary })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in it.
    pub(crate) fn make(&self, name: &str) -> Result<PathBuf, DevnetError> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).map_err(|source| file_error(&path, source))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep
            && let Err(error) = fs::remove_dir_all(&self.path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, folder = %self.path.display(), "cannot remove the devnet's folder");
        }
    }
}

pub(crate) fn file_error(path: &Path, source: std::io::Error) -> DevnetError {
    DevnetError::File { path: path.to_owned(), source }
}

/// Takes the lock; a folder with files and without lock file is somebody else's.
fn lock(path: &Path) -> Result<File, DevnetError> {
    let file = path.join(LOCK_FILE);
    let is_empty = || fs::read_dir(path).map(|mut entries| entries.next().is_none());
    if !file.exists() && !is_empty().map_err(|source| file_error(path, source))? {
        return Err(DevnetError::ForeignFolder(path.to_owned()));
    }
    let mut options = File::options();
    let lock = options.create(true).write(true).truncate(false).open(&file);
    let lock = lock.map_err(|source| file_error(&file, source))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(DevnetError::FolderInUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(file_error(&file, source)),
    }
}

/// Removes everything but the lock.
fn empty(path: &Path) -> Result<(), DevnetError> {
    let entries = fs::read_dir(path).map_err(|source| file_error(path, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| file_error(path, source))?;
        if entry.file_name() == LOCK_FILE {
            continue;
        }
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let path = entry.path();
        let removed = if is_dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(|source| file_error(&path, source))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_devnet_makes_room_and_others_do_not() {
        let parent = tempfile::tempdir().expect("tempdir");
        let dir = parent.path().join("devnet");
        let first = Folder::prepare(Some(&dir), true).expect("new");
        fs::write(first.make("logs").expect("make").join("x"), "x").expect("write");
        assert!(matches!(Folder::prepare(Some(&dir), true), Err(DevnetError::FolderInUse(_))));
        drop(first);
        assert!(dir.join("logs/x").exists(), "kept");
        let second = Folder::prepare(Some(&dir), false).expect("an earlier one");
        assert!(!dir.join("logs").exists());
        drop(second);
        assert!(!dir.exists());

        fs::create_dir(&dir).expect("create");
        fs::write(dir.join("thesis"), "years of work").expect("write");
        assert!(matches!(Folder::prepare(Some(&dir), false), Err(DevnetError::ForeignFolder(_))));
        assert!(dir.join("thesis").exists());
    }

    #[test]
    fn temporary_folders_go_away() {
        let folder = Folder::prepare(None, false).expect("temporary");
        let path = folder.path().to_owned();
        assert!(path.exists());
        drop(folder);
        assert!(!path.exists());
    }
}
