use alloy_primitives::U256;
use op_revm::{
    L1BlockInfo, OpSpecId,
    constants::{
        DA_FOOTPRINT_GAS_SCALAR_SLOT, ECOTONE_L1_BLOB_BASE_FEE_SLOT, ECOTONE_L1_FEE_SCALARS_SLOT,
        L1_BASE_FEE_SLOT, L1_OVERHEAD_SLOT, L1_SCALAR_SLOT, OPERATOR_FEE_SCALARS_SLOT,
    },
    estimate_tx_compressed_size,
};
use phala_chainspec::{L1Attributes, addresses::L1_BLOCK};
use phala_primitives::Transaction;
use revm::{Database, DatabaseRef, database_interface::WrapDatabaseRef};

/// One byte of L1 calldata, in gas.
const CALLDATA_GAS: u64 = 16;

/// Estimated sizes are in millionths of a byte.
const SIZE_SCALE: u64 = 1_000_000;

/// Operator fee scalars are in millionths before Jovian.
const OPERATOR_FEE_SCALE: u64 = 1_000_000;

/// Operator fee scalars are in hundreds from Jovian on.
const OPERATOR_FEE_JOVIAN_FACTOR: u64 = 100;

/// Estimated compressed size of an encoded transaction, in bytes (Fjord); at least 100.
pub fn da_usage(encoded: &[u8]) -> u64 {
    estimate_tx_compressed_size(encoded) / SIZE_SCALE
}

/// What a transaction of a block pays besides gas: the parameters the block's first transaction
/// wrote into `L1Block`.
///
/// Deposits pay none of it; the functions that take an encoded transaction know that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1FeeParams {
    /// Rules of the block.
    pub spec: OpSpecId,
    /// Base fee of the L1 origin, in wei.
    pub base_fee: U256,
    /// Multiplies the L1 base fee (Ecotone and later).
    pub base_fee_scalar: u32,
    /// Blob base fee of the L1 origin, in wei (Ecotone and later).
    pub blob_base_fee: U256,
    /// Multiplies the L1 blob base fee (Ecotone and later).
    pub blob_base_fee_scalar: u32,
    /// Operator fee per gas (Isthmus and later).
    pub operator_fee_scalar: u32,
    /// Operator fee per transaction, in wei (Isthmus and later).
    pub operator_fee_constant: u64,
    /// DA footprint per byte of estimated size (Jovian and later).
    pub da_footprint_gas_scalar: u16,
    /// Fixed part of the L1 fee before Ecotone, and in the block that activates it.
    pub overhead: U256,
    /// Factor of the L1 fee before Ecotone.
    pub scalar: U256,
}

impl L1FeeParams {
    /// Nothing costs anything; what a chain without `L1Block` has.
    pub const fn zero(spec: OpSpecId) -> Self {
        Self {
            spec,
            base_fee: U256::ZERO,
            base_fee_scalar: 0,
            blob_base_fee: U256::ZERO,
            blob_base_fee_scalar: 0,
            operator_fee_scalar: 0,
            operator_fee_constant: 0,
            da_footprint_gas_scalar: 0,
            overhead: U256::ZERO,
            scalar: U256::ZERO,
        }
    }

    /// Reads the parameters from the state after a block's first transaction.
    pub fn read<DB: DatabaseRef>(db: &DB, spec: OpSpecId) -> Result<Self, DB::Error> {
        Self::load(&mut WrapDatabaseRef(db), spec)
    }

    pub(crate) fn load<DB: Database>(db: &mut DB, spec: OpSpecId) -> Result<Self, DB::Error> {
        let mut params = Self::zero(spec);
        params.base_fee = db.storage(L1_BLOCK, L1_BASE_FEE_SLOT)?;
        if !spec.is_enabled_in(OpSpecId::ECOTONE) {
            params.overhead = db.storage(L1_BLOCK, L1_OVERHEAD_SLOT)?;
            params.scalar = db.storage(L1_BLOCK, L1_SCALAR_SLOT)?;
            return Ok(params);
        }
        params.blob_base_fee = db.storage(L1_BLOCK, ECOTONE_L1_BLOB_BASE_FEE_SLOT)?;
        let scalars = db.storage(L1_BLOCK, ECOTONE_L1_FEE_SCALARS_SLOT)?;
        params.base_fee_scalar = u32::from_be_bytes(bytes_at(scalars, 16));
        params.blob_base_fee_scalar = u32::from_be_bytes(bytes_at(scalars, 20));
        if params.has_no_ecotone_scalars() {
            params.overhead = db.storage(L1_BLOCK, L1_OVERHEAD_SLOT)?;
        }
        if spec.is_enabled_in(OpSpecId::ISTHMUS) {
            let operator = db.storage(L1_BLOCK, OPERATOR_FEE_SCALARS_SLOT)?;
            params.operator_fee_scalar = u32::from_be_bytes(bytes_at(operator, 20));
            params.operator_fee_constant = u64::from_be_bytes(bytes_at(operator, 24));
        }
        if spec.is_enabled_in(OpSpecId::JOVIAN) {
            let footprint = db.storage(L1_BLOCK, DA_FOOTPRINT_GAS_SCALAR_SLOT)?;
            params.da_footprint_gas_scalar = u16::from_be_bytes(bytes_at(footprint, 18));
        }
        Ok(params)
    }

