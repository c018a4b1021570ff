//! What a derivation driver in the same process does all the time, and what it may rely on.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use phala_engine::{Engine, EngineConfig};
use phala_primitives::{Heads, RecoveredBlock};
use phala_storage::{
    Store, StoreConfig,
    kv::{MemoryKv, Survival},
};

use crate::harness::{Node, raw};

/// An engine on a store that can be restarted in several ways.
struct Driven {
    kv: Arc<MemoryKv>,
    engine: Engine,
}

impl Driven {
    fn new(author: &Node, kv: Arc<MemoryKv>) -> Self {
        let config = StoreConfig { background: false, ..StoreConfig::default() };
        let store = Store::with_kv(Arc::clone(&kv) as _, config).unwrap();
        store.init_genesis(&author.spec).unwrap();
        let engine = Engine::new(Arc::clone(&author.spec), store, EngineConfig::default());
        Self { kv, engine }
    }

    fn restarted(&self, author: &Node, survival: Survival) -> Self {
        Self::new(author, Arc::new(self.kv.restart(survival)))
    }

    fn import(&self, blocks: &[RecoveredBlock]) {
        for block in blocks {
            self.engine.import(block.clone_sealed_block()).unwrap();
        }
    }

    /// The safe head and the block its cursor is of.
    fn promise(&self) -> (u64, Option<u64>) {
        let cursor = self.engine.store().cursor().unwrap();
        let cursor = cursor.map(|bytes| u64::from_be_bytes(bytes.try_into().unwrap()));
        (self.engine.heads().safe.number, cursor)
    }

    fn promote(&self, latest: B256, safe: &RecoveredBlock) -> Heads {
        let cursor = safe.number.to_be_bytes();
        self.engine.set_heads_with_cursor(latest, Some(safe.hash()), None, Some(&cursor)).unwrap()
    }
}

/// An author's chain, and another one from `fork` on.
fn chains(author: &Node, length: u64, fork: u64) -> [Vec<RecoveredBlock>; 2] {
    let alice = author.account(0);
    [1, 2].map(|to| {
        let mut parent = author.genesis();
        let mut blocks: Vec<RecoveredBlock> = Vec::new();
        for nonce in 0..length {
            let to = if nonce < fork { 0 } else { to };
            let tx = raw(&alice.transfer(nonce, Address::repeat_byte(to), 1));
            let block = author.build(parent, &[tx]);
            author.import(&block);
            parent = block.hash();
            blocks.push(block);
        }
        blocks
    })
}

#[test]
fn a_promotion_is_one_small_unsynced_write_that_never_parts_from_its_cursor() {
    let author = Node::new();
    let [chain, _] = chains(&author, 40, 40);
    let node = Driven::new(&author, Arc::default());
    node.import(&chain);
    let latest = chain[39].hash();
    node.engine.set_heads(latest, None, None).unwrap();
    let points = node.kv.points();
    for safe in &chain[..30] {
        node.promote(latest, safe);
        assert_eq!(node.promise(), (safe.number, Some(safe.number)));
    }
    assert_eq!(node.kv.points() - points, 2 * 30, "one write for each, and each passes two points");
    // A killed process loses none of them, a lost machine all since the last synced write; what is
    // left fits together.
    assert_eq!(node.restarted(&author, Survival::Process).promise(), (30, Some(30)));
    let lost = node.restarted(&author, Survival::Machine);
    assert_eq!(lost.promise(), (0, None));
    assert_eq!(lost.engine.heads().latest.hash, latest);
    // Whatever is synced next carries them: a block, another head, or the end of the process.
    let next = author.build(latest, &[]);
    node.import(std::slice::from_ref(&next));
    assert_eq!(node.restarted(&author, Survival::Machine).promise(), (30, Some(30)));
    node.promote(latest, &chain[30]);
    node.engine.set_heads(next.hash(), None, None).unwrap();
    assert_eq!(node.restarted(&author, Survival::Machine).promise(), (31, Some(31)));
    node.promote(next.hash(), &chain[31]);
    node.engine.store().close().unwrap();
    assert_eq!(node.restarted(&author, Survival::Machine).promise(), (32, Some(32)));
}

#[test]
fn the_unsafe_chain_is_replaced_above_a_safe_head_that_stays() {
    let author = Node::new();
    let [left, right] = chains(&author, 12, 5);
    let node = Driven::new(&author, Arc::default());
    node.import(&left);
    node.engine.set_heads(left[11].hash(), None, None).unwrap();
    node.promote(left[11].hash(), &left[4]);
    // Derivation finds other blocks than the unsafe ones: head and safe move in one step.
    node.import(&right[5..]);
    let heads = node.promote(right[5].hash(), &right[5]);
    assert_eq!((heads.latest.number, heads.safe.number), (6, 6));
    assert_eq!(node.engine.store().canonical_hash(7).unwrap(), None);
    let lost = node.restarted(&author, Survival::Machine);
    assert_eq!((lost.engine.heads(), lost.promise()), (heads, (6, Some(6))));
    // The unsafe chain goes on from there, and back to the other branch as far as safe allows.
    let heads = node.engine.set_heads(right[11].hash(), None, None).unwrap();
    assert_eq!((heads.latest.number, heads.safe.number), (12, 6));
    assert_eq!(node.promise(), (6, Some(6)), "the cursor is still that of the safe head");
    let error = node.engine.set_heads(left[11].hash(), Some(right[5].hash()), None).unwrap_err();
    assert!(matches!(error, phala_engine::EngineError::InconsistentHeads { .. }), "{error}");
    assert_eq!(node.promise(), (6, Some(6)));
}

#[test]
fn a_head_that_goes_back_takes_safe_and_cursor_with_it() {
    let author = Node::new();
    let [left, right] = chains(&author, 10, 4);
    let node = Driven::new(&author, Arc::default());
    node.import(&left);
    node.import(&right);
    let head = left[9].hash();
    node.engine.set_heads(head, None, None).unwrap();
    // An ancestor above safe: nothing of the promise changes.
    node.promote(head, &left[5]);
    node.engine.set_heads(left[7].hash(), None, None).unwrap();
    assert_eq!(node.promise(), (6, Some(6)));
    // Below: safe is the head, and the cursor of a later block is gone, for good.
    node.engine.set_heads(left[2].hash(), None, None).unwrap();
    assert_eq!(node.promise(), (3, None));
    node.engine.set_heads(head, None, None).unwrap();
    assert_eq!(node.promise(), (3, None));
    // A reorg below safe without a cursor, and one with its own.
    node.promote(head, &left[6]);
    node.engine.set_heads(right[9].hash(), None, None).unwrap();
    assert_eq!(node.promise(), (4, None));
    node.promote(left[9].hash(), &left[8]);
    node.promote(right[9].hash(), &right[7]);
    assert_eq!(node.promise(), (8, Some(8)));
    // Safe alone goes back, as a reset of derivation does.
    let reset = 2_u64.to_be_bytes();
    let (latest, safe) = (right[9].hash(), Some(right[1].hash()));
    node.engine.set_heads_with_cursor(latest, safe, None, Some(&reset)).unwrap();
    assert_eq!(node.promise(), (2, Some(2)));
    node.engine.set_heads(latest, Some(right[0].hash()), None).unwrap();
    assert_eq!(node.promise(), (1, None));
    // Each of them after a restart, too.
    for survival in [Survival::Process, Survival::Machine] {
        let after = node.restarted(&author, survival).promise();
        assert!(after.1.is_none_or(|cursor| cursor <= after.0), "{survival:?}: {after:?}");
    }
}
