use std::sync::Arc;

use alloy_primitives::{Address, U256};
use phala_engine::{Engine, EngineConfig, EngineError, ImportStatus, Severity};
use phala_storage::{
    Store, StoreConfig, TailLimits,
    kv::{Fault, KvError, MemoryKv, Survival},
};

use crate::harness::{Node, raw};

fn engine_on(node: &Node, kv: Arc<MemoryKv>) -> Engine {
    let config = StoreConfig { background: false, ..Default::default() };
    let store = Store::with_kv(kv, config).unwrap();
    store.init_genesis(&node.spec).unwrap();
    Engine::new(Arc::clone(&node.spec), store, EngineConfig { threads: 2, ..Default::default() })
}

#[test]
fn a_failing_disk_says_nothing_about_the_block() {
    let node = Node::new();
    let alice = node.account(0);
    let to = Address::repeat_byte(1);
    let blocks: Vec<_> =
        (0..8).map(|nonce| node.produce(&[raw(&alice.transfer(nonce, to, 1))]).block).collect();
    let kv = Arc::new(MemoryKv::new());
    let engine = engine_on(&node, Arc::clone(&kv));
    let errors = [KvError::Io("broken".into()), KvError::NoSpace("full".into()), KvError::Stalled];
    for (block, error) in blocks.iter().zip(errors.iter().cycle()) {
        let fail = || kv.set_fault(Some(fault(&kv, error.clone())));
        fail();
        let failed = engine.import(block.clone_sealed_block()).unwrap_err();
        assert!(matches!(failed, EngineError::Storage(_)), "{failed}");
        assert_eq!(
            matches!(failed.severity(), Severity::Transient { .. }),
            *error == KvError::Stalled
        );
        assert_eq!(engine.store().header(block.hash()).unwrap(), None);
        let status = engine.import(block.clone_sealed_block()).unwrap();
        assert!(matches!(status, ImportStatus::Valid { .. }), "{status:?}");
        let before = engine.heads();
        fail();
        engine.set_heads(block.hash(), None, None).unwrap_err();
        assert_eq!(engine.heads(), before);
        engine.set_heads(block.hash(), None, None).unwrap();
    }
    assert_eq!(engine.heads(), node.engine.heads());
    assert_eq!(engine.store().digest(8).unwrap(), node.engine.store().digest(8).unwrap());
}

/// Fails the next write before it takes effect.
fn fault(kv: &MemoryKv, error: KvError) -> Fault {
    Fault::Fail { at: kv.points(), times: 1, error }
}

#[test]
fn what_was_answered_survives_the_loss_of_everything_not_synced() {
    let node = Node::new();
    let alice = node.account(0);
    let mut kv = Arc::new(MemoryKv::new());
    let mut engine = engine_on(&node, Arc::clone(&kv));
    for nonce in 0..12 {
        let parent = engine.heads().latest.hash;
        let tx = raw(&alice.transfer(nonce, Address::repeat_byte(1), 1));
        let header = engine.store().header(parent).unwrap().unwrap();
        let attributes = crate::harness::attributes(&node.spec, &header, &[tx]);
        let built = engine.build(parent, &attributes).unwrap();
        let hash = built.block.hash();
        engine.import(built.block.clone_sealed_block()).unwrap();
        kv = Arc::new(kv.restart(Survival::Machine));
        engine = engine_on(&node, Arc::clone(&kv));
        assert!(engine.store().header(hash).unwrap().is_some(), "VALID is durable");
        engine.set_heads(hash, None, None).unwrap();
        kv = Arc::new(kv.restart(Survival::Machine));
        engine = engine_on(&node, Arc::clone(&kv));
        assert_eq!(engine.heads().latest.hash, hash, "the fork choice is durable");
    }
}

