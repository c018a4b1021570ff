//! What a chain must obey, wherever its values came from.

use crate::{ChainSpec, ChainSpecError, ExtraData, Fork};

const TESTNET_CHAIN_ID: u64 = 20_350_002;
const MAINNET_CHAIN_ID: u64 = 20_350_001;

/// Deposits of one L1 block (20 M) and the L1 attributes (1 M) must fit every block.
const GAS_LIMIT_MIN: u64 = 21_000_000;

/// Whether a chain is public, so that its chain file must be complete and hold no test accounts.
pub(crate) const fn requires_everything(chain_id: u64) -> bool {
    matches!(chain_id, TESTNET_CHAIN_ID | MAINNET_CHAIN_ID)
}

impl ChainSpec {
    /// Whether this node can start the chain and store its blocks.
    pub fn ensure_startable(&self) -> Result<(), ChainSpecError> {
        if !self.missing.is_empty() {
            let (name, keys) = (self.name.clone(), self.missing.clone());
            return Err(ChainSpecError::NotReady { name, keys });
        }
        self.validate()?;
        if self.genesis.number != 0 {
            let reason = format!("{} is not 0", self.genesis.number);
            return Err(ChainSpecError::invalid("genesis.number", reason));
        }
        if !self.is_fork_active(Fork::Ecotone, self.genesis.timestamp) {
            return Err(ChainSpecError::invalid(
                "forks.ecotone_time",
                "must be active at genesis: only then no block can delete stored storage",
            ));
        }
        // The collision check of CREATE looks at code and nonce only.
        let unprotected = self.genesis.alloc.iter().find(|(_, account)| {
            !account.storage.is_empty() && account.code.is_empty() && account.nonce == 0
        });
        unprotected.map_or(Ok(()), |(address, _)| {
            Err(ChainSpecError::invalid(
                format!("genesis.alloc.{address}.storage"),
                "needs code or a nonce beside it",
            ))
        })
    }

    /// Everything that can be said without knowing where the values came from.
    pub(crate) fn validate(&self) -> Result<(), ChainSpecError> {
        let positive = [
            (self.chain_id, "chain_id"),
            (self.block_time_secs, "block_time_secs"),
            (self.fees.elasticity.into(), "fees.elasticity"),
            (self.fees.denominator.into(), "fees.denominator"),
            (self.fees.denominator_canyon.into(), "fees.denominator_canyon"),
        ];
        if let Some((_, key)) = positive.into_iter().find(|(value, _)| *value == 0) {
            return Err(ChainSpecError::invalid(key, "must not be 0"));
        }
        self.validate_genesis()?;
        self.validate_activations()?;
        self.validate_blob_schedule()?;
        self.validate_rollup()?;
        self.validate_dev_accounts()
    }

    fn validate_genesis(&self) -> Result<(), ChainSpecError> {
        let genesis = &self.genesis;
        if genesis.gas_limit < GAS_LIMIT_MIN {
            let reason = format!("{} is below {GAS_LIMIT_MIN}", genesis.gas_limit);
            return Err(ChainSpecError::invalid("genesis.gas_limit", reason));
        }
        ExtraData::decode_at(&self.forks, genesis.timestamp, &genesis.extra_data)
            .map(|_| ())
            .map_err(|error| ChainSpecError::invalid("genesis.extra_data", error.to_string()))
    }

    /// From Jovian on, two forks may not activate in one block after genesis; other verifiers refuse
    /// such a schedule too.
    fn validate_activations(&self) -> Result<(), ChainSpecError> {
        for (fork, before) in [(Fork::Jovian, Fork::Isthmus), (Fork::Karst, Fork::Jovian)] {
            let Some(time) = self.forks.time(fork).filter(|t| *t > self.genesis.timestamp) else {
                continue;
            };
            if self.forks.time(before) == Some(time) {
                return Err(ChainSpecError::invalid(
                    format!("forks.{fork}_time"),
                    format!("{time} is also the time of {before}, after genesis"),
                ));
            }
        }
        Ok(())
    }

    fn validate_blob_schedule(&self) -> Result<(), ChainSpecError> {
        let schedule = &self.l1.blob_schedule;
        let key = |field| format!("l1.blob_schedule.{field}");
        if let Some(entry) = schedule.iter().find(|entry| entry.base_fee_update_fraction == 0) {
            let reason = format!("is 0 for {}", entry.name);
            return Err(ChainSpecError::invalid(key("base_fee_update_fraction"), reason));
        }
        for pair in schedule.windows(2) {
            if let [earlier, later] = pair
                && later.time < earlier.time
            {
                let reason = format!("{} is before {}", later.name, earlier.name);
                return Err(ChainSpecError::invalid(key("time"), reason));
            }
        }
        Ok(())
    }

    fn validate_rollup(&self) -> Result<(), ChainSpecError> {
        let Some(rollup) = &self.rollup else {
            return Ok(());
        };
        let positive = [
            (rollup.seq_window_size, "rollup.seq_window_size"),
            (rollup.channel_timeout, "rollup.channel_timeout"),
            (rollup.granite_channel_timeout, "rollup.granite_channel_timeout"),
        ];
        if let Some((_, key)) = positive.into_iter().find(|(value, _)| *value == 0) {
            return Err(ChainSpecError::invalid(key, "must not be 0"));
        }
        let Some(config) = &rollup.system_config else {
            return Ok(());
        };
        if config.gas_limit != self.genesis.gas_limit {
            return Err(ChainSpecError::invalid(
                "rollup.system_config.gas_limit",
                format!("{} differs from genesis.gas_limit", config.gas_limit),
            ));
        }
        if (config.eip1559_denominator == 0) != (config.eip1559_elasticity == 0) {
            return Err(ChainSpecError::invalid(
                "rollup.system_config.eip1559_elasticity",
                "must be 0 if and only if eip1559_denominator is",
            ));
        }
        Ok(())
    }

    /// Everybody could take what a test account holds on a public network.
    fn validate_dev_accounts(&self) -> Result<(), ChainSpecError> {
        if !requires_everything(self.chain_id) {
            return Ok(());
        }
        if !self.dev_accounts.is_empty() {
            return Err(ChainSpecError::invalid("dev", "not allowed on a public network"));
        }
        let alloc = &self.genesis.alloc;
        if alloc.is_empty() {
            return Ok(());
        }
        let found =
            Self::dev().dev_accounts.into_iter().find(|dev| alloc.contains_key(&dev.address));
        found.map_or(Ok(()), |dev| {
            Err(ChainSpecError::invalid(
                format!("genesis.alloc.{}", dev.address),
                "is a test account with a public key",
            ))
        })
    }
}
