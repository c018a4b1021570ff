mod staking;

use std::io;

use parity_scale_codec::{Compact, Encode};

use super::{
    BreakCase,
    account_id::{self, AccountId},
    draw::{Draw, Stream},
    holders::{Holder, Native},
    pair_sorter::PairSorter,
    pools::Condition,
    profile::PHA,
    storage_key::{STORAGE_VERSION_ENTRY, StorageKey},
    world::{BLOCK_NUMBER, SNAPSHOT_TIME_SECS, World},
};

/// W-PHA in the Assets pallet.
const WRAPPED_ASSET: u32 = 10_000;

/// The last published runtime of Phala.
const SPEC_VERSION: u32 = 1_291;

/// Set in the flags of balances that were touched since the balances upgrade.
const NEW_LOGIC_FLAG: u128 = 1 << 127;

/// Phala's pallets, whose storage has a version.
const PHALA_PALLETS: [&str; 8] = [
    "PhalaMq",
    "PhalaRegistry",
    "PhalaComputation",
    "PhalaStakePoolv2",
    "PhalaVault",
    "PhalaWrappedBalances",
    "PhalaBasePool",
    "PhalaPhatContracts",
];

/// `MultiLocation` of this chain as others see it: one up, `X1(Parachain(2035))`.
const PHA_LOCATION: (u8, u8, u8, Compact<u32>) = (1, 1, 0, Compact(2_035));

/// The world as storage, with or without a fault that only a ledger can see.
pub(super) struct State<'a> {
    world: &'a World,
    case: Option<BreakCase>,
    pairs: &'a mut PairSorter,
}

impl<'a> State<'a> {
    pub(super) fn encode(
        world: &'a World,
        case: Option<BreakCase>,
        pairs: &'a mut PairSorter,
    ) -> io::Result<()> {
        let mut state = Self { world, case, pairs };
        let mut draw = Draw::new(world.seed, Stream::State);
        state.system(&mut draw)?;
        state.holders()?;
        state.keyless()?;
        state.wrapped()?;
        state.pools()?;
        state.workers(&mut draw)?;
        state.rewards()?;
        state.phat(&mut draw)?;
        state.governance()?;
        state.messages(&mut draw)
    }

    fn is(&self, case: BreakCase) -> bool {
        self.case == Some(case)
    }

    fn put(&mut self, key: StorageKey, value: &impl Encode) -> io::Result<()> {
        self.pairs.push(&key.into_bytes(), &value.encode())
    }

    fn value(&mut self, pallet: &str, entry: &str, value: &impl Encode) -> io::Result<()> {
        self.put(StorageKey::new(pallet, entry), value)
    }

    fn system(&mut self, draw: &mut Draw) -> io::Result<()> {
        let spec = if self.is(BreakCase::UnknownSpecVersion) { 9_999 } else { SPEC_VERSION };
        self.value("System", "LastRuntimeUpgrade", &(Compact(spec), "phala"))?;
        self.value("System", "Number", &BLOCK_NUMBER)?;
        self.value("Timestamp", "Now", &(SNAPSHOT_TIME_SECS * 1_000))?;
        self.value("ParachainInfo", "ParachainId", &2_035_u32)?;
        let unbooked = u128::from(self.is(BreakCase::IssuanceMismatch));
        self.value("Balances", "TotalIssuance", &(self.world.issuance + unbooked))?;
        self.value("Balances", "InactiveIssuance", &0_u128)?;
        self.value("Balances", STORAGE_VERSION_ENTRY, &1_u16)?;
        self.value("Vesting", "StorageVersion", &1_u8)?;
        let old = self.is(BreakCase::StorageVersion6);
        for pallet in PHALA_PALLETS {
            let version = if old && pallet == "PhalaBasePool" { 6_u16 } else { 7 };
            self.value(pallet, STORAGE_VERSION_ENTRY, &version)?;
        }
        let code = [b"\0asm".to_vec(), draw.bytes(self.world.profile.code_len)].concat();
        self.pairs.push(b":code", &code)?;
        self.value("PhalaPhatContracts", "PinkSystemCode", &(1_u16, &code))?;
        self.pairs.push(b":extrinsic_index", &0_u32.encode())?;
        self.value("PhalaRegistry", "TrustedNtpServers", &vec!["pool.ntp.org"])
    }