#[test]
fn the_head_goes_back_below_what_has_been_applied() {
    let node = Node::new();
    let config = StoreConfig {
        background: false,
        tail: TailLimits { reorg_blocks: 2, ..Default::default() },
        ..Default::default()
    };
    let store = Store::with_kv(Arc::new(MemoryKv::new()), config).unwrap();
    store.init_genesis(&node.spec).unwrap();
    let engine = Engine::new(Arc::clone(&node.spec), store, EngineConfig::default());
    let (alice, to) = (node.account(0), Address::repeat_byte(1));
    let blocks: Vec<_> =
        (0..20).map(|nonce| node.produce(&[raw(&alice.transfer(nonce, to, 1))]).block).collect();
    for block in &blocks {
        engine.import(block.clone_sealed_block()).unwrap();
        engine.set_heads(block.hash(), None, None).unwrap();
    }
    engine.store().advance().unwrap();
    assert_eq!(engine.store().base().number, 18);
    // A sibling that deep cannot be executed now, and that is not its fault.
    let other = node.build(blocks[4].hash(), &[raw(&alice.transfer(5, to, 1000))]);
    let status = engine.import(other.clone_sealed_block()).unwrap();
    assert!(matches!(status, ImportStatus::Syncing { .. }), "{status:?}");
    engine.set_heads(blocks[4].hash(), None, None).unwrap();
    let status = engine.import(other.clone_sealed_block()).unwrap();
    assert!(matches!(status, ImportStatus::Valid { .. }), "{status:?}");
    engine.set_heads(other.hash(), None, None).unwrap();
    let view = engine.store().latest_view().unwrap();
    let account = view.account(&alloy_primitives::keccak256(to)).unwrap().unwrap();
    assert_eq!(account.balance, U256::from(1005));
    // And all the way forward again.
    for block in &blocks[5..] {
        engine.import(block.clone_sealed_block()).unwrap();
    }
    engine.set_heads(blocks[19].hash(), None, None).unwrap();
    assert_eq!(engine.store().digest(20).unwrap(), node.engine.store().digest(20).unwrap());
}

#[test]
fn an_unwind_that_fails_anywhere_leaves_an_engine_that_goes_on() {
    let node = Node::new();
    let (alice, to) = (node.account(0), Address::repeat_byte(1));
    let blocks: Vec<_> =
        (0..21).map(|nonce| node.produce(&[raw(&alice.transfer(nonce, to, 1))]).block).collect();
    let mut point = 0;
    loop {
        let kv = Arc::new(MemoryKv::new());
        let config = StoreConfig {
            background: false,
            tail: TailLimits { reorg_blocks: 2, ..Default::default() },
            ..Default::default()
        };
        let store = Store::with_kv(Arc::clone(&kv) as _, config).unwrap();
        store.init_genesis(&node.spec).unwrap();
        let engine = Engine::new(
            Arc::clone(&node.spec),
            store,
            EngineConfig { threads: 2, ..Default::default() },
        );
        let _events = engine.subscribe();
        let import = |blocks: &[Arc<phala_primitives::RecoveredBlock>]| -> Result<(), _> {
            blocks.iter().try_for_each(|block| {
                let status = engine.import(block.clone_sealed_block())?;
                assert!(!matches!(status, ImportStatus::Invalid { .. }), "{status:?}");
                Ok::<_, EngineError>(())
            })
        };
        import(&blocks[..20]).unwrap();
        engine.set_heads(blocks[19].hash(), None, None).unwrap();
        engine.store().advance().unwrap();
        let error = KvError::NoSpace("full".into());
        kv.set_fault(Some(Fault::Fail { at: kv.points() + point, times: 1, error }));
        let failed = engine.set_heads(blocks[4].hash(), None, None).is_err();
        kv.set_fault(None);
        if !failed {
            break;
        }
        assert_eq!(engine.heads(), engine.store().heads(), "point {point}");
        if import(&blocks).is_err() {
            // Once, because the head has gone back in the meantime.
            assert_eq!(engine.heads(), engine.store().heads(), "point {point}");
            import(&blocks).unwrap();
        }
        engine.set_heads(blocks[20].hash(), None, None).unwrap();
        engine.store().advance().unwrap();
        assert_eq!(engine.store().digest(21).unwrap(), node.engine.store().digest(21).unwrap());
        point += 1;
    }
    assert!(point > 4, "{point}");
}
