use alloy_evm::{Database, EvmEnv, EvmFactory, precompiles::PrecompilesMap};
use alloy_op_evm::{OpEvm, OpEvmContext, OpTx, OpTxError};
use op_revm::{L1BlockInfo, OpBuilder, OpHaltReason, OpSpecId, OpTransaction};
use phala_chainspec::{Fork, Forks};
use revm::{
    Context, Inspector, MainContext,
    context::{BlockEnv, CfgEnv},
    context_interface::result::EVMError,
    inspector::NoOpInspector,
};

use crate::precompiles::precompiles;

/// Makes EVMs with the precompiles of the block they are for.
///
/// An EVM is for one block: it keeps the block's L1 fee parameters. Whoever uses it without
/// [`crate::Execution`] takes the environment from [`crate::evm_env`] and checks EIP-7825 himself.
#[derive(Clone, Copy, Debug, Default)]
pub struct PhalaEvmFactory {
    attestation_time: Option<u64>,
}

impl PhalaEvmFactory {
    /// A factory for a chain with these forks.
    pub const fn new(forks: &Forks) -> Self {
        Self { attestation_time: forks.time(Fork::Attestation) }
    }

    fn precompiles(&self, env: &EvmEnv<OpSpecId, BlockEnv>) -> PrecompilesMap {
        let attestation = self
            .attestation_time
            .is_some_and(|time| env.block_env.timestamp >= alloy_primitives::U256::from(time));
        PrecompilesMap::from_static(precompiles(env.cfg_env.spec, attestation))
    }
}

impl EvmFactory for PhalaEvmFactory {
    type Evm<DB: Database, I: Inspector<OpEvmContext<DB>>> = OpEvm<DB, I, PrecompilesMap>;
    type Context<DB: Database> = OpEvmContext<DB>;
    type Tx = OpTx;
    type Error<DBError: std::error::Error + Send + Sync + 'static> = EVMError<DBError, OpTxError>;
    type HaltReason = OpHaltReason;
    type Spec = OpSpecId;
    type BlockEnv = BlockEnv;
    type Precompiles = PrecompilesMap;

    fn create_evm<DB: Database>(
        &self,
        db: DB,
        env: EvmEnv<OpSpecId, BlockEnv>,
    ) -> Self::Evm<DB, NoOpInspector> {
        let precompiles = self.precompiles(&env);
        let evm = context(db, env).build_op_with_inspector(NoOpInspector {});
        OpEvm::new(evm.with_precompiles(precompiles), false)
    }

    fn create_evm_with_inspector<DB: Database, I: Inspector<OpEvmContext<DB>>>(
        &self,
        db: DB,
        env: EvmEnv<OpSpecId, BlockEnv>,
        inspector: I,
    ) -> Self::Evm<DB, I> {
        let precompiles = self.precompiles(&env);
        let evm = context(db, env).build_op_with_inspector(inspector);
        OpEvm::new(evm.with_precompiles(precompiles), true)
    }
}

fn context<DB: Database>(db: DB, env: EvmEnv<OpSpecId, BlockEnv>) -> OpEvmContext<DB> {
    Context::mainnet()
        .with_tx(OpTx(OpTransaction::builder().build_fill()))
        .with_cfg(CfgEnv::new_with_spec(OpSpecId::BEDROCK))
        .with_chain(L1BlockInfo::default())
        .with_db(db)
        .with_block(env.block_env)
        .with_cfg(env.cfg_env)
}
