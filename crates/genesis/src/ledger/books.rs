use std::collections::BTreeMap;

use super::{AccountId, Bucket, Class, LedgerError, class::Classes, holdings::Holder, state::add};

/// Books every unit into one bucket, under the account it is owed to.
pub(super) struct Books {
    pub(super) classes: Classes,
    pub(super) buckets: BTreeMap<Bucket, u128>,
    pub(super) holders: BTreeMap<AccountId, Holder>,
    pub(super) escrow: BTreeMap<(Class, AccountId), u128>,
}

impl Books {
    pub(super) fn new(classes: Classes) -> Self {
        Self {
            classes,
            buckets: Bucket::ALL.into_iter().map(|bucket| (bucket, 0)).collect(),
            holders: BTreeMap::new(),
            escrow: BTreeMap::new(),
        }
    }

    /// Owes `amount` to `id`, by the class of `id`.
    pub(super) fn credit(&mut self, id: AccountId, amount: u128) -> Result<(), LedgerError> {
        let class = self.classes.of(&id);
        self.credit_as(id, class, class.bucket(), amount)
    }

    /// Owes `amount` to `id` out of `bucket`.
    pub(super) fn credit_as(
        &mut self,
        id: AccountId,
        class: Class,
        bucket: Bucket,
        amount: u128,
    ) -> Result<(), LedgerError> {
        if amount == 0 {
            return Ok(());
        }
        match bucket {
            Bucket::HoldersLiquid => add(&mut self.holders.entry(id).or_default().liquid, amount)?,
            Bucket::ForeignChainEscrow
            | Bucket::PhatClusterEscrow
            | Bucket::IndexInflight
            | Bucket::Stranded => add(self.escrow.entry((class, id)).or_default(), amount)?,
            _ => {}
        }
        self.book(bucket, amount)
    }

    /// Adds to a bucket that has no accounts.
    pub(super) fn book(&mut self, bucket: Bucket, amount: u128) -> Result<(), LedgerError> {
        add(self.buckets.entry(bucket).or_default(), amount)
    }

    /// Takes `amount` from a bucket; `false` if it has less.
    pub(super) fn take(&mut self, bucket: Bucket, amount: u128) -> bool {
        let held = self.buckets.entry(bucket).or_default();
        match held.checked_sub(amount) {
            Some(rest) => *held = rest,
            None => return false,
        }
        true
    }

    pub(super) fn amount(&self, bucket: Bucket) -> u128 {
        self.buckets.get(&bucket).copied().unwrap_or_default()
    }

    /// Gives `shares` of a pool to `id`.
    pub(super) fn stake(
        &mut self,
        id: AccountId,
        pid: u64,
        shares: u128,
    ) -> Result<(), LedgerError> {
        if shares == 0 {
            return Ok(());
        }
        let stakes = &mut self.holders.entry(id).or_default().stakes;
        add(stakes.entry(pid).or_default(), shares)
    }
}
