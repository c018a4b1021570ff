/// A column family: one ordered key space with options of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Family {
    /// Block headers, by number and hash.
    Headers,
    /// Transactions and senders, by number and hash.
    Bodies,
    /// Receipts, by number and hash.
    Receipts,
    /// What a block changed, by number and hash.
    Diffs,
    /// Bytecode, by code hash.
    Codes,
    /// Hash of the canonical block, by number.
    Canonical,
    /// Heads, identity and progress, by name.
    Meta,
    /// Accounts at base, by address hash.
    Accounts,
    /// Storage slots at base, by address hash and slot hash.
    Storage,
    /// Stored trie nodes at base, by owner and path.
    Trie,
    /// Account values before a block.
    AccountHistory,
    /// Slot values before a block.
    StorageHistory,
    /// Child references of large trie nodes before a block.
    TrieHistory,
    /// Number of a canonical block, by hash prefix.
    BlockIndex,
    /// Place of a canonical transaction, by hash prefix.
    TxIndex,
    /// Canonical blocks with a log of an address or topic.
    LogIndex,
}

impl Family {
    /// All families, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Headers,
        Self::Bodies,
        Self::Receipts,
        Self::Diffs,
        Self::Codes,
        Self::Canonical,
        Self::Meta,
        Self::Accounts,
        Self::Storage,
        Self::Trie,
        Self::AccountHistory,
        Self::StorageHistory,
        Self::TrieHistory,
        Self::BlockIndex,
        Self::TxIndex,
        Self::LogIndex,
    ];

    /// Families written behind the blocks, without the log, and true at `base`.
    pub const DERIVED: [Self; 9] = [
        Self::Accounts,
        Self::Storage,
        Self::Trie,
        Self::AccountHistory,
        Self::StorageHistory,
        Self::TrieHistory,
        Self::BlockIndex,
        Self::TxIndex,
        Self::LogIndex,
    ];

    /// Name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Bodies => "bodies",
            Self::Receipts => "receipts",
            Self::Diffs => "diffs",
            Self::Codes => "codes",
            Self::Canonical => "canonical",
            Self::Meta => "meta",
            Self::Accounts => "accounts",
            Self::Storage => "storage",
            Self::Trie => "trie",
            Self::AccountHistory => "account_history",
            Self::StorageHistory => "storage_history",
            Self::TrieHistory => "trie_history",
            Self::BlockIndex => "block_index",
            Self::TxIndex => "tx_index",
            Self::LogIndex => "log_index",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positions_and_names_are_unique() {
        let mut names = std::collections::BTreeSet::new();
        for (index, family) in Family::ALL.into_iter().enumerate() {
            assert_eq!(family as usize, index);
            assert!(names.insert(family.name()));
        }
    }
}
