use std::{env, path::PathBuf};

/// A recorded file below `$PHALA_VECTORS/opstack`; without the variable the test is skipped, by
/// name. With it, the file must be there.
pub(crate) fn opstack(path: &str) -> Option<PathBuf> {
    let Some(vectors) = env::var_os("PHALA_VECTORS") else {
        println!("SKIPPED: no vectors");
        return None;
    };
    let path = PathBuf::from(vectors).join("opstack").join(path);
    assert!(path.exists(), "{} is missing", path.display());
    Some(path)
}
