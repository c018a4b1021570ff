use alloy_primitives::U256;
use op_revm::{OpSpecId, transaction::estimate_tx_compressed_size};
use phala_chainspec::{ChainSpec, Fork, L1Attributes};
use phala_evm::L1FeeParams;
use phala_primitives::RecoveredBlock;

use crate::json::Quantity;

/// Millionths of a byte in an estimated size.
const SIZE_SCALE: u64 = 1_000_000;

/// One byte of L1 calldata, in gas.
const L1_GAS_PER_BYTE: u64 = 16;

/// What every transaction of one block pays beside L2 gas, by the block's L1 attributes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockFees(L1FeeParams);

/// The fee fields of one transaction's receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TransactionFees {
    pub(crate) l1_fee: U256,
    pub(crate) l1_gas_used: U256,
    /// Share of the block's data allowance (Jovian and later).
    pub(crate) da_footprint: Option<u64>,
}

impl BlockFees {
    /// Reads the first transaction; a block without L1 attributes (genesis) has no such fees.
    pub(crate) fn of_block(spec: &ChainSpec, block: &RecoveredBlock) -> Option<Self> {
        let attributes = block.body().transactions.first()?.as_deposit()?;
        let attributes = L1Attributes::decode(&attributes.input).ok()?;
        Some(Self::new(&attributes, spec.forks.op_spec_id(block.timestamp)))
    }

    fn new(attributes: &L1Attributes, spec_id: OpSpecId) -> Self {
        Self(L1FeeParams::from_attributes(attributes, spec_id))
    }

    /// Fees of one transaction, given its EIP-2718 encoding.
    pub(crate) fn of_transaction(&self, encoded: &[u8]) -> TransactionFees {
        let params = &self.0;
        if !self.is_active(OpSpecId::FJORD) {
            return TransactionFees {
                l1_fee: params.l1_cost(encoded),
                l1_gas_used: params.l1_gas_used(encoded),
                da_footprint: None,
            };
        }
        // Everything follows from the compressed size, which is expensive to estimate.
        let size = estimate_tx_compressed_size(encoded);
        TransactionFees {
            l1_fee: params.l1_cost_of_size(size),
            l1_gas_used: U256::from(size.saturating_mul(L1_GAS_PER_BYTE) / SIZE_SCALE),
            da_footprint: self
                .is_active(OpSpecId::JOVIAN)
                .then(|| params.da_footprint_of_size(size)),
        }
    }

    pub(crate) const fn l1_gas_price(&self) -> U256 {
        self.0.base_fee
    }

    pub(crate) fn l1_base_fee_scalar(&self) -> Option<Quantity> {
        self.is_active(OpSpecId::ECOTONE).then(|| self.0.base_fee_scalar.into())
    }

    pub(crate) fn l1_blob_base_fee(&self) -> Option<U256> {
        self.is_active(OpSpecId::ECOTONE).then_some(self.0.blob_base_fee)
    }

    pub(crate) fn l1_blob_base_fee_scalar(&self) -> Option<Quantity> {
        self.is_active(OpSpecId::ECOTONE).then(|| self.0.blob_base_fee_scalar.into())
    }

    /// Scalar and constant, unless both are zero.
    pub(crate) fn operator_fee(&self) -> Option<(Quantity, Quantity)> {
        let (scalar, constant) = (self.0.operator_fee_scalar, self.0.operator_fee_constant);
        (scalar != 0 || constant != 0).then(|| (scalar.into(), constant.into()))
    }

    pub(crate) fn da_footprint_gas_scalar(&self) -> Option<Quantity> {
        self.is_active(OpSpecId::JOVIAN).then(|| self.0.da_footprint_gas_scalar.into())
    }

    fn is_active(&self, fork: OpSpecId) -> bool {
        self.0.spec.is_enabled_in(fork)
    }
}

