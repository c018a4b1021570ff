use std::{fmt, sync::Arc};

/// What is being done with a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading the file; counts its bytes as they are on the disk.
    Read,
    /// Walking the nodes of a trie database; counts pairs.
    Walk,
    /// Merging sorted parts; counts pairs.
    Merge,
    /// Computing the state root; counts pairs.
    Root,
}

type Report = dyn Fn(Step, u64, Option<u64>) + Send + Sync;

/// Told how far a step is: done and, if known, total. Called often; the receiver slows it down.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Report>>);

impl Progress {
    /// Reports to a function.
    pub fn new(report: impl Fn(Step, u64, Option<u64>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(report)))
    }

    pub(crate) fn report(&self, step: Step, done: u64, total: Option<u64>) {
        if let Some(report) = &self.0 {
            report(step, done, total);
        }
    }

    /// For loops over pairs: every 8,192nd is enough.
    pub(crate) fn report_pair(&self, step: Step, done: u64, total: Option<u64>) {
        if done.is_multiple_of(8_192) {
            self.report(step, done, total);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Progress(reported)" } else { "Progress(silent)" })
    }
}
