use alloy_primitives::{Address, B256, Bytes};
use alloy_rpc_types_engine::{ForkchoiceState, PayloadStatus, PayloadStatusEnum};
use op_alloy_rpc_types_engine::{
    OpExecutionData, OpExecutionPayload, OpExecutionPayloadEnvelopeV4, OpExecutionPayloadSidecar,
};
use phala_chainspec::Profile;
use phala_engine::{
    ENGINE_CAPABILITIES, Engine, EngineApiError, ForkchoiceVersion, NewPayloadVersion,
    PAYLOAD_BODIES_MAX, PayloadId,
};
use phala_primitives::RecoveredBlock;

use crate::harness::{Node, raw, raw_all};

fn data(block: &RecoveredBlock) -> OpExecutionData {
    OpExecutionData::from_block_unchecked(block.hash(), &block.clone_sealed_block().into_block())
}

fn heads(head: B256) -> ForkchoiceState {
    ForkchoiceState { head_block_hash: head, ..Default::default() }
}

impl Node {
    fn v4(&self, data: OpExecutionData) -> PayloadStatus {
        self.engine.new_payload(NewPayloadVersion::V4, data).unwrap()
    }

    fn choose(&self, state: ForkchoiceState) -> PayloadStatus {
        let updated = self.engine.forkchoice_updated(ForkchoiceVersion::V3, state, None).unwrap();
        assert_eq!(updated.payload_id, None);
        updated.payload_status
    }
}

fn validation_error(status: &PayloadStatus) -> &str {
    status.status.validation_error().unwrap_or_else(|| panic!("not invalid: {status:?}"))
}

#[test]
fn a_driver_moves_the_chain() {
    for profile in [Profile::Isthmus, Profile::Jovian, Profile::Karst] {
        let node = Node::with_profile(profile);
        let follower = node.sibling();
        let alice = node.account(0);
        for nonce in 0..5 {
            let head = node.engine.heads().latest.hash;
            let attributes =
                node.attributes(head, &[raw(&alice.transfer(nonce, Address::ZERO, 1))]);
            let updated = node
                .engine
                .forkchoice_updated(ForkchoiceVersion::V3, heads(head), Some(&attributes))
                .unwrap();
            let envelope = match profile {
                Profile::Karst => node.engine.get_payload_v5(updated.payload_id.unwrap()),
                _ => node.engine.get_payload_v4(updated.payload_id.unwrap()),
            };
            let envelope = envelope.unwrap();
            let payload = OpExecutionData::v4(
                envelope.execution_payload,
                Vec::new(),
                envelope.parent_beacon_block_root,
                Default::default(),
            );
            let hash = payload.payload.block_hash();
            for node in [&node, &follower] {
                let status = node.v4(payload.clone());
                assert_eq!(status, PayloadStatus::new(PayloadStatusEnum::Valid, Some(hash)));
                let state = ForkchoiceState {
                    head_block_hash: hash,
                    safe_block_hash: head,
                    finalized_block_hash: head,
                };
                assert_eq!(
                    node.choose(state),
                    PayloadStatus::new(PayloadStatusEnum::Valid, Some(hash))
                );
                assert_eq!(node.engine.heads().safe.hash, head);
            }
        }
        assert_eq!(follower.engine.heads(), node.engine.heads());
        assert_eq!(follower.engine.heads().latest.number, 5);
    }
}

