/// Why no block is being made, though one is due or will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// An operator has to start it.
    Stopped,
    /// Derivation is finding its start, and may rewind the unsafe head.
    DerivationReset,
    /// The head is old, and derivation has not read yet what L1 knew when the node started.
    NotCaughtUp {
        /// Age of the unsafe head.
        head_age_secs: u64,
    },
    /// Too many blocks that L1 does not know.
    SafeLag {
        /// Unsafe blocks above the safe head.
        lag: u64,
        /// How many there may be.
        max: u64,
    },
    /// A block would be past the drift, and the L1 block after its parent's origin is not known.
    NoOrigin {
        /// Height of the parent's origin.
        l1_number: u64,
    },
    /// The last attempt failed.
    Failed,
}

impl Pause {
    /// Whether the sequencer would be making blocks, had nothing got in its way.
    pub const fn is_unwanted(&self) -> bool {
        !matches!(self, Self::Stopped)
    }
}

impl std::fmt::Display for Pause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped by the operator"),
            Self::DerivationReset => f.write_str("derivation is being reset"),
            Self::NotCaughtUp { head_age_secs } => {
                write!(f, "head is {head_age_secs} s old and l1 has not been read to its end yet")
            }
            Self::SafeLag { lag, max } => {
                write!(f, "{lag} unsafe blocks above the safe head, {max} allowed")
            }
            Self::NoOrigin { l1_number } => {
                write!(
                    f,
                    "too far ahead of l1 block {l1_number}, and no endpoint shows the next one"
                )
            }
            Self::Failed => f.write_str("the last attempt failed"),
        }
    }
}
