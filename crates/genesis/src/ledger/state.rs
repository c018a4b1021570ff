//! Reads the entries that matter out of the sorted pairs.
//!
//! Held per account about 100 bytes, per delegation about 200: 1 M accounts and 600 k delegations
//! take 220 MB. Other keys are looked at and dropped.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use parity_scale_codec::{Compact, Decode};
use twox_hash::XxHash64;

use super::{
    AccountId, LedgerError,
    account::blake2,
    location::Deposit,
    values::{
        AccountInfo, AssetAccount, AssetDetails, Cluster, Nft, NftOwner, Pool, Tokenomics, Unique,
    },
};
use crate::Pair;

/// Bytes of `System.Account` before balances had flags; one of now has 80.
const OLD_ACCOUNTS: [usize; 3] = [69, 72, 76];
/// Asset id of W-PHA.
const WPHA: u32 = 10_000;
/// Storage version of Phala's pallets.
const STORAGE_VERSION: u16 = 7;
/// Runtimes whose storage was reviewed.
const SPEC_VERSIONS: std::ops::RangeInclusive<u32> = 1270..=1291;
/// Name under which every pallet keeps its storage version.
const VERSION_KEY: [u8; 16] = [
    0x4e, 0x7b, 0x90, 0x12, 0x09, 0x6b, 0x41, 0xc4, 0xeb, 0x3a, 0xaf, 0x94, 0x7f, 0x6e, 0xa4, 0x29,
];
/// Pallets whose storage is read and whose version must therefore be there.
const PALLETS: [&str; 5] =
    ["PhalaComputation", "PhalaStakePoolv2", "PhalaVault", "PhalaWrappedBalances", "PhalaBasePool"];
/// Phala's other pallets: their version may be missing, but not be another one.
const OTHER_PALLETS: [&str; 5] =
    ["PhalaMq", "PhalaRegistry", "PhalaStakePool", "PhalaPhatContracts", "PhalaPhatTokenomic"];
/// Entries of the first stake pool pallet that may be left.
const LEGACY_ALLOWED: [&str; 3] = ["SubAccountPreimages", "SubAccountAssignments", "PoolCount"];

/// An NFT that carries shares, as the pallets know it.
#[derive(Default)]
pub(super) struct ShareNft {
    pub(super) unique: Option<AccountId>,
    pub(super) rmrk: Option<AccountId>,
    pub(super) indexed: Option<AccountId>,
    pub(super) shares: Option<u128>,
}

/// What the ledger needs of a state.
#[derive(Default)]
pub(super) struct State {
    pub(super) number: Option<u32>,
    pub(super) now_ms: Option<u64>,
    pub(super) spec: Option<(u32, String)>,
    pub(super) issuance: Option<u128>,
    pub(super) native: BTreeMap<AccountId, u128>,
    pub(super) vesting: BTreeMap<AccountId, Vec<(u128, u128, u32)>>,
    pub(super) wpha: BTreeMap<AccountId, u128>,
    pub(super) wpha_supply: Option<u128>,
    pub(super) dust: u128,
    pub(super) pools: BTreeMap<u64, Pool>,
    pub(super) collections: BTreeMap<u32, u64>,
    pub(super) nfts: BTreeMap<(u32, u32), ShareNft>,
    /// Pending rewards and reimbursements.
    pub(super) pending: BTreeMap<AccountId, u128>,
    pub(super) sessions: BTreeMap<AccountId, (u64, [u8; 32])>,
    pub(super) stakes: BTreeMap<AccountId, u128>,
    pub(super) phat: BTreeMap<AccountId, u128>,
    /// PHA that waits in inDEX, by sender.
    pub(super) deposits: BTreeMap<AccountId, u128>,
    pub(super) clusters: BTreeSet<AccountId>,
    pub(super) proxies: BTreeSet<(AccountId, AccountId)>,
    pub(super) council: Vec<AccountId>,
    pub(super) committee: Vec<AccountId>,
    pub(super) budget_per_block: Option<u128>,
    pub(super) computing_start: Option<u32>,
    pub(super) halving_interval: Option<u32>,
    pub(super) whitelists: BTreeMap<u64, Vec<AccountId>>,
    pub(super) descriptions: BTreeMap<u64, Vec<u8>>,
    pub(super) vault_locks: BTreeSet<u64>,
    pub(super) keys: u64,
    versions: BTreeMap<&'static str, u16>,
}

