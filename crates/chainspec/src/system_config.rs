use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use crate::{DEFAULT_DA_FOOTPRINT_GAS_SCALAR, DepositError};

/// The two prices of L1 data that `SystemConfig.scalar` packs into one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeeScalars {
    /// Multiplies the L1 base fee.
    pub base_fee_scalar: u32,
    /// Multiplies the L1 blob base fee.
    pub blob_base_fee_scalar: u32,
}

impl FeeScalars {
    /// Unpacks `SystemConfig.scalar`, versions 0 (base fee only) and 1.
    pub fn decode(scalar: B256) -> Result<Self, DepositError> {
        let [version, zeros @ .., b0, b1, b2, b3, s0, s1, s2, s3] = scalar.0;
        let blob = u32::from_be_bytes([b0, b1, b2, b3]);
        let unused = zeros.iter().any(|byte| *byte != 0);
        if version > 1 || unused || (version == 0 && blob != 0) {
            return Err(DepositError::Scalar(scalar));
        }
        let base_fee_scalar = u32::from_be_bytes([s0, s1, s2, s3]);
        Ok(Self { base_fee_scalar, blob_base_fee_scalar: blob })
    }

    /// Packs as version 1.
    pub fn encode(self) -> B256 {
        let mut scalar = B256::ZERO;
        scalar[0] = 1;
        scalar[24..28].copy_from_slice(&self.blob_base_fee_scalar.to_be_bytes());
        scalar[28..].copy_from_slice(&self.base_fee_scalar.to_be_bytes());
        scalar
    }
}

/// The L1 `SystemConfig` at genesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemConfig {
    /// Account whose L1 transactions carry this chain's batches.
    pub batcher_address: Address,
    /// Multiplies the L1 base fee.
    pub base_fee_scalar: u32,
    /// Multiplies the L1 blob base fee.
    pub blob_base_fee_scalar: u32,
    /// Gas limit of blocks; equals that of the genesis header.
    pub gas_limit: u64,
    /// EIP-1559 denominator; 0 stands for the chain's constant.
    #[serde(default)]
    pub eip1559_denominator: u32,
    /// EIP-1559 elasticity; 0 stands for the chain's constant.
    #[serde(default)]
    pub eip1559_elasticity: u32,
    /// Operator fee per gas (Isthmus and later).
    #[serde(default)]
    pub operator_fee_scalar: u32,
    /// Operator fee per transaction, in wei (Isthmus and later).
    #[serde(default)]
    pub operator_fee_constant: u64,
    /// Lower bound of the base fee, in wei (Jovian and later).
    #[serde(default)]
    pub min_base_fee: u64,
    /// Gas per byte of data availability (Jovian and later); 0 stands for 400.
    #[serde(default)]
    pub da_footprint_gas_scalar: u16,
}

impl SystemConfig {
    /// The packed fee scalars.
    pub const fn scalars(&self) -> FeeScalars {
        FeeScalars {
            base_fee_scalar: self.base_fee_scalar,
            blob_base_fee_scalar: self.blob_base_fee_scalar,
        }
    }

    /// What the L1 attributes say of the DA footprint scalar.
    pub const fn effective_da_footprint_gas_scalar(&self) -> u16 {
        match self.da_footprint_gas_scalar {
            0 => DEFAULT_DA_FOOTPRINT_GAS_SCALAR,
            scalar => scalar,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_versions_and_stray_bytes_are_refused() {
        let scalars = FeeScalars { base_fee_scalar: 1368, blob_base_fee_scalar: 810_949 };
        let packed = scalars.encode();
        assert_eq!(FeeScalars::decode(packed), Ok(scalars));
        for i in 1..24 {
            let mut stray = packed;
            stray[i] = 1;
            assert_eq!(FeeScalars::decode(stray), Err(DepositError::Scalar(stray)));
        }
        let mut other = packed;
        for version in [0, 2, 255] {
            other[0] = version;
            assert_eq!(FeeScalars::decode(other), Err(DepositError::Scalar(other)));
        }
    }
}
