use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{B256, Bytes, U256, hex, keccak256};
use phala_chainspec::ChainSpec;
use phala_evm::{BlockAttributes, witness::Witness};
use phala_primitives::RecoveredBlock;
use serde_json::{Value, json};

use crate::node::Node;

/// Executes a block from what `debug_executionWitness` gave and nothing else.
fn execute(spec: &ChainSpec, parent: &RecoveredBlock, block: &RecoveredBlock, json: &Value) {
    let list = |name: &str| -> Vec<Bytes> { serde_json::from_value(json[name].clone()).unwrap() };
    let extra = phala_chainspec::ExtraData::decode(&block.extra_data).unwrap();
    let mut params = [0; 8];
    params[..4].copy_from_slice(&extra.denominator.to_be_bytes());
    params[4..].copy_from_slice(&extra.elasticity.to_be_bytes());
    let witness = Witness {
        spec: spec.clone(),
        parent: parent.header().clone(),
        attributes: BlockAttributes {
            timestamp: block.timestamp,
            prev_randao: block.mix_hash,
            fee_recipient: block.beneficiary,
            gas_limit: block.gas_limit,
            parent_beacon_block_root: block.parent_beacon_block_root,
            eip1559_params: Some(params.into()),
            min_base_fee: extra.min_base_fee,
        },
        transactions: block.body().transactions.iter().map(|tx| tx.encoded_2718().into()).collect(),
        expected_hash: block.hash(),
        preimages: [list("state"), list("codes"), list("headers")].concat(),
    };
    witness.verify().unwrap();
    // Keys lead to the nodes.
    assert!(list("keys").iter().all(|key| matches!(key.len(), 20 | 32)));
    assert_eq!(keccak256(&list("headers")[0]), parent.hash());
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_execute_from_their_witness_alone() {
    let (node, chain) = Node::with_blocks().await;
    let mut http = node.http().await;
    let genesis = node.engine.store().block_by_number(0).unwrap().unwrap();
    let blocks = [genesis, chain.first, chain.second, chain.third];
    for pair in blocks.windows(2) {
        let json = http.call("debug_executionWitness", json!([pair[1].hash()])).await;
        execute(node.engine.spec(), &pair[0], &pair[1], &json);
        let by_number =
            http.call("debug_executionWitness", json!([format!("{:#x}", pair[1].number)])).await;
        assert_eq!(by_number["headers"], json["headers"]);
    }
    assert_eq!(http.error("debug_executionWitness", json!(["0x0"])).await["code"], -32602);
    assert_eq!(http.error("debug_executionWitness", json!(["0x9"])).await["code"], -32001);
}

/// Deleting slots makes branches collapse onto siblings that nothing reads.
#[tokio::test(flavor = "multi_thread")]
async fn a_witness_has_the_siblings_of_what_is_deleted() {
    let node = Node::start().await;
    let account = node.account(0);
    // For each word of calldata: SSTORE(word >> 128, its low 128 bits).
    let runtime = hex!("5f5b803614601d5780358060801c9060801b60801c90556020016001565b00");
    let init =
        [&[0x60, runtime.len() as u8, 0x80, 0x60, 0x09, 0x5f, 0x39, 0x5f, 0xf3][..], &runtime]
            .concat();
    let contract = account.address().create(0);
    let words = |slots: std::ops::Range<u64>, value: u64| -> Vec<u8> {
        let word = |slot| (U256::from(slot) << 128_usize) | U256::from(value);
        slots.flat_map(|slot| U256::to_be_bytes::<32>(&word(slot))).collect()
    };
    let deploy = node.produce(&[account.deploy(0, &init)]);
    // 200,000 gas is enough for six new slots.
    let mut parent = deploy;
    let mut nonce = 1;
    for start in (0..36).step_by(6) {
        parent = node.produce(&[account.call(nonce, contract, &words(start..start + 6, 7))]);
        nonce += 1;
    }
    let view = node.engine.store().latest_view().unwrap();
    let slot = keccak256(B256::from(U256::from(35)));
    assert_eq!(view.slot(&keccak256(contract), &slot).unwrap(), U256::from(7));
    let mut http = node.http().await;
    for start in (0..36).step_by(6) {
        let block = node.produce(&[account.call(nonce, contract, &words(start..start + 6, 0))]);
        nonce += 1;
        let json = http.call("debug_executionWitness", json!([block.hash()])).await;
        execute(node.engine.spec(), &parent, &block, &json);
        parent = block;
    }
}
