use alloy_primitives::hex;

use super::{
    account_id::{self, AccountId, numbered, padded},
    books::{Books, Bucket},
    draw::{Draw, Stream},
    holders::{Holder, draw_holders},
    keyring::Keyring,
    pools::{Pool, draw_pools},
    profile::{PHA, Profile},
    settlement::Settlement,
    workers::{Worker, draw_workers},
};

/// Where Phala stopped.
pub(super) const BLOCK_NUMBER: u32 = 9_064_613;
/// About when it did, in Unix seconds.
pub(super) const SNAPSHOT_TIME_SECS: u64 = 1_763_640_000;
/// Between two blocks.
pub(super) const BLOCK_TIME_SECS: u64 = 12;

/// All PHA on the parachain, unless the rest is more.
const ISSUANCE: u128 = 800_000_000 * PHA;
/// What the treasury has at least.
const TREASURY_MIN: u128 = 1_000_000 * PHA;

/// Hydration and other chains with PHA of their users, before ids are made up.
const SIBLINGS: [u32; 8] = [2034, 2004, 2006, 2000, 2030, 2012, 2031, 1000];

/// `blake2b-256` of locations that bridges keep foreign assets and transfers at.
const CHAIN_BRIDGE_0: AccountId =
    hex!("5a0407c653b33bd6e84aa920a4bc4ccd9830f4876fc68363d094fc42f31da97d");
const BRIDGE_TRANSFER: AccountId =
    hex!("422864702cd65090fb057ab0a9ad1e43033eaa7911b19d66078efaff0cf8fb5f");

/// A reward that was earned and not paid out.
#[derive(Clone, Debug)]
pub(super) struct PendingReward {
    pub(super) holder: usize,
    pub(super) pid: u64,
    pub(super) amount: u128,
    /// In `Reimbursements` rather than `LegacyRewards`.
    pub(super) is_reimbursement: bool,
}

/// A parachain before its state is encoded, and what is owed in it.
pub(super) struct World {
    pub(super) profile: Profile,
    pub(super) seed: u64,
    pub(super) keyring: Keyring,
    pub(super) holders: Vec<Holder>,
    pub(super) pools: Vec<Pool>,
    pub(super) workers: Vec<Worker>,
    pub(super) pending: Vec<PendingReward>,
    /// Holder, contract, amount.
    pub(super) phat_stakes: Vec<(usize, [u8; 32], u128)>,
    pub(super) clusters: Vec<[u8; 32]>,
    /// Holder and amount of PHA in flight through inDEX.
    pub(super) index_deposits: Vec<(usize, u128)>,
    /// Native balances of accounts that nobody has a key of.
    pub(super) keyless: Vec<(AccountId, u128)>,
    /// W-PHA of such accounts, those of pools excepted.
    pub(super) keyless_wrapped: Vec<(AccountId, u128)>,
    pub(super) unmintable_dust: u128,
    pub(super) wrapped_supply: u128,
    pub(super) issuance: u128,
    pub(super) settlement: Settlement,
    pub(super) books: Books,
}

impl World {
    /// Puts everything somewhere, and books it.
    pub(super) fn new(profile: &Profile, seed: u64) -> Self {
        let keyring = if profile.dev_keys {
            Keyring::development(profile.accounts)
        } else {
            Keyring::empty()
        };
        let holders = draw_holders(profile, seed, &keyring);
        let accounts: Vec<AccountId> = holders.iter().map(|holder| holder.account).collect();
        let mut pools = draw_pools(profile, seed, &accounts);
        let workers = draw_workers(profile, seed, &mut pools);
        let mut world = Self {
            profile: profile.clone(),
            seed,
            keyring,
            holders,
            pools,
            workers,
            pending: Vec::new(),
            phat_stakes: Vec::new(),
            clusters: Vec::new(),
            index_deposits: Vec::new(),
            keyless: Vec::new(),
            keyless_wrapped: Vec::new(),
            unmintable_dust: 5_432,
            wrapped_supply: 0,
            issuance: 0,
            settlement: Settlement::default(),
            books: Books::default(),
        };
        let mut draw = Draw::new(seed, Stream::Books);
        world.put_keyless(&mut draw);
        world.put_phat(&mut draw);
        world.put_index(&mut draw);
        world.put_subsidy(&mut draw);
        world.settlement = Settlement::new(&world.pools, &mut world.holders, &mut world.books);
        world.put_wrapped(&mut draw);
        world.put_treasury();
        world.book_holders();
        world
    }

    fn put(&mut self, account: AccountId, amount: u128, bucket: Bucket) {
        self.keyless.push((account, amount));
        self.books.put(bucket, amount);
    }