    fn account(&mut self, id: &AccountId, native: Native) -> io::Result<()> {
        let Native { free, reserved, is_old_layout } = native;
        let (third, fourth) =
            if is_old_layout { (free / 3, free / 4) } else { (0, NEW_LOGIC_FLAG) };
        let counters = (1_u32, 0_u32, 1_u32, 0_u32);
        let value = (counters, (free, reserved, third, fourth)).encode();
        let key = StorageKey::new("System", "Account").blake(id);
        self.pairs.push(&key.into_bytes(), &value)
    }

    fn holders(&mut self) -> io::Result<()> {
        for (index, holder) in self.world.holders.iter().enumerate() {
            let id = &holder.account;
            match holder.native {
                Some(native) if index == 0 && self.is(BreakCase::TrailingBytes) => {
                    let key = StorageKey::new("System", "Account").blake(id);
                    let counters = (0_u32, 0_u32, 1_u32, 0_u32);
                    let balances = (native.free, native.reserved, 0_u128, NEW_LOGIC_FLAG);
                    self.put(key, &(counters, balances, 0_u8))?;
                }
                Some(native) => self.account(id, native)?,
                None => {}
            }
            self.vesting(holder)?;
            if !holder.proxies.is_empty() {
                let deposit = 20 * PHA;
                let key = StorageKey::new("Proxy", "Proxies").twox(id);
                self.put(key, &(&holder.proxies, deposit))?;
            }
        }
        Ok(())
    }

    fn vesting(&mut self, holder: &Holder) -> io::Result<()> {
        if holder.schedules.is_empty() {
            return Ok(());
        }
        let schedules: Vec<_> =
            holder.schedules.iter().map(|one| (one.locked, one.per_block, one.start)).collect();
        let locked: u128 = schedules.iter().map(|(locked, _, _)| locked).sum();
        let key = StorageKey::new("Vesting", "Vesting").blake(&holder.account);
        self.put(key, &schedules)?;
        let key = StorageKey::new("Balances", "Locks").blake(&holder.account);
        self.put(key, &vec![(*b"vesting ", locked, 1_u8)])
    }

    fn keyless(&mut self) -> io::Result<()> {
        for (id, free) in &self.world.keyless {
            self.account(id, Native { free: *free, reserved: 0, is_old_layout: false })?;
        }
        Ok(())
    }

    fn wrapped(&mut self) -> io::Result<()> {
        let world = self.world;
        let mut supply = world.wrapped_supply;
        let mut dust = world.unmintable_dust;
        let mut accounts = 0_u32;
        for holder in &world.holders {
            if holder.wrapped > 0 {
                self.wrapped_account(&holder.account, holder.wrapped)?;
                accounts += 1;
            }
        }
        for (id, amount) in &world.keyless_wrapped {
            // The treasury has more than there is.
            let is_false = self.is(BreakCase::WrappedAboveBacking) && *id == account_id::TREASURY;
            let unbacked = if is_false { 1_000 * PHA } else { 0 };
            supply += unbacked;
            dust -= if is_false { dust } else { 0 };
            self.wrapped_account(id, amount + unbacked)?;
            accounts += 1;
        }
        for pool in &world.pools {
            let lacks = self.is(BreakCase::DeficitAboveTolerance)
                && pool.condition == Condition::Deficit
                && pool.free > 2 * PHA;
            let missing = if lacks { PHA } else { 0 };
            supply -= missing;
            let balances = [
                (&pool.account, pool.free - missing),
                (&pool.lock_account, pool.locked),
                (&pool.reward_account, pool.owner_reward),
            ];
            for (id, amount) in balances.into_iter().filter(|(_, amount)| *amount > 0) {
                self.wrapped_account(id, amount)?;
                accounts += 1;
            }
        }
        let admin = account_id::WRAPPED_BACKING;
        let roles = [admin; 4];
        let min_balance = PHA / 100;
        let details = (roles, supply, 0_u128, min_balance, true, accounts, accounts, 0_u32, 0_u8);
        self.put(StorageKey::new("Assets", "Asset").blake(&WRAPPED_ASSET), &details)?;
        self.value("PhalaWrappedBalances", "UnmintableDust", &dust)
    }

    fn wrapped_account(&mut self, id: &AccountId, balance: u128) -> io::Result<()> {
        let key = StorageKey::new("Assets", "Account").blake(&WRAPPED_ASSET).blake(id);
        // Liquid, sufficient.
        self.put(key, &(balance, 0_u8, 1_u8))
    }

