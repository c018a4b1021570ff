//! Jobs from their posting to their money.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolCall;
use serde_json::Value;

use crate::{
    contracts::{
        self as abi, DeadlineAhead, GPU_JOB_SETTLEMENT, NotArbiter, NotThisState, NotThisStatus,
        Receipt, ReceiptNotGood, ReceiptRefused, Terms, WORKER_REGISTRY,
    },
    market::{
        ARBITER, CLIENT, GAS_LIMIT, Market, OPERATOR, OWNER, PAYOUT, STRANGER, Worker, events,
        gas_used, pha,
    },
};

/// Of one batch, the most there may be.
const BATCH: usize = 256;

/// Transactions sent before the last of them is waited for.
const SENT_AT_ONCE: usize = 32;

/// More than a post or an acceptance takes, so that many fit a block.
const GAS_OF_A_STEP: u64 = 600_000;

/// `Refusal` by number.
const BAD_SIGNATURE: u8 = 1;
const NOT_ACCEPTED: u8 = 4;

/// A job of 10 PHA that may take `run_for` seconds and be objected to for `window` seconds.
fn terms(market: &Market, worker: &Worker, run_for: u32, window: u32) -> Terms {
    let workload = market.worker(worker)["workloadId"].clone();
    Terms {
        specHash: keccak256("spec"),
        inputHash: keccak256("input"),
        workloadId: serde_json::from_value(workload).expect("a hash"),
        gpuClass: 1,
        gpuCount: 1,
        assurance: 1,
        maxPrice: price(10),
        acceptBy: market.now() + 3_600,
        runFor: run_for,
        challengeWindow: window,
        provider: Address::ZERO,
    }
}

fn price(amount: u64) -> u128 {
    pha(amount).try_into().expect("fits")
}

/// Posts and accepts at 8 PHA; answers the job.
fn agree(market: &mut Market, worker: &Worker, nonce: u64, terms: Terms) -> B256 {
    let id = job_id(market, nonce);
    market.send(CLIENT, GPU_JOB_SETTLEMENT, &abi::postCall { terms });
    assert_eq!(market.job(id)["state"], "posted");
    let accept = abi::acceptCall { jobId: id, worker: worker.key.address(), price: price(8) };
    market.send(OPERATOR, GPU_JOB_SETTLEMENT, &accept);
    assert_eq!(market.job(id)["state"], "accepted");
    id
}

fn job_id(market: &Market, nonce: u64) -> B256 {
    let call = abi::jobIdOfCall {
        client: market.address(CLIENT),
        clientNonce: U256::from(nonce),
        specHash: keccak256("spec"),
    };
    market.view(GPU_JOB_SETTLEMENT, &call)
}

/// A receipt of a worker of epoch 1 that asks for 8 PHA.
fn receipt(market: &Market, job: B256) -> Receipt {
    let now = market.now();
    Receipt {
        jobId: job,
        specHash: keccak256("spec"),
        inputHash: keccak256("input"),
        resultHash: keccak256("result"),
        deliveryHash: keccak256("delivery"),
        startedAt: now,
        finishedAt: now,
        gpuSeconds: 1,
        amount: pha(8),
        epoch: 1,
    }
}

fn commit(market: &mut Market, worker: &Worker, job: B256) -> Value {
    let receipt = receipt(market, job);
    let signature = worker.sign_receipt(&receipt);
    market.send(STRANGER, GPU_JOB_SETTLEMENT, &abi::commitCall { receipt, signature })
}

fn credits(market: &Market, contract: Address, who: usize) -> U256 {
    market.view(contract, &abi::creditsCall { account: market.address(who) })
}

/// Sends calls one after the other and waits for the last, which must succeed.
fn submit_all(market: &mut Market, who: usize, calls: impl Iterator<Item = impl SolCall>) {
    let mut last = None;
    for call in calls {
        last = Some(market.submit(who, GPU_JOB_SETTLEMENT, &call, GAS_OF_A_STEP));
    }
    let receipt = market.rpc.wait_for_receipt(last.expect("there are calls"));
    assert_eq!(receipt["status"], "0x1");
}

