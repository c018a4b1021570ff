use super::{
    account_id::{self, AccountId, blake2_256},
    draw::{Draw, Stream},
    keyring::Keyring,
    profile::{PHA, Profile},
    world::{BLOCK_NUMBER, BLOCK_TIME_SECS, SNAPSHOT_TIME_SECS},
};

/// Accounts below this are reaped.
pub(super) const EXISTENTIAL_DEPOSIT: u128 = PHA / 100;

/// Delegate, type and delay of a proxy.
pub(super) type ProxyRow = (AccountId, u8, u32);

/// Proxy type `Any`, which can move all funds.
pub(super) const PROXY_ANY: u8 = 0;
const PROXY_CANCEL: u8 = 2;
/// Proxy type `StakePoolManager`.
pub(super) const PROXY_STAKE_POOL_MANAGER: u8 = 5;

/// Balance in `System.Account`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Native {
    pub(super) free: u128,
    pub(super) reserved: u128,
    /// Not touched since the balances upgrade: `misc_frozen` and `fee_frozen`, no flags.
    pub(super) is_old_layout: bool,
}

/// A vesting schedule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    pub(super) locked: u128,
    pub(super) per_block: u128,
    pub(super) start: u32,
}

impl Schedule {
    fn left(&self) -> u128 {
        let elapsed = u128::from(BLOCK_NUMBER.saturating_sub(self.start));
        self.locked.saturating_sub(self.per_block * elapsed)
    }
}

/// An account with somebody behind it, what it has on the parachain, and what it is owed.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) account: AccountId,
    pub(super) native: Option<Native>,
    pub(super) schedules: Vec<Schedule>,
    pub(super) wrapped: u128,
    pub(super) proxies: Vec<ProxyRow>,
    /// Owed at once.
    pub(super) liquid: u128,
    /// Owed later.
    pub(super) vesting: u128,
    /// When the last of it is, in Unix seconds; 0 without any.
    pub(super) vesting_end: u64,
}

impl Holder {
    pub(super) const fn new(account: AccountId) -> Self {
        Self {
            account,
            native: None,
            schedules: Vec::new(),
            wrapped: 0,
            proxies: Vec::new(),
            liquid: 0,
            vesting: 0,
            vesting_end: 0,
        }
    }

    fn put_native(&mut self, native: Native) {
        self.native = Some(native);
        self.liquid += native.free + native.reserved;
    }

    pub(super) fn put_wrapped(&mut self, amount: u128) {
        self.wrapped += amount;
        self.liquid += amount;
    }

    /// Vesting is taken out of what the account has natively, so this comes before W-PHA and all else.
    fn put_schedules(&mut self, schedules: Vec<Schedule>) {
        let left: u128 = schedules.iter().map(Schedule::left).sum();
        self.vesting = left.min(self.liquid);
        self.liquid -= self.vesting;
        if self.vesting > 0 {
            let blocks =
                schedules.iter().map(|schedule| schedule.left().div_ceil(schedule.per_block));
            let blocks = u64::try_from(blocks.max().unwrap_or(0)).expect("ends in this era");
            self.vesting_end = SNAPSHOT_TIME_SECS + blocks * BLOCK_TIME_SECS;
        }
        self.schedules = schedules;
    }
}

/// Everybody with what they have outside of pools.
pub(super) fn draw_holders(profile: &Profile, seed: u64, keyring: &Keyring) -> Vec<Holder> {
    let mut draw = Draw::new(seed, Stream::Holders);
    let mut holders = if profile.dev_keys {
        keyring.holders(profile.accounts)
    } else {
        anonymous(profile, &mut draw)
    };
    for (index, holder) in holders.iter_mut().enumerate() {
        endow(holder, index, profile, &mut draw);
    }
    holders
}