    fn put_keyless(&mut self, draw: &mut Draw) {
        let mut about = |whole: u128| whole * PHA + u128::from(draw.below(1_000_000_000_000));
        self.put(padded(b"modlphala/bg"), about(320_000_000), Bucket::BridgedOut);
        self.put(padded(b"modlsygma/01"), about(20_000_000), Bucket::BridgedOut);
        for pot in [&b"modlphala/ar"[..], b"modlPotStake", b"modlpy/lotto", b"modlchecking"] {
            self.put(padded(pot), about(12), Bucket::GovernancePots);
        }
        for bounty in [0, 7] {
            self.put(numbered(b"modlpy/trsry\x08bt", bounty), about(60), Bucket::GovernancePots);
        }
        self.put(numbered(b"modlpy/trsry\x08cb", 3), about(6), Bucket::GovernancePots);
        for nth in 0..self.profile.siblings {
            let known = SIBLINGS.get(nth as usize).copied();
            let sibling = numbered(b"sibl", known.unwrap_or(2_100 + nth));
            self.put(sibling, about(70_000), Bucket::ForeignChainEscrow);
        }
        self.put(account_id::RELAY_CHAIN, about(2), Bucket::ForeignChainEscrow);
        self.put(numbered(b"para", 2_035), about(1), Bucket::ForeignChainEscrow);
        for stranded in [CHAIN_BRIDGE_0, BRIDGE_TRANSFER, account_id::BASE_POOL, [0; 32]] {
            self.put(stranded, about(1), Bucket::Stranded);
        }
        let pool = &self.pools[0];
        self.put(pool.account, about(1), Bucket::Stranded);
        let first = &self.workers[0];
        let pid = first.pool.expect("the first worker has a pool") as u64;
        self.put(account_id::of_session(pid, &first.public), about(0), Bucket::Stranded);
    }

    fn put_phat(&mut self, draw: &mut Draw) {
        for _ in 0..self.profile.clusters {
            let cluster = draw.bytes32();
            self.clusters.push(cluster);
            let amount = 20 * PHA + u128::from(draw.below(1_000_000));
            self.put(account_id::of_cluster(&cluster), amount, Bucket::PhatClusterEscrow);
        }
        let mut staked = 0;
        for contract in [draw.bytes32(), draw.bytes32()] {
            for holder in [0, 3 + draw.index(self.holders.len() - 3)] {
                let amount = 5 * PHA + u128::from(draw.below(1_000_000_000));
                self.phat_stakes.push((holder, contract, amount));
                self.holders[holder].liquid += amount;
                staked += amount;
            }
        }
        self.keyless.push((padded(b"modlphat/tok"), staked));
    }

    fn put_index(&mut self, draw: &mut Draw) {
        let mut in_flight = 0;
        for holder in [1, 2] {
            let amount = 30 * PHA + u128::from(draw.below(1_000_000_000));
            self.index_deposits.push((holder, amount));
            self.books.put(Bucket::IndexInflight, amount);
            in_flight += amount;
        }
        let rest = 4 * PHA + 1;
        self.books.put(Bucket::GovernancePots, rest);
        self.keyless.push((padded(b"modlindex/ac"), in_flight + rest));
    }

    /// The subsidy pool, out of which rewards that are due are paid.
    fn put_subsidy(&mut self, draw: &mut Draw) {
        let subsidy = 150_000_000 * PHA + u128::from(draw.below(1_000_000_000_000));
        self.put(padded(b"modlphala/pp"), subsidy, Bucket::RewardStream);
        for holder in 0..self.holders.len() {
            for (is_reimbursement, chance, always) in [(false, 3, 1..3), (true, 1, 0..1)] {
                if !draw.percent(chance) && !always.contains(&holder) {
                    continue;
                }
                let pid = draw.below(self.pools.len() as u64);
                let amount = 1 + u128::from(draw.below(9_000_000_000_000));
                self.pending.push(PendingReward { holder, pid, amount, is_reimbursement });
                self.holders[holder].liquid += amount;
                self.books.take(Bucket::RewardStream, amount);
            }
        }
    }

    /// W-PHA of everybody, and the PHA behind it.
    fn put_wrapped(&mut self, draw: &mut Draw) {
        for (account, bucket, whole) in [
            (account_id::TREASURY, Bucket::Treasury, 1_024),
            (numbered(b"sibl", SIBLINGS[0]), Bucket::ForeignChainEscrow, 77),
        ] {
            let amount = whole * PHA + u128::from(draw.below(1_000_000));
            self.keyless_wrapped.push((account, amount));
            self.books.put(bucket, amount);
        }
        for pool in &self.pools {
            self.holders[pool.owner].liquid += pool.owner_reward;
        }
        let keyless: u128 = self.keyless_wrapped.iter().map(|(_, amount)| amount).sum();
        let holders: u128 = self.holders.iter().map(|holder| holder.wrapped).sum();
        let pools: u128 =
            self.pools.iter().map(|pool| pool.free + pool.locked + pool.owner_reward).sum();
        self.wrapped_supply = keyless + holders + pools;
        let surplus = self.unmintable_dust + 2 * PHA;
        self.keyless.push((account_id::WRAPPED_BACKING, self.wrapped_supply + surplus));
        self.books.put(Bucket::WphaSurplus, surplus);
    }

    /// Comes last of all native balances: it makes the issuance what it is.
    fn put_treasury(&mut self) {
        let natives = self.holders.iter().filter_map(|holder| holder.native);
        let holders: u128 = natives.map(|native| native.free + native.reserved).sum();
        let keyless: u128 = self.keyless.iter().map(|(_, amount)| amount).sum();
        let treasury = ISSUANCE.saturating_sub(holders + keyless).max(TREASURY_MIN);
        self.put(account_id::TREASURY, treasury, Bucket::Treasury);
        self.issuance = holders + keyless + treasury;
    }

    fn book_holders(&mut self) {
        for holder in &self.holders {
            self.books.put(Bucket::HoldersLiquid, holder.liquid);
            self.books.put(Bucket::HoldersVesting, holder.vesting);
        }
        assert_eq!(self.books.total(), self.issuance, "what was put is what was booked");
    }
}
