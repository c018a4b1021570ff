use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use op_alloy_consensus::TxDeposit;
use phala_primitives::Transaction;

use crate::{
    DepositError, Fork,
    addresses::{L1_ATTRIBUTES_DEPOSITOR, L1_BLOCK},
    l1_info_source_hash,
};

/// Gas of the deposit since Regolith, and before, when it did not draw from the block.
const DEPOSIT_GAS: u64 = 1_000_000;
const DEPOSIT_GAS_BEDROCK: u64 = 150_000_000;

const BEDROCK_SELECTOR: [u8; 4] = [0x01, 0x5d, 0x8e, 0xb9];
const ECOTONE_SELECTOR: [u8; 4] = [0x44, 0x0a, 0x5e, 0x20];
const ISTHMUS_SELECTOR: [u8; 4] = [0x09, 0x89, 0x99, 0xbe];
const JOVIAN_SELECTOR: [u8; 4] = [0x3d, 0xb6, 0xbe, 0x2b];

/// What the first transaction of every block says about its L1 origin and the system configuration.
///
/// Fields that a format does not carry are zero after decoding and ignored when encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1Attributes {
    /// Height of the L1 origin.
    pub number: u64,
    /// Timestamp of the L1 origin.
    pub timestamp: u64,
    /// Base fee of the L1 origin, in wei.
    pub base_fee: U256,
    /// Blob base fee of the L1 origin, in wei (Ecotone and later).
    pub blob_base_fee: U256,
    /// Hash of the L1 origin.
    pub hash: B256,
    /// Number of L2 blocks since the first one of this origin.
    pub sequence_number: u64,
    /// Batcher address, left-padded.
    pub batcher_hash: B256,
    /// Multiplies the L1 base fee (Ecotone and later).
    pub base_fee_scalar: u32,
    /// Multiplies the L1 blob base fee (Ecotone and later).
    pub blob_base_fee_scalar: u32,
    /// Operator fee per gas (Isthmus and later).
    pub operator_fee_scalar: u32,
    /// Operator fee per transaction (Isthmus and later).
    pub operator_fee_constant: u64,
    /// Gas per byte of data availability (Jovian and later); never zero on a live chain.
    pub da_footprint_gas_scalar: u16,
    /// Fixed part of the L1 fee (before Ecotone).
    pub l1_fee_overhead: U256,
    /// Factor of the L1 fee (before Ecotone).
    pub l1_fee_scalar: U256,
}

/// A layout of the L1-attributes calldata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L1AttributesFormat {
    /// ABI words, before Ecotone.
    Bedrock,
    /// Packed, with two fee scalars.
    Ecotone,
    /// Ecotone's with the operator fee.
    Isthmus,
    /// Isthmus' with the DA footprint scalar.
    Jovian,
}

impl L1AttributesFormat {
    /// The format a fork writes.
    pub const fn of(fork: Fork) -> Self {
        match fork {
            Fork::Bedrock | Fork::Regolith | Fork::Canyon | Fork::Delta => Self::Bedrock,
            Fork::Ecotone | Fork::Fjord | Fork::Granite | Fork::Holocene => Self::Ecotone,
            Fork::Isthmus => Self::Isthmus,
            Fork::Jovian | Fork::Karst | Fork::Attestation => Self::Jovian,
        }
    }

    /// The format that calldata claims to have.
    pub fn detect(calldata: &[u8]) -> Result<Self, DepositError> {
        match calldata.first_chunk() {
            Some(&BEDROCK_SELECTOR) => Ok(Self::Bedrock),
            Some(&ECOTONE_SELECTOR) => Ok(Self::Ecotone),
            Some(&ISTHMUS_SELECTOR) => Ok(Self::Isthmus),
            Some(&JOVIAN_SELECTOR) => Ok(Self::Jovian),
            _ => Err(DepositError::UnknownSelector(calldata.iter().take(4).copied().collect())),
        }
    }

    /// Length of the calldata.
    pub const fn calldata_len(self) -> usize {
        match self {
            Self::Bedrock => 4 + 8 * 32,
            Self::Ecotone => 164,
            Self::Isthmus => 176,
            Self::Jovian => 178,
        }
    }