#[test]
fn methods_belong_to_forks() {
    let unsupported = |error: EngineApiError| {
        assert_eq!(error.code(), -38005, "{error}");
    };
    let node = Node::with_profile(Profile::Isthmus);
    let block = node.build(node.genesis(), &[]);
    unsupported(node.engine.new_payload(NewPayloadVersion::V3, data(&block)).unwrap_err());
    let attributes = node.attributes(node.genesis(), &[]);
    for version in [ForkchoiceVersion::V1, ForkchoiceVersion::V2] {
        let state = heads(node.genesis());
        unsupported(node.engine.forkchoice_updated(version, state, Some(&attributes)).unwrap_err());
        assert!(node.engine.forkchoice_updated(version, state, None).unwrap().is_valid());
    }
    let id = node.engine.start_payload(node.genesis(), &attributes).unwrap();
    unsupported(node.engine.get_payload_v3(id).unwrap_err());
    unsupported(node.engine.get_payload_v5(id).unwrap_err());
    node.engine.get_payload_v4(id).unwrap();
    // D10: under Karst both V4 and V5 are answered.
    let node = Node::with_profile(Profile::Karst);
    let attributes = node.attributes(node.genesis(), &[]);
    let id = node.engine.start_payload(node.genesis(), &attributes).unwrap();
    unsupported(node.engine.get_payload_v3(id).unwrap_err());
    assert_eq!(node.engine.get_payload_v4(id).unwrap(), node.engine.get_payload_v5(id).unwrap());
}

#[test]
fn v3_serves_the_forks_before_isthmus() {
    use phala_chainspec::{ChainSpec, Fork, Forks};
    let mut spec = ChainSpec::dev().with_profile(Profile::Isthmus);
    let before = Fork::ALL.into_iter().take_while(|fork| *fork != Fork::Isthmus);
    spec.forks = Forks::new(before.map(|fork| (fork, 0))).unwrap();
    let node = Node::with_spec(spec);
    let attributes = node.attributes(node.genesis(), &[]);
    let id = node.engine.start_payload(node.genesis(), &attributes).unwrap();
    assert_eq!(node.engine.get_payload_v4(id).unwrap_err().code(), -38005);
    let envelope = node.engine.get_payload_v3(id).unwrap();
    let root = envelope.parent_beacon_block_root;
    let payload = OpExecutionData::v3(envelope.execution_payload, Vec::new(), root);
    let refused = node.engine.new_payload(NewPayloadVersion::V4, payload.clone()).unwrap_err();
    assert_eq!(refused.code(), -38005);
    assert!(node.engine.new_payload(NewPayloadVersion::V3, payload).unwrap().is_valid());
}

#[test]
fn parameters_of_another_shape_are_errors() {
    let node = Node::new();
    let good = data(&node.build(node.genesis(), &[]));
    let OpExecutionPayload::V4(v4) = good.payload.clone() else { panic!("not v4") };
    let v3 = v4.payload_inner;
    let v2 = v3.payload_inner.clone();
    let v1 = v2.payload_inner.clone();
    let without_requests = OpExecutionPayloadSidecar::v3(good.sidecar.ecotone().unwrap().clone());
    let cases = [
        (OpExecutionPayload::V3(v3), good.sidecar.clone(), "withdrawals root is missing"),
        (OpExecutionPayload::V2(v2), good.sidecar.clone(), "blob gas fields are missing"),
        (OpExecutionPayload::V1(v1), good.sidecar.clone(), "withdrawals are missing"),
        (good.payload.clone(), without_requests, "execution requests are missing"),
        (good.payload.clone(), Default::default(), "parent beacon block root is missing"),
    ];
    for (payload, sidecar, reason) in cases {
        let error = node
            .engine
            .new_payload(NewPayloadVersion::V4, OpExecutionData { payload, sidecar })
            .unwrap_err();
        assert_eq!(
            (error.code(), error.to_string()),
            (-32602, format!("invalid params: {reason}"))
        );
    }
    assert!(node.v4(good).is_valid());
}

