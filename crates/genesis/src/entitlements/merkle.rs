use alloy_primitives::{B256, keccak256};
use rayon::prelude::*;

/// Keccak tree with sorted pairs; a node without a sibling rises as it is. The same for any number
/// of threads.
#[derive(Clone, Debug)]
pub struct MerkleTree {
    /// Leaves first, the root last. Together less than 64 bytes per leaf.
    levels: Vec<Vec<B256>>,
}

impl MerkleTree {
    /// Builds it over `leaves`, in their order.
    pub fn new(leaves: Vec<B256>) -> Self {
        let mut levels = vec![leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let next = level.par_chunks(2).map(|pair| match pair {
                [a, b] => parent(*a, *b),
                rest => rest.first().copied().unwrap_or_default(),
            });
            let next = next.collect();
            levels.push(next);
        }
        Self { levels }
    }

    /// Root; zero for no leaves.
    pub fn root(&self) -> B256 {
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or_default()
    }

    /// Siblings from the leaf `index` upwards.
    pub fn proof(&self, index: usize) -> Option<Vec<B256>> {
        self.levels.first()?.get(index)?;
        let mut at = index;
        let mut proof = Vec::new();
        for level in &self.levels {
            proof.extend(level.get(at ^ 1));
            at /= 2;
        }
        Some(proof)
    }
}

/// Whether `proof` leads from `leaf` to `root`.
pub fn verify(leaf: B256, proof: &[B256], root: B256) -> bool {
    proof.iter().fold(leaf, |node, sibling| parent(node, *sibling)) == root
}

fn parent(a: B256, b: B256) -> B256 {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    keccak256([low.0, high.0].concat())
}
