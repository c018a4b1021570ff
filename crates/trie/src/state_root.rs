use alloy_primitives::{B256, U256};
use phala_primitives::{Account, EMPTY_STORAGE_ROOT, StoredNode};

use crate::{
    SourceError, TrieError,
    builder::{OpenBranch, TrieBuilder, Visitor},
    nibbles, node_rlp,
};

/// Takes the stored nodes of a state while its root is computed.
///
/// Children come before their parents; the nodes of an account's storage trie before those of the
/// account trie above it.
pub trait StoredNodeSink {
    /// Takes the node at `path` of the account trie or of the storage trie of `owner`.
    fn stored_node(
        &mut self,
        owner: Option<&B256>,
        path: Vec<u8>,
        node: StoredNode,
    ) -> Result<(), SourceError>;
}

impl<F> StoredNodeSink for F
where
    F: FnMut(Option<&B256>, Vec<u8>, StoredNode) -> Result<(), SourceError>,
{
    fn stored_node(
        &mut self,
        owner: Option<&B256>,
        path: Vec<u8>,
        node: StoredNode,
    ) -> Result<(), SourceError> {
        self(owner, path, node)
    }
}

/// Computes a state root from scratch in one pass over sorted accounts, in constant memory.
///
/// The stored nodes handed to the sink, those of branches with more than 64 leaves, are the ones that a
/// state which grew block by block has.
pub struct StateRootBuilder<S> {
    accounts: TrieBuilder<Held>,
    sink: S,
    value: Vec<u8>,
}

/// Keeps the stored nodes of the account trie until the sink can be called.
#[derive(Default)]
struct Held(Vec<(Vec<u8>, StoredNode)>);

impl Visitor for Held {
    fn stored(&mut self, branch: &OpenBranch, key: &B256, from: usize) -> Result<(), SourceError> {
        self.0.push((nibbles::unpack(key, 0..from), branch.to_stored(key, from)));
        Ok(())
    }
}

/// Passes the stored nodes of one storage trie on.
struct Storage<'a, S> {
    owner: B256,
    sink: &'a mut S,
}

impl<S: StoredNodeSink> Visitor for Storage<'_, S> {
    fn stored(&mut self, branch: &OpenBranch, key: &B256, from: usize) -> Result<(), SourceError> {
        let path = nibbles::unpack(key, 0..from);
        self.sink.stored_node(Some(&self.owner), path, branch.to_stored(key, from))
    }
}

impl<S: StoredNodeSink> StateRootBuilder<S> {
    /// A builder that has seen nothing.
    pub fn new(sink: S) -> Self {
        Self { accounts: TrieBuilder::new(0, Held::default()), sink, value: Vec::new() }
    }

    /// Adds the next account, by ascending hash, with its slots by ascending hash; slots that hold
    /// zero are left out. Returns the account with the storage root they give, whatever storage root
    /// it had.
    pub fn account(
        &mut self,
        hash: B256,
        account: Account,
        slots: impl IntoIterator<Item = (B256, U256)>,
    ) -> Result<Account, TrieError> {
        let mut slots = slots.into_iter().filter(|(_, value)| !value.is_zero()).peekable();
        let mut storage_root = EMPTY_STORAGE_ROOT;
        if slots.peek().is_some() {
            let mut storage = TrieBuilder::new(0, Storage { owner: hash, sink: &mut self.sink });
            for (slot, value) in slots {
                node_rlp::slot(&value, &mut self.value);
                storage.leaf(slot, &self.value)?;
            }
            storage_root = storage.finish_root()?;
        }
        let account = Account { storage_root, ..account };
        node_rlp::account(&account, &mut self.value);
        self.accounts.leaf(hash, &self.value)?;
        self.flush()?;
        Ok(account)
    }

    /// The state root, and the sink.
    pub fn finish(mut self) -> Result<(B256, S), TrieError> {
        let root = self.accounts.finish_root()?;
        self.flush()?;
        Ok((root, self.sink))
    }

    fn flush(&mut self) -> Result<(), SourceError> {
        for (path, node) in self.accounts.visitor.0.drain(..) {
            self.sink.stored_node(None, path, node)?;
        }
        Ok(())
    }
}

/// The root of a state given as sorted accounts with their sorted slots, and its stored nodes.
pub fn state_root_from_sorted<S: StoredNodeSink, I: IntoIterator<Item = (B256, U256)>>(
    accounts: impl IntoIterator<Item = (B256, Account, I)>,
    sink: S,
) -> Result<B256, TrieError> {
    let mut builder = StateRootBuilder::new(sink);
    for (hash, account, slots) in accounts {
        builder.account(hash, account, slots)?;
    }
    builder.finish().map(|(root, _)| root)
}

/// The root of a trie given as sorted keys with values of any kind.
pub fn root_from_sorted<V: AsRef<[u8]>>(
    leaves: impl IntoIterator<Item = (B256, V)>,
) -> Result<B256, TrieError> {
    struct Nothing;
    impl Visitor for Nothing {}
    let mut builder = TrieBuilder::new(0, Nothing);
    for (key, value) in leaves {
        builder.leaf(key, value.as_ref())?;
    }
    builder.finish_root()
}