#[test]
fn a_job_is_paid_after_the_time_for_objections() {
    let (mut market, worker) = Market::with_worker(1);
    assert_eq!(market.job(job_id(&market, 0)), Value::Null);
    let terms = terms(&market, &worker, 3_600, 20);
    let client = market.pha(market.address(CLIENT));
    let job = agree(&mut market, &worker, 0, terms);
    assert_eq!(market.pha(market.address(CLIENT)), client - pha(10), "the highest price is locked");
    assert_eq!(credits(&market, GPU_JOB_SETTLEMENT, CLIENT), pha(2), "what was not asked for");
    assert_eq!(market.worker(&worker)["reserved"], serde_json::json!(pha(8) / U256::from(10)));

    // Nobody else's receipt counts, nor one that asks for more.
    let (stranger, good) = (Worker::new(7, 1), receipt(&market, job));
    let call = abi::commitCall { signature: stranger.sign_receipt(&good), receipt: good };
    let reason: ReceiptNotGood = market.refused(STRANGER, GPU_JOB_SETTLEMENT, &call);
    assert_eq!(reason.reason, 6);
    let dear = Receipt { amount: pha(9), ..receipt(&market, job) };
    let call = abi::commitCall { signature: worker.sign_receipt(&dear), receipt: dear };
    let reason: ReceiptNotGood = market.refused(STRANGER, GPU_JOB_SETTLEMENT, &call);
    assert_eq!(reason.reason, 8);

    commit(&mut market, &worker, job);
    assert_eq!(market.job(job)["state"], "committed");
    let finalize = abi::finalizeCall { jobId: job };
    let _: DeadlineAhead = market.refused(STRANGER, GPU_JOB_SETTLEMENT, &finalize);
    let deadline = market.job(job)["deadline"].as_u64().expect("seconds");
    market.wait_until_after(deadline);
    market.send(STRANGER, GPU_JOB_SETTLEMENT, &finalize);
    assert_eq!(market.job(job)["state"], "settled");
    assert_eq!(market.worker(&worker)["reserved"], "0x0");
    let _: NotThisState = market.refused(STRANGER, GPU_JOB_SETTLEMENT, &finalize);

    // One percent is the fee.
    let fee = pha(8) / U256::from(100);
    assert_eq!(credits(&market, GPU_JOB_SETTLEMENT, OWNER), fee);
    assert_eq!(credits(&market, GPU_JOB_SETTLEMENT, PAYOUT), pha(8) - fee);
    let before = market.pha(market.address(PAYOUT));
    market.send(PAYOUT, GPU_JOB_SETTLEMENT, &abi::withdrawCall {});
    assert_eq!(market.pha(market.address(PAYOUT)), before + pha(8) - fee);
}

#[test]
fn a_missed_deadline_costs_the_worker_a_share_of_the_price() {
    let (mut market, worker) = Market::with_worker(1);
    let terms = terms(&market, &worker, 5, 20);
    let job = agree(&mut market, &worker, 0, terms);
    let deadline = market.job(job)["deadline"].as_u64().expect("seconds");
    market.wait_until_after(deadline);
    market.send(STRANGER, GPU_JOB_SETTLEMENT, &abi::expireCall { jobId: job });
    assert_eq!(market.job(job)["state"], "refunded");
    assert_eq!(credits(&market, GPU_JOB_SETTLEMENT, CLIENT), pha(10));
    let share = pha(8) / U256::from(10);
    assert_eq!(credits(&market, WORKER_REGISTRY, CLIENT), share);
    assert_eq!(market.worker(&worker)["bond"], serde_json::json!(pha(1_250) - share));
    // Too late now.
    let late = receipt(&market, job);
    let call = abi::commitCall { signature: worker.sign_receipt(&late), receipt: late };
    let reason: ReceiptNotGood = market.refused(STRANGER, GPU_JOB_SETTLEMENT, &call);
    assert_eq!(reason.reason, NOT_ACCEPTED);
}

#[test]
fn a_dispute_is_the_arbiters() {
    let (mut market, worker) = Market::with_worker(1);
    let terms = terms(&market, &worker, 3_600, 600);
    let job = agree(&mut market, &worker, 0, terms);
    commit(&mut market, &worker, job);
    let dispute = abi::disputeCall { jobId: job, reason: keccak256("nothing was delivered") };
    market.send(CLIENT, GPU_JOB_SETTLEMENT, &dispute);
    assert_eq!(market.job(job)["state"], "disputed");
    let resolve = abi::resolveCall { jobId: job, amount: price(3) };
    let _: NotArbiter = market.refused(CLIENT, GPU_JOB_SETTLEMENT, &resolve);
    market.send(ARBITER, GPU_JOB_SETTLEMENT, &resolve);
    assert_eq!(market.job(job)["state"], "settled");
    assert_eq!(credits(&market, GPU_JOB_SETTLEMENT, CLIENT), pha(2 + 5));
    let fee = pha(3) / U256::from(100);
    assert_eq!(credits(&market, GPU_JOB_SETTLEMENT, PAYOUT), pha(3) - fee);
}

