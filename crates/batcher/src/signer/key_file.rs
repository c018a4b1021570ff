use std::{
    fmt,
    fs::File,
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use alloy_primitives::{Address, B256};
use alloy_signer_local::PrivateKeySigner;
use url::Url;

use crate::SignerError;

/// Permission bits that let others than the owner at a file.
const OPEN_TO_OTHERS: u32 = 0o077;

/// A file larger than this is no key, keystore or password.
const SECRET_FILE_BYTES_MAX: u64 = 64 * 1_024;

/// Where the key is.
#[derive(Clone, PartialEq, Eq)]
pub enum KeySource {
    /// An encrypted keystore file (Web3 Secret Storage).
    Keystore {
        /// The keystore.
        file: PathBuf,
        /// File with its password; line ends around it do not count.
        password_file: PathBuf,
    },
    /// A file with 64 hex digits.
    KeyFile(PathBuf),
    /// A signer that is asked for each transaction.
    Remote {
        /// Its address, which may hold a secret.
        endpoint: Url,
        /// Whose transactions it signs.
        address: Address,
    },
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keystore { file, .. } => write!(f, "keystore {}", file.display()),
            Self::KeyFile(file) => write!(f, "key file {}", file.display()),
            Self::Remote { address, .. } => write!(f, "remote signer of {address}"),
        }
    }
}

pub(super) fn load_keystore(
    file: &Path,
    password_file: &Path,
) -> Result<PrivateKeySigner, SignerError> {
    // The keystore is encrypted, its password is not.
    let password = read_secret(password_file)?;
    let password = password.trim_end_matches(['\r', '\n']);
    if !file.is_file() {
        let source = std::io::ErrorKind::NotFound.into();
        return Err(SignerError::Unreadable { path: file.to_owned(), source });
    }
    PrivateKeySigner::decrypt_keystore(file, password)
        .map_err(|error| SignerError::Keystore { path: file.to_owned(), reason: error.to_string() })
}

pub(super) fn load_key(file: &Path) -> Result<PrivateKeySigner, SignerError> {
    let text = read_secret(file)?;
    let text = text.trim();
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let malformed = |found| SignerError::Malformed { path: file.to_owned(), found };
    if digits.len() != 64 {
        return Err(malformed(format!("{} characters", digits.chars().count())));
    }
    let key: B256 = digits.parse().map_err(|_| malformed("other characters".to_owned()))?;
    PrivateKeySigner::from_bytes(&key).map_err(|_| malformed("no key of the curve".to_owned()))
}

/// Reads a file that only its owner may access.
fn read_secret(path: &Path) -> Result<String, SignerError> {
    let unreadable = |source| SignerError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
    if mode & OPEN_TO_OTHERS != 0 {
        return Err(SignerError::TooOpen { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(SECRET_FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
    let malformed =
        || SignerError::Malformed { path: path.to_owned(), found: "no text".to_owned() };
    String::from_utf8(bytes).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    fn write(path: &Path, text: &str, mode: u32) {
        // A file of mode 0400 from the round before cannot be overwritten.
        let _ = fs::remove_file(path);
        fs::write(path, text).expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode set");
    }

    #[test]
    fn reads_a_private_key_file() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("key");
        let address =
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266".parse::<Address>().expect("address");
        for text in [KEY.to_owned(), format!("0x{KEY}\n"), format!("  {KEY}\r\n")] {
            write(&path, &text, 0o600);
            assert_eq!(load_key(&path).expect("loads").address(), address);
        }
        write(&path, KEY, 0o400);
        assert_eq!(load_key(&path).expect("loads").address(), address);
    }

    #[test]
    fn refuses_files_that_others_can_access() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("key");
        for mode in [0o640, 0o604, 0o660, 0o644, 0o601] {
            write(&path, KEY, mode);
            let error = load_key(&path).expect_err("too open");
            assert!(matches!(error, SignerError::TooOpen { mode: found, .. } if found == mode));
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn refuses_what_is_no_key_without_showing_it() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("key");
        for text in ["", "abcd", &"zz".repeat(32), &"0".repeat(64), &"f".repeat(64)] {
            write(&path, text, 0o600);
            let message = load_key(&path).expect_err("no key").to_string();
            assert!(text.len() < 4 || !message.contains(text), "{message}");
        }
        assert!(matches!(
            load_key(&folder.path().join("missing")),
            Err(SignerError::Unreadable { .. })
        ));
    }

    #[test]
    fn opens_a_keystore_with_its_password_only() {
        let folder = tempfile::tempdir().expect("folder");
        let password = folder.path().join("password");
        let secret = KEY.parse::<B256>().expect("key");
        let (key, _) = PrivateKeySigner::encrypt_keystore(
            folder.path(),
            &mut alloy_signer::k256::elliptic_curve::rand_core::OsRng,
            secret,
            "correct horse",
            Some("keystore.json"),
        )
        .expect("encrypts");
        let file = folder.path().join("keystore.json");
        write(&password, "correct horse\n", 0o600);
        assert_eq!(load_keystore(&file, &password).expect("opens").address(), key.address());
        write(&password, "wrong", 0o600);
        let error = load_keystore(&file, &password).expect_err("wrong password");
        assert!(!error.to_string().contains("wrong"), "{error}");
        write(&password, "correct horse", 0o644);
        assert!(matches!(load_keystore(&file, &password), Err(SignerError::TooOpen { .. })));
        write(&password, "correct horse", 0o600);
        let missing = folder.path().join("none.json");
        assert!(matches!(load_keystore(&missing, &password), Err(SignerError::Unreadable { .. })));
    }
}
