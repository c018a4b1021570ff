//! Derived blocks: executed once, and written with head, safe head and cursor.

use alloy_primitives::{Address, Bytes};
use phala_engine::EngineError;

use crate::harness::{Node, raw};

#[test]
fn a_derived_block_is_the_one_that_is_built_and_imported() {
    let (author, node) = (Node::new(), Node::new());
    let mut parent = author.genesis();
    for nonce in 0..3 {
        let tx = raw(&author.account(0).transfer(nonce, Address::repeat_byte(7), 1));
        let block = author.build(parent, std::slice::from_ref(&tx));
        author.import(&block);
        let attributes = author.attributes(parent, &[tx]);
        let mut events = node.engine.subscribe();
        let cursor = |hash: alloy_primitives::B256| hash.to_vec();
        let produced = node.engine.extend_safe(parent, &attributes, cursor).unwrap();
        parent = block.hash();
        assert_eq!(produced.block.hash(), parent);
        let heads = node.engine.heads();
        assert_eq!((heads.latest.hash, heads.safe.hash), (parent, parent));
        assert_eq!(node.engine.store().cursor().unwrap(), Some(parent.to_vec()));
        let event = events.try_recv().unwrap();
        assert_eq!((event.added.len(), event.removed.len()), (1, 0));
        assert_eq!(event.heads, heads);
    }
    let digest = |node: &Node| node.engine.store().digest(2).unwrap();
    author.engine.set_heads(parent, None, None).unwrap();
    assert_eq!(digest(&node), digest(&author));
}

#[test]
fn what_cannot_be_derived_changes_nothing() {
    let node = Node::new();
    let genesis = node.genesis();
    let cursor = |_| panic!("no block, no cursor");
    let wrong = node.attributes(genesis, &[Bytes::from_static(&[0x02, 0xff])]);
    let error = node.engine.extend_safe(genesis, &wrong, cursor).unwrap_err();
    assert!(matches!(error, EngineError::Attributes(_)), "{error}");
    // A nonce that is not next.
    let tx = raw(&node.account(0).transfer(5, Address::repeat_byte(7), 1));
    let error = node.engine.extend_safe(genesis, &node.attributes(genesis, &[tx]), cursor);
    assert!(matches!(error.unwrap_err(), EngineError::Attributes(_)));
    assert_eq!(node.engine.heads().latest.number, 0);
    let block = node.build(genesis, &[]);
    node.import(&block);
    node.engine.set_heads(block.hash(), None, None).unwrap();
    let attributes = node.attributes(genesis, &[]);
    let error = node.engine.extend_safe(genesis, &attributes, cursor).unwrap_err();
    assert!(matches!(error, EngineError::InconsistentHeads { .. }), "{error}");
    assert_eq!(node.engine.heads().latest.hash, block.hash());
}

#[test]
fn a_payload_is_committed_on_its_parent_only() {
    let node = Node::new();
    let genesis = node.genesis();
    let payload = node.engine.build(genesis, &node.attributes(genesis, &[])).unwrap();
    let produced = node.engine.commit_payload(payload.clone()).unwrap();
    assert_eq!(node.engine.heads().latest.hash, produced.block.hash());
    assert_eq!(node.engine.heads().safe.number, 0);
    let error = node.engine.commit_payload(payload).unwrap_err();
    assert!(matches!(error, EngineError::InconsistentHeads { .. }), "{error}");
}
