use std::str::FromStr;

use super::SynthError;

/// One way in which a snapshot must not be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BreakCase {
    /// One byte of one value is not what the header commits to.
    ValueChanged,
    /// One key that the header commits to is missing.
    KeyMissing,
    /// Only some pallets were dumped.
    PartialScrape,
    /// The header is not the one of the block hash.
    WrongBlockHash,
    /// `.snap` files laid out with state version 1, though the chain is of version 0.
    StateVersion1,
    /// Every file ends early.
    Truncated,
    /// One key is there twice.
    DuplicateKey,
    /// A value goes on after its type has ended.
    TrailingBytes,
    /// A pallet whose storage is of version 6.
    StorageVersion6,
    /// A runtime nobody has reviewed.
    UnknownSpecVersion,
    /// More W-PHA than PHA behind it.
    WrappedAboveBacking,
    /// Shares of a pool that nobody has.
    SharesDoNotAddUp,
    /// A withdraw request for an NFT that does not exist.
    QueueWithoutNft,
    /// An NFT with one owner in `Uniques` and another in `RmrkCore`.
    OwnersDiffer,
    /// A pool whose account is not derived from its id and owner.
    PoolAccountMismatch,
    /// More rewards due than the subsidy pool has.
    RewardsAboveSubsidy,
    /// A pool that lacks more than one PHA of what it owes.
    DeficitAboveTolerance,
    /// Balances do not sum to the issuance.
    IssuanceMismatch,
}

impl BreakCase {
    /// All of them, with their names on the command line.
    pub const ALL: [(Self, &'static str); 18] = [
        (Self::ValueChanged, "value-changed"),
        (Self::KeyMissing, "key-missing"),
        (Self::PartialScrape, "partial-scrape"),
        (Self::WrongBlockHash, "wrong-block-hash"),
        (Self::StateVersion1, "state-version-1"),
        (Self::Truncated, "truncated"),
        (Self::DuplicateKey, "duplicate-key"),
        (Self::TrailingBytes, "trailing-bytes"),
        (Self::StorageVersion6, "storage-version-6"),
        (Self::UnknownSpecVersion, "unknown-spec-version"),
        (Self::WrappedAboveBacking, "wrapped-above-backing"),
        (Self::SharesDoNotAddUp, "shares-do-not-add-up"),
        (Self::QueueWithoutNft, "queue-without-nft"),
        (Self::OwnersDiffer, "owners-differ"),
        (Self::PoolAccountMismatch, "pool-account-mismatch"),
        (Self::RewardsAboveSubsidy, "rewards-above-subsidy"),
        (Self::DeficitAboveTolerance, "deficit-above-tolerance"),
        (Self::IssuanceMismatch, "issuance-mismatch"),
    ];

    /// Whether the state is proved by its header, and only a ledger can refuse it.
    pub fn is_of_the_ledger(self) -> bool {
        self >= Self::TrailingBytes
    }
}

impl FromStr for BreakCase {
    type Err = SynthError;

    fn from_str(name: &str) -> Result<Self, SynthError> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(case, _)| *case).ok_or_else(|| SynthError::UnknownBreakCase {
            name: name.to_owned(),
            known: Self::ALL.map(|(_, known)| known).join(", "),
        })
    }
}
