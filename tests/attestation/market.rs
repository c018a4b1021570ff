//! A development chain whose precompiles judge under the roots of the test, and everybody on it.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{
    Eip712Domain, SolCall, SolError, SolEvent, SolStruct, SolValue as _, eip712_domain,
};
use phala_test_evidence::{CollateralTerms, Evidence, TrustedDomain};
use phala_tests::{NodeProcess, RpcClient, Wallet};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::contracts::{self as abi, ATTESTATION_POLICY, GPU_JOB_SETTLEMENT, PHA, WORKER_REGISTRY};

/// Of all evidence here; one seed, one set of roots.
const SEED: u64 = 4;

/// Just below the cap of a transaction, 2^24.
pub(crate) const GAS_LIMIT: u64 = 16_700_000;

/// Blocks come fast, and each is a second later than the one before.
const FAST: &str = "--dev.block-time=200ms";

pub(crate) const CHAIN_ID: u64 = 20_351_337;

// Accounts of the development chain by what they do here.
pub(crate) const OWNER: usize = 0;
pub(crate) const ARBITER: usize = 2;
pub(crate) const OPERATOR: usize = 3;
pub(crate) const CLIENT: usize = 4;
pub(crate) const PAYOUT: usize = 5;
pub(crate) const STRANGER: usize = 6;

/// `AttestationPolicy`'s list of programs.
const WORKLOADS: u8 = 0;

pub(crate) struct Market {
    pub(crate) rpc: RpcClient,
    wallets: Vec<Wallet>,
    /// Runs until this goes away.
    _node: NodeProcess,
    _folder: TempDir,
}

/// A machine, and the key that was made in its guest.
pub(crate) struct Worker {
    pub(crate) evidence: Evidence,
    pub(crate) key: PrivateKeySigner,
}

/// Evidence made for one registration.
pub(crate) struct Registration {
    pub(crate) operator: Address,
    pub(crate) payout: Address,
    pub(crate) ref_block: u64,
    pub(crate) nonce: B256,
    pub(crate) quote: Vec<u8>,
    pub(crate) gpus: Vec<abi::GpuEvidence>,
}

impl Worker {
    /// Machine number `node` with so many GPUs.
    pub(crate) fn new(node: u64, gpus: u64) -> Self {
        let key = keccak256(format!("worker {node}"));
        let key = PrivateKeySigner::from_bytes(&key).expect("a key");
        Self { evidence: Evidence::new(SEED, node, gpus), key }
    }

    /// What the machine answers to a challenge, whoever asks.
    pub(crate) fn attest(
        &self,
        nonce: B256,
        operator: Address,
        payout: Address,
        ref_block: u64,
    ) -> Registration {
        let gpus = self.evidence.gpus.iter().map(|gpu| abi::GpuEvidence {
            anchorKey: Bytes::new(),
            certificates: gpu.certificates().iter().map(|der| der.clone().into()).collect(),
            report: gpu.report(nonce).into(),
        });
        let quote = self.evidence.platform.quote(&self.domain(nonce));
        Registration { operator, payout, ref_block, nonce, quote, gpus: gpus.collect() }
    }

    /// A guest that has its address and the challenge signed.
    fn domain(&self, nonce: B256) -> TrustedDomain {
        let mut report_data = [0; 64];
        report_data[..20].copy_from_slice(self.key.address().as_slice());
        report_data[32..].copy_from_slice(nonce.as_slice());
        TrustedDomain::new(report_data)
    }

    /// The call that registers, signed by this worker's key.
    pub(crate) fn register(&self, registration: &Registration) -> abi::registerCall {
        let ids: Vec<u8> = self.evidence.gpus.iter().flat_map(|gpu| gpu.device_id().0).collect();
        let message = abi::Register {
            operator: registration.operator,
            payout: registration.payout,
            refBlock: registration.ref_block,
            nonce: registration.nonce,
            deviceIdsHash: keccak256(ids),
        };
        let domain = domain("WorkerRegistry", WORKER_REGISTRY);
        let collateral = Bytes::new();
        abi::registerCall {
            operator: registration.operator,
            payout: registration.payout,
            refBlock: registration.ref_block,
            platformEvidence: abi::PlatformEvidence {
                quote: registration.quote.clone().into(),
                collateralId: B256::ZERO,
                collateral,
            },
            gpus: registration.gpus.clone(),
            workerSig: sign(&self.key, &message, &domain),
        }
    }

    pub(crate) fn sign_receipt(&self, receipt: &abi::Receipt) -> Bytes {
        sign(&self.key, receipt, &domain("GpuJobSettlement", GPU_JOB_SETTLEMENT))
    }

    /// A receipt as `commitBatch` takes it: ten words, r, s, v.
    pub(crate) fn signed_receipt(&self, receipt: &abi::Receipt) -> Vec<u8> {
        [receipt.abi_encode(), self.sign_receipt(receipt).to_vec()].concat()
    }
}