    /// The parameters that attributes write into `L1Block`, for a chain that has that predeploy.
    pub fn from_attributes(attributes: &L1Attributes, spec: OpSpecId) -> Self {
        let isthmus = spec.is_enabled_in(OpSpecId::ISTHMUS);
        let jovian = spec.is_enabled_in(OpSpecId::JOVIAN);
        Self {
            spec,
            base_fee: attributes.base_fee,
            base_fee_scalar: attributes.base_fee_scalar,
            blob_base_fee: attributes.blob_base_fee,
            blob_base_fee_scalar: attributes.blob_base_fee_scalar,
            operator_fee_scalar: if isthmus { attributes.operator_fee_scalar } else { 0 },
            operator_fee_constant: if isthmus { attributes.operator_fee_constant } else { 0 },
            da_footprint_gas_scalar: if jovian { attributes.da_footprint_gas_scalar } else { 0 },
            overhead: attributes.l1_fee_overhead,
            scalar: attributes.l1_fee_scalar,
        }
    }

    /// L1 data fee of an encoded transaction.
    pub fn l1_cost(&self, encoded: &[u8]) -> U256 {
        if is_deposit(encoded) {
            return U256::ZERO;
        }
        if self.spec.is_enabled_in(OpSpecId::FJORD) {
            return self.l1_cost_of_size(estimate_tx_compressed_size(encoded));
        }
        self.to_l1_block_info(0).calculate_tx_l1_cost(encoded, self.spec)
    }

    /// L1 data fee (Fjord) of a transaction of an estimated size in millionths of a byte.
    pub fn l1_cost_of_size(&self, size_scaled: u64) -> U256 {
        let calldata = self
            .base_fee
            .saturating_mul(U256::from(CALLDATA_GAS))
            .saturating_mul(U256::from(self.base_fee_scalar));
        let blobs = self.blob_base_fee.saturating_mul(U256::from(self.blob_base_fee_scalar));
        let per_byte = calldata.saturating_add(blobs);
        U256::from(size_scaled).saturating_mul(per_byte) / U256::from(SIZE_SCALE * SIZE_SCALE)
    }

    /// L1 gas an encoded transaction stands for; only shown in receipts.
    pub fn l1_gas_used(&self, encoded: &[u8]) -> U256 {
        self.to_l1_block_info(0).data_gas(encoded, self.spec)
    }

    /// Operator fee of a transaction that is not a deposit, for an amount of gas.
    pub fn operator_fee(&self, gas: u64) -> U256 {
        if !self.spec.is_enabled_in(OpSpecId::ISTHMUS) {
            return U256::ZERO;
        }
        let product = U256::from(gas).saturating_mul(U256::from(self.operator_fee_scalar));
        let variable = if self.spec.is_enabled_in(OpSpecId::JOVIAN) {
            product.saturating_mul(U256::from(OPERATOR_FEE_JOVIAN_FACTOR))
        } else {
            product / U256::from(OPERATOR_FEE_SCALE)
        };
        variable.saturating_add(U256::from(self.operator_fee_constant))
    }

    /// What an encoded transaction adds to the block's DA footprint (Jovian and later).
    pub fn da_footprint(&self, encoded: &[u8]) -> u64 {
        if !self.spec.is_enabled_in(OpSpecId::JOVIAN) || is_deposit(encoded) {
            return 0;
        }
        self.da_footprint_of_size(estimate_tx_compressed_size(encoded))
    }

    /// What a transaction of an estimated size in millionths of a byte adds to the DA footprint.
    pub fn da_footprint_of_size(&self, size_scaled: u64) -> u64 {
        (size_scaled / SIZE_SCALE).saturating_mul(self.da_footprint_gas_scalar.into())
    }

    /// The block that activates Ecotone still has its parameters in the old slots.
    const fn has_no_ecotone_scalars(&self) -> bool {
        self.base_fee_scalar == 0 && self.blob_base_fee_scalar == 0
    }

    /// The parameters as op-revm keeps them, for the block of this height.
    pub(crate) fn to_l1_block_info(self, number: u64) -> L1BlockInfo {
        let from = |fork| self.spec.is_enabled_in(fork);
        let (ecotone, isthmus) = (from(OpSpecId::ECOTONE), from(OpSpecId::ISTHMUS));
        let empty_ecotone_scalars = ecotone && self.has_no_ecotone_scalars();
        L1BlockInfo {
            l2_block: Some(U256::from(number)),
            l1_base_fee: self.base_fee,
            l1_fee_overhead: (!ecotone || empty_ecotone_scalars).then_some(self.overhead),
            l1_base_fee_scalar: if ecotone {
                U256::from(self.base_fee_scalar)
            } else {
                self.scalar
            },
            l1_blob_base_fee: ecotone.then_some(self.blob_base_fee),
            l1_blob_base_fee_scalar: ecotone.then_some(U256::from(self.blob_base_fee_scalar)),
            operator_fee_scalar: isthmus.then_some(U256::from(self.operator_fee_scalar)),
            operator_fee_constant: isthmus.then_some(U256::from(self.operator_fee_constant)),
            da_footprint_gas_scalar: from(OpSpecId::JOVIAN).then_some(self.da_footprint_gas_scalar),
            empty_ecotone_scalars,
            tx_l1_cost: None,
        }
    }
}

fn bytes_at<const N: usize>(word: U256, offset: usize) -> [u8; N] {
    let bytes = word.to_be_bytes::<32>();
    std::array::from_fn(|i| bytes[offset + i])
}

/// Deposits pay no fees; neither does a simulated call, which has no encoding.
fn is_deposit(encoded: &[u8]) -> bool {
    const DEPOSIT: u8 = op_alloy_consensus::DEPOSIT_TX_TYPE_ID;
    matches!(encoded.first(), None | Some(&DEPOSIT))
}

/// Whether a transaction is a deposit.
pub(crate) const fn is_deposit_tx(tx: &Transaction) -> bool {
    matches!(tx, Transaction::Deposit(_))
}
