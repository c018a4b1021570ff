use serde::Serialize;

/// Where a unit of the issuance ends up; each is in exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bucket {
    BridgedOut,
    Treasury,
    GovernancePots,
    ForeignChainEscrow,
    PhatClusterEscrow,
    IndexInflight,
    Stranded,
    WphaSurplus,
    RewardStream,
    StakePools,
    PoolResidue,
    VaultFree,
    HoldersLiquid,
    HoldersVesting,
}

impl Bucket {
    pub(super) const ALL: [(Self, &'static str); 14] = [
        (Self::BridgedOut, "bridged_out"),
        (Self::Treasury, "treasury"),
        (Self::GovernancePots, "governance_pots"),
        (Self::ForeignChainEscrow, "foreign_chain_escrow"),
        (Self::PhatClusterEscrow, "phat_cluster_escrow"),
        (Self::IndexInflight, "index_inflight"),
        (Self::Stranded, "stranded"),
        (Self::WphaSurplus, "wpha_surplus"),
        (Self::RewardStream, "reward_stream"),
        (Self::StakePools, "stake_pools"),
        (Self::PoolResidue, "pool_residue"),
        (Self::VaultFree, "vault_free"),
        (Self::HoldersLiquid, "holders_liquid"),
        (Self::HoldersVesting, "holders_vesting"),
    ];
}

/// What was put where, booked while it is put there. In 10^-12 PHA.
#[derive(Clone, Debug, Default)]
pub(super) struct Books([u128; Bucket::ALL.len()]);

impl Books {
    pub(super) fn put(&mut self, bucket: Bucket, amount: u128) {
        self.0[bucket as usize] += amount;
    }

    /// Only of what was put there before.
    pub(super) fn take(&mut self, bucket: Bucket, amount: u128) {
        self.0[bucket as usize] -= amount;
    }

    pub(super) fn of(&self, bucket: Bucket) -> u128 {
        self.0[bucket as usize]
    }

    pub(super) fn total(&self) -> u128 {
        self.0.iter().sum()
    }
}

impl Serialize for Books {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = Bucket::ALL.map(|(bucket, name)| (name, self.of(bucket).to_string()));
        serializer.collect_map(named)
    }
}
