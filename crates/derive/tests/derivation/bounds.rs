//! Timeouts, wrong use, and data that comes twice.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use phala_derive::{DeriveError, Deriver, L1Block, SafeBlock, SafePoint, Severity, Step};
use phala_primitives::L2BlockRef;

use crate::{
    follower::safe_point,
    l1::{ANCHOR, deposit},
    world::{SEQ_WINDOW_SIZE, World},
};

#[test]
fn a_channel_completed_at_its_timeout_is_valid_and_one_after_is_not() {
    for (late, is_derived) in [(50, true), (51, false)] {
        let mut world = World::new(1);
        world.batcher.frame_data_max = 60;
        world.grow(2);
        let blocks = world.unposted();
        let frames = world.batcher.frames(&blocks);
        let (first, rest) = frames.split_first().unwrap();
        let tx = world.batcher.calldata(std::slice::from_ref(first));
        let opened = world.l1.mine(vec![tx]);
        world.l1.mine_empty(late - 1);
        let tx = world.batcher.calldata(rest);
        let closed = world.l1.mine(vec![tx]);
        assert_eq!(closed.number - opened.number, late);
        let expected = if is_derived { world.posted } else { 0 };
        assert_eq!(world.followed().number(), expected);
    }
}

#[test]
fn deposits_beyond_the_budget_are_asked_for_again() {
    let mut world = World::new(2);
    let input = vec![1; 20 << 20];
    let user = Address::repeat_byte(7);
    for _ in 0..5 {
        world.l1.mine_with(12, vec![deposit(user, 1, &input)], Vec::new());
        world.sequencer.catch_up(&world.l1, &mut world.rng);
    }
    world.l1.mine_empty(4);
    let tx = world.post();
    world.l1.mine(vec![tx]);
    let follower = world.followed();
    follower.assert_follows(&world.sequencer.chain);
    assert_eq!(follower.number(), world.posted);
    // Three epochs of 20 MB fit.
    assert_eq!(follower.asked_again, [ANCHOR + 4, ANCHOR + 5]);
}

#[test]
fn what_is_not_asked_for_is_refused_and_does_no_harm() {
    let mut world = World::new(3);
    world.grow(1);
    let tx = world.post();
    world.l1.mine(vec![tx]);
    let mut follower = world.follower();
    let deriver = &mut follower.deriver;
    let bug = |error: DeriveError| {
        assert!(matches!(error, DeriveError::Unexpected { .. } | DeriveError::WrongData { .. }));
        assert_eq!(error.severity(), Severity::Bug);
    };
    let anchor = world.l1.block(ANCHOR).unwrap();
    bug(deriver.push_l1(anchor.clone()).unwrap_err());
    bug(deriver.push_blobs(Vec::new()).unwrap_err());
    bug(deriver.push_l2(SafeBlock::default()).unwrap_err());
    bug(deriver.accept(L2BlockRef::default()).unwrap_err());
    bug(deriver.reject().unwrap_err());
    assert_eq!(deriver.step().unwrap(), Step::NeedL1 { number: ANCHOR });
    assert_eq!(deriver.step().unwrap(), Step::NeedL1 { number: ANCHOR });
    bug(deriver.push_l1(world.l1.block(ANCHOR + 1).unwrap().clone()).unwrap_err());
    bug(deriver.push_blobs(Vec::new()).unwrap_err());
    deriver.push_l1(anchor.clone()).unwrap();
    bug(deriver.push_l1(anchor.clone()).unwrap_err());

    let given = loop {
        match deriver.step().unwrap() {
            Step::NeedL1 { number } => {
                deriver.push_l1(world.l1.block(number).unwrap().clone()).unwrap();
            }
            Step::Attributes(given) => break given,
            _ => {}
        }
    };
    assert_eq!(deriver.step().unwrap(), Step::Attributes(given.clone()));
    bug(deriver.push_l1(L1Block::default()).unwrap_err());
    let block = given.block_ref(B256::repeat_byte(1));
    for other in [
        L2BlockRef { number: 2, ..block },
        L2BlockRef { parent_hash: B256::ZERO, ..block },
        L2BlockRef { timestamp: 7, ..block },
        L2BlockRef { sequence_number: 7, ..block },
        L2BlockRef { l1_origin: Default::default(), ..block },
    ] {
        let error = deriver.accept(other).unwrap_err();
        assert!(matches!(error, DeriveError::NotDerived { .. }), "{error}");
    }
    follower.run(&world.l1).unwrap();
    follower.assert_follows(&world.sequencer.chain);
    assert_eq!(follower.number(), world.posted);
}

#[test]
fn starts_only_where_it_can() {
    let mut world = World::new(4);
    world.grow(SEQ_WINDOW_SIZE - 10);
    let tx = world.post();
    world.l1.mine(vec![tx]);
    let follower = world.followed();
    let good = safe_point(&world.spec, &world.l1, &follower.chain);
    assert!(Deriver::new(Arc::clone(&world.spec), good.clone()).is_ok());
    assert!(good.origin.number > ANCHOR);
    let try_start = |change: &dyn Fn(&mut SafePoint)| {
        let mut point = good.clone();
        change(&mut point);
        Deriver::new(Arc::clone(&world.spec), point).map(|_| ()).unwrap_err()
    };
    for error in [
        try_start(&|point| point.origin.number = point.safe.l1_origin.number + 1),
        try_start(&|point| point.origin.number = ANCHOR - 1),
        try_start(&|point| point.origin.number = point.safe.l1_origin.number),
        try_start(&|point| point.safe.hash = B256::ZERO),
        try_start(&|point| point.safe.l1_origin.number = 1_000_000),
    ] {
        assert!(matches!(error, DeriveError::SafePoint { .. }), "{error}");
    }
    let mut spec = (*world.spec).clone();
    spec.rollup = None;
    let error = Deriver::new(Arc::new(spec), good).unwrap_err();
    assert!(matches!(error, DeriveError::Configuration(_)), "{error}");
    assert_eq!(error.severity(), Severity::Operator);
}

#[test]
fn a_thread_of_its_own_can_own_it() {
    const fn is_send<T: Send + 'static>() {}
    is_send::<Deriver>();
}
