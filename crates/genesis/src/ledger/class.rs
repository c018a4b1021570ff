use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{AccountId, LedgerError, state::State, values::Pool};

/// What an account is. Every account is in exactly one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Somebody may hold a key, a multisig or a proxy of it.
    Keyed,
    /// Holds the native PHA behind W-PHA.
    WphaBacking,
    /// Free, locked or owner reward account of a pool that exists.
    Pool,
    /// Pays the rewards.
    SubsidyPool,
    /// Reserve of a bridge: already in circulation on Ethereum.
    BridgedOut,
    /// The treasury.
    Treasury,
    /// Bounties, pots and other accounts of pallets.
    GovernancePot,
    /// Holds what users staked on Phat contracts.
    PhatTokens,
    /// Deposits of inDEX that are under way.
    IndexInflight,
    /// Sovereign account of another chain.
    ForeignChain,
    /// Deposits into a Phat cluster.
    PhatCluster,
    /// Nobody's.
    Stranded,
}

/// PHA of one class on L2. Every unit is in exactly one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // Names and messages say it.
pub enum Bucket {
    HoldersLiquid,
    HoldersVesting,
    StakePools,
    VaultFree,
    PoolResidue,
    WphaSurplus,
    RewardStream,
    Treasury,
    GovernancePots,
    ForeignChainEscrow,
    PhatClusterEscrow,
    IndexInflight,
    Stranded,
    BridgedOut,
}

impl Bucket {
    /// Every bucket, in the order of the report.
    pub const ALL: [Self; 14] = [
        Self::HoldersLiquid,
        Self::HoldersVesting,
        Self::StakePools,
        Self::VaultFree,
        Self::PoolResidue,
        Self::WphaSurplus,
        Self::RewardStream,
        Self::Treasury,
        Self::GovernancePots,
        Self::ForeignChainEscrow,
        Self::PhatClusterEscrow,
        Self::IndexInflight,
        Self::Stranded,
        Self::BridgedOut,
    ];

    /// Name in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HoldersLiquid => "holders_liquid",
            Self::HoldersVesting => "holders_vesting",
            Self::StakePools => "stake_pools",
            Self::VaultFree => "vault_free",
            Self::PoolResidue => "pool_residue",
            Self::WphaSurplus => "wpha_surplus",
            Self::RewardStream => "reward_stream",
            Self::Treasury => "treasury",
            Self::GovernancePots => "governance_pots",
            Self::ForeignChainEscrow => "foreign_chain_escrow",
            Self::PhatClusterEscrow => "phat_cluster_escrow",
            Self::IndexInflight => "index_inflight",
            Self::Stranded => "stranded",
            Self::BridgedOut => "bridged_out",
        }
    }
}

/// One line of the override file: an account that a review put into another class.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// AccountId, 64 hex digits with `0x`.
    pub account: String,
    /// Class it goes to: keyed, treasury, governance_pot, foreign_chain or stranded.
    pub class: Class,
    /// Why, for the reader of the report.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OverrideFile {
    #[serde(rename = "override", default)]
    overrides: Vec<Override>,
}

impl Override {
    /// Reads a TOML file of `[[override]]` tables.
    pub fn parse(text: &str) -> Result<Vec<Self>, LedgerError> {
        let file: OverrideFile =
            toml::from_str(text).map_err(|error| LedgerError::OverrideFile(error.to_string()))?;
        Ok(file.overrides)
    }

    fn id(&self) -> Result<AccountId, LedgerError> {
        let mut id = [0; 32];
        let digits = self.account.strip_prefix("0x").unwrap_or_default();
        alloy_primitives::hex::decode_to_slice(digits, &mut id).map_err(|_| {
            LedgerError::OverrideFile(format!("{:?} is not 0x and 64 hex digits", self.account))
        })?;
        Ok(AccountId(id))
    }
}

/// Says of every account what it is.
pub(super) struct Classes {
    pools: BTreeSet<AccountId>,
    clusters: BTreeSet<AccountId>,
    moved: BTreeMap<AccountId, Class>,
    stranded: [AccountId; 2],
}

/// Account of `bridge_transfer`: what is in transit over a bridge.
const BRIDGE_TRANSFER: [u8; 32] =
    alloy_primitives::hex!("422864702cd65090fb057ab0a9ad1e43033eaa7911b19d66078efaff0cf8fb5f");
/// ChainBridge reserve of what is not PHA.
const CHAIN_BRIDGE_FOREIGN: [u8; 32] =
    alloy_primitives::hex!("5a0407c653b33bd6e84aa920a4bc4ccd9830f4876fc68363d094fc42f31da97d");

