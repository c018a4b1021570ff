use alloy_primitives::U256;
use op_revm::OpSpecId;

use phala_evm::L1FeeParams;
use phala_primitives::BlockRef;

use crate::{account_state::AccountReader, pool_tx::PoolTx};

/// The block the pool is on, and what the next one will ask of a transaction.
pub(crate) struct HeadState {
    pub(crate) block: BlockRef,
    /// Gas limit of the head; the next block has the same unless L1 says otherwise.
    pub(crate) gas_limit: u64,
    /// Base fee of the next block.
    pub(crate) base_fee: u64,
    /// Rules of the next block.
    pub(crate) spec_id: OpSpecId,
    /// L1 and operator fee at the head's attributes.
    pub(crate) fees: L1FeeParams,
    pub(crate) accounts: Box<dyn AccountReader>,
}

impl HeadState {
    /// The most a transaction may cost its sender, everything included; `None` above 2^256.
    pub(crate) fn cost(&self, tx: &PoolTx) -> Option<U256> {
        tx.gas_and_value_max?
            .checked_add(self.l1_cost(tx))?
            .checked_add(self.fees.operator_fee(tx.gas_limit))
    }

    fn l1_cost(&self, tx: &PoolTx) -> U256 {
        if self.spec_id.is_enabled_in(OpSpecId::FJORD) {
            // Compressing again at every head would cost more than everything else the pool does.
            self.fees.l1_cost_of_size(tx.data_size)
        } else {
            self.fees.l1_cost(tx.tx.encoded())
        }
    }

    /// Share of the block's data allowance that a transaction takes, in gas.
    pub(crate) fn da_footprint(&self, tx: &PoolTx) -> u64 {
        if self.spec_id.is_enabled_in(OpSpecId::JOVIAN) {
            self.fees.da_footprint_of_size(tx.data_size)
        } else {
            0
        }
    }

    /// Whether transactions that were fine on `previous` have to prove it again, regardless of
    /// accounts and fees.
    pub(crate) fn is_stricter_than(&self, previous: &Self) -> bool {
        self.spec_id != previous.spec_id
            || self.gas_limit < previous.gas_limit
            || self.fees.da_footprint_gas_scalar > previous.fees.da_footprint_gas_scalar
    }
}
