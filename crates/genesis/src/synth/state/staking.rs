//! Pools, their share NFTs, and workers.

use std::io;

use parity_scale_codec::Encode as _;

use super::{State, StorageKey};
use crate::synth::{
    BreakCase,
    account_id::{self, AccountId},
    draw::Draw,
    pools::{FIRST_COLLECTION, Investor, Nft, Pool},
    profile::PHA,
    workers::Worker,
    world::{BLOCK_NUMBER, SNAPSHOT_TIME_SECS},
};

impl State<'_> {
    pub(super) fn pools(&mut self) -> io::Result<()> {
        let count = self.world.pools.len();
        self.value("PhalaBasePool", "PoolCount", &(count as u64))?;
        let next_collection = FIRST_COLLECTION + u32::try_from(count).expect("few pools");
        self.value("PhalaBasePool", "CollectionIndex", &next_collection)?;
        let mut workers = vec![Vec::new(); count];
        for worker in &self.world.workers {
            if let Some(pool) = worker.pool {
                workers[pool].push(worker.public);
            }
        }
        let mut invested = vec![Vec::new(); count];
        for vault in &self.world.pools {
            for pool in vault.vault.iter().flat_map(|vault| &vault.invests_in) {
                invested[*pool].push(vault.pid);
            }
        }
        for ((pool, workers), invested) in self.world.pools.iter().zip(&workers).zip(&invested) {
            self.pool(pool, workers, invested)?;
            let cid = pool.collection();
            self.put(StorageKey::new("PhalaBasePool", "PoolCollections").twox(&cid), &pool.pid)?;
            let next_nft = pool.nfts.len() as u32;
            self.put(StorageKey::new("PhalaBasePool", "NextNftId").twox(&cid), &next_nft)?;
            for (id, nft) in (0..).zip(&pool.nfts) {
                self.nft(pool, id, nft)?;
            }
        }
        Ok(())
    }

    fn pool(&mut self, pool: &Pool, workers: &[[u8; 32]], invested: &[u64]) -> io::Result<()> {
        let world = self.world;
        // The first pool is the one to break: it has shares and requests in every profile.
        let is_first = pool.pid == 0;
        let user = |nft: &Nft| match nft.investor {
            Investor::Holder(holder) => world.holders[holder].account,
            Investor::Vault(vault) => world.pools[vault].account,
        };
        let mut queue: Vec<(AccountId, u64, u32)> =
            pool.queue().map(|(id, nft, since)| (user(nft), since, id)).collect();
        if is_first && self.is(BreakCase::QueueWithoutNft) {
            let id = pool.nfts.len() as u32;
            queue.push((world.holders[1].account, SNAPSHOT_TIME_SECS - 1, id));
        }
        let unowned =
            if is_first && self.is(BreakCase::SharesDoNotAddUp) { 1_000 * PHA } else { 0 };
        let mut account = pool.account;
        account[31] ^= u8::from(is_first && self.is(BreakCase::PoolAccountMismatch));
        let base = (
            (pool.pid, world.holders[pool.owner].account),
            (pool.total_shares + unowned, pool.total_value),
            (queue, invested, pool.collection(), account),
        );
        let commission = pool.pid.is_multiple_of(3).then_some(100_000_u32);
        let key = StorageKey::new("PhalaBasePool", "Pools").twox(&pool.pid);
        match &pool.vault {
            None => {
                let cap = pool.pid.is_multiple_of(5).then_some(pool.total_value * 2 + PHA);
                let cooling: Vec<[u8; 32]> =
                    workers.iter().take(workers.len() / 8).copied().collect();
                let accounts = (pool.lock_account, pool.reward_account);
                self.put(key, &(0_u8, base, (commission, cap, workers, cooling), accounts))?;
            }
            Some(vault) => {
                let invests_in: Vec<u64> =
                    vault.invests_in.iter().map(|pool| world.pools[*pool].pid).collect();
                let checkpoint = 1_u128 << 64;
                let rest = (checkpoint, commission, vault.owner_shares, invests_in);
                self.put(key, &(1_u8, base, rest))?;
                if pool.pid % 4 == 1 {
                    self.put(StorageKey::new("PhalaVault", "VaultLocks").twox(&pool.pid), &())?;
                }
            }
        }
        if pool.pid.is_multiple_of(10) {
            let owner = vec![world.holders[pool.owner].account];
            let key =
                StorageKey::new("PhalaBasePool", "PoolContributionWhitelists").twox(&pool.pid);
            self.put(key, &owner)?;
            let key = StorageKey::new("PhalaBasePool", "PoolDescriptions").twox(&pool.pid);
            self.put(key, &b"made up".to_vec())?;
        }
        Ok(())
    }

    fn nft(&mut self, pool: &Pool, id: u32, nft: &Nft) -> io::Result<()> {
        let world = self.world;
        let cid = pool.collection();
        let owner = match (nft.queued_since, nft.investor) {
            (Some(_), _) => account_id::BASE_POOL,
            (None, Investor::Holder(holder)) => world.holders[holder].account,
            (None, Investor::Vault(vault)) => world.pools[vault].account,
        };
        let key = StorageKey::new("Uniques", "Asset").blake(&cid).blake(&id);
        self.put(key, &(owner, None::<AccountId>, false, 0_u128))?;
        let key = StorageKey::new("Uniques", "Account").blake(&owner).blake(&cid).blake(&id);
        self.put(key, &())?;
        let differs = self.is(BreakCase::OwnersDiffer) && pool.pid == 0 && id == 0;
        let other = if differs { account_id::TREASURY } else { owner };
        let key = StorageKey::new("RmrkCore", "Nfts").twox(&cid).twox(&id);
        let none = (None::<(AccountId, u32)>, Vec::<u8>::new(), None::<(u32, u32)>);
        self.put(key, &((0_u8, other), none, (false, true)))?;
        let property = |name: &[u8]| {
            StorageKey::new("RmrkCore", "Properties")
                .blake(&cid)
                .blake(&Some(id))
                .blake(&name.to_vec())
        };
        self.put(property(b"stake-info"), &nft.shares.encode())?;
        let created = SNAPSHOT_TIME_SECS - u64::from(id);
        self.put(property(b"createtime"), &created.encode())?;
        self.put(StorageKey::new("RmrkCore", "Lock").twox(&(cid, id)), &true)
    }

    pub(super) fn workers(&mut self, draw: &mut Draw) -> io::Result<()> {
        self.value("PhalaComputation", "CoolDownPeriod", &604_800_u64)?;
        self.value("PhalaComputation", "ComputingStartBlock", &2_500_000_u32)?;
        self.value("PhalaComputation", "ComputingHalvingInterval", &1_296_000_u32)?;
        // `budget_per_block` of 24 PHA, 20 % of it to the treasury; the rest is 1 or 0.
        let one = 1_u128 << 64;
        let parameters =
            ((one, one, 24 * one, one), (0_u128, 0_u128, 0_u128, one / 5), 20_u32, [one; 5]);
        self.value("PhalaComputation", "TokenomicParameters", &parameters)?;
        for worker in &self.world.workers {
            self.worker(worker, draw)?;
        }
        Ok(())
    }

    fn worker(&mut self, worker: &Worker, draw: &mut Draw) -> io::Result<()> {
        let public = &worker.public;
        let operator = self.world.holders[draw.index(self.world.holders.len())].account;
        let head = (public, draw.bytes32(), 1_u32, SNAPSHOT_TIME_SECS * 1_000);
        let provider = Some(1_u8);
        let tail = (provider, 1_u8 + draw.below(5) as u8, Some(100 + draw.below(9_000) as u32));
        let info = (head, Some(operator), tail, vec![4_u32, 1]);
        self.put(StorageKey::new("PhalaRegistry", "Workers").twox(public), &info)?;
        let added = BLOCK_NUMBER - draw.below(5_000_000) as u32;
        self.put(StorageKey::new("PhalaRegistry", "WorkerAddedAt").twox(public), &added)?;
        let url = format!("https://{}.phala.invalid", alloy_primitives::hex::encode(&public[..8]));
        let key = StorageKey::new("PhalaRegistry", "Endpoints").twox(public);
        self.put(key, &(0_u8, vec![url]))?;
        let Some(pool) = worker.pool.map(|pool| &self.world.pools[pool]) else {
            return Ok(());
        };
        let session = account_id::of_session(pool.pid, public);
        let key = StorageKey::new("PhalaStakePoolv2", "WorkerAssignments").twox(public);
        self.put(key, &pool.pid)?;
        let key = StorageKey::new("PhalaStakePoolv2", "SubAccountPreimages").twox(&session);
        self.put(key, &(pool.pid, public))?;
        let entry = |name| StorageKey::new("PhalaComputation", name);
        self.put(entry("SessionBindings").twox(&session), public)?;
        self.put(entry("WorkerBindings").twox(public), &session)?;
        let benchmark =
            (500_u32, 480_u32, 10_u64, SNAPSHOT_TIME_SECS - 9_000, SNAPSHOT_TIME_SECS - 60);
        let state = if worker.stake > 0 { [1_u8, 3, 4][draw.index(3)] } else { 0 };
        let value = (state, 1_u128 << 64, 1_u128 << 64, SNAPSHOT_TIME_SECS, benchmark);
        self.put(entry("Sessions").twox(&session), &(value, 0_u64, 3 * PHA))?;
        if worker.stake > 0 {
            self.put(entry("Stakes").twox(&session), &worker.stake)?;
        }
        Ok(())
    }
}
