use alloy_primitives::B256;

/// What L1 said to a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// It is in the pool of at least one endpoint.
    Accepted(B256),
    /// It was in the pool, or mined, before.
    AlreadyKnown,
    /// Its nonce is used: this transaction or another with the nonce is mined.
    NonceTooLow,
    /// It pays less than the pool takes.
    Underpriced,
    /// It does not pay enough more than the one with its nonce in the pool.
    ReplacementUnderpriced,
    /// The account has transactions of the other kind (blobs or none) in the pool.
    AlreadyReserved,
    /// The account cannot pay for it.
    InsufficientFunds,
    /// Anything else.
    Refused {
        /// Code of the error.
        code: i64,
        /// Message of the endpoint.
        message: String,
    },
}