#[test]
fn contents_that_cannot_be_are_invalid() {
    let node = Node::new();
    let good = data(&node.build(node.genesis(), &[]));
    let OpExecutionPayload::V4(v4) = good.payload.clone() else { panic!("not v4") };
    let root = good.parent_beacon_block_root().unwrap();
    let hashes = vec![B256::ZERO];
    let status = node.v4(OpExecutionData::v4(v4.clone(), hashes, root, Default::default()));
    assert_eq!(validation_error(&status), "1 versioned hashes, expected none");
    assert_eq!(status.latest_valid_hash, None);
    for request in [vec![1], vec![1, 2, 3]] {
        let requests = vec![Bytes::from(request)].into();
        let status = node.v4(OpExecutionData::v4(v4.clone(), Vec::new(), root, requests));
        assert_eq!(validation_error(&status), "payload has execution requests, expected none");
    }
    // Another beacon root makes another hash.
    let status =
        node.v4(OpExecutionData::v4(v4.clone(), Vec::new(), B256::ZERO, Default::default()));
    assert!(validation_error(&status).starts_with("block hash "));
    assert_eq!(status.latest_valid_hash, None);
    let mut with_withdrawal = v4;
    with_withdrawal.payload_inner.payload_inner.withdrawals.push(Default::default());
    let payload = OpExecutionData::v4(with_withdrawal, Vec::new(), root, Default::default());
    assert!(validation_error(&node.v4(payload)).starts_with("withdrawals are not empty"));
    // None of this harmed the hash.
    assert!(node.v4(good).is_valid());
}

/// The payload with other transactions under their right hash.
fn with_transactions(data: &OpExecutionData, transactions: Vec<Bytes>) -> OpExecutionData {
    let mut data = data.clone();
    *data.payload.transactions_mut() = transactions;
    let block = data.payload.clone().into_block_with_sidecar_raw(&data.sidecar).unwrap();
    data.payload.as_v1_mut().block_hash = block.header.hash_slow();
    data
}

#[test]
fn undecodable_transactions_condemn_their_block() {
    let node = Node::new();
    let good = data(&node.build(node.genesis(), &[]));
    let deposit = good.payload.transactions()[0].clone();
    for (bytes, reason) in [
        (Bytes::from_static(&[0x03, 0xc0]), "transaction type 0x03 is not supported"),
        (Bytes::from_static(&[0x7d, 0xc0]), "transaction type 0x7d is not supported"),
        (Bytes::from_static(&[0xc0]), "transaction does not decode"),
        (Bytes::new(), "transaction is empty"),
    ] {
        let bad = with_transactions(&good, vec![deposit.clone(), bytes]);
        for _ in 0..2 {
            let status = node.v4(bad.clone());
            let error = validation_error(&status);
            assert!(error.starts_with(&format!("transaction 1 is malformed: {reason}")), "{error}");
            assert_eq!(status.latest_valid_hash, Some(node.genesis()));
        }
        let status = node.choose(heads(bad.payload.block_hash()));
        assert_eq!(status.latest_valid_hash, Some(node.genesis()));
        assert!(status.is_invalid());
    }
    assert!(node.v4(good).is_valid());
}

#[test]
fn an_invalid_payload_names_the_last_valid_block() {
    let node = Node::new();
    let parent = node.produce(&[]).block;
    let good = data(&node.build(parent.hash(), &[]));
    let deposit = good.payload.transactions()[0].clone();
    let tx = raw(&node.account(0).transfer(7, Address::ZERO, 1));
    let bad = with_transactions(&good, vec![deposit, tx]);
    let status = node.v4(bad.clone());
    assert_eq!(status.latest_valid_hash, Some(parent.hash()));
    assert!(validation_error(&status).contains("is invalid"));
    let mut child = bad.clone();
    child.payload.as_v1_mut().parent_hash = bad.payload.block_hash();
    let child = with_transactions(&child, child.payload.transactions().clone());
    let status = node.v4(child);
    assert_eq!(status.latest_valid_hash, Some(parent.hash()));
    assert!(validation_error(&status).contains(&bad.payload.block_hash().to_string()));
}