impl Market {
    /// A chain on which nothing was registered yet.
    pub(crate) fn open() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let roots = folder.path().join("roots.json");
        std::fs::write(&roots, Evidence::new(SEED, 0, 1).roots_json()).expect("written");
        let roots = format!("--dev.attestation-roots={}", roots.display());
        let node = NodeProcess::dev([FAST, &roots]);
        let rpc = node.rpc();
        rpc.wait_for_block(2);
        Self { rpc, wallets: Wallet::all(), _node: node, _folder: folder }
    }

    pub(crate) fn address(&self, who: usize) -> Address {
        self.wallets[who].address()
    }

    /// Seconds of the newest block.
    pub(crate) fn now(&self) -> u64 {
        let block = self.rpc.call("eth_getBlockByNumber", json!(["latest", false]));
        u64::from_str_radix(block["timestamp"].as_str().expect("hex").trim_start_matches("0x"), 16)
            .expect("seconds")
    }

    /// Waits until blocks are later than this.
    pub(crate) fn wait_until_after(&self, time: u64) {
        let missing = (time + 1).saturating_sub(self.now());
        self.rpc.wait_for_block(self.rpc.block_number() + missing);
        assert!(self.now() > time);
    }

    /// Signs and sends; does not wait.
    pub(crate) fn submit(
        &mut self,
        who: usize,
        to: Address,
        call: &impl SolCall,
        gas_limit: u64,
    ) -> B256 {
        let input = call.abi_encode().into();
        let (hash, bytes) = self.wallets[who].sign(TxKind::Call(to), U256::ZERO, input, gas_limit);
        assert_eq!(self.rpc.call("eth_sendRawTransaction", json!([bytes])), json!(hash));
        hash
    }

    /// A transaction that must succeed; answers its receipt.
    pub(crate) fn send(&mut self, who: usize, to: Address, call: &impl SolCall) -> Value {
        let hash = self.submit(who, to, call, GAS_LIMIT);
        let receipt = self.rpc.wait_for_receipt(hash);
        if receipt["status"] != "0x1" {
            let from = self.address(who);
            panic!("{receipt}: {:?}", self.call(from, to, call));
        }
        receipt
    }

    /// A transaction that must be refused for this reason; answers the reason.
    pub(crate) fn refused<E: SolError>(
        &mut self,
        who: usize,
        to: Address,
        call: &impl SolCall,
    ) -> E {
        let hash = self.submit(who, to, call, GAS_LIMIT);
        assert_eq!(self.rpc.wait_for_receipt(hash)["status"], "0x0");
        let error = self.call(self.address(who), to, call).expect_err("refused");
        let data: Bytes = serde_json::from_value(error["data"].clone())
            .unwrap_or_else(|_| panic!("not reverted: {error}"));
        E::abi_decode(&data).unwrap_or_else(|_| panic!("{} is not {}", data, E::SIGNATURE))
    }

    fn call(&self, from: Address, to: Address, call: &impl SolCall) -> Result<Value, Value> {
        let input = Bytes::from(call.abi_encode());
        let object =
            json!({"from": from, "to": to, "input": input, "gas": format!("{GAS_LIMIT:#x}")});
        self.rpc.try_call("eth_call", json!([object, "latest"]))
    }

    pub(crate) fn view<C: SolCall>(&self, to: Address, call: &C) -> C::Return {
        let output = self.call(Address::ZERO, to, call).expect("a view succeeds");
        let output: Bytes = serde_json::from_value(output).expect("bytes");
        C::abi_decode_returns(&output).expect("as declared")
    }

    pub(crate) fn pha(&self, of: Address) -> U256 {
        self.view(PHA, &abi::balanceOfCall { holder: of })
    }

    pub(crate) fn worker(&self, worker: &Worker) -> Value {
        self.rpc.call("phala_getWorker", json!([worker.key.address()]))
    }

    pub(crate) fn job(&self, id: B256) -> Value {
        self.rpc.call("phala_getJob", json!([id]))
    }

    /// Collateral of an hour ago, as its service serves it and in the compact form.
    pub(crate) fn collateral(&self, worker: &Worker) -> (String, Vec<u8>) {
        let terms = CollateralTerms::at(self.now());
        let intel = &worker.evidence.intel;
        (intel.collateral_json(&terms), intel.collateral(&terms).encode())
    }

    /// Publishes collateral; answers its id.
    pub(crate) fn publish_collateral(&mut self, worker: &Worker) -> B256 {
        let (_, collateral) = self.collateral(worker);
        let quote = worker.attest(B256::ZERO, Address::ZERO, Address::ZERO, 0).quote;
        let call = abi::updateCall { quote: quote.into(), collateral: collateral.into() };
        let receipt = self.send(STRANGER, abi::COLLATERAL_REGISTRY, &call);
        let updated: Vec<abi::CollateralUpdated> = events(&receipt);
        updated[0].id
    }

    /// The policy lists the program of the workers and the firmware of their GPUs as class 1.
    pub(crate) fn admit(&mut self, worker: &Worker) {
        let (collateral, _) = self.collateral(worker);
        let quote = worker.attest(B256::ZERO, Address::ZERO, Address::ZERO, 0).quote;
        let explained = self.rpc.call(
            "phala_explainTdxQuote",
            json!([Bytes::from(quote), serde_json::from_str::<Value>(&collateral).expect("JSON")]),
        );
        assert_eq!(explained["accepted"], true, "{explained}");
        let id = serde_json::from_value(explained["reading"]["guest"]["workloadId"].clone());
        let listed = abi::setListedCall { list: WORKLOADS, id: id.expect("a hash"), listed: true };
        self.send(OWNER, ATTESTATION_POLICY, &listed);
        let measurement = abi::setMeasurementCall {
            measurementsHash: worker.evidence.gpus[0].measurements_hash(),
            gpuClass: 1,
            notAfter: u64::MAX,
        };
        self.send(OWNER, ATTESTATION_POLICY, &measurement);
    }

    /// Approves what bonds and prices of a test take.
    pub(crate) fn approve_all(&mut self) {
        for (who, spender) in
            [(OPERATOR, WORKER_REGISTRY), (STRANGER, WORKER_REGISTRY), (CLIENT, GPU_JOB_SETTLEMENT)]
        {
            self.send(who, PHA, &abi::approveCall { spender, amount: U256::MAX });
        }
    }

    /// The challenge for a registration by the operator of this market.
    pub(crate) fn challenge(&self, worker: &Worker, payout: Address) -> (B256, u64) {
        let ref_block = self.rpc.block_number() - 1;
        let call = abi::registrationNonceCall {
            worker: worker.key.address(),
            operator: self.address(OPERATOR),
            payout,
            refBlock: ref_block,
            gpuCount: U256::from(worker.evidence.gpus.len()),
        };
        (self.view(WORKER_REGISTRY, &call), ref_block)
    }

    /// What a worker shows to be registered for the operator of this market.
    pub(crate) fn registration(&self, worker: &Worker) -> Registration {
        let payout = self.address(PAYOUT);
        let (nonce, ref_block) = self.challenge(worker, payout);
        worker.attest(nonce, self.address(OPERATOR), payout, ref_block)
    }

    /// The call that registers a worker with collateral that is on chain.
    pub(crate) fn registering(
        &self,
        worker: &Worker,
        registration: &Registration,
        collateral_id: B256,
    ) -> abi::registerCall {
        let mut call = worker.register(registration);
        call.platformEvidence.collateralId = collateral_id;
        call
    }

    /// A market with published collateral and one registered worker.
    pub(crate) fn with_worker(gpus: u64) -> (Self, Worker) {
        let (mut market, worker) = (Self::open(), Worker::new(0, gpus));
        let id = market.publish_collateral(&worker);
        market.admit(&worker);
        market.approve_all();
        let registration = market.registration(&worker);
        let call = market.registering(&worker, &registration, id);
        market.send(OPERATOR, WORKER_REGISTRY, &call);
        (market, worker)
    }
}

