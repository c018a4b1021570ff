use std::{io, path::PathBuf};

use phala_genesis::GenesisError;

/// Why a devnet does not start or go on. Each is for the person in front of the screen.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    /// Somebody else listens there.
    #[error("port {port} is in use; choose another one for {user} with {flag}")]
    PortInUse {
        /// The port.
        port: u16,
        /// Who wanted it.
        user: &'static str,
        /// The flag that moves it.
        flag: &'static str,
    },
    /// A program is missing.
    #[error("{program} is not there: {hint}")]
    NoProgram {
        /// The program.
        program: String,
        /// How to get it.
        hint: String,
    },
    /// The folder holds something that no devnet wrote.
    #[error("{0} is not empty and not of a devnet; choose another folder with --dir")]
    ForeignFolder(PathBuf),
    /// Two devnets cannot share a folder.
    #[error("another devnet runs in {0}; choose another folder with --dir")]
    FolderInUse(PathBuf),
    /// A file or folder cannot be made, read or removed.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A child cannot be started.
    #[error("cannot start {name}: {source}")]
    Spawn {
        /// The child.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// A child ended by itself.
    #[error("{name} ended ({status}); its last lines, of {}:\n{last_lines}", log.display())]
    Died {
        /// The child.
        name: String,
        /// Exit code or signal.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The end of the log.
        last_lines: String,
    },
    /// A child runs and does not answer.
    #[error("{name} did not answer within {seconds} s; its last lines, of {}:\n{last_lines}", log.display())]
    Silent {
        /// The child.
        name: String,
        /// How long it was waited for.
        seconds: u64,
        /// Its log.
        log: PathBuf,
        /// The end of the log.
        last_lines: String,
    },
    /// The beacon helper cannot listen.
    #[error("beacon helper: {0}")]
    Beacon(#[source] io::Error),
    /// The configuration makes no sense.
    #[error("{0}")]
    Config(&'static str),
    /// Deploying, or talking to L1, failed.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
}