#[test]
fn unknown_blocks_are_syncing() {
    let node = Node::new();
    let follower = node.sibling();
    let blocks = [node.produce(&[]).block, node.produce(&[]).block];
    assert!(follower.v4(data(&blocks[1])).is_syncing());
    assert!(follower.choose(heads(blocks[1].hash())).is_syncing());
    assert!(follower.v4(data(&blocks[0])).is_valid());
    assert!(follower.v4(data(&blocks[1])).is_valid());
    assert!(follower.choose(heads(blocks[1].hash())).is_valid());
    let attributes = node.attributes(blocks[1].hash(), &[]);
    let updated = follower
        .engine
        .forkchoice_updated(ForkchoiceVersion::V3, heads(B256::repeat_byte(7)), Some(&attributes))
        .unwrap();
    assert!(updated.is_syncing() && updated.payload_id.is_none());
}

#[test]
fn forkchoice_states_that_cannot_be() {
    let node = Node::new();
    let a = node.build(node.genesis(), &[]);
    let b = node.build(node.genesis(), &[raw(&node.account(0).transfer(0, Address::ZERO, 1))]);
    node.import_valid(&a);
    node.import_valid(&b);
    let code = |state| {
        node.engine.forkchoice_updated(ForkchoiceVersion::V3, state, None).unwrap_err().code()
    };
    let safe = ForkchoiceState { safe_block_hash: b.hash(), ..heads(a.hash()) };
    assert_eq!(code(safe), -38002);
    let finalized = ForkchoiceState { finalized_block_hash: b.hash(), ..heads(a.hash()) };
    assert_eq!(code(finalized), -38002);
    let unknown = ForkchoiceState { safe_block_hash: B256::repeat_byte(7), ..heads(a.hash()) };
    assert_eq!(code(unknown), -38002);
    assert_eq!(code(heads(B256::ZERO)), -32602);
    assert_eq!(node.engine.heads().latest.number, 0);
}

#[test]
fn a_driver_reorgs_to_an_ancestor_with_attributes() {
    let node = Node::new();
    let blocks: Vec<_> = (0..6).map(|_| node.produce(&[]).block).collect();
    let ancestor = blocks[2].hash();
    let tx = node.account(0).transfer(0, Address::repeat_byte(1), 5);
    let attributes = node.attributes(ancestor, &[raw(&tx)]);
    let updated = node
        .engine
        .forkchoice_updated(ForkchoiceVersion::V3, heads(ancestor), Some(&attributes))
        .unwrap();
    assert_eq!(updated.payload_status.latest_valid_hash, Some(ancestor));
    assert_eq!(node.engine.heads().latest.hash, ancestor);
    let payload = node.engine.get_payload(updated.payload_id.unwrap()).unwrap();
    assert_eq!(payload.block.number, 4);
    assert!(node.v4(data(&payload.block)).is_valid());
    assert!(node.choose(heads(payload.block.hash())).is_valid());
}

#[test]
fn bad_attributes_are_refused_after_the_heads_have_moved() {
    let node = Node::new();
    let block = node.build(node.genesis(), &[]);
    node.import_valid(&block);
    let code = |attributes| {
        node.engine
            .forkchoice_updated(ForkchoiceVersion::V3, heads(block.hash()), Some(&attributes))
            .unwrap_err()
            .code()
    };
    let good = node.attributes(block.hash(), &[]);
    let mut attributes = good.clone();
    attributes.gas_limit = None;
    assert_eq!(code(attributes), -38003);
    assert_eq!(node.engine.heads().latest.hash, block.hash());
    let mut attributes = good.clone();
    attributes.eip_1559_params = None;
    assert_eq!(code(attributes), -38003);
    let mut attributes = good.clone();
    attributes.transactions.as_mut().unwrap().push(Bytes::from_static(b"\x02nonsense"));
    assert_eq!(code(attributes), -38003);
    let mut attributes = good;
    let invalid = node.account(0).transfer(3, Address::ZERO, 1);
    attributes.transactions.as_mut().unwrap().push(raw(&invalid));
    assert_eq!(code(attributes), -38003);
}

