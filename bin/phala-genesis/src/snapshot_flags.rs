use std::path::PathBuf;

use clap::Args;
use phala_genesis_lib::snapshot::{OpenOptions, Snapshot, SnapshotError, open};

use crate::progress_bar::progress;

/// Flags of every command that reads a snapshot.
#[derive(Args, Debug)]
pub(crate) struct SnapshotFlags {
    /// Raw chain spec, try-runtime snapshot, dump of a node's answers or phala-snap; .gz and .zst too.
    #[arg(value_name = "SNAPSHOT")]
    path: PathBuf,
    /// Folder for temporary files, which take up to twice the room of the unpacked snapshot [default:
    /// the system's].
    #[arg(long, value_name = "DIR")]
    temporary: Option<PathBuf>,
    /// Memory for sorting.
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    memory: u32,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

impl SnapshotFlags {
    /// Reads the snapshot.
    pub(crate) fn open(&self) -> Result<Snapshot, SnapshotError> {
        let options = OpenOptions {
            temporary_folder: self.temporary.clone(),
            memory_bytes: (self.memory as usize) << 20,
            progress: progress(),
        };
        open(&self.path, &options)
    }
}
