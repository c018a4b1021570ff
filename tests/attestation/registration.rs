//! Who becomes a worker, and who does not.

use alloy_primitives::{B256, U256, keccak256};
use alloy_sol_types::SolValue as _;
use serde_json::{Value, json};

use crate::{
    contracts::{
        self as abi, ATTESTATION_POLICY, COLLATERAL_REGISTRY, DeviceBound, EvidenceRefused,
        GPU_JOB_SETTLEMENT, NonceMismatch, NotNewer, PHA, QuoteUsed, SignatureMismatch,
        WORKER_REGISTRY, WorkloadRefused,
    },
    market::{
        ARBITER, CHAIN_ID, CLIENT, Market, OPERATOR, OWNER, PAYOUT, STRANGER, Worker, gas_used, pha,
    },
};

/// Words a genesis wrote, read by the contracts themselves.
#[test]
fn the_genesis_of_the_development_chain_is_what_its_contracts_read() {
    let market = Market::open();
    for contract in [ATTESTATION_POLICY, WORKER_REGISTRY, GPU_JOB_SETTLEMENT] {
        assert_eq!(market.view(contract, &abi::ownerCall {}), market.address(OWNER), "{contract}");
    }
    for contract in [WORKER_REGISTRY, GPU_JOB_SETTLEMENT] {
        assert_eq!(market.view(contract, &abi::tokenCall {}), PHA);
        assert_eq!(market.view(contract, &abi::treasuryCall {}), market.address(OWNER));
    }
    assert_eq!(market.view(WORKER_REGISTRY, &abi::exitDelayCall {}), 7 * 86_400);
    assert_eq!(market.view(ATTESTATION_POLICY, &abi::maxAgeCall {}), 86_400);
    for (class, bond) in [(1, 1_250), (2, 1_875), (3, 2_250), (4, 0)] {
        let call = abi::bondPerGpuCall { gpuClass: class };
        assert_eq!(market.view(ATTESTATION_POLICY, &call), pha(bond), "{class}");
    }
    assert_eq!(market.view(GPU_JOB_SETTLEMENT, &abi::arbiterCall {}), market.address(ARBITER));
    assert_eq!(market.view(GPU_JOB_SETTLEMENT, &abi::feeBpsCall {}), 100);
    assert_eq!(market.view(GPU_JOB_SETTLEMENT, &abi::missedBpsCall {}), 1_000);
    let cap = market.view(GPU_JOB_SETTLEMENT, &abi::priceCapCall {});
    assert_eq!(U256::from(cap), pha(1_000_000));

    assert_eq!(market.pha(market.address(CLIENT)), pha(1_000_000));
    assert_eq!(market.view(PHA, &abi::totalSupplyCall {}), pha(10_000_000));
    // The checkpoint of the genesis counts from its time on.
    let genesis = U256::from(1_767_225_600_u64);
    let past = |timepoint| market.view(PHA, &abi::getPastTotalSupplyCall { timepoint });
    assert_eq!(past(genesis), pha(10_000_000));
    assert_eq!(past(genesis - U256::from(1)), U256::ZERO);
}

#[test]
fn collateral_is_published_by_anybody_and_kept_as_it_came() {
    let (mut market, worker) = (Market::open(), Worker::new(0, 1));
    let (_, collateral) = market.collateral(&worker);
    let quote = worker.attest(B256::ZERO, Default::default(), Default::default(), 0).quote;
    let update = abi::updateCall { quote: quote.into(), collateral: collateral.clone().into() };
    let receipt = market.send(STRANGER, COLLATERAL_REGISTRY, &update);
    println!("publishing {} bytes of collateral took {} gas", collateral.len(), gas_used(&receipt));
    let updated: Vec<abi::CollateralUpdated> = crate::market::events(&receipt);
    assert_eq!(updated.len(), 1);
    let call = abi::collateralOfCall { id: updated[0].id };
    assert_eq!(market.view(COLLATERAL_REGISTRY, &call), collateral);
    // A second time it is not newer.
    let reason: NotNewer = market.refused(STRANGER, COLLATERAL_REGISTRY, &update);
    assert_eq!(reason.id, updated[0].id);
}

