use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U256};
use phala_chainspec::Profile;
use phala_engine::ImportStatus;
use phala_primitives::{Block, Header};

use crate::harness::{Node, raw_all};

type Change = fn(&mut Header);

/// Each field with a wrong value and the beginning of its own reason.
const WRONG: &[(&str, Change)] = &[
    ("block number is 3", |h| h.number += 1),
    ("timestamp ", |h| h.timestamp -= 2),
    ("ommers hash is 0x01", |h| h.ommers_hash = B256::repeat_byte(1)),
    ("difficulty is 1", |h| h.difficulty = U256::from(1)),
    ("nonce is 0x01", |h| h.nonce = B64::repeat_byte(1)),
    ("gas limit 0 ", |h| h.gas_limit = 0),
    ("gas limit 9223372036854775808 ", |h| h.gas_limit = 1 << 63),
    ("gas limit 4294967297 ", |h| h.gas_limit = (1 << 32) + 1),
    ("gas used 60000001 is above", |h| h.gas_used = h.gas_limit + 1),
    ("extra data 0x is invalid", |h| h.extra_data = Bytes::new()),
    ("extra data 0x00", |h| h.extra_data = vec![0; h.extra_data.len()].into()),
    ("extra data has 33 bytes", |h| h.extra_data = vec![0; 33].into()),
    ("base fee is Some(1), expected", |h| h.base_fee_per_gas = Some(1)),
    ("header has no base fee", |h| h.base_fee_per_gas = None),
    ("excess blob gas is Some(1)", |h| h.excess_blob_gas = Some(1)),
    ("header has no excess blob gas", |h| h.excess_blob_gas = None),
    ("header has no blob gas used", |h| h.blob_gas_used = None),
    ("blob gas used is Some(1)", |h| h.blob_gas_used = Some(1)),
    ("header has no parent beacon block root", |h| h.parent_beacon_block_root = None),
    ("requests hash is None", |h| h.requests_hash = None),
    ("requests hash is Some(0x01", |h| h.requests_hash = Some(B256::repeat_byte(1))),
    ("header has no withdrawals root", |h| h.withdrawals_root = None),
    ("withdrawals root is Some(0x01", |h| h.withdrawals_root = Some(B256::repeat_byte(1))),
    ("header has a block access list", |h| h.block_access_list_hash = Some(B256::ZERO)),
    ("header has no block access list hash", |h| h.slot_number = Some(1)),
    ("gas used is ", |h| h.gas_used -= 1),
    ("receipts root is ", |h| h.receipts_root = B256::repeat_byte(1)),
    ("logs bloom is not", |h| h.logs_bloom = Bloom::repeat_byte(1)),
    ("state root is ", |h| h.state_root = B256::repeat_byte(1)),
    ("transactions root is ", |h| h.transactions_root = B256::repeat_byte(1)),
    // Not constrained by themselves, but part of what is executed.
    ("state root is ", |h| h.beneficiary = Address::repeat_byte(1)),
    ("state root is ", |h| h.parent_beacon_block_root = Some(B256::repeat_byte(1))),
];

fn second_block(node: &Node) -> Block {
    let first = node.produce(&[]).block;
    let txs = [node.account(0).transfer(0, Address::repeat_byte(5), 3)];
    node.build(first.hash(), &raw_all(&txs)).clone_sealed_block().into_block()
}

#[test]
fn the_largest_gas_limit_is_taken() {
    let node = Node::new();
    let mut attributes = node.attributes(node.genesis(), &[]);
    attributes.gas_limit = Some(1 << 32);
    let block = node.engine.produce(&attributes).unwrap().block;
    assert_eq!(block.gas_limit, 1 << 32);
    node.sibling().import_valid(&block);
    let mut attributes = node.attributes(block.hash(), &[]);
    attributes.gas_limit = Some((1 << 32) + 1);
    let error = node.engine.produce(&attributes).unwrap_err().to_string();
    assert!(error.contains("gas limit 4294967297"), "{error}");
}

#[test]
fn each_wrong_field_is_refused_with_its_own_reason() {
    for profile in [Profile::Isthmus, Profile::Karst] {
        let node = Node::with_profile(profile);
        let block = second_block(&node);
        for (reason, change) in WRONG {
            let mut wrong = block.clone();
            change(&mut wrong.header);
            assert_ne!(wrong.header, block.header, "{reason}");
            let refusal = node.refusal(wrong);
            assert!(refusal.starts_with(reason), "{profile:?}: {refusal:?}, not {reason:?}");
        }
        // Nothing of all that did harm to the block itself.
        let block = phala_primitives::SealedBlock::seal_slow(block);
        assert!(matches!(node.engine.import(block).unwrap(), ImportStatus::Valid { .. }));
    }
}

#[test]
fn an_unknown_parent_is_not_an_error_of_the_block() {
    let node = Node::new();
    let mut block = second_block(&node);
    block.header.parent_hash = B256::repeat_byte(1);
    let block = phala_primitives::SealedBlock::seal_slow(block);
    assert!(matches!(node.engine.import(block).unwrap(), ImportStatus::Syncing { .. }));
}

#[test]
fn the_body_has_neither_ommers_nor_withdrawals() {
    let node = Node::new();
    let block = second_block(&node);
    let mut wrong = block.clone();
    wrong.body.ommers.push(Header::default());
    assert_eq!(node.refusal(wrong), "1 ommers, expected none");
    let mut wrong = block.clone();
    wrong.body.withdrawals = None;
    assert_eq!(node.refusal(wrong), "withdrawals are missing, expected an empty list");
    let mut wrong = block.clone();
    wrong.body.withdrawals = Some(vec![Default::default()].into());
    assert_eq!(node.refusal(wrong), "withdrawals are not empty, expected an empty list");
    let block = phala_primitives::SealedBlock::seal_slow(block);
    assert!(matches!(node.engine.import(block).unwrap(), ImportStatus::Valid { .. }));
}
