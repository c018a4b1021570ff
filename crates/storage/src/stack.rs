use std::sync::Arc;

use crate::layer::Layer;

/// Layers with more blocks than this are not merged again: merging is linear in their size.
const MERGED_BLOCKS_MAX: u32 = 64;

/// The layers between base and one block, oldest first. Immutable; blocks share layers.
///
/// Neighbours of equal size are merged, so the sizes are like the digits of a binary counter and a
/// read probes about log2 of the number of blocks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stack {
    layers: Vec<Arc<Layer>>,
}

impl Stack {
    #[cfg(test)]
    /// This stack with one more layer on top.
    pub(crate) fn with(&self, layer: Arc<Layer>) -> Self {
        let mut layers = Vec::with_capacity(self.layers.len() + 1);
        layers.extend(self.layers.iter().map(Arc::clone));
        layers.push(layer);
        Self { layers }
    }

    /// This stack with more layers on top, oldest first.
    pub(crate) fn with_all(mut self, newer: impl Iterator<Item = Arc<Layer>>) -> Self {
        self.layers.extend(newer);
        self
    }

    /// The same content with neighbours of equal size merged.
    pub(crate) fn compacted(&self) -> Self {
        let mut layers: Vec<Arc<Layer>> = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            layers.push(Arc::clone(layer));
            while let [.., older, newer] = layers.as_slice() {
                if newer.blocks < older.blocks || older.blocks + newer.blocks > MERGED_BLOCKS_MAX {
                    break;
                }
                let merged = Arc::new(Layer::merge(older, newer));
                layers.truncate(layers.len() - 2);
                layers.push(merged);
            }
        }
        Self { layers }
    }

    /// All layers in one.
    pub(crate) fn merged(&self) -> Layer {
        let mut merged = Layer::default();
        for layer in self.compacted().newest_first() {
            merged = Layer::merge(layer, &merged);
        }
        merged
    }

    /// Whether [`Self::compacted`] would change anything.
    pub(crate) fn is_compact(&self) -> bool {
        self.layers.windows(2).all(|pair| {
            pair[1].blocks < pair[0].blocks || pair[0].blocks + pair[1].blocks > MERGED_BLOCKS_MAX
        })
    }

    /// Newest first: the first layer that holds a key has its value.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().rev().map(AsRef::as_ref)
    }

    /// Number of layers a read probes at most.
    pub(crate) const fn depth(&self) -> usize {
        self.layers.len()
    }

    /// This stack without the oldest layers, which hold `blocks` blocks at most: they are in base
    /// now. A layer that holds later blocks too stays, which is right and only costs memory.
    pub(crate) fn without_oldest(&self, mut blocks: u32) -> Self {
        let mut kept = 0;
        for layer in &self.layers {
            if layer.blocks > blocks {
                break;
            }
            blocks -= layer.blocks;
            kept += 1;
        }
        Self { layers: self.layers[kept..].to_vec() }
    }

    /// Puts `merged`, which was made from the oldest layers of this stack by [`Self::compacted`],
    /// in their place.
    pub(crate) fn replace_oldest(&self, from: &Self, merged: &Self) -> Option<Self> {
        let oldest = self.layers.get(..from.layers.len())?;
        let same = oldest.iter().zip(&from.layers).all(|(a, b)| Arc::ptr_eq(a, b));
        if !same {
            return None;
        }
        let mut layers = merged.layers.clone();
        layers.extend(self.layers[from.layers.len()..].iter().map(Arc::clone));
        Some(Self { layers })
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{B256, keccak256};
    use phala_primitives::Account;

    use super::*;
    use crate::layer::LayerBuilder;
    use crate::state_value::decode_account;

    fn layer(nonce: u64) -> Arc<Layer> {
        let mut builder = LayerBuilder::default();
        let mut keys = [keccak256([0]), keccak256(nonce.to_be_bytes())];
        keys.sort_unstable();
        for key in keys {
            builder.account(key, Some(&Account { nonce, ..Default::default() }));
        }
        Arc::new(builder.finish())
    }

    fn nonce(stack: &Stack, key: &B256) -> Option<u64> {
        let value = stack.newest_first().find_map(|layer| layer.accounts.get(key))?;
        Some(decode_account(value).expect("own value").nonce)
    }

    fn blocks(stack: &Stack) -> u32 {
        stack.layers.iter().map(|layer| layer.blocks).sum()
    }

    #[test]
    fn merging_keeps_reads_few_and_their_answers() {
        let mut plain = Stack::default();
        let mut merged = Stack::default();
        for block in 1..=200u64 {
            plain = plain.with(layer(block));
            merged = merged.with(layer(block)).compacted();
            assert!(merged.is_compact());
            assert!(merged.depth() <= 9, "{}", merged.depth());
            assert_eq!(blocks(&merged), block as u32);
        }
        assert_eq!(plain.compacted().depth(), merged.depth());
        assert_eq!(nonce(&merged, &keccak256([0])), Some(200));
        for block in 1..=200u64 {
            let key = keccak256(block.to_be_bytes());
            assert_eq!(nonce(&merged, &key), nonce(&plain, &key));
        }
    }

    #[test]
    fn whole_layers_leave_with_their_blocks() {
        let mut stack = Stack::default();
        for block in 1..=6u64 {
            stack = stack.with(layer(block)).compacted();
        }
        // 4 + 2
        assert_eq!(blocks(&stack.without_oldest(3)), 6);
        assert_eq!(blocks(&stack.without_oldest(4)), 2);
        assert_eq!(blocks(&stack.without_oldest(9)), 0);
    }

    #[test]
    fn a_merged_front_is_put_under_newer_layers() {
        let front = Stack::default().with(layer(1)).with(layer(2));
        let grown = front.with(layer(3));
        let replaced = grown.replace_oldest(&front, &front.compacted()).expect("same front");
        assert_eq!(replaced.depth(), 2);
        assert_eq!(nonce(&replaced, &keccak256([0])), Some(3));
        assert!(front.compacted().replace_oldest(&grown, &front).is_none());
    }
}