const ENTRIES: [&str; 33] = [
    "System.Account",
    "System.Number",
    "System.LastRuntimeUpgrade",
    "Timestamp.Now",
    "Balances.TotalIssuance",
    "Balances.Locks",
    "Vesting.Vesting",
    "Assets.Asset",
    "Assets.Account",
    "Uniques.Asset",
    "Uniques.Account",
    "RmrkCore.Nfts",
    "RmrkCore.Properties",
    "PhalaBasePool.Pools",
    "PhalaBasePool.PoolCollections",
    "PhalaBasePool.Reimbursements",
    "PhalaBasePool.PoolContributionWhitelists",
    "PhalaBasePool.PoolDescriptions",
    "PhalaStakePoolv2.LegacyRewards",
    "PhalaStakePoolv2.SubAccountPreimages",
    "PhalaVault.VaultLocks",
    "PhalaWrappedBalances.UnmintableDust",
    "PhalaComputation.Stakes",
    "PhalaComputation.TokenomicParameters",
    "PhalaComputation.ComputingStartBlock",
    "PhalaComputation.ComputingHalvingInterval",
    "PhalaPhatTokenomic.ContractUserStakes",
    "PhalaPhatContracts.Clusters",
    "Proxy.Proxies",
    "Council.Members",
    "TechnicalCommittee.Members",
    "Balances.Reserves",
    "PalletIndex.DepositRecords",
];

impl State {
    pub(super) fn read<E: std::fmt::Display>(
        &mut self,
        pairs: impl Iterator<Item = Result<Pair, E>>,
        allowed: &[u32],
    ) -> Result<(), LedgerError> {
        let mut table: HashMap<[u8; 32], &'static str> = HashMap::new();
        for entry in ENTRIES {
            if let Some((pallet, name)) = entry.split_once('.') {
                table.insert(join(twox128(pallet), twox128(name)), entry);
            }
        }
        for pallet in PALLETS.into_iter().chain(OTHER_PALLETS) {
            table.insert(join(twox128(pallet), VERSION_KEY), pallet);
        }
        let legacy = twox128("PhalaStakePool");
        let legacy_allowed = LEGACY_ALLOWED.map(twox128);
        let mut last: Option<Vec<u8>> = None;
        for pair in pairs {
            let pair = pair.map_err(|error| LedgerError::Input(error.to_string()))?;
            if last.as_ref().is_some_and(|last| *last >= pair.key) {
                return Err(LedgerError::Order(hex(&pair.key)));
            }
            self.keys = self.keys.saturating_add(1);
            if let Some((prefix, rest)) = pair.key.split_first_chunk::<32>() {
                if prefix.starts_with(&legacy)
                    && !prefix.ends_with(&VERSION_KEY)
                    && !legacy_allowed.iter().any(|allowed| prefix.ends_with(allowed))
                {
                    return Err(LedgerError::LegacyStake(hex(&pair.key)));
                }
                if let Some(entry) = table.get(prefix) {
                    let mut key = Cursor { entry, key: &pair.key, rest };
                    self.take(&mut key, &pair.value)?;
                    if !key.rest.is_empty() {
                        return Err(key.wrong());
                    }
                }
            }
            last = Some(pair.key);
        }
        self.guard(allowed)
    }

    fn guard(&self, allowed: &[u32]) -> Result<(), LedgerError> {
        let (version, name) =
            self.spec.as_ref().ok_or(LedgerError::Missing("System.LastRuntimeUpgrade"))?;
        if name != "phala" {
            return Err(LedgerError::SpecName(name.clone()));
        }
        if !SPEC_VERSIONS.contains(version) && !allowed.contains(version) {
            return Err(LedgerError::SpecVersion(*version));
        }
        for pallet in PALLETS {
            let found = self.versions.get(pallet).copied();
            if found != Some(STORAGE_VERSION) {
                return Err(LedgerError::StorageVersion { pallet, found });
            }
        }
        for pallet in OTHER_PALLETS {
            let found = self.versions.get(pallet).copied();
            if found.is_some_and(|version| version != STORAGE_VERSION) {
                return Err(LedgerError::StorageVersion { pallet, found });
            }
        }
        Ok(())
    }

