use std::{io, path::PathBuf};

/// Why the configuration cannot be used. A human has to change something; the message says what.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file named with `--config` cannot be read.
    #[error("config file {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("config file {path} is not valid TOML: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What the parser says, with line and column.
        message: String,
    },
    /// A key of the file is none of ours.
    #[error("config file {path}: unknown key `{key}`{}", meant(.suggestion))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key as written.
        key: String,
        /// The key that was probably meant.
        suggestion: Option<String>,
    },
    /// A variable looks like one of ours with a slip of the finger.
    #[error("unknown environment variable `{name}`: did you mean `{suggestion}`?")]
    UnknownVariable {
        /// The variable as set.
        name: String,
        /// The variable that was probably meant.
        suggestion: String,
    },
    /// A value of the file is of a kind no setting has.
    #[error(
        "config file {path}: `{key}` must be a string, a whole number, true, false, or a list of these, not {found}"
    )]
    WrongType {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What stands there.
        found: &'static str,
    },
    /// One setting is written in two ways in one file.
    #[error("config file {path}: `{key}` is set twice")]
    SetTwice {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// A value does not fit its setting.
    #[error("{origin}: {reason}")]
    InvalidValue {
        /// Variable, or file and key, the value comes from.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two settings exclude each other and come from the same place.
    #[error("{origin}: `{first}` and `{second}` exclude each other")]
    Exclusive {
        /// Where both come from.
        origin: String,
        /// One of them.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A secret stands where the path of its file belongs. The value is not repeated here.
    #[error(
        "{origin}: this is a secret, not the path of a file: write it to a file of mode 0600 and give its path"
    )]
    InlineSecret {
        /// Where it stands.
        origin: String,
    },
}

fn meant(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or_else(String::new, |key| format!(": did you mean `{key}`?"))
}
