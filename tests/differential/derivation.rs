//! Derivation of random L1 chains, by us and by kona-derive.

use std::sync::Arc;

use op_alloy_rpc_types_engine::OpPayloadAttributes;
use phala_derive::{Deriver, SafeBlock, SafePoint, Step};
use phala_primitives::{Header, L2BlockRef};
use phala_tests::{seeded_rng, soak_or};
use serde_json::Value;

use crate::{
    l1_world::{Trouble, World, block_of},
    oracle,
};

/// L1 blocks of one chain.
const L1_BLOCKS: usize = 60;

/// Attributes of all blocks that follow from a world's L1, and their headers from genesis on.
fn derive(world: &World) -> (Vec<OpPayloadAttributes>, Vec<Header>) {
    let rollup = world.spec.rollup.as_ref().unwrap();
    let config = rollup.system_config.clone().unwrap();
    let anchor = world.blocks[0].derived.header.block_ref();
    let genesis = &world.genesis;
    let safe = L2BlockRef {
        hash: genesis.hash_slow(),
        timestamp: genesis.timestamp,
        l1_origin: anchor.id(),
        ..L2BlockRef::default()
    };
    let start = SafePoint {
        safe,
        safe_config: config.clone(),
        origin: anchor,
        origin_config: config,
        cursor: None,
    };
    let mut deriver = Deriver::new(Arc::new(world.spec.clone()), start).unwrap();
    let (mut attributes, mut headers) = (Vec::new(), vec![genesis.clone()]);
    let mut refs = vec![safe];
    loop {
        match deriver.step().unwrap() {
            Step::Progress => {}
            Step::NeedL1 { number } => {
                let Some(block) = world.blocks.get((number - anchor.number) as usize) else {
                    return (attributes, headers);
                };
                deriver.push_l1(block.derived.clone()).unwrap();
            }
            Step::NeedBlobs { blobs, .. } => {
                let find = |hash| {
                    let (_, blob) = world.blobs.iter().find(|(known, _)| *known == hash).unwrap();
                    blob.clone()
                };
                deriver
                    .push_blobs(blobs.iter().map(|id| find(id.versioned_hash)).collect())
                    .unwrap();
            }
            Step::NeedL2 { number } => {
                let number = number as usize;
                let transactions = match number {
                    0 => Vec::new(),
                    _ => user_transactions(&attributes[number - 1]),
                };
                deriver.push_l2(SafeBlock { block: refs[number], transactions }).unwrap();
            }
            Step::Attributes(next) => {
                let header = block_of(headers.last().unwrap(), &next.attributes);
                let block = next.block_ref(header.hash_slow());
                deriver.accept(block).unwrap();
                attributes.push(next.attributes);
                headers.push(header);
                refs.push(block);
            }
        }
    }
}

fn user_transactions(attributes: &OpPayloadAttributes) -> Vec<alloy_primitives::Bytes> {
    let all = attributes.transactions.iter().flatten();
    all.filter(|tx| tx.first() != Some(&0x7e)).cloned().collect()
}

/// The fields that make the block, as JSON of either side.
fn relevant(attributes: &Value) -> Vec<(&'static str, String)> {
    [
        "timestamp",
        "prevRandao",
        "suggestedFeeRecipient",
        "withdrawals",
        "parentBeaconBlockRoot",
        "transactions",
        "noTxPool",
        "gasLimit",
        "eip1559Params",
    ]
    .map(|field| {
        let value = &attributes[field];
        // Numbers are hexadecimal or not, as the version of the type likes.
        let value = match value.as_u64() {
            Some(number) => format!("\"{number:#x}\""),
            None => value.to_string(),
        };
        (field, value)
    })
    .to_vec()
}

fn compare(trouble: Trouble, name: &str) {
    let mut rng = seeded_rng(name);
    let worlds: Vec<World> = (0..soak_or(40, 6))
        .map(|_| World::random(rand::SeedableRng::from_rng(&mut rng), trouble, L1_BLOCKS))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let cases: Vec<Vec<u8>> =
        worlds.iter().map(|world| serde_json::to_vec(&world.to_case()).unwrap()).collect();
    let outcomes = oracle::derive(&oracle::write_all(folder.path(), &cases));
    assert_eq!(outcomes.len(), worlds.len());
    let (mut blocks, mut as_sequenced, mut empty) = (0, 0, 0);
    for (index, (world, outcome)) in worlds.iter().zip(&outcomes).enumerate() {
        let (ours, headers) = derive(world);
        assert_eq!(outcome["end"], "l1", "{name} {index}: the oracle stopped");
        let theirs = outcome["attributes"].as_array().unwrap();
        for (number, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            let ours = serde_json::to_value(ours).unwrap();
            let (ours, theirs) = (relevant(&ours), relevant(theirs));
            assert_eq!(ours, theirs, "{name} {index}: block {}", number + 1);
        }
        assert_eq!(ours.len(), theirs.len(), "{name} {index}: number of blocks");
        blocks += ours.len();
        empty += ours.iter().filter(|block| user_transactions(block).is_empty()).count();
        as_sequenced += headers
            .iter()
            .zip(&world.sequenced)
            .skip(1)
            .filter(|(ours, hash)| ours.hash_slow() == **hash)
            .count();
    }
    println!("{name}: {blocks} blocks, {as_sequenced} as sequenced, {empty} without users");
    assert!(blocks > 100, "the comparison says something");
    match trouble {
        Trouble::Window => assert!(as_sequenced < blocks, "some windows passed"),
        _ => assert_eq!(as_sequenced, blocks, "L1 carries the sequencer's chain"),
    }
}

#[test]
fn kona_derives_the_same_from_honest_channels() {
    compare(Trouble::None, "honest channels");
}

#[test]
fn kona_derives_the_same_from_disturbed_frames() {
    compare(Trouble::Frames, "disturbed frames");
}

#[test]
fn kona_derives_the_same_when_windows_pass() {
    compare(Trouble::Window, "passed windows");
}

#[test]
fn kona_derives_the_same_around_batches_that_break_a_rule() {
    compare(Trouble::Batches, "bad batches");
}
