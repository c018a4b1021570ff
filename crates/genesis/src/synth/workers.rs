use super::{
    draw::{Draw, Stream},
    pools::{Condition, Pool},
    profile::Profile,
};

/// A registered worker, and what its pool has staked on it.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    pub(super) public: [u8; 32],
    /// Index of its stake pool.
    pub(super) pool: Option<usize>,
    pub(super) stake: u128,
}

/// Seven of ten are in a pool, most of these with stake, which moves from the pool's free account to
/// its locked one.
pub(super) fn draw_workers(profile: &Profile, seed: u64, pools: &mut [Pool]) -> Vec<Worker> {
    let mut draw = Draw::new(seed, Stream::Workers);
    let stake_pools: Vec<usize> =
        (0..pools.len()).filter(|pool| pools[*pool].vault.is_none()).collect();
    let per_pool = profile.workers as u128 / stake_pools.len().max(1) as u128 + 1;
    let mut workers = Vec::with_capacity(profile.workers);
    for index in 0..profile.workers {
        let public = draw.bytes32();
        let is_assigned = index == 0 || draw.percent(70);
        let pool = is_assigned.then(|| stake_pools[index % stake_pools.len()]);
        let mut stake = 0;
        // A pool that owes more than it has shall have that in one account.
        let can_stake = |pool: &&mut Pool| pool.condition != Condition::Deficit;
        let is_staked = draw.percent(80);
        if let Some(pool) =
            pool.map(|pool| &mut pools[pool]).filter(can_stake).filter(|_| is_staked)
        {
            stake = (pool.total_value / 10 * 8 / per_pool).min(pool.free);
            pool.free -= stake;
            pool.locked += stake;
        }
        workers.push(Worker { public, pool, stake });
    }
    // An old bug left stake of removed workers behind.
    for pool in pools.iter_mut().filter(|pool| pool.condition == Condition::Residue) {
        let surplus = (pool.free + pool.locked).saturating_sub(pool.total_value).min(pool.free) / 2;
        pool.free -= surplus;
        pool.locked += surplus;
    }
    workers
}