    fn take(&mut self, key: &mut Cursor<'_>, value: &[u8]) -> Result<(), LedgerError> {
        match key.entry {
            "System.Account" => {
                let id = key.blake()?;
                if OLD_ACCOUNTS.contains(&value.len()) {
                    return Err(LedgerError::AccountLayout {
                        key: hex(key.key),
                        length: value.len(),
                    });
                }
                let info: AccountInfo = key.value(value)?;
                let sum = info.free.checked_add(info.reserved);
                self.native.insert(id, sum.ok_or(LedgerError::Overflow("balance"))?);
            }
            "System.Number" => self.number = Some(key.value(value)?),
            "System.LastRuntimeUpgrade" => {
                let (version, name): (Compact<u32>, String) = key.value(value)?;
                self.spec = Some((version.0, name));
            }
            "Timestamp.Now" => self.now_ms = Some(key.value(value)?),
            "Balances.TotalIssuance" => self.issuance = Some(key.value(value)?),
            "Balances.Locks" => {
                key.blake::<AccountId>()?;
                key.value::<Vec<([u8; 8], u128, u8)>>(value)?;
            }
            "Balances.Reserves" => {
                key.blake::<AccountId>()?;
                key.value::<Vec<([u8; 8], u128)>>(value)?;
            }
            "Vesting.Vesting" => {
                let id = key.blake()?;
                self.vesting.insert(id, key.value(value)?);
            }
            "Assets.Asset" => {
                let id: u32 = key.blake()?;
                let asset: AssetDetails = key.value(value)?;
                if id == WPHA {
                    self.wpha_supply = Some(asset.supply);
                }
            }
            "Assets.Account" => {
                let (asset, id): (u32, AccountId) = (key.blake()?, key.blake()?);
                let account: AssetAccount = key.value(value)?;
                if asset == WPHA {
                    self.wpha.insert(id, account.balance);
                }
            }
            "Uniques.Asset" => {
                let id = (key.blake()?, key.blake()?);
                let unique: Unique = key.value(value)?;
                self.nfts.entry(id).or_default().unique = Some(unique.owner);
            }
            "Uniques.Account" => {
                let owner: AccountId = key.blake()?;
                let id = (key.blake()?, key.blake()?);
                key.value::<()>(value)?;
                if self.nfts.entry(id).or_default().indexed.replace(owner).is_some() {
                    return Err(key.wrong());
                }
            }
            "RmrkCore.Nfts" => {
                let id = (key.twox()?, key.twox()?);
                let nft: Nft = key.value(value)?;
                if let NftOwner::Account(owner) = nft.owner {
                    self.nfts.entry(id).or_default().rmrk = Some(owner);
                }
            }
            "RmrkCore.Properties" => {
                let (cid, nft): (u32, Option<u32>) = (key.blake()?, key.blake()?);
                let name: Vec<u8> = key.blake()?;
                let bytes: Vec<u8> = key.value(value)?;
                if let (Some(nft), b"stake-info") = (nft, name.as_slice()) {
                    self.nfts.entry((cid, nft)).or_default().shares = Some(key.value(&bytes)?);
                }
            }
            "PhalaBasePool.Pools" => {
                let pid = key.twox()?;
                let pool: Pool = key.value(value)?;
                self.pools.insert(pid, pool);
            }
            "PhalaBasePool.PoolCollections" => {
                let cid = key.twox()?;
                self.collections.insert(cid, key.value(value)?);
            }
            "PhalaBasePool.Reimbursements" | "PhalaStakePoolv2.LegacyRewards" => {
                let (id, _): (AccountId, u64) = key.twox()?;
                add(self.pending.entry(id).or_default(), key.value(value)?)?;
            }
            "PhalaBasePool.PoolContributionWhitelists" => {
                let pid = key.twox()?;
                self.whitelists.insert(pid, key.value(value)?);
            }
            "PhalaBasePool.PoolDescriptions" => {
                let pid = key.twox()?;
                self.descriptions.insert(pid, key.value(value)?);
            }
            "PhalaStakePoolv2.SubAccountPreimages" => {
                let id = key.twox()?;
                self.sessions.insert(id, key.value(value)?);
            }
            "PhalaVault.VaultLocks" => {
                self.vault_locks.insert(key.twox()?);
                key.value::<()>(value)?;
            }
            "PhalaWrappedBalances.UnmintableDust" => self.dust = key.value(value)?,
            "PhalaComputation.Stakes" => {
                let id = key.twox()?;
                self.stakes.insert(id, key.value(value)?);
            }
            "PhalaComputation.TokenomicParameters" => {
                self.budget_per_block = Some(key.value::<Tokenomics>(value)?.budget_per_block);
            }
            "PhalaComputation.ComputingStartBlock" => {
                self.computing_start = Some(key.value(value)?)
            }
            "PhalaComputation.ComputingHalvingInterval" => {
                self.halving_interval = Some(key.value(value)?);
            }
            "PhalaPhatTokenomic.ContractUserStakes" => {
                let id = key.twox()?;
                key.twox::<[u8; 32]>()?;
                add(self.phat.entry(id).or_default(), key.value(value)?)?;
            }
            "PalletIndex.DepositRecords" => {
                key.twox::<[u8; 32]>()?;
                let deposit: Deposit = key.value(value)?;
                if deposit.is_pha() {
                    add(self.deposits.entry(deposit.sender).or_default(), deposit.amount)?;
                }
            }
            "PhalaPhatContracts.Clusters" => {
                let id: [u8; 32] = key.twox()?;
                key.value::<Cluster>(value)?;
                self.clusters.insert(AccountId::of_cluster(&id));
            }
            "Proxy.Proxies" => {
                let id = key.twox()?;
                let (proxies, _): (Vec<(AccountId, u8, u32)>, u128) = key.value(value)?;
                self.proxies
                    .extend(proxies.iter().filter(|p| p.1 == 0 && p.2 == 0).map(|p| (id, p.0)));
            }
            "Council.Members" => self.council = key.value(value)?,
            "TechnicalCommittee.Members" => self.committee = key.value(value)?,
            pallet => {
                self.versions.insert(pallet, key.value(value)?);
            }
        }
        Ok(())
    }
}