impl Classes {
    pub(super) fn new(state: &State, overrides: &[Override]) -> Result<Self, LedgerError> {
        let mut pools = BTreeSet::new();
        for (pid, pool) in &state.pools {
            let base = pool.base();
            if base.pid != *pid || state.collections.get(&base.cid) != Some(pid) {
                return Err(LedgerError::PoolIndex { pid: *pid, cid: base.cid });
            }
            let mut accounts = vec![("free", b"bp/", base.account)];
            if let Pool::Stake { lock, reward, .. } = pool {
                accounts.extend([("lock", b"sl/", *lock), ("owner reward", b"so/", *reward)]);
            }
            for (field, tag, found) in accounts {
                let expected = AccountId::of_pool(tag, *pid, &base.owner);
                if found != expected || !pools.insert(found) {
                    return Err(LedgerError::PoolDerivation { pid: *pid, field, found, expected });
                }
            }
        }
        for (found, (pid, worker)) in &state.sessions {
            let expected = AccountId::of_session(*pid, worker);
            if *found != expected {
                return Err(LedgerError::SessionDerivation { pid: *pid, found: *found, expected });
            }
        }
        let stranded = [AccountId(BRIDGE_TRANSFER), AccountId(CHAIN_BRIDGE_FOREIGN)];
        let mut classes =
            Self { pools, clusters: state.clusters.clone(), moved: BTreeMap::new(), stranded };
        for line in overrides {
            let id = line.id()?;
            if !state.native.contains_key(&id) && !state.wpha.contains_key(&id) {
                return Err(LedgerError::OverrideUnknown(id));
            }
            let free = |class| {
                matches!(
                    class,
                    Class::Keyed
                        | Class::Treasury
                        | Class::GovernancePot
                        | Class::ForeignChain
                        | Class::Stranded
                )
            };
            if !free(classes.of(&id)) || !free(line.class) {
                return Err(LedgerError::OverrideForbidden(id));
            }
            if classes.moved.insert(id, line.class).is_some() {
                return Err(LedgerError::OverrideFile(format!("{id} is there twice")));
            }
        }
        Ok(classes)
    }

    pub(super) fn of(&self, id: &AccountId) -> Class {
        if let Some(class) = self.moved.get(id) {
            return *class;
        }
        if self.pools.contains(id) {
            return Class::Pool;
        }
        if self.clusters.contains(id) {
            return Class::PhatCluster;
        }
        if self.stranded.contains(id) {
            return Class::Stranded;
        }
        by_shape(id)
    }
}

/// Class that the bytes of an account tell.
fn by_shape(id: &AccountId) -> Class {
    let name = |text: &[u8]| *id == AccountId::named(text);
    let ends = |from: usize| id.0.iter().skip(from).all(|byte| *byte == 0);
    if name(b"wpha/") {
        Class::WphaBacking
    } else if name(b"modlphala/pp") {
        Class::SubsidyPool
    } else if name(b"modlphala/bg") || name(b"modlsygma/01") {
        Class::BridgedOut
    } else if name(b"modlpy/trsry") {
        Class::Treasury
    } else if name(b"modlphat/tok") {
        Class::PhatTokens
    } else if name(b"modlindex/ac") {
        Class::IndexInflight
    } else if id.0.starts_with(b"modl") && ends(12)
        || (id.0.starts_with(b"modlpy/trsry\x08bt") || id.0.starts_with(b"modlpy/trsry\x08cb"))
            && ends(19)
    {
        Class::GovernancePot
    } else if (id.0.starts_with(b"sibl") || id.0.starts_with(b"para")) && ends(8) || name(b"Parent")
    {
        Class::ForeignChain
    } else if [b"bp/", b"sl/", b"so/"].iter().any(|tag| id.0.starts_with(*tag))
        || id.0.starts_with(b"spm/")
        || name(b"basepool")
        || ends(0)
    {
        Class::Stranded
    } else {
        Class::Keyed
    }
}

impl Class {
    /// Bucket of the PHA of an account whose owner takes part in nothing else.
    pub(super) const fn bucket(self) -> Bucket {
        match self {
            Self::Keyed => Bucket::HoldersLiquid,
            Self::SubsidyPool => Bucket::RewardStream,
            Self::BridgedOut => Bucket::BridgedOut,
            Self::Treasury => Bucket::Treasury,
            // What is in no deposit of inDEX goes to governance.
            Self::GovernancePot | Self::IndexInflight => Bucket::GovernancePots,
            Self::ForeignChain => Bucket::ForeignChainEscrow,
            Self::PhatCluster => Bucket::PhatClusterEscrow,
            // What the algorithm does not take out of these has no owner.
            Self::WphaBacking | Self::Pool | Self::PhatTokens | Self::Stranded => Bucket::Stranded,
        }
    }
}