#[test]
fn workers_with_one_and_with_eight_gpus_are_registered() {
    let mut market = Market::open();
    let workers = [Worker::new(0, 1), Worker::new(1, 8)];
    let id = market.publish_collateral(&workers[0]);
    market.admit(&workers[0]);
    market.approve_all();
    let unknown = market.worker(&workers[0]);
    assert_eq!(unknown, Value::Null);
    for worker in &workers {
        let gpus = worker.evidence.gpus.len() as u64;
        let before = market.pha(market.address(OPERATOR));
        let registration = market.registration(worker);
        let call = market.registering(worker, &registration, id);
        let receipt = market.send(OPERATOR, WORKER_REGISTRY, &call);
        println!("registering a worker with {gpus} GPUs took {} gas", gas_used(&receipt));

        let found = market.worker(worker);
        assert_eq!(found["status"], "live");
        assert_eq!(found["live"], true);
        assert_eq!(found["operator"], json!(market.address(OPERATOR)));
        assert_eq!(found["payout"], json!(market.address(PAYOUT)));
        assert_eq!(found["gpuClass"], 1);
        assert_eq!(found["gpuCount"], gpus);
        assert_eq!(found["epoch"], 1);
        assert_eq!(found["bond"], json!(pha(1_250 * gpus)));
        assert_eq!(found["reserved"], "0x0");
        let ppid_hash = B256::from(worker.evidence.platform.ppid_hash());
        assert_eq!(found["ppidHash"], json!(ppid_hash));
        assert_eq!(market.pha(market.address(OPERATOR)), before - pha(1_250 * gpus));
    }
    // Before it was registered there was none.
    let at_genesis = market.rpc.call("phala_getWorker", json!([workers[1].key.address(), "0x0"]));
    assert_eq!(at_genesis, Value::Null);
}

#[test]
fn evidence_that_was_made_for_something_else_is_refused() {
    let (mut market, worker) = (Market::open(), Worker::new(0, 1));
    let id = market.publish_collateral(&worker);
    market.approve_all();
    let (operator, payout) = (market.address(OPERATOR), market.address(PAYOUT));

    // A program that the policy does not list.
    let registration = market.registration(&worker);
    let call = market.registering(&worker, &registration, id);
    let _: WorkloadRefused = market.refused(OPERATOR, WORKER_REGISTRY, &call);
    market.admit(&worker);

    // For another chain: the challenge as its registry would make it.
    let (expected, ref_block) = market.challenge(&worker, payout);
    let block = market.rpc.block_hash(ref_block);
    let nonce = |chain: u64| {
        let domain = keccak256("phala.worker.v1");
        let gpus = U256::from(1);
        let fields = (domain, U256::from(chain), WORKER_REGISTRY, worker.key.address(), operator);
        let parts = (payout, ref_block, block, gpus);
        keccak256([fields.abi_encode(), parts.abi_encode()].concat())
    };
    assert_eq!(nonce(CHAIN_ID), expected, "the test makes challenges as the registry does");
    let foreign = worker.attest(nonce(CHAIN_ID + 1), operator, payout, ref_block);
    let call = market.registering(&worker, &foreign, id);
    let reason: NonceMismatch = market.refused(OPERATOR, WORKER_REGISTRY, &call);
    assert_eq!((reason.expected, reason.actual), (expected, foreign.nonce));

    // Stolen on its way, with the thief's payout in place of the operator's.
    let registration = market.registration(&worker);
    let mut stolen = market.registering(&worker, &registration, id);
    stolen.payout = market.address(STRANGER);
    let reason: NonceMismatch = market.refused(STRANGER, WORKER_REGISTRY, &stolen);
    assert_eq!(reason.actual, registration.nonce);

    // A machine attests any challenge, but its worker's key signs only for its operator.
    let thief = market.address(STRANGER);
    let (nonce, ref_block) = market.challenge(&worker, thief);
    let answered = worker.attest(nonce, operator, thief, ref_block);
    let mut forged = market.registering(&worker, &answered, id);
    forged.workerSig = market.registering(&worker, &registration, id).workerSig;
    let reason: SignatureMismatch = market.refused(STRANGER, WORKER_REGISTRY, &forged);
    assert_eq!(reason.expected, worker.key.address());
    assert_ne!(reason.actual, worker.key.address());

    // A GPU that answers another challenge.
    let registration = market.registration(&worker);
    let mut mixed = market.registering(&worker, &registration, id);
    mixed.gpus[0].report = worker.evidence.gpus[0].report(B256::ZERO).into();
    let reason: EvidenceRefused = market.refused(OPERATOR, WORKER_REGISTRY, &mixed);
    assert_eq!(reason.index, U256::ZERO);

    // The real one, once.
    let registration = market.registration(&worker);
    let call = market.registering(&worker, &registration, id);
    market.send(OPERATOR, WORKER_REGISTRY, &call);
    let _: QuoteUsed = market.refused(OPERATOR, WORKER_REGISTRY, &call);
    assert_eq!(market.worker(&worker)["epoch"], 1);

    // Another worker cannot have the GPU as long as this one is live.
    let mut other = Worker::new(0, 1);
    other.key = Worker::new(9, 1).key;
    let registration = market.registration(&other);
    let call = market.registering(&other, &registration, id);
    let reason: DeviceBound = market.refused(OPERATOR, WORKER_REGISTRY, &call);
    assert_eq!(reason.worker, worker.key.address());
    assert_eq!(market.worker(&other), Value::Null);
}
