//! SCALE values of the runtime, fields in order (storage layout of spec 1270 to 1291).

use parity_scale_codec::Decode;

use super::AccountId;

#[derive(Decode)]
pub(super) struct AccountInfo {
    _references: [u32; 4],
    pub(super) free: u128,
    pub(super) reserved: u128,
    /// Frozen amounts or flags; neither changes what is owed.
    _frozen: [u128; 2],
}

#[derive(Decode)]
pub(super) struct AssetDetails {
    _roles: [AccountId; 4],
    pub(super) supply: u128,
    _deposit: [u128; 2],
    _sufficient: bool,
    _counts: [u32; 3],
    _status: AssetStatus,
}

#[derive(Decode)]
enum AssetStatus {
    Live,
    Frozen,
    Destroying,
}

#[derive(Decode)]
pub(super) struct AssetAccount {
    pub(super) balance: u128,
    _status: AssetAccountStatus,
    _reason: AssetReason,
}

#[derive(Decode)]
enum AssetAccountStatus {
    Liquid,
    Frozen,
    Blocked,
}

#[derive(Decode)]
enum AssetReason {
    Consumer,
    Sufficient,
    DepositHeld(#[allow(dead_code)] u128),
    DepositRefunded,
    DepositFrom(#[allow(dead_code)] AccountId, #[allow(dead_code)] u128),
}

#[derive(Decode)]
pub(super) struct Unique {
    pub(super) owner: AccountId,
    _approved: Option<AccountId>,
    _frozen: bool,
    _deposit: u128,
}

#[derive(Decode)]
pub(super) enum NftOwner {
    Account(AccountId),
    Nft(#[allow(dead_code)] u32, #[allow(dead_code)] u32),
}

#[derive(Decode)]
pub(super) struct Nft {
    pub(super) owner: NftOwner,
    _royalty: Option<(AccountId, u32)>,
    _metadata: Vec<u8>,
    _equipped: Option<(u32, u32)>,
    _pending: bool,
    _transferable: bool,
}

#[derive(Clone, Debug, Decode)]
pub(super) struct BasePool {
    pub(super) pid: u64,
    pub(super) owner: AccountId,
    pub(super) total_shares: u128,
    pub(super) total_value: u128,
    pub(super) queue: Vec<(AccountId, u64, u32)>,
    pub(super) _subscribers: Vec<u64>,
    pub(super) cid: u32,
    pub(super) account: AccountId,
}

#[derive(Clone, Debug, Decode)]
pub(super) enum Pool {
    Stake {
        base: BasePool,
        commission: Option<u32>,
        cap: Option<u128>,
        _workers: Vec<[u8; 32]>,
        _cooling: Vec<[u8; 32]>,
        lock: AccountId,
        reward: AccountId,
    },
    Vault {
        base: BasePool,
        checkpoint: u128,
        commission: Option<u32>,
        owner_shares: u128,
        _invested: Vec<u64>,
    },
}

impl Pool {
    pub(super) const fn base(&self) -> &BasePool {
        match self {
            Self::Stake { base, .. } | Self::Vault { base, .. } => base,
        }
    }
}

#[derive(Decode)]
pub(super) struct Cluster {
    _owner: AccountId,
    _permission: ClusterPermission,
    _contract: [u8; 32],
    _prices: [u128; 3],
}

#[derive(Decode)]
enum ClusterPermission {
    Public,
    OnlyOwner(#[allow(dead_code)] AccountId),
}

/// Parameters of the rewards; only the budget matters. U64F64.
#[derive(Decode)]
pub(super) struct Tokenomics {
    _rates: [u128; 2],
    pub(super) budget_per_block: u128,
    _costs: [u128; 5],
    _window: u32,
    _rigs: [u128; 5],
}
