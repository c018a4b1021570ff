use std::{
    env,
    path::{Path, PathBuf},
};

use crate::NodeError;

/// Name of the folder that holds the data folders of all chains.
const APPLICATION: &str = "phala-rollup";

/// The files of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// The folder given, or the chain's own below the user's data folder.
    pub fn resolve(given: Option<&Path>, chain: &str) -> Result<Self, NodeError> {
        if let Some(given) = given {
            return Ok(Self(given.to_owned()));
        }
        let absolute =
            |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        absolute("XDG_DATA_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
            .map(|data| Self(data.join(APPLICATION).join(chain)))
            .ok_or(NodeError::NoDataDir)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.0.join("db")
    }

    /// The secret shared with a consensus client.
    pub fn jwt_secret(&self) -> PathBuf {
        self.0.join("jwt.hex")
    }

    /// Local transactions that wait for a block.
    pub fn journal(&self) -> PathBuf {
        self.0.join("transactions.journal")
    }

    /// What was read of L1.
    pub fn l1_cache(&self) -> PathBuf {
        self.0.join("l1")
    }

    /// Blocks that were refused, with what is needed to reproduce the refusal.
    pub fn refused_blocks(&self) -> PathBuf {
        self.0.join("refused")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_given_folder_wins() {
        let dir = DataDir::resolve(Some(Path::new("here")), "dev").expect("given");
        assert_eq!(dir.database(), Path::new("here/db"));
        let default = DataDir::resolve(None, "dev").expect("home");
        assert!(default.root().is_absolute() && default.root().ends_with("phala-rollup/dev"));
    }
}
