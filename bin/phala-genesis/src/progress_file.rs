use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use crate::{GenesisError, L1Tip};

/// Name of the file in the folder a deployment writes to.
pub(crate) const FILE_NAME: &str = "deployment.json";

/// What the next run must know to continue: which nonces are this deployment's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Progress {
    pub(crate) l1_chain_id: u64,
    /// Test networks share chain ids and start anew.
    pub(crate) l1_genesis: B256,
    pub(crate) deployer: Address,
    pub(crate) first_nonce: u64,
    /// [`crate::DeploymentPlan::hash`].
    pub(crate) plan: B256,
    /// Once it is chosen.
    pub(crate) anchor: Option<Anchor>,
}

/// The block the chain starts after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Anchor {
    pub(crate) number: u64,
    pub(crate) hash: B256,
    pub(crate) timestamp: u64,
}

impl From<L1Tip> for Anchor {
    fn from(tip: L1Tip) -> Self {
        Self { number: tip.number, hash: tip.hash, timestamp: tip.timestamp }
    }
}

impl Progress {
    /// What an earlier run wrote, if there was one.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, GenesisError> {
        let path = folder.join(FILE_NAME);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(GenesisError::Read { path, source }),
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| GenesisError::OtherDeployment { path, reason: error.to_string() })
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), GenesisError> {
        let text = serde_json::to_string_pretty(self).expect("a few plain fields");
        write_whole(&folder.join(FILE_NAME), format!("{text}\n").as_bytes())
    }
}

/// Writes beside the file and renames, so that a file of this name is always whole.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), GenesisError> {
    let write = |partial: &PathBuf| {
        let mut file = File::create(partial)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(partial, path)
    };
    write(&path.with_added_extension("partial"))
        .map_err(|source| GenesisError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_damage_is_an_error() {
        let folder = tempfile::tempdir().expect("tempdir");
        assert!(Progress::read(folder.path()).expect("nothing yet").is_none());
        let mut progress = Progress {
            l1_chain_id: 1,
            l1_genesis: B256::repeat_byte(1),
            deployer: Address::repeat_byte(2),
            first_nonce: 3,
            plan: B256::repeat_byte(4),
            anchor: None,
        };
        for anchor in [None, Some(Anchor { number: 5, hash: B256::ZERO, timestamp: 6 })] {
            progress.anchor = anchor;
            progress.write(folder.path()).expect("write");
            assert_eq!(Progress::read(folder.path()).expect("whole"), Some(progress));
        }
        for damaged in ["", "{}", "{\"l1_chain_id\": -1}", "[]"] {
            fs::write(folder.path().join(FILE_NAME), damaged).expect("write");
            assert!(matches!(
                Progress::read(folder.path()),
                Err(GenesisError::OtherDeployment { .. })
            ));
        }
    }
}
