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

#[cfg(test)]
mod tests {
    use alloy_primitives::Bytes;
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use serde_json::Value;

    use super::*;
    use crate::vectors::{self, field};

    fn log(case: &Value) -> L1Log {
        L1Log {
            address: Address::repeat_byte(0xc0),
            topics: field(case, "topics"),
            data: field(case, "data"),
            log_index: 0,
        }
    }

    fn updated(log: L1Log) -> SystemConfig {
        let mut config = vectors::system_config();
        let rollup = vectors::rollup(2, 10);
        apply_updates(&mut config, &rollup, &L1Header::default(), &[log]);
        config
    }

    #[test]
    fn the_event_topic_is_the_hash_of_its_signature() {
        let signature = "ConfigUpdate(uint256,uint8,bytes)";
        assert_eq!(CONFIG_UPDATE_EVENT, alloy_primitives::keccak256(signature));
    }

    #[test]
    fn updates_do_as_recorded_and_nothing_else() {
        let Some(file) = vectors::json("vectors/system_config.json") else { return };
        let cases = file["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 12);
        for case in cases {
            let mut expected = vectors::system_config();
            for (key, value) in case["expected"].as_object().unwrap() {
                let number = || value.as_u64().unwrap();
                match key.as_str() {
                    "batcherAddr" => {
                        expected.batcher_address = field(&case["expected"], "batcherAddr");
                    }
                    "base_fee_scalar" => expected.base_fee_scalar = number() as u32,
                    "blob_base_fee_scalar" => expected.blob_base_fee_scalar = number() as u32,
                    "gasLimit" => expected.gas_limit = number(),
                    "eip1559Denominator" => expected.eip1559_denominator = number() as u32,
                    "eip1559Elasticity" => expected.eip1559_elasticity = number() as u32,
                    "operatorFeeScalar" => expected.operator_fee_scalar = number() as u32,
                    "operatorFeeConstant" => expected.operator_fee_constant = number(),
                    "minBaseFee" => expected.min_base_fee = number(),
                    "daFootprintGasScalar" => {
                        expected.da_footprint_gas_scalar = number() as u16;
                    }
                    "effective" => {
                        assert_eq!(
                            u64::from(expected.effective_da_footprint_gas_scalar()),
                            number()
                        );
                    }
                    "scalar" | "unchanged" | "unsafe_block_signer" | "note" => {}
                    other => panic!("unknown expectation {other}"),
                }
            }
            assert_eq!(updated(log(case)), expected, "{}", case["name"]);
        }
    }

    fn update(update_type: u8, words: &[U256]) -> L1Log {
        let mut data = U256::from(32).to_be_bytes_vec();
        data.extend(U256::from(32 * words.len()).to_be_bytes_vec());
        data.extend(words.iter().flat_map(|word| word.to_be_bytes::<32>()));
        let topics = vec![CONFIG_UPDATE_EVENT, B256::ZERO, B256::with_last_byte(update_type)];
        L1Log { topics, data: data.into(), ..L1Log::default() }
    }

    #[test]
    fn malformed_updates_are_ignored() {
        let one = U256::ONE;
        let good = update(2, &[one]);
        assert_eq!(SystemConfigUpdate::decode(&good), Ok(SystemConfigUpdate::GasLimit(1)));
        let decode = |change: &dyn Fn(&mut L1Log)| {
            let mut log = good.clone();
            change(&mut log);
            SystemConfigUpdate::decode(&log).unwrap_err()
        };
        let with_byte = |at: usize, value: u8| {
            decode(&|log| {
                let mut data = log.data.to_vec();
                data[at] = value;
                log.data = data.into();
            })
        };
        assert_eq!(decode(&|log| log.topics.truncate(2)), UpdateError::Topics(2));
        assert_eq!(decode(&|log| log.topics.push(B256::ZERO)), UpdateError::Topics(4));
        let other = B256::with_last_byte(1);
        assert_eq!(decode(&|log| log.topics[1] = other), UpdateError::Version(other));
        let unknown = B256::with_last_byte(8);
        assert_eq!(decode(&|log| log.topics[2] = unknown), UpdateError::Type(unknown));
        let high = B256::repeat_byte(2);
        assert_eq!(decode(&|log| log.topics[2] = high), UpdateError::Type(high));
        assert_eq!(
            decode(&|log| log.data = Bytes::new()),
            UpdateError::Length { actual: 0, expected: 96 }
        );
        assert_eq!(
            decode(&|log| log.data = [&log.data[..], &[0; 32]].concat().into()),
            UpdateError::Length { actual: 128, expected: 96 }
        );
        assert_eq!(with_byte(31, 64), UpdateError::Abi);
        assert_eq!(with_byte(0, 1), UpdateError::Abi);
        assert_eq!(with_byte(63, 31), UpdateError::Abi);
        assert!(matches!(with_byte(64, 1), UpdateError::Range(_)));
    }

    #[test]
    fn values_must_fit_their_fields() {
        let max = |bits: usize| (U256::ONE << bits) - U256::ONE;
        for (update_type, max) in [
            (0, max(160)),
            (2, max(64)),
            (3, max(160)),
            (4, max(64)),
            (5, max(96)),
            (6, max(64)),
            (7, max(16)),
        ] {
            assert!(SystemConfigUpdate::decode(&update(update_type, &[max])).is_ok());
            let above = update(update_type, &[max + U256::ONE]);
            assert!(
                matches!(SystemConfigUpdate::decode(&above), Err(UpdateError::Range(_))),
                "type {update_type}"
            );
        }
        // A denominator without elasticity, and the other way round, fit no header.
        for (params, is_ok) in
            [(0, true), (6, false), (250_u64 << 32, false), ((250 << 32) + 6, true)]
        {
            let update = update(4, &[U256::from(params)]);
            assert_eq!(SystemConfigUpdate::decode(&update).is_ok(), is_ok);
        }
        let scalar = U256::ONE << 128;
        let update = update(1, &[U256::MAX, scalar]);
        assert!(matches!(SystemConfigUpdate::decode(&update), Err(UpdateError::Scalar(_))));
    }

    #[test]
    fn no_log_breaks_the_decoder() {
        for seed in 0..2000 {
            let mut rng = StdRng::seed_from_u64(seed);
            let words: Vec<_> =
                (0..rng.random_range(0..4)).map(|_| U256::from(rng.random::<u64>())).collect();
            let mut log = update(rng.random_range(0..10), &words);
            let mut data = log.data.to_vec();
            for _ in 0..rng.random_range(0..4) {
                let at = rng.random_range(0..data.len());
                data[at] = rng.random();
            }
            data.truncate(rng.random_range(0..=data.len() + 20));
            log.data = data.into();
            if rng.random_range(0..10) == 0 {
                log.topics.truncate(rng.random_range(0..3));
            }
            let _ = SystemConfigUpdate::decode(&log);
        }
    }
}