/// Events of one kind in a receipt.
pub(crate) fn events<E: SolEvent>(receipt: &Value) -> Vec<E> {
    let logs = receipt["logs"].as_array().expect("logs");
    let decoded = logs.iter().filter_map(|log| {
        let topics: Vec<B256> = serde_json::from_value(log["topics"].clone()).expect("topics");
        let data: Bytes = serde_json::from_value(log["data"].clone()).expect("data");
        E::decode_raw_log(topics, &data).ok()
    });
    decoded.collect()
}

/// Gas a receipt says was used.
pub(crate) fn gas_used(receipt: &Value) -> u64 {
    let gas: U256 = serde_json::from_value(receipt["gasUsed"].clone()).expect("a quantity");
    gas.try_into().expect("fits u64")
}

/// So many PHA.
pub(crate) fn pha(amount: u64) -> U256 {
    U256::from(amount) * U256::from(10).pow(U256::from(18))
}

fn domain(name: &'static str, contract: Address) -> Eip712Domain {
    eip712_domain! { name: name, version: "1", chain_id: CHAIN_ID, verifying_contract: contract, }
}

fn sign(key: &PrivateKeySigner, message: &impl SolStruct, domain: &Eip712Domain) -> Bytes {
    let signature = key.sign_hash_sync(&message.eip712_signing_hash(domain));
    signature.expect("a local key signs").as_bytes().into()
}
