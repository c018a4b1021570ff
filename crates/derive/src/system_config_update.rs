use alloy_primitives::{Address, B256, U256, b256};
use phala_chainspec::{FeeScalars, SystemConfig};
use tracing::warn;

use crate::{L1Header, L1Log, rollup::Rollup};

/// keccak256 of `ConfigUpdate(uint256,uint8,bytes)`.
const CONFIG_UPDATE_EVENT: B256 =
    b256!("0x1d2b0bda21d56b8bd12d4f94ebacffdfb35f5e226f84b461103bb8beab6353be");

/// What a `ConfigUpdate` event changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SystemConfigUpdate {
    /// Type 0.
    Batcher(Address),
    /// Type 1; the overhead beside the scalars means nothing since Ecotone.
    FeeScalars(FeeScalars),
    /// Type 2.
    GasLimit(u64),
    /// Type 3: who may sign unsafe blocks, which derivation does not ask.
    UnsafeBlockSigner,
    /// Type 4.
    Eip1559Params { denominator: u32, elasticity: u32 },
    /// Type 5.
    OperatorFeeParams { scalar: u32, constant: u64 },
    /// Type 6.
    MinBaseFee(u64),
    /// Type 7.
    DaFootprintGasScalar(u16),
}

/// Why a `ConfigUpdate` event is ignored. The `SystemConfig` contract cannot write such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UpdateError {
    #[error("{0} topics, expected 3")]
    Topics(usize),
    #[error("event version {0} is not 0")]
    Version(B256),
    #[error("unknown update type {0}")]
    Type(B256),
    #[error("data of {actual} bytes, expected {expected}")]
    Length { actual: usize, expected: usize },
    #[error("data is not abi-encoded bytes of the expected length")]
    Abi,
    #[error("value {0} is out of range")]
    Range(U256),
    #[error("fee scalar {0} has an unknown version or layout")]
    Scalar(B256),
}

/// Applies the updates of one L1 block, in order.
pub(crate) fn apply_updates(
    config: &mut SystemConfig,
    rollup: &Rollup,
    header: &L1Header,
    logs: &[L1Log],
) {
    let contract = rollup.system_config_contract;
    let is_update =
        |log: &&L1Log| log.address == contract && log.topics.first() == Some(&CONFIG_UPDATE_EVENT);
    for log in logs.iter().filter(is_update) {
        match SystemConfigUpdate::decode(log) {
            Ok(update) => update.apply(config),
            Err(error) => {
                let (l1_block, log_index) = (header.number, log.log_index);
                warn!(l1_block, log_index, %error, "ignored a system config update");
            }
        }
    }
}

impl SystemConfigUpdate {
    fn decode(log: &L1Log) -> Result<Self, UpdateError> {
        let [_, version, update_type] = *log.topics.as_slice() else {
            return Err(UpdateError::Topics(log.topics.len()));
        };
        if !version.is_zero() {
            return Err(UpdateError::Version(version));
        }
        let (zeros, [update_type_byte]) = update_type.split_last_chunk().expect("32 bytes");
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(UpdateError::Type(update_type));
        }
        Ok(match update_type_byte {
            0 => Self::Batcher(address(word(&log.data)?)?),
            1 => {
                let [_, scalar] = words(&log.data)?;
                let scalar = B256::from(scalar);
                let scalars =
                    FeeScalars::decode(scalar).map_err(|_| UpdateError::Scalar(scalar))?;
                Self::FeeScalars(scalars)
            }
            2 => Self::GasLimit(narrow(word(&log.data)?)?),
            3 => {
                address(word(&log.data)?)?;
                Self::UnsafeBlockSigner
            }
            4 => {
                let word = word(&log.data)?;
                let packed: u64 = narrow(word)?;
                let [d0, d1, d2, d3, e0, e1, e2, e3] = packed.to_be_bytes();
                let denominator = u32::from_be_bytes([d0, d1, d2, d3]);
                let elasticity = u32::from_be_bytes([e0, e1, e2, e3]);
                // Both zero stand for the chain's constants; one alone could not be in a header.
                if (denominator == 0) != (elasticity == 0) {
                    return Err(UpdateError::Range(word));
                }
                Self::Eip1559Params { denominator, elasticity }
            }
            5 => {
                let word = word(&log.data)?;
                Self::OperatorFeeParams {
                    scalar: narrow(word >> 64)?,
                    constant: narrow(word & U256::from(u64::MAX))?,
                }
            }
            6 => Self::MinBaseFee(narrow(word(&log.data)?)?),
            7 => Self::DaFootprintGasScalar(narrow(word(&log.data)?)?),
            _ => return Err(UpdateError::Type(update_type)),
        })
    }

    const fn apply(self, config: &mut SystemConfig) {
        match self {
            Self::Batcher(address) => config.batcher_address = address,
            Self::FeeScalars(scalars) => {
                config.base_fee_scalar = scalars.base_fee_scalar;
                config.blob_base_fee_scalar = scalars.blob_base_fee_scalar;
            }
            Self::GasLimit(gas_limit) => config.gas_limit = gas_limit,
            Self::UnsafeBlockSigner => {}
            Self::Eip1559Params { denominator, elasticity } => {
                config.eip1559_denominator = denominator;
                config.eip1559_elasticity = elasticity;
            }
            Self::OperatorFeeParams { scalar, constant } => {
                config.operator_fee_scalar = scalar;
                config.operator_fee_constant = constant;
            }
            Self::MinBaseFee(min_base_fee) => config.min_base_fee = min_base_fee,
            Self::DaFootprintGasScalar(scalar) => config.da_footprint_gas_scalar = scalar,
        }
    }
}

/// The words inside the event's only field, `bytes`: offset, length, content and nothing more.
fn words<const N: usize>(data: &[u8]) -> Result<[[u8; 32]; N], UpdateError> {
    let expected = 64 + 32 * N;
    if data.len() != expected {
        return Err(UpdateError::Length { actual: data.len(), expected });
    }
    let (words, _) = data.as_chunks::<32>();
    let [offset, len, content @ ..] = words else { return Err(UpdateError::Abi) };
    let content: &[[u8; 32]; N] = content.try_into().map_err(|_| UpdateError::Abi)?;
    let is = |word: &[u8; 32], value| U256::from_be_bytes(*word) == U256::from(value);
    if is(offset, 32) && is(len, 32 * N) { Ok(*content) } else { Err(UpdateError::Abi) }
}

fn word(data: &[u8]) -> Result<U256, UpdateError> {
    let [word] = words(data)?;
    Ok(U256::from_be_bytes(word))
}

fn narrow<T: TryFrom<U256>>(word: U256) -> Result<T, UpdateError> {
    word.try_into().map_err(|_| UpdateError::Range(word))
}

fn address(word: U256) -> Result<Address, UpdateError> {
    if word >> 160 == U256::ZERO {
        Ok(Address::from_word(word.into()))
    } else {
        Err(UpdateError::Range(word))
    }
}
