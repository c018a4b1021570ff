//! A machine that loses everything that was not synced, at any instant.

use std::sync::Arc;

use phala_engine::Engine;
use phala_storage::{
    StoreConfig,
    kv::{Fault, MemoryKv, Survival},
};
use phala_tests::{
    assert_verified, engine_in_memory, engine_on, restless_store, seeded_rng, soak_or,
};
use rand::{Rng as _, rngs::StdRng};

use crate::script::{Script, Step, apply, assert_kept, next_step, spec};

/// A store that moves its base inside the calls, so that every write has the same number each time.
fn single_threaded_store() -> StoreConfig {
    StoreConfig { background: false, ..restless_store() }
}

fn any_survival(rng: &mut StdRng) -> Survival {
    match rng.random_range(0..3) {
        0 => Survival::Process,
        1 => Survival::Machine,
        _ => Survival::MachineWithPartialFlushes(rng.random()),
    }
}

#[test]
fn a_power_cut_after_any_acknowledged_call_loses_nothing() {
    let mut rng = seeded_rng("a_power_cut_after_any_acknowledged_call_loses_nothing");
    let script = Script::random(rng.clone(), 120, 4);
    let kv = Arc::new(MemoryKv::new());
    let engine = engine_on(&spec(), Arc::clone(&kv) as _, restless_store());
    for (index, step) in script.steps.iter().enumerate() {
        apply(&engine, index, step).unwrap();
        let survival = any_survival(&mut rng);
        let left = Arc::new(kv.restart(survival));
        let after = engine_on(&spec(), left as _, restless_store());
        assert_eq!(after.heads(), engine.heads(), "{survival:?} after step {index}");
        if matches!(step, Step::SetHeads { .. }) {
            assert_eq!(next_step(&after), index + 1, "{survival:?} after step {index}");
        }
        assert_kept(&after, &script, index + 1);
        if index % 8 == 0 {
            assert_verified(after.store());
            let head = engine.heads().latest.number;
            let digests = [&engine, &after].map(|engine| engine.store().digest(head).unwrap());
            assert_eq!(digests[0], digests[1], "{survival:?} after step {index}");
        }
    }
}

#[test]
fn a_stop_at_any_numbered_write_leaves_a_node_that_goes_on() {
    let mut rng = seeded_rng("a_stop_at_any_numbered_write_leaves_a_node_that_goes_on");
    let script = Script::random(rng.clone(), 90, 3);
    let whole = engine_in_memory(&spec(), StoreConfig::default());
    for (index, step) in script.steps.iter().enumerate() {
        apply(&whole, index, step).unwrap();
    }
    let head = whole.heads();
    let digest = whole.store().digest(head.latest.number).unwrap();

    // How many points there are, and which of them are in the script.
    let kv = Arc::new(MemoryKv::new());
    let engine = engine_on(&spec(), Arc::clone(&kv) as _, single_threaded_store());
    let first = kv.points();
    run(&engine, &script).unwrap();
    let last = kv.points();
    drop(engine);
    let count = soak_or(last - first, 40);
    println!("{} numbered points, {count} stops", last - first);

    for stop in 0..count {
        let at =
            first + if count < last - first { rng.random_range(0..last - first) } else { stop };
        let survival = any_survival(&mut rng);
        let kv = Arc::new(MemoryKv::new());
        let engine = engine_on(&spec(), Arc::clone(&kv) as _, single_threaded_store());
        kv.set_fault(Some(Fault::Stop { at }));
        let stopped = run(&engine, &script);
        drop(engine);
        let left = Arc::new(kv.restart(survival));
        let engine = engine_on(&spec(), left as _, single_threaded_store());
        if let Err(step) = stopped {
            let next = next_step(&engine);
            assert!(next <= step + 1, "step {next} after a stop in step {step}");
            let last_heads =
                script.steps[..step].iter().rposition(|step| matches!(step, Step::SetHeads { .. }));
            assert!(next >= last_heads.map_or(0, |index| index + 1), "{survival:?} at {at}");
            assert_kept(&engine, &script, step);
        }
        assert_verified(engine.store());
        run(&engine, &script).unwrap();
        assert_eq!(engine.heads(), head, "{survival:?} at {at}");
        let got = engine.store().digest(head.latest.number).unwrap();
        assert_eq!(got, digest, "{survival:?} at {at}");
    }
}

/// Does what is left of the script; an error is the step that failed.
fn run(engine: &Engine, script: &Script) -> Result<(), usize> {
    let start = next_step(engine);
    for (index, step) in script.steps.iter().enumerate().skip(start) {
        apply(engine, index, step).map_err(|_| index)?;
    }
    Ok(())
}
