use alloy_primitives::{Address, B256, Bytes, TxKind, U256, b256, keccak256};
use op_alloy_consensus::TxDeposit;

use crate::DepositError;

/// Topic of the portal's deposits: keccak256 of `TransactionDeposited(address,address,uint256,bytes)`.
pub const DEPOSIT_EVENT: B256 =
    b256!("0xb3813568d9991fc951961fcb4c784893574240a28925604d09fc577c55bb7c32");

/// Mint, value, gas and the creation flag before the calldata.
const PAYLOAD_MIN_LEN: usize = 32 + 32 + 8 + 1;

/// Offset and length words before the payload.
const ABI_HEAD_LEN: usize = 64;

const ALIAS_OFFSET: Address =
    alloy_primitives::address!("0x1111000000000000000000000000000000001111");

/// A log of the portal contract, with what its deposit's source hash is made of.
#[derive(Clone, Copy, Debug)]
pub struct DepositLog<'a> {
    /// Hash of the L1 block.
    pub l1_block: B256,
    /// Index of the log in the block, not in its receipt.
    pub log_index: u64,
    /// Topics of the log.
    pub topics: &'a [B256],
    /// Data of the log.
    pub data: &'a [u8],
}

/// Source hash of a deposit that a user made on L1.
pub fn user_deposit_source_hash(l1_block: B256, log_index: u64) -> B256 {
    source_hash(0, hash_with_number(l1_block, log_index))
}

/// Source hash of the L1-attributes deposit of an L2 block.
pub fn l1_info_source_hash(l1_block: B256, sequence_number: u64) -> B256 {
    source_hash(1, hash_with_number(l1_block, sequence_number))
}

/// Source hash of a network upgrade deposit, from its intent in words.
pub fn upgrade_source_hash(intent: &str) -> B256 {
    source_hash(2, keccak256(intent))
}

fn hash_with_number(hash: B256, number: u64) -> B256 {
    let mut preimage = [0; 64];
    preimage[..32].copy_from_slice(hash.as_slice());
    preimage[56..].copy_from_slice(&number.to_be_bytes());
    keccak256(preimage)
}

fn source_hash(domain: u8, id: B256) -> B256 {
    let mut preimage = [0; 64];
    preimage[31] = domain;
    preimage[32..].copy_from_slice(id.as_slice());
    keccak256(preimage)
}

/// The sender a contract's deposit has on L2; accounts without code keep their address.
pub fn alias_l1_address(address: Address) -> Address {
    let word = |address: Address| U256::from_be_slice(address.as_slice());
    let sum = word(address) + word(ALIAS_OFFSET);
    Address::from_word(sum.into())
}

/// Decodes a `TransactionDeposited` event. A log of the portal that does not decode cannot come
/// from a correct contract; the caller must stop, not skip it.
pub fn decode_user_deposit(log: &DepositLog<'_>) -> Result<TxDeposit, DepositError> {
    let DepositLog { l1_block, log_index, topics, data } = *log;
    let malformed = |reason| DepositError::Malformed { l1_block, log_index, reason };
    let [DEPOSIT_EVENT, from, to, version] = *topics else {
        return Err(DepositError::NotADeposit { l1_block, log_index, topics: topics.len() });
    };
    if !version.is_zero() {
        return Err(DepositError::Version { l1_block, log_index, version });
    }
    let payload = abi_bytes(data).map_err(malformed)?;
    let Some((head, input)) = payload.split_at_checked(PAYLOAD_MIN_LEN) else {
        return Err(malformed("payload is shorter than 73 bytes"));
    };
    let mint = U256::from_be_slice(&head[..32])
        .try_into()
        .map_err(|_| malformed("mint exceeds 128 bits"))?;
    let gas_limit = U256::from_be_slice(&head[64..72]).to();
    // The portal writes 0 or 1; other verifiers take every other value for 1 too.
    let to = if head[72] == 0 { TxKind::Call(Address::from_word(to)) } else { TxKind::Create };
    Ok(TxDeposit {
        source_hash: user_deposit_source_hash(l1_block, log_index),
        from: Address::from_word(from),
        to,
        mint,
        value: U256::from_be_slice(&head[32..64]),
        gas_limit,
        is_system_transaction: false,
        input: Bytes::copy_from_slice(input),
    })
}

/// The only field of the event's data: `bytes`, padded to whole words, and to no more than that.
/// What the padding holds is not looked at, as in other verifiers.
fn abi_bytes(data: &[u8]) -> Result<&[u8], &'static str> {
    if data.len() < ABI_HEAD_LEN || !data.len().is_multiple_of(32) {
        return Err("data is not a whole number of words, at least two");
    }
    let (head, body) = data.split_at(ABI_HEAD_LEN);
    if U256::from_be_slice(&head[..32]) != U256::from(32) {
        return Err("data offset is not 32");
    }
    let len = usize::try_from(U256::from_be_slice(&head[32..]))
        .ok()
        .filter(|len| *len <= body.len())
        .ok_or("payload is longer than the data")?;
    let (payload, padding) = body.split_at(len);
    if padding.len() >= 32 { Err("data is longer than the payload") } else { Ok(payload) }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::address;

    use super::*;

    #[test]
    fn the_event_topic_is_the_hash_of_its_signature() {
        let signature = "TransactionDeposited(address,address,uint256,bytes)";
        assert_eq!(DEPOSIT_EVENT, keccak256(signature));
    }

    #[test]
    fn aliases_wrap_around() {
        assert_eq!(alias_l1_address(Address::ZERO), ALIAS_OFFSET);
        assert_eq!(
            alias_l1_address(address!("0xffffffffffffffffffffffffffffffffffffffff")),
            address!("0x1111000000000000000000000000000000001110")
        );
    }

    #[test]
    fn every_rule_of_the_log_has_its_error() {
        let mut topics = [DEPOSIT_EVENT, B256::ZERO, B256::ZERO, B256::ZERO];
        let mut data = vec![0; ABI_HEAD_LEN + 96];
        data[31] = 32;
        data[63] = 73;
        let decode = |topics: &[B256], data: &[u8]| {
            decode_user_deposit(&DepositLog { l1_block: B256::ZERO, log_index: 3, topics, data })
        };
        let reason = |topics: &[B256], data: &[u8]| match decode(topics, data) {
            Err(DepositError::Malformed { reason, log_index: 3, .. }) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(decode(&topics, &data).expect("minimal").input.len(), 0);

        for (at, value, expected) in [
            (31, 33, "data offset is not 32"),
            (0, 1, "data offset is not 32"),
            (63, 97, "payload is longer than the data"),
            (32, 1, "payload is longer than the data"),
            (63, 72, "payload is shorter than 73 bytes"),
            (63, 64, "data is longer than the payload"),
            (ABI_HEAD_LEN + 15, 1, "mint exceeds 128 bits"),
        ] {
            let mut bad = data.clone();
            bad[at] = value;
            assert_eq!(reason(&topics, &bad), expected, "byte {at}");
        }
        for len in [0, 32, 63, data.len() - 1] {
            assert!(reason(&topics, &data[..len]).contains("whole number of words"));
        }
        topics[3][31] = 1;
        assert!(matches!(decode(&topics, &data), Err(DepositError::Version { .. })));
        assert!(matches!(decode(&topics[..3], &data), Err(DepositError::NotADeposit { .. })));
        assert!(matches!(decode(&[], &data), Err(DepositError::NotADeposit { topics: 0, .. })));
    }
}