/// Share of a block's data allowance that was used, as `blobGasUsedRatio` shows it.
pub(crate) fn da_footprint_ratio(
    spec: &ChainSpec,
    timestamp: u64,
    blob_gas_used: Option<u64>,
    gas_limit: u64,
) -> f64 {
    if !spec.is_fork_active(Fork::Jovian, timestamp) || gas_limit == 0 {
        return 0.0;
    }
    blob_gas_used.unwrap_or_default() as f64 / gas_limit as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use super::*;

    fn attributes() -> L1Attributes {
        L1Attributes {
            base_fee: U256::from(1_000_000_000u64),
            blob_base_fee: U256::from(2u64),
            base_fee_scalar: 1_368,
            blob_base_fee_scalar: 810_949,
            operator_fee_scalar: 0,
            operator_fee_constant: 0,
            da_footprint_gas_scalar: 400,
            ..Default::default()
        }
    }

    #[test]
    fn the_smallest_transaction_counts_a_hundred_bytes() {
        let fees = BlockFees::new(&attributes(), OpSpecId::KARST).of_transaction(&[2, 0xc0]);
        assert_eq!(fees.l1_gas_used, U256::from(1_600));
        assert_eq!(fees.da_footprint, Some(40_000));
        let price = 16u64 * 1_368 * 1_000_000_000 + 810_949 * 2;
        assert_eq!(fees.l1_fee, U256::from(price) * U256::from(100) / U256::from(1_000_000));
    }

    #[test]
    fn the_operator_fee_shows_only_when_charged() {
        assert!(BlockFees::new(&attributes(), OpSpecId::KARST).operator_fee().is_none());
        let charged = L1Attributes { operator_fee_constant: 5, ..attributes() };
        assert_eq!(
            BlockFees::new(&charged, OpSpecId::KARST).operator_fee(),
            Some((0u32.into(), 5u64.into()))
        );
        assert!(BlockFees::new(&charged, OpSpecId::HOLOCENE).operator_fee().is_none());
    }

    #[test]
    fn the_footprint_shows_from_jovian_on() {
        let isthmus = BlockFees::new(&attributes(), OpSpecId::ISTHMUS);
        assert_eq!(isthmus.of_transaction(&[2, 0xc0]).da_footprint, None);
        assert_eq!(isthmus.da_footprint_gas_scalar(), None);
        let jovian = BlockFees::new(&attributes(), OpSpecId::JOVIAN);
        assert_eq!(jovian.da_footprint_gas_scalar(), Some(400u16.into()));
    }

    /// Real transactions whose fee is known from their receipts.
    #[test]
    fn real_transactions_pay_what_their_receipts_say() {
        let Some(dir) = std::env::var_os("PHALA_VECTORS") else {
            println!("SKIPPED: no vectors");
            return;
        };
        let path = std::path::Path::new(&dir).join("opstack/vectors/fees.json");
        let vectors: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let bytes = |value: &serde_json::Value| -> alloy_primitives::Bytes {
            value.as_str().unwrap().parse().unwrap()
        };
        let mut checked = 0;
        for case in vectors["l1_fee"].as_array().unwrap() {
            if case["fork"] != "fjord+" || case["l1_info_tx"].is_null() {
                continue;
            }
            let info = phala_primitives::decode_transaction(&bytes(&case["l1_info_tx"])).unwrap();
            let attributes = L1Attributes::decode(&info.as_deposit().unwrap().input).unwrap();
            let fees =
                BlockFees::new(&attributes, OpSpecId::HOLOCENE).of_transaction(&bytes(&case["tx"]));
            let expected: U256 = case["l1_fee"].as_str().unwrap().parse().unwrap();
            assert_eq!(fees.l1_fee, expected, "{}", case["name"]);
            if let Some(gas) = case["l1_gas_used"].as_u64() {
                assert_eq!(fees.l1_gas_used, U256::from(gas), "{}", case["name"]);
            }
            checked += 1;
        }
        assert!(checked >= 2, "{checked} cases");
    }
}