/// Walks through the hashed parts of a key.
struct Cursor<'a> {
    entry: &'static str,
    key: &'a [u8],
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn wrong(&self) -> LedgerError {
        LedgerError::Key { entry: self.entry, key: hex(self.key) }
    }

    fn blake<T: Decode>(&mut self) -> Result<T, LedgerError> {
        self.part(16, |part| blake2(16, &[part]))
    }

    fn twox<T: Decode>(&mut self) -> Result<T, LedgerError> {
        self.part(8, |part| XxHash64::oneshot(0, part).to_le_bytes().to_vec())
    }

    fn part<T: Decode>(
        &mut self,
        length: usize,
        hash: impl Fn(&[u8]) -> Vec<u8>,
    ) -> Result<T, LedgerError> {
        let (expected, after) = self.rest.split_at_checked(length).ok_or_else(|| self.wrong())?;
        let mut input = after;
        let part = T::decode(&mut input).map_err(|_| self.wrong())?;
        let taken = after.get(..after.len().saturating_sub(input.len())).unwrap_or_default();
        if hash(taken) != expected {
            return Err(self.wrong());
        }
        self.rest = input;
        Ok(part)
    }

    fn value<T: Decode>(&self, mut value: &[u8]) -> Result<T, LedgerError> {
        match T::decode(&mut value) {
            Ok(decoded) if value.is_empty() => Ok(decoded),
            _ => Err(LedgerError::Value { entry: self.entry, key: hex(self.key) }),
        }
    }
}

pub(super) fn add(to: &mut u128, amount: u128) -> Result<(), LedgerError> {
    *to = to.checked_add(amount).ok_or(LedgerError::Overflow("sum"))?;
    Ok(())
}

fn twox128(text: &str) -> [u8; 16] {
    let (low, high) =
        (XxHash64::oneshot(0, text.as_bytes()), XxHash64::oneshot(1, text.as_bytes()));
    (u128::from(low) | u128::from(high) << 64).to_le_bytes()
}

fn join(pallet: [u8; 16], entry: [u8; 16]) -> [u8; 32] {
    let mut key = [0; 32];
    key[..16].copy_from_slice(&pallet);
    key[16..].copy_from_slice(&entry);
    key
}

fn hex(bytes: &[u8]) -> String {
    alloy_primitives::hex::encode_prefixed(bytes)
}
