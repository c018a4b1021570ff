use alloy_primitives::{B256, U256, b256};

/// keccak256 of no code.
pub const EMPTY_CODE_HASH: B256 =
    b256!("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");

/// Root of a trie without entries.
pub const EMPTY_STORAGE_ROOT: B256 =
    b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");

/// An account as the state trie holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Number of transactions sent, or of contracts created by a contract (plus one).
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// keccak256 of the code; [`EMPTY_CODE_HASH`] without code.
    pub code_hash: B256,
    /// Root of the account's storage trie; [`EMPTY_STORAGE_ROOT`] without storage.
    pub storage_root: B256,
}

impl Account {
    /// Whether EIP-161 removes this account from the state when it is touched.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == EMPTY_CODE_HASH
    }
}

impl Default for Account {
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: U256::ZERO,
            code_hash: EMPTY_CODE_HASH,
            storage_root: EMPTY_STORAGE_ROOT,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::keccak256;

    use super::*;

    #[test]
    fn empty_constants_are_the_hashes_they_name() {
        assert_eq!(EMPTY_CODE_HASH, keccak256([]));
        assert_eq!(EMPTY_STORAGE_ROOT, keccak256([0x80]));
    }

    #[test]
    fn storage_alone_does_not_keep_an_account_alive() {
        let account = Account { storage_root: B256::repeat_byte(1), ..Default::default() };
        assert!(account.is_empty());
        assert!(!Account { nonce: 1, ..Default::default() }.is_empty());
        assert!(!Account { balance: U256::from(1), ..Default::default() }.is_empty());
        assert!(!Account { code_hash: B256::repeat_byte(1), ..Default::default() }.is_empty());
    }
}
