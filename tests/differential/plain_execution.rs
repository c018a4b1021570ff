//! A block by the published executor over a state in plain maps, without anything of the node's.

use alloy_consensus::transaction::Recovered;
use alloy_evm::{EvmFactory as _, block::BlockExecutionResult, block::BlockExecutor as _};
use alloy_op_evm::{
    OpBlockExecutionCtx, OpBlockExecutor, OpEvmFactory, OpTx, block::OpAlloyReceiptBuilder,
    evm_env_for_op_block,
};
use op_alloy_consensus::OpReceiptEnvelope;
use phala_chainspec::ChainSpec;
use phala_primitives::RecoveredBlock;

use crate::plain_state::PlainState;

/// Executes a block and moves the state behind it.
pub(crate) fn execute_plainly(
    spec: &ChainSpec,
    state: &mut PlainState,
    block: &RecoveredBlock,
) -> BlockExecutionResult<OpReceiptEnvelope> {
    let header = block.header();
    state.block_hashes.insert(header.number - 1, header.parent_hash);
    let env = evm_env_for_op_block(header, spec, spec.chain_id);
    let evm = OpEvmFactory::<OpTx>::default().create_evm(&mut *state, env);
    let context = OpBlockExecutionCtx {
        parent_hash: header.parent_hash,
        parent_beacon_block_root: header.parent_beacon_block_root,
        extra_data: header.extra_data.clone(),
    };
    let mut executor = OpBlockExecutor::new(evm, context, spec, OpAlloyReceiptBuilder::default());
    executor.apply_pre_execution_changes().expect("system calls");
    for (index, (tx, sender)) in block.body().transactions.iter().zip(block.senders()).enumerate() {
        executor
            .execute_transaction(Recovered::new_unchecked(tx, *sender))
            .unwrap_or_else(|error| panic!("transaction {index} of {}: {error}", header.number));
    }
    let (_, result) = executor.finish().expect("nothing can fail at the end");
    result
}
