use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// Heights below base that somebody is reading. Compaction ignores snapshots when it drops old
/// history entries, so the height below which it may do so stays under all of these.
#[derive(Debug, Default)]
pub(crate) struct LiveViews(Mutex<BTreeMap<u64, usize>>);

impl LiveViews {
    pub(crate) fn lowest(&self) -> Option<u64> {
        self.0.lock().keys().next().copied()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().values().sum()
    }

    /// Registers a view at this height until the answer is dropped.
    pub(crate) fn register(self: &Arc<Self>, number: u64) -> LiveView {
        *self.0.lock().entry(number).or_default() += 1;
        LiveView { number, registry: Arc::clone(self) }
    }
}

/// One registered view.
#[derive(Debug)]
pub(crate) struct LiveView {
    number: u64,
    registry: Arc<LiveViews>,
}

impl LiveView {
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for LiveView {
    fn drop(&mut self) {
        let mut views = self.registry.0.lock();
        if let Some(count) = views.get_mut(&self.number) {
            *count -= 1;
            if *count == 0 {
                views.remove(&self.number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_view_counts_until_its_last_holder_is_gone() {
        let views = Arc::new(LiveViews::default());
        let (a, b, c) = (views.register(5), views.register(5), views.register(9));
        assert_eq!((views.lowest(), views.count()), (Some(5), 3));
        drop(a);
        assert_eq!(views.lowest(), Some(5));
        drop(b);
        assert_eq!(views.lowest(), Some(9));
        drop(c);
        assert_eq!(views.lowest(), None);
    }
}
