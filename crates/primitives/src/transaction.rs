use alloy_consensus::transaction::SignerRecoverable;
use alloy_eips::{
    Typed2718,
    eip2718::{Decodable2718, Encodable2718},
};
use alloy_primitives::{Address, B256, Bytes};

/// A transaction of this chain: types 0, 1, 2, 4 and 0x7E.
pub type Transaction = op_alloy_consensus::OpTxEnvelope;

/// A receipt of this chain.
pub type Receipt = op_alloy_consensus::OpReceipt;

/// Why bytes are not a transaction of this chain.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TransactionError {
    /// No byte at all.
    #[error("transaction is empty")]
    Empty,
    /// Blob transactions (0x03), 0x7D and unknown types do not exist on this chain.
    #[error("transaction type {0:#04x} is not supported")]
    UnsupportedType(u8),
    /// Not the RLP the type asks for, or bytes left over.
    #[error("transaction does not decode: {0}")]
    Decode(String),
    /// The signature recovers to no address.
    #[error("transaction {0} has an invalid signature")]
    InvalidSignature(B256),
}

/// Decodes one EIP-2718 transaction, refusing types this chain does not have and trailing bytes.
pub fn decode_transaction(bytes: &[u8]) -> Result<Transaction, TransactionError> {
    match bytes.first() {
        None => return Err(TransactionError::Empty),
        Some(0x01 | 0x02 | 0x04 | 0x7e | 0xc0..=0xff) => {}
        Some(ty) => return Err(TransactionError::UnsupportedType(*ty)),
    }
    let mut rest = bytes;
    let tx = Transaction::decode_2718(&mut rest)
        .map_err(|error| TransactionError::Decode(error.to_string()))?;
    if !rest.is_empty() {
        return Err(TransactionError::Decode(format!("{} bytes left over", rest.len())));
    }
    // A list without a type is a legacy transaction. The decoder tries the fields of other types on
    // it as well, some of which need no signature.
    let claimed = if bytes[0] >= 0xc0 { 0 } else { bytes[0] };
    if tx.ty() != claimed {
        return Err(TransactionError::Decode("not the fields of a legacy transaction".to_owned()));
    }
    Ok(tx)
}

/// A transaction with what is expensive to find out about it: its sender, its hash and its bytes.
#[derive(Clone, Debug)]
pub struct RecoveredTx {
    tx: Transaction,
    sender: Address,
    encoded: Bytes,
}

impl RecoveredTx {
    /// Recovers the sender; high-s signatures are refused (EIP-2).
    pub fn recover(tx: Transaction) -> Result<Self, TransactionError> {
        let sender =
            tx.recover_signer().map_err(|_| TransactionError::InvalidSignature(tx.tx_hash()))?;
        Ok(Self::new_unchecked(tx, sender))
    }

    /// Joins a transaction with a sender known from elsewhere.
    pub fn new_unchecked(tx: Transaction, sender: Address) -> Self {
        let encoded = tx.encoded_2718().into();
        Self { tx, sender, encoded }
    }

    /// The transaction.
    pub const fn tx(&self) -> &Transaction {
        &self.tx
    }

    /// The sender.
    pub const fn sender(&self) -> Address {
        self.sender
    }

    /// The transaction hash.
    pub fn hash(&self) -> B256 {
        self.tx.tx_hash()
    }

    /// The EIP-2718 bytes.
    pub const fn encoded(&self) -> &Bytes {
        &self.encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_types_this_chain_does_not_have() {
        assert_eq!(decode_transaction(&[]), Err(TransactionError::Empty));
        for ty in [0x00, 0x03, 0x05, 0x7d, 0x7f, 0x80, 0xbf] {
            assert_eq!(
                decode_transaction(&[ty, 0xc0]),
                Err(TransactionError::UnsupportedType(ty)),
                "{ty:#x}"
            );
        }
    }

    /// The fields of a 0x7D transaction, without its type: the decoder would take them.
    #[test]
    fn refuses_lists_that_are_no_legacy_transaction() {
        for list in [&[0xc3, 0x01, 0x02, 0xc0][..], &[0xc0], &[0xc3, 0x80, 0x80, 0xc0]] {
            let decoded = decode_transaction(list);
            assert!(matches!(decoded, Err(TransactionError::Decode(_))), "{decoded:?}");
        }
    }

    #[test]
    fn refuses_trailing_bytes() {
        let tx = Transaction::Deposit(alloy_consensus::Sealable::seal_slow(
            op_alloy_consensus::TxDeposit::default(),
        ));
        let mut bytes = tx.encoded_2718();
        assert_eq!(decode_transaction(&bytes).expect("round trip"), tx);
        bytes.push(0);
        assert!(matches!(decode_transaction(&bytes), Err(TransactionError::Decode(_))));
    }
}
