use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::DevnetError;

/// Where the programs of a devnet are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `anvil`.
    pub anvil: PathBuf,
    /// `phala-node`.
    pub node: PathBuf,
    /// `phala-batcher`.
    pub batcher: PathBuf,
}

impl Programs {
    /// Finds all three: the first by [`find_anvil`]; ours where `PHALA_NODE_BIN` and
    /// `PHALA_BATCHER_BIN` say, else beside this program.
    pub fn find(anvil: Option<&Path>) -> Result<Self, DevnetError> {
        Ok(Self {
            anvil: find_anvil(anvil)?,
            node: ours("phala-node", "PHALA_NODE_BIN")?,
            batcher: ours("phala-batcher", "PHALA_BATCHER_BIN")?,
        })
    }
}

/// Finds anvil: the one named, the one of `PHALA_ANVIL`, the one npm installed for the tests, or the one in
/// `$PATH`.
pub fn find_anvil(named: Option<&Path>) -> Result<PathBuf, DevnetError> {
    let named = named.map(Path::to_owned).or_else(|| env::var_os("PHALA_ANVIL").map(PathBuf::from));
    if let Some(path) = named {
        return existing(path.clone()).ok_or_else(|| DevnetError::NoProgram {
            program: path.display().to_string(),
            hint: "no such file".to_owned(),
        });
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let here = env::current_dir().unwrap_or_default();
    from_npm(&here).or_else(|| from_npm(&workspace)).or_else(|| in_path("anvil")).ok_or_else(|| {
        DevnetError::NoProgram {
            program: "anvil".to_owned(),
            hint: "run `make setup`, or name it with --anvil or PHALA_ANVIL".to_owned(),
        }
    })
}

fn from_npm(root: &Path) -> Option<PathBuf> {
    let (system, machine) = match (env::consts::OS, env::consts::ARCH) {
        ("macos", machine) => ("darwin", machine),
        (system, machine) => (system, machine),
    };
    let machine = match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let package = format!("tests/js/node_modules/@foundry-rs/anvil-{system}-{machine}");
    existing(root.join(package).join("bin/anvil")).and_then(|path| path.canonicalize().ok())
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path: OsString = env::var_os("PATH")?;
    env::split_paths(&path).find_map(|folder| existing(folder.join(name)))
}

/// A program of this workspace, built beside this one; a test is one folder deeper.
fn ours(name: &str, variable: &str) -> Result<PathBuf, DevnetError> {
    if let Some(path) = env::var_os(variable) {
        return Ok(path.into());
    }
    let exe = env::current_exe().unwrap_or_default();
    let folders = exe.ancestors().skip(1).take(2);
    folders.map(|folder| folder.join(name)).find_map(existing).ok_or_else(|| {
        DevnetError::NoProgram {
            program: name.to_owned(),
            hint: format!("build it beside {}, or name it with {variable}", exe.display()),
        }
    })
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    path.is_file().then_some(path)
}