#[test]
fn two_receipts_for_one_job_cost_the_worker_its_bond() {
    let (mut market, worker) = Market::with_worker(1);
    let terms = terms(&market, &worker, 3_600, 600);
    let job = agree(&mut market, &worker, 0, terms);
    commit(&mut market, &worker, job);
    let a = receipt(&market, job);
    let b = Receipt { resultHash: keccak256("another result"), ..receipt(&market, job) };
    let call = abi::reportEquivocationCall {
        signatureA: worker.sign_receipt(&a),
        signatureB: worker.sign_receipt(&b),
        a,
        b,
    };
    market.send(STRANGER, GPU_JOB_SETTLEMENT, &call);
    let found = market.worker(&worker);
    assert_eq!(found["status"], "denied");
    assert_eq!(found["live"], false);
    // Half is for who showed it, the other for the treasury, but for what the open job was promised.
    let promised = pha(8) / U256::from(10);
    assert_eq!(found["bond"], serde_json::json!(promised));
    assert_eq!(credits(&market, WORKER_REGISTRY, STRANGER), pha(625));
    assert_eq!(credits(&market, WORKER_REGISTRY, OWNER), pha(625) - promised);
    market.send(STRANGER, WORKER_REGISTRY, &abi::withdrawCall {});
    let _: NotThisStatus = market.refused(STRANGER, GPU_JOB_SETTLEMENT, &call);
    // Nor does it get another job.
    let posted = abi::postCall { terms: self::terms(&market, &worker, 3_600, 600) };
    market.send(CLIENT, GPU_JOB_SETTLEMENT, &posted);
    let accept = abi::acceptCall {
        jobId: job_id(&market, 1),
        worker: worker.key.address(),
        price: price(1),
    };
    let _: NotThisStatus = market.refused(OPERATOR, GPU_JOB_SETTLEMENT, &accept);
}

#[test]
fn a_batch_of_256_receipts_is_settled_in_one_transaction() {
    let (mut market, worker) = Market::with_worker(8);
    let terms = terms(&market, &worker, 3_600, 0);
    let jobs: Vec<B256> = (0..BATCH as u64).map(|nonce| job_id(&market, nonce)).collect();
    let accept =
        |job: B256| abi::acceptCall { jobId: job, worker: worker.key.address(), price: price(8) };
    for chunk in jobs.chunks(SENT_AT_ONCE) {
        let post = abi::postCall { terms: terms.clone() };
        submit_all(&mut market, CLIENT, chunk.iter().map(|_| post.clone()));
        submit_all(&mut market, OPERATOR, chunk.iter().map(|job| accept(*job)));
    }
    // One is signed by nobody, and the last is for a job that is there twice.
    let signed = |market: &Market, job: B256| worker.signed_receipt(&receipt(market, job));
    let mut receipts: Vec<Vec<u8>> = jobs.iter().map(|job| signed(&market, *job)).collect();
    receipts[17][384] = 0;
    receipts[255] = signed(&market, jobs[3]);
    let batch = abi::commitBatchCall { receipts: receipts.concat().into() };
    let done = market.send(STRANGER, GPU_JOB_SETTLEMENT, &batch);
    println!("a batch of {BATCH} receipts took {} gas of {GAS_LIMIT}", gas_used(&done));
    let refused: Vec<ReceiptRefused> = events(&done);
    let refused: Vec<_> = refused.iter().map(|event| (event.index, event.reason)).collect();
    let duplicate = 3;
    assert_eq!(refused, [(U256::from(17), BAD_SIGNATURE), (U256::from(255), duplicate)]);
    for (index, job) in jobs.iter().enumerate() {
        let expected = if matches!(index, 17 | 255) { "accepted" } else { "committed" };
        assert_eq!(market.job(*job)["state"], expected, "{index}");
    }

    // Without a time for objections each is paid at once.
    let committed: Vec<_> =
        jobs.iter().enumerate().filter(|(index, _)| !matches!(index, 17 | 255)).collect();
    for chunk in committed.chunks(SENT_AT_ONCE) {
        let finalize = chunk.iter().map(|(_, job)| abi::finalizeCall { jobId: **job });
        submit_all(&mut market, STRANGER, finalize);
    }
    let paid = pha(8) * U256::from(BATCH - 2);
    let fee = paid / U256::from(100);
    assert_eq!(credits(&market, GPU_JOB_SETTLEMENT, PAYOUT), paid - fee);
    assert_eq!(credits(&market, GPU_JOB_SETTLEMENT, CLIENT), pha(2) * U256::from(BATCH));
    // Nothing is paid that is not there.
    let held = market.pha(GPU_JOB_SETTLEMENT);
    assert_eq!(held, pha(10) * U256::from(BATCH));
    market.send(PAYOUT, GPU_JOB_SETTLEMENT, &abi::withdrawCall {});
    assert_eq!(market.pha(GPU_JOB_SETTLEMENT), held - (paid - fee));
}
