use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use alloy_primitives::B256;

use crate::cache::{Cache, NodeId};

/// The tries of one state: a cheap handle to what of them is in memory.
///
/// Versions share what they have in common. A version that is dropped releases what its successor
/// replaced, or, if nothing was built on it, what it added. Holding none of them loses nothing but
/// time: everything can be read again from the source.
#[derive(Clone)]
pub struct TrieVersion(Arc<Inner>);

struct Inner {
    root: B256,
    /// Where the top of the account trie is.
    top: AtomicU64,
    cache: Arc<Cache>,
    /// Nodes this version added, until there is a version built on it, which may share them.
    created: Mutex<Vec<NodeId>>,
    /// Nodes of this version that versions built on it do not have.
    superseded: Mutex<Vec<NodeId>>,
}

impl TrieVersion {
    pub(crate) fn new(cache: Arc<Cache>, root: B256, top: NodeId, created: Vec<NodeId>) -> Self {
        Self(Arc::new(Inner {
            root,
            top: AtomicU64::new(top.get()),
            cache,
            created: Mutex::new(created),
            superseded: Mutex::default(),
        }))
    }

    /// Root of the account trie.
    pub fn root(&self) -> B256 {
        self.0.root
    }

    /// Where the top is in `cache`; nowhere if this version belongs to another one.
    pub(crate) fn top(&self, cache: &Arc<Cache>) -> NodeId {
        if Arc::ptr_eq(&self.0.cache, cache) {
            NodeId::from(self.0.top.load(Relaxed))
        } else {
            NodeId::NONE
        }
    }

    /// Remembers where the top has been loaded.
    pub(crate) fn set_top(&self, cache: &Arc<Cache>, top: NodeId) {
        if Arc::ptr_eq(&self.0.cache, cache) {
            self.0.top.store(top.get(), Relaxed);
        }
    }

    /// Notes that a version was built on this one without the nodes `superseded`.
    pub(crate) fn add_successor(&self, cache: &Arc<Cache>, mut superseded: Vec<NodeId>) {
        if !Arc::ptr_eq(&self.0.cache, cache) {
            return;
        }
        lock(&self.0.superseded).append(&mut superseded);
        lock(&self.0.created).clear();
    }
}

impl fmt::Debug for TrieVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TrieVersion").field(&self.0.root).finish()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Another branch of versions may still use some of these: it reads them again.
        for list in [&self.created, &self.superseded] {
            lock(list).drain(..).for_each(|id| self.cache.remove(id));
        }
    }
}

fn lock(list: &Mutex<Vec<NodeId>>) -> std::sync::MutexGuard<'_, Vec<NodeId>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}
