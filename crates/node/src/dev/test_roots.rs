//! Roots of a test for the attestation precompiles of a development chain.
//!
//! Evidence of real hardware cannot be bound to such a chain. This module is not in release builds.

use std::{fs, path::Path};

use alloy_primitives::Bytes;
use phala_precompiles::Roots;
use serde::Deserialize;

use crate::NodeError;

/// The file of `--dev.attestation-roots`: two certificates, DER as hex.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestRoots {
    /// In place of Intel SGX Root CA.
    intel: Bytes,
    /// In place of NVIDIA Device Identity CA.
    nvidia: Bytes,
}

/// Makes the roots in the file those of this process; before anything is executed.
pub(crate) fn put_in_force(path: &Path) -> Result<(), NodeError> {
    let roots = read(path)?;
    tracing::warn!(path = %path.display(), "attestation evidence is judged under roots of a test");
    roots
        .put_in_force()
        .map_err(|_| NodeError::Conflict("evidence was judged before the roots were chosen"))
}

fn read(path: &Path) -> Result<Roots, NodeError> {
    let json = fs::read(path).map_err(|source| NodeError::File {
        action: "cannot read",
        path: path.to_owned(),
        source,
    })?;
    let TestRoots { intel, nvidia } = serde_json::from_slice(&json)
        .map_err(|reason| NodeError::AttestationRoots { path: path.to_owned(), reason })?;
    Ok(Roots::for_tests(intel.to_vec(), nvidia.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_two_certificates() {
        let folder = tempfile::tempdir().expect("can be made");
        let path = folder.path().join("roots.json");
        let read = |json: &str| {
            fs::write(&path, json).expect("can be written");
            read(&path)
        };
        let roots = read(r#"{"intel":"0x3001","nvidia":"0x3002"}"#).expect("is read");
        assert_eq!((roots.intel(), roots.nvidia()), ([0x30, 1].as_slice(), [0x30, 2].as_slice()));
        for bad in ["", "{}", r#"{"intel":"0x"}"#, r#"{"intel":"0x","nvidia":"0x","amd":"0x"}"#] {
            assert!(matches!(read(bad), Err(NodeError::AttestationRoots { .. })), "{bad}");
        }
        let missing = super::read(&folder.path().join("missing"));
        assert!(matches!(missing, Err(NodeError::File { .. })));
    }
}
