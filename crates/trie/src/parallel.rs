use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

/// Changed keys from which work is worth being split over threads.
pub(crate) const KEYS_MIN: usize = 64;

/// How a list of jobs is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Split {
    /// On this thread.
    None,
    /// So many jobs at a time to a thread.
    By(usize),
}

/// Side results that are collected apart by each thread.
pub(crate) trait Merge: Default + Send {
    fn merge(&mut self, other: Self);
}

impl Merge for () {
    fn merge(&mut self, (): Self) {}
}

/// Runs `f` on every job and returns the results in order.
pub(crate) fn each<J: Send, R: Send, E: Send, S: Merge>(
    jobs: Vec<J>,
    split: Split,
    side: &mut S,
    f: impl Fn(J, &mut S) -> Result<R, E> + Sync + Send,
) -> Result<Vec<R>, E> {
    let Split::By(len) = split else {
        return jobs.into_iter().map(|job| f(job, side)).collect();
    };
    let run = |job| {
        let mut side = S::default();
        f(job, &mut side).map(|result| (result, side))
    };
    let results: Result<Vec<(R, S)>, E> = {
        let jobs = jobs.into_par_iter().with_min_len(len).with_max_len(len);
        jobs.map(run).collect()
    };
    Ok(results?
        .into_iter()
        .map(|(result, part)| {
            side.merge(part);
            result
        })
        .collect())
}
