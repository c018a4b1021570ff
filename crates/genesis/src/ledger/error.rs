use thiserror::Error;

use super::AccountId;

/// Why the ledger refuses a state. Amounts have 12 decimals.
#[derive(Debug, Error, PartialEq, Eq)]
#[allow(missing_docs)] // Names and messages say it.
pub enum LedgerError {
    #[error("cannot read the snapshot: {0}")]
    Input(String),
    #[error("{entry}: key {key} does not have the layout of this runtime")]
    Key { entry: &'static str, key: String },
    #[error("{entry}: value of key {key} does not decode to its end")]
    Value { entry: &'static str, key: String },
    #[error("System.Account: value of key {key} has {length} bytes, not 80: an older layout")]
    AccountLayout { key: String, length: usize },
    #[error("runtime is {0:?}, not phala")]
    SpecName(String),
    #[error("spec version {0} is not on the allow-list; review its storage, then allow it")]
    SpecVersion(u32),
    #[error("storage version of {pallet} is {found:?}, not 7")]
    StorageVersion { pallet: &'static str, found: Option<u16> },
    #[error("{0} is missing: not a state this importer knows")]
    Missing(&'static str),
    #[error("key {0} does not come after the key before it")]
    Order(String),
    #[error("accounts hold {sum}, TotalIssuance is {issuance}")]
    Issuance { sum: u128, issuance: u128 },
    #[error("W-PHA supply {supply} is above the {backing} behind it")]
    WphaBacking { supply: u128, backing: u128 },
    #[error("accounts hold {sum} W-PHA, its supply is {supply}")]
    WphaSum { sum: u128, supply: u128 },
    #[error("{field} account of pool {pid} is {found}, derived {expected}")]
    PoolDerivation { pid: u64, field: &'static str, found: AccountId, expected: AccountId },
    #[error("pool {pid} does not agree with its key or its collection {cid}")]
    PoolIndex { pid: u64, cid: u32 },
    #[error("session account {found} of pool {pid}: derived {expected}")]
    SessionDerivation { pid: u64, found: AccountId, expected: AccountId },
    #[error("lock account of pool {pid} holds {locked}, its sessions have stakes of {stakes}")]
    LockBelowStakes { pid: u64, locked: u128, stakes: u128 },
    #[error("pool {pid} lacks {deficit}, more than the {limit} that is topped up")]
    Deficit { pid: u64, deficit: u128, limit: u128 },
    #[error("shares of pool {pid} add up to {sum}, recorded {total}, tolerance {tolerance}")]
    Shares { pid: u64, sum: u128, total: u128, tolerance: u128 },
    #[error(
        "NFT {nft} of pool {pid} belongs to {uniques} in Uniques, not so in RmrkCore or Uniques.Account"
    )]
    NftOwner { pid: u64, nft: u32, uniques: AccountId },
    #[error("queue of pool {pid}: NFT {nft} of {user} is not there, not queued, or queued twice")]
    QueueWithoutNft { pid: u64, nft: u32, user: AccountId },
    #[error("NFT {nft} of pool {pid} has no owner or no stake-info")]
    NftIncomplete { pid: u64, nft: u32 },
    #[error("NFT {nft} of pool {pid} belongs to the base pool but is in no queue")]
    NftWithoutQueue { pid: u64, nft: u32 },
    #[error("pending rewards {pending} are above the subsidy pool's {subsidy}")]
    PendingRewards { pending: u128, subsidy: u128 },
    #[error("Phat stakes {stakes} are above the {held} held for them")]
    PhatStakes { stakes: u128, held: u128 },
    #[error("deposits of inDEX {deposits} are above the {held} held for them")]
    IndexDeposits { deposits: u128, held: u128 },
    #[error("unmintable dust {dust} is above the W-PHA surplus {surplus}")]
    Dust { dust: u128, surplus: u128 },
    #[error("override names {0}, which the state does not know")]
    OverrideUnknown(AccountId),
    #[error("override file: {0}")]
    OverrideFile(String),
    #[error("{0} is decomposed by rule and cannot be overridden")]
    OverrideForbidden(AccountId),
    #[error("PhalaStakePool v1 still has the key {0}")]
    LegacyStake(String),
    #[error("amount does not fit: {0}")]
    Overflow(&'static str),
    #[error("buckets add up to {sum}, TotalIssuance is {issuance}")]
    Buckets { sum: u128, issuance: u128 },
    #[error("reward stream of {available} cannot top up {needed}")]
    RewardStream { available: u128, needed: u128 },
    #[error("vault {vault} has a stake in vault {pid}, which has no price")]
    VaultInVault { pid: u64, vault: u64 },
    #[error("claims of {claims} or pools of {pools} differ from their buckets")]
    Funding { claims: u128, pools: u128 },
}

impl LedgerError {
    /// Exit code of the rule, 40 to 89; see docs/ledger.md.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Input(_) => 40,
            Self::Key { .. } => 41,
            Self::Value { .. } => 42,
            Self::AccountLayout { .. } => 43,
            Self::SpecName(_) => 44,
            Self::SpecVersion(_) => 45,
            Self::StorageVersion { .. } => 46,
            Self::Missing(_) => 47,
            Self::Order(_) => 48,
            Self::Issuance { .. } => 49,
            Self::WphaBacking { .. } => 50,
            Self::WphaSum { .. } => 51,
            Self::PoolDerivation { .. } => 52,
            Self::PoolIndex { .. } => 53,
            Self::SessionDerivation { .. } => 54,
            Self::LockBelowStakes { .. } => 55,
            Self::Deficit { .. } => 56,
            Self::Shares { .. } => 57,
            Self::NftOwner { .. } => 58,
            Self::QueueWithoutNft { .. } => 59,
            Self::NftIncomplete { .. } => 60,
            Self::NftWithoutQueue { .. } => 61,
            Self::PendingRewards { .. } => 62,
            Self::PhatStakes { .. } => 63,
            Self::Dust { .. } => 64,
            Self::OverrideUnknown(_) => 65,
            Self::OverrideFile(_) => 66,
            Self::OverrideForbidden(_) => 67,
            Self::LegacyStake(_) => 68,
            Self::Overflow(_) => 69,
            Self::Buckets { .. } => 70,
            Self::RewardStream { .. } => 71,
            Self::VaultInVault { .. } => 72,
            Self::Funding { .. } => 73,
            Self::IndexDeposits { .. } => 75,
        }
    }
}