    const fn selector(self) -> [u8; 4] {
        match self {
            Self::Bedrock => BEDROCK_SELECTOR,
            Self::Ecotone => ECOTONE_SELECTOR,
            Self::Isthmus => ISTHMUS_SELECTOR,
            Self::Jovian => JOVIAN_SELECTOR,
        }
    }
}

impl L1Attributes {
    /// Calldata in the format of a fork. Which fork that is at a timestamp, including the one block
    /// in which a fork activates, is known to [`crate::ChainSpec::l1_attributes_fork`].
    pub fn encode(&self, fork: Fork) -> Bytes {
        let format = L1AttributesFormat::of(fork);
        let mut out = Vec::with_capacity(format.calldata_len());
        out.extend_from_slice(&format.selector());
        if format == L1AttributesFormat::Bedrock {
            self.encode_words(&mut out);
        } else {
            self.encode_packed(format, &mut out);
        }
        debug_assert_eq!(out.len(), format.calldata_len());
        out.into()
    }

    fn encode_words(&self, out: &mut Vec<u8>) {
        for word in [
            U256::from(self.number).into(),
            U256::from(self.timestamp).into(),
            B256::from(self.base_fee),
            self.hash,
            U256::from(self.sequence_number).into(),
            self.batcher_hash,
            self.l1_fee_overhead.into(),
            self.l1_fee_scalar.into(),
        ] {
            out.extend_from_slice(word.as_slice());
        }
    }

    fn encode_packed(&self, format: L1AttributesFormat, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.base_fee_scalar.to_be_bytes());
        out.extend_from_slice(&self.blob_base_fee_scalar.to_be_bytes());
        out.extend_from_slice(&self.sequence_number.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.base_fee.to_be_bytes::<32>());
        out.extend_from_slice(&self.blob_base_fee.to_be_bytes::<32>());
        out.extend_from_slice(self.hash.as_slice());
        out.extend_from_slice(self.batcher_hash.as_slice());
        if format == L1AttributesFormat::Ecotone {
            return;
        }
        out.extend_from_slice(&self.operator_fee_scalar.to_be_bytes());
        out.extend_from_slice(&self.operator_fee_constant.to_be_bytes());
        if format == L1AttributesFormat::Jovian {
            out.extend_from_slice(&self.da_footprint_gas_scalar.to_be_bytes());
        }
    }

    /// Decodes calldata of any format; [`L1AttributesFormat::detect`] tells which it was.
    pub fn decode(calldata: &[u8]) -> Result<Self, DepositError> {
        let format = L1AttributesFormat::detect(calldata)?;
        let expected = format.calldata_len();
        if calldata.len() != expected {
            return Err(DepositError::AttributesLength { actual: calldata.len(), expected });
        }
        let mut reader = Reader(&calldata[4..]);
        match format {
            L1AttributesFormat::Bedrock => Self::decode_words(&mut reader),
            _ => Ok(Self::decode_packed(format, &mut reader)),
        }
    }

    fn decode_words(reader: &mut Reader<'_>) -> Result<Self, DepositError> {
        Ok(Self {
            number: reader.word_u64("number")?,
            timestamp: reader.word_u64("timestamp")?,
            base_fee: reader.u256(),
            hash: reader.take().into(),
            sequence_number: reader.word_u64("sequence number")?,
            batcher_hash: reader.take().into(),
            l1_fee_overhead: reader.u256(),
            l1_fee_scalar: reader.u256(),
            ..Self::default()
        })
    }

    fn decode_packed(format: L1AttributesFormat, reader: &mut Reader<'_>) -> Self {
        let mut attributes = Self {
            base_fee_scalar: u32::from_be_bytes(reader.take()),
            blob_base_fee_scalar: u32::from_be_bytes(reader.take()),
            sequence_number: u64::from_be_bytes(reader.take()),
            timestamp: u64::from_be_bytes(reader.take()),
            number: u64::from_be_bytes(reader.take()),
            base_fee: reader.u256(),
            blob_base_fee: reader.u256(),
            hash: reader.take().into(),
            batcher_hash: reader.take().into(),
            ..Self::default()
        };
        if format != L1AttributesFormat::Ecotone {
            attributes.operator_fee_scalar = u32::from_be_bytes(reader.take());
            attributes.operator_fee_constant = u64::from_be_bytes(reader.take());
        }
        if format == L1AttributesFormat::Jovian {
            attributes.da_footprint_gas_scalar = u16::from_be_bytes(reader.take());
        }
        attributes
    }

    /// The batcher's address.
    pub fn batcher(&self) -> Address {
        Address::from_word(self.batcher_hash)
    }

    /// The first transaction of a block under the rules of `fork`.
    pub fn to_deposit(&self, fork: Fork) -> Transaction {
        let regolith = fork >= Fork::Regolith;
        TxDeposit {
            source_hash: l1_info_source_hash(self.hash, self.sequence_number),
            from: L1_ATTRIBUTES_DEPOSITOR,
            to: TxKind::Call(L1_BLOCK),
            mint: 0,
            value: U256::ZERO,
            gas_limit: if regolith { DEPOSIT_GAS } else { DEPOSIT_GAS_BEDROCK },
            is_system_transaction: !regolith,
            input: self.encode(fork),
        }
        .into()
    }
}

