use alloy_primitives::{Address, B256, U256};

use crate::PoolError;

/// What of a sender's account decides whether it may send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AccountState {
    pub(crate) nonce: u64,
    pub(crate) balance: U256,
    pub(crate) code: SenderCode,
}

/// Code of a sender: EIP-3607 refuses contracts, EIP-7702 allows a delegation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SenderCode {
    #[default]
    None,
    Delegation,
    Contract(B256),
}

impl SenderCode {
    /// Judges code that is not empty.
    pub(crate) fn of(code_hash: B256, code: &[u8]) -> Self {
        // EIP-7702 designator: 0xef0100 and the address delegated to.
        if code.len() == 23 && code.starts_with(&[0xef, 0x01, 0x00]) {
            Self::Delegation
        } else {
            Self::Contract(code_hash)
        }
    }
}

/// Accounts at one block.
pub(crate) trait AccountReader: Send + Sync {
    fn account(&self, address: &Address) -> Result<AccountState, PoolError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_delegation_designator_is_a_delegation() {
        let hash = B256::repeat_byte(7);
        let mut code = vec![0xef, 0x01, 0x00];
        code.extend([1; 20]);
        assert_eq!(SenderCode::of(hash, &code), SenderCode::Delegation);
        assert_eq!(SenderCode::of(hash, &code[..22]), SenderCode::Contract(hash));
        code.push(0);
        assert_eq!(SenderCode::of(hash, &code), SenderCode::Contract(hash));
        assert_eq!(SenderCode::of(hash, &[0x60; 23]), SenderCode::Contract(hash));
    }
}
