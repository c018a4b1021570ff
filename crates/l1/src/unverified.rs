use alloy_primitives::B256;

/// Why an answer is not the block it claims to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// It does not have the form of a block or of receipts.
    #[error("{what}: {message}")]
    Malformed {
        /// Which part.
        what: &'static str,
        /// What the decoder says.
        message: String,
    },
    /// The header does not hash to what it claims.
    #[error("header claims hash {claimed} but has {computed}")]
    Hash {
        /// Hash in the answer.
        claimed: B256,
        /// Hash of the fields.
        computed: B256,
    },
    /// The header has fields this version does not know and therefore another hash.
    #[error("header {block} has unknown fields {fields}")]
    UnknownFields {
        /// Hash in the answer.
        block: B256,
        /// Their names.
        fields: String,
    },
    /// A transaction has a type this version does not know.
    #[error("block {block} has a transaction of unknown type {kind}")]
    UnknownTransactionType {
        /// The block.
        block: B256,
        /// The type.
        kind: u64,
    },
    /// The answer is about another block.
    #[error("answer is block {got}, not {wanted}")]
    OtherBlock {
        /// What was asked for.
        wanted: String,
        /// What was given.
        got: String,
    },
    /// The transactions are not those of the header.
    #[error("transactions of block {block} have root {computed}, header says {header}")]
    TransactionsRoot {
        /// The block.
        block: B256,
        /// Root of what was given.
        computed: B256,
        /// Root in the header.
        header: B256,
    },
    /// The withdrawals are not those of the header.
    #[error("withdrawals of block {0} are not those of the header")]
    WithdrawalsRoot(B256),
    /// The receipts are not those of the header.
    #[error("receipts of block {block} have root {computed}, header says {header}")]
    ReceiptsRoot {
        /// The block.
        block: B256,
        /// Root of what was given.
        computed: B256,
        /// Root in the header.
        header: B256,
    },
    /// There is not one receipt for each transaction.
    #[error("block {block} has {transactions} transactions but {receipts} receipts")]
    ReceiptCount {
        /// The block.
        block: B256,
        /// Transactions.
        transactions: usize,
        /// Receipts.
        receipts: usize,
    },
}

impl Unverified {
    pub(crate) fn malformed(what: &'static str, error: &serde_json::Error) -> Self {
        Self::Malformed { what, message: error.to_string() }
    }
}
