use std::collections::HashMap;

use alloy_primitives::Address;

use crate::{
    PoolError,
    account_state::{AccountState, SenderCode},
    pool_tx::PoolTx,
    sender_queue::SenderQueue,
};

/// How many transactions in the pool name an account as an EIP-7702 authority.
#[derive(Debug, Default)]
pub(crate) struct Authorities {
    counts: HashMap<Address, usize>,
}

impl Authorities {
    pub(crate) fn add(&mut self, tx: &PoolTx) {
        for authority in &tx.authorities {
            *self.counts.entry(*authority).or_default() += 1;
        }
    }

    pub(crate) fn remove(&mut self, tx: &PoolTx) {
        for authority in &tx.authorities {
            if let Some(count) = self.counts.get_mut(authority) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(authority);
                }
            }
        }
    }

    /// One transaction at a time, at the current nonce, for accounts that have a delegation or
    /// are about to get one.
    pub(crate) fn check_sender(
        &self,
        tx: &PoolTx,
        account: &AccountState,
        queue: Option<&SenderQueue>,
    ) -> Result<(), PoolError> {
        let delegated = account.code == SenderCode::Delegation;
        if !delegated && !self.counts.contains_key(&tx.sender) {
            return Ok(());
        }
        match queue {
            Some(queue) if queue.get(tx.nonce).is_some() => Ok(()),
            Some(_) => Err(PoolError::InflightLimitReached),
            None if tx.nonce != account.nonce => Err(PoolError::GappedFromDelegated),
            None => Ok(()),
        }
    }

    #[cfg(test)]
    pub(crate) fn counts(&self) -> &HashMap<Address, usize> {
        &self.counts
    }
}
