//! Changes of blocks above base, in memory.
//!
//! Values are kept in their stored form: an account without code takes 12 bytes instead of 104,
//! and the advance writes them as they are. Keys are sorted, so layers merge in one pass and take
//! part in range scans; a small table over the leading bits makes point reads as fast as hashing.

mod node_run;
mod run;
mod slot_run;

use alloy_primitives::{B256, U256};
use phala_primitives::{Account, StoredNode};

use crate::state_value::{put_account, put_node};
use crate::wire::put_word;
pub(crate) use node_run::NodeRun;
pub(crate) use run::Run;
pub(crate) use slot_run::SlotRun;

/// What one block, or several in a row, changed: the newest value of each key. An empty value
/// means that the key is absent.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) accounts: Run,
    pub(crate) slots: SlotRun,
    pub(crate) nodes: NodeRun,
    /// How many blocks are in it.
    pub(crate) blocks: u32,
}

impl Layer {
    /// Number of keys.
    pub(crate) fn entries(&self) -> usize {
        self.accounts.len() + self.slots.len() + self.nodes.len()
    }

    /// Memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.accounts.bytes() + self.slots.bytes() + self.nodes.bytes()
    }

    /// Both layers in one; values of `newer` win.
    pub(crate) fn merge(older: &Self, newer: &Self) -> Self {
        Self {
            accounts: Run::merge(&older.accounts, &newer.accounts),
            slots: SlotRun::merge(&older.slots, &newer.slots),
            nodes: NodeRun::merge(&older.nodes, &newer.nodes),
            blocks: older.blocks + newer.blocks,
        }
    }
}

/// Builds a layer from keys in order.
#[derive(Debug, Default)]
pub(crate) struct LayerBuilder {
    layer: Layer,
    scratch: Vec<u8>,
}

impl LayerBuilder {
    pub(crate) fn account(&mut self, hash: B256, account: Option<&Account>) {
        self.scratch.clear();
        if let Some(account) = account {
            put_account(&mut self.scratch, account);
        }
        self.layer.accounts.push(hash, &self.scratch);
    }

    pub(crate) fn slot(&mut self, owner: B256, slot: B256, value: &U256) {
        self.scratch.clear();
        put_word(&mut self.scratch, value);
        self.layer.slots.push(owner, slot, &self.scratch);
    }

    pub(crate) fn node(&mut self, key: &[u8], node: Option<&StoredNode>) {
        self.scratch.clear();
        if let Some(node) = node {
            put_node(&mut self.scratch, node);
        }
        self.layer.nodes.push(key, &self.scratch);
    }

    /// The layer of one block.
    pub(crate) fn finish(mut self) -> Layer {
        self.layer.accounts.seal();
        self.layer.slots.seal();
        self.layer.blocks = 1;
        self.layer
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn hash(rng: &mut StdRng, space: u8) -> B256 {
        // A small space makes blocks meet on the same keys.
        alloy_primitives::keccak256([rng.random_range(0..space)])
    }

    #[test]
    fn merged_layers_answer_like_maps() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut accounts: BTreeMap<B256, Option<u64>> = BTreeMap::new();
        let mut slots: BTreeMap<(B256, B256), u64> = BTreeMap::new();
        let mut nodes: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let mut merged = Layer::default();
        for _ in 0..40 {
            let mut block_accounts = BTreeMap::new();
            let mut block_slots = BTreeMap::new();
            let mut block_nodes = BTreeMap::new();
            for _ in 0..rng.random_range(0..30) {
                let nonce = rng.random_bool(0.8).then(|| rng.random_range(0..1_000));
                block_accounts.insert(hash(&mut rng, 200), nonce);
                let key = (hash(&mut rng, 5), hash(&mut rng, 100));
                block_slots.insert(key, rng.random_range(0..3));
                block_nodes.insert(vec![0, rng.random_range(0..16)], vec![rng.random_range(0..9)]);
            }
            let mut builder = LayerBuilder::default();
            for (hash, nonce) in &block_accounts {
                let account = nonce.map(|nonce| Account { nonce, ..Default::default() });
                builder.account(*hash, account.as_ref());
            }
            for ((owner, slot), value) in &block_slots {
                builder.slot(*owner, *slot, &U256::from(*value));
            }
            let mut layer = builder.finish();
            for (key, value) in &block_nodes {
                layer.nodes.push(key, value);
            }
            accounts.extend(block_accounts);
            slots.extend(block_slots);
            nodes.extend(block_nodes);
            merged = Layer::merge(&merged, &layer);
        }
        assert_eq!(merged.blocks, 40);
        assert_eq!(merged.entries(), accounts.len() + slots.len() + nodes.len());
        for byte in 0..=255 {
            let key = alloy_primitives::keccak256([byte]);
            let found = merged.accounts.get(&key).map(|value| {
                (!value.is_empty())
                    .then(|| crate::state_value::decode_account(value).expect("own value").nonce)
            });
            assert_eq!(found, accounts.get(&key).copied());
            for owner in 0..6 {
                let owner = alloy_primitives::keccak256([owner]);
                let found = merged.slots.get(&owner, &key);
                let found = found.map(|value| crate::state_value::decode_slot(value).expect("own"));
                assert_eq!(found, slots.get(&(owner, key)).map(|value| U256::from(*value)));
            }
        }
        for (key, value) in &nodes {
            assert_eq!(merged.nodes.get(key), Some(value.as_slice()));
        }
        assert_eq!(merged.nodes.get(&[1]), None);
    }
}
