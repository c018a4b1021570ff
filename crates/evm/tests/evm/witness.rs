use alloy_primitives::B256;
use phala_evm::{
    ExecutionError,
    witness::{Witness, WitnessDb, WitnessError},
};
use revm::DatabaseRef;

use crate::world::vector;

const BLOCKS: [u64; 5] = [26_207_960, 26_207_961, 26_207_962, 26_207_963, 26_208_858];

fn load(number: u64) -> Option<Witness> {
    let json = vector(&format!("executor/op-sepolia-{number}.json.gz"))?;
    Some(Witness::from_json(&json).expect("a witness"))
}

#[test]
fn op_sepolia_blocks_have_their_exact_hash() {
    for number in BLOCKS {
        let Some(witness) = load(number) else { return };
        let block = witness.verify().unwrap_or_else(|error| panic!("block {number}: {error}"));
        assert_eq!(block.header.number, number);
        assert_eq!(block.output.receipts.len(), witness.transactions.len());
    }
}

#[test]
fn a_damaged_preimage_is_an_error_and_never_another_block() {
    let Some(witness) = load(BLOCKS[0]) else { return };
    let mut used = 0;
    for i in 0..witness.preimages.len() {
        let len = witness.preimages[i].len();
        for at in [0, len / 2, len - 1] {
            let mut damaged = witness.clone();
            let mut bytes = damaged.preimages[i].to_vec();
            bytes[at] ^= 1;
            damaged.preimages[i] = bytes.into();
            match damaged.verify() {
                // A preimage that this block does not need.
                Ok(block) => assert_eq!(block.hash, witness.expected_hash),
                Err(
                    WitnessError::MissingPreimage(_)
                    | WitnessError::Execution(ExecutionError::Database(_)),
                ) => used += 1,
                Err(error) => panic!("preimage {i}: {error}"),
            }
        }
    }
    let all = witness.preimages.len() * 3;
    assert!(used * 10 >= all * 9, "only {used} of {all} damages were noticed");
}

#[test]
fn an_altered_block_has_another_hash() {
    let Some(witness) = load(BLOCKS[0]) else { return };
    let mut altered = witness.clone();
    altered.transactions.pop();
    assert!(matches!(altered.verify(), Err(WitnessError::Hash { .. })));
    let mut altered = witness.clone();
    altered.attributes.prev_randao = B256::ZERO;
    assert!(altered.verify().is_err());
    let mut altered = witness.clone();
    altered.attributes.gas_limit = 1_000_000;
    assert!(matches!(
        altered.verify(),
        Err(WitnessError::Execution(ExecutionError::Invalid { .. }))
    ));
    let mut altered = witness.clone();
    altered.transactions[1] = vec![0x03, 0xc0].into();
    assert!(matches!(altered.verify(), Err(WitnessError::Transaction { index: 1, .. })));
    let mut altered = witness;
    altered.attributes.eip1559_params = None;
    assert!(matches!(altered.verify(), Err(WitnessError::Header(_))));
}

#[test]
fn block_hashes_come_from_headers_in_the_witness_or_are_an_error() {
    let Some(witness) = load(BLOCKS[0]) else { return };
    let parent = &witness.parent;
    let db = WitnessDb::new(parent, &[]);
    assert_eq!(db.block_hash_ref(parent.number).expect("known"), parent.hash_slow());
    assert_eq!(db.block_hash_ref(parent.number - 1).expect("known"), parent.parent_hash);
    assert!(matches!(
        db.block_hash_ref(parent.number - 2),
        Err(WitnessError::MissingPreimage(hash)) if hash == parent.parent_hash
    ));

    let grandparent = phala_primitives::Header {
        number: parent.number - 1,
        parent_hash: B256::repeat_byte(5),
        ..Default::default()
    };
    let child = phala_primitives::Header {
        number: parent.number,
        parent_hash: grandparent.hash_slow(),
        ..Default::default()
    };
    let preimages = [alloy_rlp::encode(&grandparent).into()];
    let db = WitnessDb::new(&child, &preimages);
    assert_eq!(db.block_hash_ref(parent.number - 2).expect("known"), B256::repeat_byte(5));
    assert!(db.block_hash_ref(parent.number - 3).is_err());
}

#[test]
fn what_is_not_a_witness_is_refused() {
    for json in ["", "{}", "[]", "null", "{\"preimages\": 3}"] {
        assert!(matches!(Witness::from_json(json.as_bytes()), Err(WitnessError::Json(_))));
    }
}