#[test]
fn payloads_are_known_by_their_id() {
    let node = Node::new();
    let unknown = PayloadId::new([3, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(node.engine.get_payload(unknown).unwrap_err().code(), -38001);
    assert_eq!(node.engine.get_payload_v5(unknown).unwrap_err().code(), -38001);
    let attributes = node.attributes(node.genesis(), &[]);
    let id = node.engine.start_payload(node.genesis(), &attributes).unwrap();
    assert_eq!(id, attributes.payload_id(&node.genesis(), 3));
}

#[test]
fn bodies_are_answered_by_hash_and_by_range() {
    let node = Node::new();
    let alice = node.account(0);
    let txs: Vec<_> = (0..3).map(|nonce| alice.transfer(nonce, Address::ZERO, 1)).collect();
    let blocks: Vec<_> = txs.iter().map(|tx| node.produce(&[raw(tx)]).block).collect();
    let bodies = node
        .engine
        .payload_bodies_by_hash(&[blocks[1].hash(), B256::repeat_byte(7), blocks[0].hash()])
        .unwrap();
    let body = bodies[0].as_ref().unwrap();
    assert_eq!(body.transactions, raw_all(&blocks[1].body().transactions));
    assert_eq!(body.withdrawals, Some(Vec::new()));
    assert_eq!(bodies[1], None);
    assert_eq!(bodies[2].as_ref().unwrap().transactions[1], raw(&txs[0]));
    let range = |start, count| node.engine.payload_bodies_by_range(start, count);
    assert_eq!(range(2, 10).unwrap().len(), 2, "nothing after the head");
    assert_eq!(range(4, 1).unwrap().len(), 0);
    assert_eq!(range(1, 2).unwrap()[1].as_ref().unwrap().transactions[1], raw(&txs[1]));
    assert_eq!(range(0, 1).unwrap_err().code(), -32602);
    assert_eq!(range(1, 0).unwrap_err().code(), -32602);
    assert_eq!(range(1, PAYLOAD_BODIES_MAX + 1).unwrap_err().code(), -38004);
    assert_eq!(range(u64::MAX, PAYLOAD_BODIES_MAX).unwrap().len(), 0);
    let many = vec![B256::ZERO; PAYLOAD_BODIES_MAX as usize + 1];
    assert_eq!(node.engine.payload_bodies_by_hash(&many).unwrap_err().code(), -38004);
}

#[test]
fn capabilities_and_version() {
    assert!(ENGINE_CAPABILITIES.iter().all(|name| name.starts_with("engine_")));
    for name in ["engine_forkchoiceUpdatedV3", "engine_newPayloadV4", "engine_getPayloadV5"] {
        assert!(ENGINE_CAPABILITIES.contains(&name));
    }
    let version = Engine::client_version();
    assert_eq!((version.code.len(), version.commit.len()), (2, 8));
}

#[test]
fn the_recorded_envelope_round_trips() {
    let Some(dir) = std::env::var_os("PHALA_VECTORS") else {
        println!("SKIPPED: no vectors");
        return;
    };
    let path = std::path::Path::new(&dir).join("opstack/vectors/engine_payload_envelope_v4.json");
    let vector: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let recorded = &vector["get_payload_v4_response"];
    let envelope: OpExecutionPayloadEnvelopeV4 = serde_json::from_value(recorded.clone()).unwrap();
    assert_eq!(serde_json::to_value(&envelope).unwrap(), *recorded);
    // Ours has the same keys.
    let node = Node::new();
    let attributes = node.attributes(node.genesis(), &[]);
    let id = node.engine.start_payload(node.genesis(), &attributes).unwrap();
    let ours = serde_json::to_value(node.engine.get_payload_v4(id).unwrap()).unwrap();
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys(&ours), keys(recorded));
    assert_eq!(keys(&ours["executionPayload"]), keys(&recorded["executionPayload"]));
    assert_eq!(ours["blobsBundle"], recorded["blobsBundle"]);
    assert_eq!(ours["executionRequests"], serde_json::json!([]));
}