/// Walks calldata whose length has been checked against its format.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.0.split_first_chunk().expect("the format's length was checked");
        self.0 = rest;
        *head
    }

    fn u256(&mut self) -> U256 {
        U256::from_be_bytes(self.take::<32>())
    }

    fn word_u64(&mut self, field: &'static str) -> Result<u64, DepositError> {
        self.u256().try_into().map_err(|_| DepositError::AttributesRange(field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: L1Attributes = L1Attributes {
        number: 1,
        timestamp: 2,
        base_fee: U256::MAX,
        blob_base_fee: U256::ONE,
        hash: B256::repeat_byte(3),
        sequence_number: 4,
        batcher_hash: B256::repeat_byte(5),
        base_fee_scalar: 6,
        blob_base_fee_scalar: 7,
        operator_fee_scalar: 8,
        operator_fee_constant: 9,
        da_footprint_gas_scalar: 10,
        l1_fee_overhead: U256::ZERO,
        l1_fee_scalar: U256::ZERO,
    };

    #[test]
    fn every_fork_round_trips_in_its_format() {
        for fork in Fork::ALL {
            let calldata = FULL.encode(fork);
            let format = L1AttributesFormat::of(fork);
            assert_eq!(L1AttributesFormat::detect(&calldata), Ok(format));
            assert_eq!(calldata.len(), format.calldata_len());
            let decoded = L1Attributes::decode(&calldata).expect("own encoding");
            assert_eq!(decoded.encode(fork), calldata);
            assert_eq!(decoded == FULL, format == L1AttributesFormat::Jovian);
        }
    }

    #[test]
    fn refuses_other_lengths_and_selectors() {
        for fork in [Fork::Bedrock, Fork::Ecotone, Fork::Isthmus, Fork::Jovian] {
            let mut calldata = FULL.encode(fork).to_vec();
            for len in 0..calldata.len() {
                assert!(L1Attributes::decode(&calldata[..len]).is_err(), "{fork} {len}");
            }
            calldata.push(0);
            assert!(matches!(
                L1Attributes::decode(&calldata),
                Err(DepositError::AttributesLength { .. })
            ));
        }
        assert_eq!(
            L1Attributes::decode(&[1, 2, 3, 4, 5]),
            Err(DepositError::UnknownSelector(vec![1, 2, 3, 4]))
        );
    }

    #[test]
    fn bedrock_words_must_fit_their_fields() {
        for (at, field) in [(4, "number"), (36, "timestamp"), (132, "sequence number")] {
            let mut calldata = FULL.encode(Fork::Bedrock).to_vec();
            calldata[at] = 1;
            assert_eq!(L1Attributes::decode(&calldata), Err(DepositError::AttributesRange(field)));
        }
    }
}
