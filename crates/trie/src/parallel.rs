use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

/// Changed keys from which work is worth being split over threads.
pub(crate) const KEYS_MIN: usize = 64;

/// The same below the top of a trie, where the sixteen parts of the top are at work already.
pub(crate) const NESTED_KEYS_MIN: usize = 512;

/// Side results that are collected apart by each thread.
pub(crate) trait Merge: Default + Send {
    fn merge(&mut self, other: Self);
}

impl Merge for () {
    fn merge(&mut self, (): Self) {}
}

/// Runs `f` on every job, on several threads if `is_parallel`, and returns the results in order.
pub(crate) fn each<J: Send, R: Send, E: Send, S: Merge>(
    jobs: Vec<J>,
    is_parallel: bool,
    side: &mut S,
    f: impl Fn(J, &mut S) -> Result<R, E> + Sync + Send,
) -> Result<Vec<R>, E> {
    if !is_parallel || jobs.len() < 2 {
        return jobs.into_iter().map(|job| f(job, side)).collect();
    }
    let run = |job| {
        let mut side = S::default();
        f(job, &mut side).map(|result| (result, side))
    };
    let results: Result<Vec<(R, S)>, E> = jobs.into_par_iter().with_max_len(1).map(run).collect();
    Ok(results?
        .into_iter()
        .map(|(result, part)| {
            side.merge(part);
            result
        })
        .collect())
}