/// Keys that nobody has: an importer cannot tell, and nobody can be tempted to use them.
fn anonymous(profile: &Profile, draw: &mut Draw) -> Vec<Holder> {
    let keys = profile.accounts - profile.multisigs - profile.pure_proxies;
    let mut holders: Vec<Holder> = (0..keys)
        .map(|index| {
            let bytes = draw.bytes32();
            let is_ecdsa = index < profile.ecdsa;
            Holder::new(if is_ecdsa { blake2_256(&bytes) } else { bytes })
        })
        .collect();
    for _ in 0..profile.multisigs {
        let count = 2 + draw.index(4);
        let mut signatories: Vec<_> =
            (0..count).map(|_| holders[draw.index(keys)].account).collect();
        signatories.sort_unstable();
        signatories.dedup();
        let threshold = u16::try_from(signatories.len().div_ceil(2).max(1)).expect("at most five");
        holders.push(Holder::new(account_id::multisig(&signatories, threshold)));
    }
    for index in 0..profile.pure_proxies {
        let creator = holders[draw.index(keys)].account;
        let extrinsic = u32::try_from(index).expect("few pure proxies");
        let mut pure =
            Holder::new(account_id::pure_proxy(&creator, BLOCK_NUMBER, extrinsic, PROXY_ANY));
        pure.proxies.push((creator, PROXY_ANY, 0));
        if draw.percent(30) {
            pure.proxies.push((holders[draw.index(keys)].account, PROXY_CANCEL, 0));
        }
        if draw.percent(10) {
            pure.proxies.push((holders[draw.index(keys)].account, PROXY_ANY, 7_200));
        }
        // As the pallet keeps them.
        pure.proxies.sort_unstable();
        pure.proxies.dedup();
        holders.push(pure);
    }
    holders
}

fn endow(holder: &mut Holder, index: usize, profile: &Profile, draw: &mut Draw) {
    // Some have W-PHA or a stake only.
    let has_native = index < 20 || !draw.percent(1);
    if has_native {
        let free = if draw.percent(profile.at_existential_deposit_percent) {
            EXISTENTIAL_DEPOSIT
        } else {
            EXISTENTIAL_DEPOSIT + draw.log_normal(profile.median_balance)
        };
        let is_whale = !profile.dev_keys && (1_000..1_020).contains(&index);
        let whale = if is_whale { (1_000_000 + u128::from(draw.below(500_000))) * PHA } else { 0 };
        let has_reserve = draw.percent(15);
        let reserved =
            if has_reserve { PHA + u128::from(draw.below(20_000_000_000_000)) } else { 0 };
        // Whoever is to claim in a first try should see some coins.
        let enough = if profile.dev_keys { 100 * PHA } else { 0 };
        let is_old_layout = draw.percent(30);
        holder.put_native(Native { free: free + whale + enough, reserved, is_old_layout });
        let vests = draw.percent(2) || profile.dev_keys && (4..8).contains(&index);
        if vests {
            let schedules = draw_schedules(holder.liquid, index, draw);
            holder.put_schedules(schedules);
        }
    }
    if !has_native || draw.percent(40) {
        holder.put_wrapped(1 + draw.log_normal(profile.median_balance));
    }
}

/// In turn: one schedule half way; two of them; one that is over; more than the account has left.
fn draw_schedules(balance: u128, index: usize, draw: &mut Draw) -> Vec<Schedule> {
    let mut schedule = |locked: u128, blocks: u64, elapsed: u64| Schedule {
        locked,
        per_block: locked / u128::from(blocks) + 1,
        start: BLOCK_NUMBER - u32::try_from(elapsed + draw.below(1_000)).expect("some blocks"),
    };
    match index % 4 {
        0 => vec![schedule(balance / 2 + 7, 100_000, 40_000)],
        1 => vec![schedule(balance / 3 + 5, 2_000_000, 1_000), schedule(balance / 5, 70_000, 10)],
        2 => vec![schedule(balance / 2, 10_000, 20_000)],
        _ => vec![schedule(balance * 5, 1_000_000, 100_000)],
    }
}
