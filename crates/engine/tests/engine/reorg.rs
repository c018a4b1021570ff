use alloy_primitives::{Address, B256, U256};
use phala_engine::{EngineError, ImportStatus};
use phala_primitives::RecoveredBlock;

use crate::harness::{Node, assert_same, raw};

/// `count` blocks on `parent`, each with a transfer of its number of wei to `to`.
fn branch(node: &Node, parent: B256, nonce: u64, count: u64, to: Address) -> Vec<RecoveredBlock> {
    let alice = node.account(0);
    let mut blocks: Vec<RecoveredBlock> = Vec::new();
    for n in 0..count {
        let parent = blocks.last().map_or(parent, |block| block.hash());
        let block = node.build(parent, &[raw(&alice.transfer(nonce + n, to, n + 1))]);
        node.import_valid(&block);
        blocks.push(block);
    }
    blocks
}

#[test]
fn the_head_moves_between_two_branches_again_and_again() {
    let node = Node::new();
    let mut events = node.engine.subscribe();
    let [left, right] = [Address::repeat_byte(0x11), Address::repeat_byte(0x22)];
    let trunk = branch(&node, node.genesis(), 0, 3, Address::repeat_byte(0x33));
    node.engine.set_heads(trunk[2].hash(), None, None).unwrap();
    assert_eq!(events.try_recv().unwrap().added.len(), 3);
    let a = branch(&node, trunk[2].hash(), 3, 4, left);
    let b = branch(&node, trunk[2].hash(), 3, 6, right);
    for round in 0..10 {
        let (chain, other, to, none) =
            if round % 2 == 0 { (&a, &b, left, right) } else { (&b, &a, right, left) };
        let head = chain.last().unwrap();
        node.engine.set_heads(head.hash(), None, None).unwrap();
        assert_eq!(node.engine.heads().latest.hash, head.hash());
        let sum = (1..=chain.len() as u64).sum::<u64>();
        assert_eq!(node.balance(to), U256::from(sum));
        assert_eq!(node.balance(none), U256::ZERO);
        let event = events.try_recv().unwrap();
        let hashes = |blocks: &[phala_engine::CanonicalBlock]| -> Vec<B256> {
            blocks.iter().map(|block| block.block.hash()).collect()
        };
        assert_eq!(hashes(&event.added), chain.iter().map(|b| b.hash()).collect::<Vec<_>>());
        let removed: Vec<_> = other.iter().rev().map(|block| block.hash()).collect();
        assert_eq!(hashes(&event.removed), if round == 0 { Vec::new() } else { removed });
        assert_eq!(event.fork_point.hash, trunk[2].hash());
        assert_eq!(event.heads, node.engine.heads());
        // The chain goes on from here, on warm caches and on cold ones.
        let next = node.build(head.hash(), &[]);
        assert!(!matches!(node.import(&next), ImportStatus::Invalid { .. }));
    }
    let straight = node.sibling();
    for block in trunk.iter().chain(&b) {
        straight.import_valid(block);
    }
    let head = b[5].hash();
    straight.engine.set_heads(head, None, None).unwrap();
    node.engine.set_heads(head, None, None).unwrap();
    assert_same(&node, &straight, 9);
}

#[test]
fn siblings_are_imported_in_turn() {
    let node = Node::new();
    let alice = node.account(0);
    let [mut left, mut right] = [node.genesis(); 2];
    for n in 0..12 {
        let (to, other) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let a = node.build(left, &[raw(&alice.transfer(n, to, 1))]);
        let b = node.build(right, &[raw(&alice.transfer(n, other, 1))]);
        node.import_valid(&a);
        node.import_valid(&b);
        [left, right] = [a.hash(), b.hash()];
    }
    node.engine.set_heads(right, None, None).unwrap();
    assert_eq!(node.balance(Address::repeat_byte(2)), U256::from(12));
    assert_eq!(node.balance(Address::repeat_byte(1)), U256::ZERO);
}

#[test]
fn the_head_goes_back_to_an_ancestor_and_on_from_there() {
    let node = Node::new();
    let blocks = branch(&node, node.genesis(), 0, 6, Address::repeat_byte(1));
    node.engine.set_heads(blocks[5].hash(), None, None).unwrap();
    node.engine.set_heads(blocks[1].hash(), None, None).unwrap();
    assert_eq!(node.engine.heads().latest.number, 2);
    assert_eq!(node.engine.store().canonical_hash(3).unwrap(), None);
    assert_eq!(node.balance(Address::repeat_byte(1)), U256::from(3));
    let other = node.produce(&[raw(&node.account(0).transfer(2, Address::repeat_byte(1), 100))]);
    assert_eq!(other.block.number, 3);
    assert_eq!(node.balance(Address::repeat_byte(1)), U256::from(103));
    // What was left is still known.
    assert!(matches!(node.import(&blocks[4]), ImportStatus::AlreadyKnown));
    node.engine.set_heads(blocks[5].hash(), None, None).unwrap();
    assert_eq!(node.balance(Address::repeat_byte(1)), U256::from(21));
}