    fn rewards(&mut self) -> io::Result<()> {
        for reward in &self.world.pending {
            let (pallet, entry) = if reward.is_reimbursement {
                ("PhalaBasePool", "Reimbursements")
            } else {
                ("PhalaStakePoolv2", "LegacyRewards")
            };
            let account = self.world.holders[reward.holder].account;
            let key = StorageKey::new(pallet, entry).twox(&(account, reward.pid));
            self.put(key, &reward.amount)?;
        }
        if self.is(BreakCase::RewardsAboveSubsidy) {
            // Of a pool that is not there, lest it replaces a reward.
            let key = (self.world.holders[0].account, u64::MAX);
            let key = StorageKey::new("PhalaStakePoolv2", "LegacyRewards").twox(&key);
            self.put(key, &self.world.issuance)?;
        }
        Ok(())
    }

    fn phat(&mut self, draw: &mut Draw) -> io::Result<()> {
        let world = self.world;
        for cluster in &world.clusters {
            let key = StorageKey::new("PhalaPhatContracts", "Clusters").twox(cluster);
            let owner = world.holders[0].account;
            let prices = (1_u128, 1_u128, 1_u128);
            self.put(key, &((owner, 0_u8), draw.bytes32(), prices))?;
        }
        for (holder, contract, amount) in &world.phat_stakes {
            let key = StorageKey::new("PhalaPhatTokenomic", "ContractUserStakes");
            let key = key.twox(&world.holders[*holder].account).twox(contract);
            self.put(key, amount)?;
        }
        let foreign = (1_u8, 1_u8, 0_u8, Compact(2_000_u32));
        for (holder, amount) in &world.index_deposits {
            let sender = world.holders[*holder].account;
            self.index_deposit(sender, PHA_LOCATION, *amount, draw)?;
        }
        // Of another asset: nothing of PHA.
        self.index_deposit(world.holders[3].account, foreign, 9 * PHA, draw)
    }

    fn index_deposit(
        &mut self,
        sender: AccountId,
        location: (u8, u8, u8, Compact<u32>),
        amount: u128,
        draw: &mut Draw,
    ) -> io::Result<()> {
        let key = StorageKey::new("PalletIndex", "DepositRecords").twox(&draw.bytes32());
        let concrete = (0_u8, location);
        let recipient_and_task = (vec![0x11_u8; 20], vec![0x22_u8; 8]);
        self.put(key, &(sender, concrete, amount, recipient_and_task))
    }

    /// Seats and what is under way in governance: reported, not owed.
    fn governance(&mut self) -> io::Result<()> {
        let account = |index: usize| self.world.holders[index].account;
        let mut council = [account(0), account(1), account(2)].to_vec();
        council.sort_unstable();
        let proposal = (account(3), 500 * PHA, account(4), 5 * PHA);
        let bounty = |of| (account(of), 40 * PHA, PHA, 0_u128, 2 * PHA);
        let bounties = [(0_u32, bounty(1)), (7, bounty(2))];
        let locked_votes = (0_u8, Vec::<u8>::new(), (0_u128, 0_u128), (BLOCK_NUMBER + 9, 5 * PHA));
        let voter = account(4);
        self.value("Council", "Members", &council)?;
        self.value("TechnicalCommittee", "Members", &council)?;
        self.value("Treasury", "ProposalCount", &1_u32)?;
        self.put(StorageKey::new("Treasury", "Proposals").twox(&0_u32), &proposal)?;
        self.value("Treasury", "Approvals", &vec![0_u32])?;
        for (id, bounty) in bounties {
            // Funded.
            self.put(StorageKey::new("Bounties", "Bounties").twox(&id), &(bounty, 2_u8))?;
        }
        self.put(StorageKey::new("Democracy", "VotingOf").twox(&voter), &locked_votes)
    }

    /// Fills the state up with ingress counters of the message queue, of which Phala has very many.
    fn messages(&mut self, draw: &mut Draw) -> io::Result<()> {
        while self.pairs.count() < self.world.profile.keys {
            // Origin `AccountId`.
            let origin = (3_u8, draw.bytes32());
            let key = StorageKey::new("PhalaMq", "OffchainIngress").twox(&origin);
            self.put(key, &draw.below(1_000_000))?;
        }
        Ok(())
    }
}
