use std::{io, path::PathBuf};

use thiserror::Error;

/// Why no snapshot was made.
#[derive(Debug, Error)]
pub enum SynthError {
    /// A file of the snapshot could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Sorting needs temporary files, in the folder that `TMPDIR` names.
    #[error("cannot sort in temporary files: {0}")]
    Sort(io::Error),
    /// No profile of this name.
    #[error("no profile {0:?}: tiny, real, large and stress are known")]
    UnknownProfile(String),
    /// No such damage.
    #[error("no break case {name:?}: one of {known}")]
    UnknownBreakCase {
        /// What was asked for.
        name: String,
        /// What could be.
        known: String,
    },
}