#[test]
fn heads_lie_on_one_chain_in_order() {
    let node = Node::new();
    let genesis = node.genesis();
    let a = branch(&node, genesis, 0, 4, Address::repeat_byte(1));
    let b = branch(&node, genesis, 0, 4, Address::repeat_byte(2));
    let [a, b] = [a, b].map(|chain| chain.iter().map(|b| b.hash()).collect::<Vec<_>>());
    let engine = &node.engine;
    engine.set_heads(a[3], Some(a[2]), Some(a[1])).unwrap();
    let before = engine.heads();
    assert_eq!([before.latest.number, before.safe.number, before.finalized.number], [4, 3, 2]);
    let refused = [
        (a[3], Some(b[0]), None, "safe"),
        (a[3], None, Some(b[0]), "finalized"),
        (a[3], Some(a[0]), Some(a[1]), "safe"),
        (a[2], Some(a[3]), None, "safe"),
        (b[3], Some(b[2]), Some(a[1]), "finalized"),
        (a[3], Some(B256::repeat_byte(9)), None, "safe"),
    ];
    for (latest, safe, finalized, role) in refused {
        let error = engine.set_heads(latest, safe, finalized).unwrap_err();
        let is_expected =
            matches!(&error, EngineError::InconsistentHeads { role: got, .. } if *got == role);
        assert!(is_expected, "{error}");
        assert_eq!(engine.heads(), before);
    }
    let unknown = engine.set_heads(B256::repeat_byte(9), None, None).unwrap_err();
    assert!(matches!(unknown, EngineError::UnknownBlock(_)));
    // Heads on the branch that is left go back to the fork point.
    let heads = engine.set_heads(b[3], None, None).unwrap();
    assert_eq!(heads.safe.hash, genesis);
    assert_eq!(heads.finalized.hash, genesis);
    // Finality proves safety.
    let heads = engine.set_heads(b[3], None, Some(b[1])).unwrap();
    assert_eq!(heads.safe.hash, b[1]);
}

#[test]
fn a_restart_keeps_heads_and_side_branches() {
    let mut node = Node::new();
    let a = branch(&node, node.genesis(), 0, 5, Address::repeat_byte(1));
    let b = branch(&node, a[1].hash(), 2, 5, Address::repeat_byte(2));
    let [safe, finalized] = [a[2].hash(), a[0].hash()];
    let heads = node.engine.set_heads(a[4].hash(), Some(safe), Some(finalized)).unwrap();
    node = node.restart();
    assert_eq!(node.engine.heads(), heads);
    assert_eq!(node.balance(Address::repeat_byte(1)), U256::from(15));
    let next = node.produce(&[raw(&node.account(0).transfer(5, Address::repeat_byte(1), 5))]);
    assert_eq!(next.block.number, 6);
    assert_eq!(node.balance(Address::repeat_byte(1)), U256::from(20));
    // The branch nobody chose before the restart.
    let longer = node.build(b[4].hash(), &[]);
    node.import_valid(&longer);
    node.engine.set_heads(longer.hash(), Some(a[1].hash()), None).unwrap();
    assert_eq!(node.balance(Address::repeat_byte(1)), U256::from(3));
    assert_eq!(node.balance(Address::repeat_byte(2)), U256::from(15));
    node = node.restart();
    assert_eq!(node.engine.heads().latest.hash, longer.hash());
    node.produce(&[]);
}

#[test]
fn a_cursor_is_written_with_the_heads() {
    let node = Node::new();
    let block = node.build(node.genesis(), &[]);
    node.import_valid(&block);
    node.engine.set_heads_with_cursor(block.hash(), None, None, Some(b"l1 block 7")).unwrap();
    assert_eq!(node.engine.store().cursor().unwrap().as_deref(), Some(b"l1 block 7".as_slice()));
    let node = node.restart();
    assert_eq!(node.engine.store().cursor().unwrap().as_deref(), Some(b"l1 block 7".as_slice()));
}
