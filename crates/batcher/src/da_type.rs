use phala_batch::BLOB_DATA_MAX;
use serde::{Deserialize, Serialize};

use crate::{CALLDATA_BYTES_MAX, L1Prices};

/// Gas of any transaction.
const TX_GAS: u64 = 21_000;

/// EIP-7623: gas of one token when a transaction is mostly data.
const FLOOR_GAS_PER_TOKEN: u64 = 10;

/// EIP-7623: tokens of a byte that is not zero; a zero byte is one.
const TOKENS_PER_NONZERO_BYTE: u64 = 4;

/// EIP-2028: gas of a byte that is not zero, and of one that is.
const GAS_PER_NONZERO_BYTE: u64 = 16;
const GAS_PER_ZERO_BYTE: u64 = 4;

/// Blob gas of one blob.
const BLOB_GAS: u64 = 131_072;

/// Where the bytes of a transaction are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DaType {
    /// In the transaction's input.
    Calldata,
    /// In blobs beside it.
    Blobs,
}

impl DaType {
    /// The word of flags, logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calldata => "calldata",
            Self::Blobs => "blobs",
        }
    }
}

/// What the operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DaChoice {
    /// Always this one.
    Fixed(DaType),
    /// Whichever costs less at the moment a channel is opened.
    Auto,
}

/// Gas limit of a transaction with this input to an address without code: exactly what it uses.
pub(crate) fn input_gas(input: &[u8]) -> u64 {
    let zero_bytes = input.iter().filter(|byte| **byte == 0).count() as u64;
    gas(zero_bytes, input.len() as u64 - zero_bytes)
}

const fn gas(zero_bytes: u64, nonzero_bytes: u64) -> u64 {
    let standard = GAS_PER_ZERO_BYTE * zero_bytes + GAS_PER_NONZERO_BYTE * nonzero_bytes;
    let floor = FLOOR_GAS_PER_TOKEN * (zero_bytes + TOKENS_PER_NONZERO_BYTE * nonzero_bytes);
    TX_GAS + if standard > floor { standard } else { floor }
}

impl DaChoice {
    /// The type of the next channel.
    ///
    /// Compares the price of a byte when transactions are full: compressed data has a zero byte in
    /// 256, and every blob but the last one is full.
    pub fn decide(self, prices: &L1Prices, calldata_bytes: usize, blobs_per_tx: usize) -> DaType {
        match self {
            Self::Fixed(da) => da,
            Self::Auto => {
                let calldata_bytes = calldata_bytes.clamp(1, CALLDATA_BYTES_MAX) as u128;
                let blob_bytes = (blobs_per_tx.max(1) * BLOB_DATA_MAX) as u128;
                let calldata_wei = calldata_wei(prices, calldata_bytes);
                let blobs_wei = blobs_wei(prices, blobs_per_tx.max(1) as u128);
                // Cross-multiplied, so that no price is rounded away; a tie goes to blobs.
                let calldata_costs_less = calldata_wei.saturating_mul(blob_bytes)
                    < blobs_wei.saturating_mul(calldata_bytes);
                if calldata_costs_less { DaType::Calldata } else { DaType::Blobs }
            }
        }
    }
}

const fn gas_price(prices: &L1Prices) -> u128 {
    prices.base_fee.saturating_add(prices.tip)
}

fn calldata_wei(prices: &L1Prices, bytes: u128) -> u128 {
    let bytes = u64::try_from(bytes).expect("clamped by the caller");
    let zero_bytes = bytes / 256;
    gas_price(prices).saturating_mul(u128::from(gas(zero_bytes, bytes - zero_bytes)))
}

const fn blobs_wei(prices: &L1Prices, blobs: u128) -> u128 {
    let data = prices.blob_base_fee.saturating_mul(BLOB_GAS as u128).saturating_mul(blobs);
    data.saturating_add(gas_price(prices).saturating_mul(TX_GAS as u128))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GWEI: u128 = 1_000_000_000;

    fn auto(base_fee: u128, blob_base_fee: u128) -> DaType {
        let prices = L1Prices { base_fee, tip: GWEI, blob_base_fee };
        DaChoice::Auto.decide(&prices, 120_000, 6)
    }

    #[test]
    fn gas_is_what_eip_7623_says() {
        assert_eq!(input_gas(&[]), 21_000);
        assert_eq!(input_gas(&[1]), 21_040);
        assert_eq!(input_gas(&[0]), 21_010);
        assert_eq!(input_gas(&[0, 1, 0, 1, 1]), 21_000 + 2 * 10 + 3 * 40);
        assert_eq!(input_gas(&vec![1; 120_000]), 21_000 + 4_800_000);
    }

    #[test]
    fn blobs_win_until_their_price_is_some_forty_times_that_of_gas() {
        assert_eq!(auto(GWEI, 1), DaType::Blobs);
        assert_eq!(auto(GWEI, 2 * GWEI), DaType::Blobs);
        assert_eq!(auto(GWEI, 200 * GWEI), DaType::Calldata);
        // 40 gas and its share of 21,000, times 2 gwei a gas, against 131,072 / 130,044 blob gas.
        let switch = (1..200).find(|price| auto(GWEI, price * GWEI) == DaType::Calldata);
        assert_eq!(switch, Some(80));
    }

    #[test]
    fn nothing_to_compare_goes_to_blobs() {
        let free = L1Prices::default();
        assert_eq!(DaChoice::Auto.decide(&free, 120_000, 6), DaType::Blobs);
        assert_eq!(DaChoice::Auto.decide(&free, 0, 0), DaType::Blobs);
        let most = L1Prices { base_fee: u128::MAX, tip: u128::MAX, blob_base_fee: u128::MAX };
        assert_eq!(DaChoice::Auto.decide(&most, usize::MAX, 6), DaType::Blobs);
    }

    #[test]
    fn a_fixed_choice_ignores_prices() {
        let prices = L1Prices { base_fee: 0, tip: 0, blob_base_fee: u128::MAX };
        for da in [DaType::Calldata, DaType::Blobs] {
            assert_eq!(DaChoice::Fixed(da).decide(&prices, 120_000, 6), da);
        }
    }
}
