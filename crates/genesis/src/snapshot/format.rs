use std::fmt;

/// What a snapshot file was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Chain spec with raw storage, as `export-state` writes it.
    RawSpec,
    /// Trie-node database of `try-runtime create-snapshot`, by its version.
    TryRuntime(u16),
    /// Answers of a node: pairs, lists of pairs, or change sets.
    RpcDump,
    /// The project's own sorted pairs.
    PhalaSnap,
}

impl Format {
    /// Recognises a format by the first bytes of a file, unpacked.
    pub(crate) fn detect(start: &[u8]) -> Option<Detected> {
        const VERSIONS: [u8; 3] = [2 << 2, 3 << 2, 4 << 2];
        if start.starts_with(super::phala_snap::MAGIC) {
            return Some(Detected::PhalaSnap);
        }
        match start {
            [version, 0 | 1, ..] if VERSIONS.contains(version) => Some(Detected::TryRuntime),
            [first, ..] if b"{[ \t\r\n".contains(first) => Some(Detected::Json),
            _ => None,
        }
    }
}

/// Which reader to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detected {
    PhalaSnap,
    TryRuntime,
    Json,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RawSpec => f.write_str("raw chain spec"),
            Self::TryRuntime(version) => write!(f, "try-runtime snapshot v{version}"),
            Self::RpcDump => f.write_str("rpc dump"),
            Self::PhalaSnap => f.write_str("phala-snap v1"),
        }
    }
}
