use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use alloy_primitives::B256;

/// Permission bits that let others than the owner at a file.
const OPEN_TO_OTHERS: u32 = 0o077;

/// A file larger than this is no secret of 64 digits.
const SECRET_FILE_BYTES_MAX: u64 = 4_096;

/// Why a secret cannot be used. The secret itself is in none of the messages.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("secret file {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("secret file {path} cannot be created: {source}")]
    NotCreated {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Other users can get at the file.
    #[error("secret file {path} is open to other users (mode {mode:04o}): run `chmod 600 {path}`")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content is not a secret.
    #[error("secret file {path} must hold 64 hex digits, it holds {found}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it holds, without showing it.
        found: String,
    },
}

/// The secret shared with a consensus client. It never shows itself in logs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct JwtSecret(B256);

impl JwtSecret {
    /// Reads the secret from a file that only its owner can access.
    pub fn load(path: &Path) -> Result<Self, SecretError> {
        let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
        if mode & OPEN_TO_OTHERS != 0 {
            return Err(SecretError::TooOpen { path: path.to_owned(), mode });
        }
        let mut bytes = Vec::new();
        file.take(SECRET_FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
        let malformed = |found| SecretError::Malformed { path: path.to_owned(), found };
        let text = std::str::from_utf8(&bytes).map_err(|_| malformed("no text".to_owned()))?.trim();
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if digits.len() != 64 {
            return Err(malformed(format!("{} characters", digits.chars().count())));
        }
        digits.parse().map(Self).map_err(|_| malformed("other characters".to_owned()))
    }

    /// Reads the secret, or makes a random one where there is no file yet.
    pub fn load_or_create(path: &Path) -> Result<Self, SecretError> {
        if path.exists() {
            return Self::load(path);
        }
        let not_created = |source| SecretError::NotCreated { path: path.to_owned(), source };
        let secret = Self(random_secret().map_err(not_created)?);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(not_created)?;
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(not_created)?;
        file.write_all(format!("{:x}\n", secret.0).as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(not_created)?;
        Ok(secret)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0.0
    }
}

impl std::fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JwtSecret(..)")
    }
}

/// 32 bytes of the kernel's randomness.
fn random_secret() -> io::Result<B256> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(B256::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str, mode: u32) {
        // A file of mode 0400 from the round before cannot be overwritten.
        let _ = fs::remove_file(path);
        fs::write(path, text).expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode set");
    }

    #[test]
    fn creates_a_private_file_and_reads_it_again() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("new/jwt.hex");
        let made = JwtSecret::load_or_create(&path).expect("created");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(JwtSecret::load_or_create(&path).expect("read"), made);
        assert_ne!(made.as_bytes(), &[0; 32]);
        assert!(!format!("{made:?}").contains(&format!("{:x}", made.0)[..8]));
    }

    #[test]
    fn refuses_a_file_others_can_access() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("jwt.hex");
        for mode in [0o640, 0o604, 0o660, 0o601] {
            write(&path, &"ab".repeat(32), mode);
            let error = JwtSecret::load(&path).expect_err("too open");
            assert!(
                matches!(error, SecretError::TooOpen { mode: found, .. } if found == mode),
                "{error}"
            );
        }
        for mode in [0o600, 0o400] {
            write(&path, &format!("0x{}\n", "ab".repeat(32)), mode);
            assert_eq!(JwtSecret::load(&path).expect("private").as_bytes(), &[0xab; 32]);
        }
    }

    #[test]
    fn refuses_what_is_no_secret_without_showing_it() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("jwt.hex");
        for text in ["", "abcd", &"zz".repeat(32), &"ab".repeat(33), "0x0x"] {
            write(&path, text, 0o600);
            let message = JwtSecret::load(&path).expect_err("malformed").to_string();
            assert!(message.contains("64 hex digits"), "{message}");
            assert!(text.is_empty() || !message.contains(text), "{message}");
        }
        let missing = folder.path().join("missing");
        assert!(matches!(JwtSecret::load(&missing), Err(SecretError::Unreadable { .. })));
    }
}
