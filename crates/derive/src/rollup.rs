use alloy_primitives::Address;
use phala_chainspec::{ChainSpec, Fork, SystemConfig};
use phala_primitives::BlockRef;

use crate::DeriveError;

/// How far L2 time may run ahead of its L1 origin, in seconds, from Fjord on.
pub(crate) const MAX_SEQUENCER_DRIFT_SECS: u64 = 1800;

/// The parameters of derivation, known to be there.
#[derive(Clone, Debug)]
pub(crate) struct Rollup {
    pub(crate) chain_id: u64,
    pub(crate) genesis_time: u64,
    pub(crate) block_time_secs: u64,
    pub(crate) seq_window_size: u64,
    pub(crate) channel_timeout: u64,
    pub(crate) l1_anchor: BlockRef,
    pub(crate) deposit_contract: Address,
    pub(crate) system_config_contract: Address,
    pub(crate) genesis_config: SystemConfig,
}

impl Rollup {
    pub(crate) fn new(spec: &ChainSpec) -> Result<Self, DeriveError> {
        let refuse = DeriveError::Configuration;
        let params = spec
            .rollup
            .as_ref()
            .ok_or(DeriveError::Configuration("it has no rollup parameters"))?;
        let anchor =
            params.l1_anchor.ok_or(DeriveError::Configuration("rollup.l1_anchor is not set"))?;
        let contracts = params
            .l1_contracts
            .ok_or(DeriveError::Configuration("rollup.l1_contracts is not set"))?;
        let config = params.system_config.as_ref();
        let genesis_time = spec.genesis.timestamp;
        if spec.block_time_secs == 0 {
            return Err(refuse("block_time_secs is 0"));
        }
        for fork in Fork::ALL {
            let is_known = spec.is_fork_active(fork, genesis_time);
            if fork <= Fork::Holocene && !is_known {
                return Err(refuse("a fork up to Holocene is not active from genesis"));
            }
            // The chain's own fork brings precompiles, which need no transaction.
            if !is_known && fork != Fork::Attestation && spec.forks.time(fork).is_some() {
                return Err(refuse("a fork after genesis would need upgrade transactions"));
            }
        }
        Ok(Self {
            chain_id: spec.chain_id,
            genesis_time,
            block_time_secs: spec.block_time_secs,
            seq_window_size: params.seq_window_size,
            channel_timeout: params.granite_channel_timeout,
            l1_anchor: BlockRef { number: anchor.number, hash: anchor.hash },
            deposit_contract: contracts.deposit_contract,
            system_config_contract: contracts.system_config,
            genesis_config: config
                .cloned()
                .ok_or(DeriveError::Configuration("rollup.system_config is not set"))?,
        })
    }
}
