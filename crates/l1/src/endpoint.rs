use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use alloy_primitives::U64;
use phala_primitives::SealedHeader;
use serde_json::{json, value::RawValue};
use url::Url;

use crate::{
    budget::Purpose,
    fault::Fault,
    health::Health,
    json_rpc::{self, Call},
    redacted::Redacted,
    transport::{Charge, Transport},
};

/// Calls in one batch; public providers allow a hundred or more.
const BATCH_CALLS_MAX: usize = 100;

/// One execution endpoint.
pub(crate) struct Endpoint {
    url: Url,
    pub(crate) name: Redacted,
    pub(crate) health: Health,
    transport: Arc<Transport>,
    /// Chain id all endpoints must have; the first one asked sets it if it is not configured.
    expected_chain: Arc<OnceLock<u64>>,
    chain_checked: AtomicBool,
    lacks_block_receipts: AtomicBool,
}

impl Endpoint {
    pub(crate) fn new(
        url: Url,
        transport: Arc<Transport>,
        expected_chain: Arc<OnceLock<u64>>,
    ) -> Self {
        Self {
            name: Redacted::of(&url),
            url,
            health: Health::default(),
            transport,
            expected_chain,
            chain_checked: AtomicBool::new(false),
            lacks_block_receipts: AtomicBool::new(false),
        }
    }

    /// Makes a call and reads its result, which is never null.
    pub(crate) async fn call<T>(
        &self,
        call: Call,
        read: impl FnOnce(&RawValue) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.call_for(Purpose::Read, call, read).await
    }

    /// As [`Self::call`] for a purpose the budget treats differently.
    pub(crate) async fn call_for<T>(
        &self,
        purpose: Purpose,
        call: Call,
        read: impl FnOnce(&RawValue) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.check_chain(purpose).await?;
        self.call_unchecked(purpose, call, read).await
    }

    async fn call_unchecked<T>(
        &self,
        purpose: Purpose,
        call: Call,
        read: impl FnOnce(&RawValue) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let charge = Charge { method: call.method, requests: 1, purpose };
        let body = self.transport.post(&self.url, call.body(), charge).await?;
        read(json_rpc::result(&body)?)
    }

    /// Asks for the chain id on first use, as an endpoint of another chain proves its blocks as well.
    async fn check_chain(&self, purpose: Purpose) -> Result<(), Fault> {
        if self.chain_checked.load(Ordering::Acquire) {
            return Ok(());
        }
        let call = Call::new("eth_chainId", json!([]));
        let got: U64 = self.call_unchecked(purpose, call, json_rpc::read).await?;
        let (got, expected) = (got.to(), *self.expected_chain.get_or_init(|| got.to()));
        if got != expected {
            return Err(Fault::WrongChain { expected, got });
        }
        self.chain_checked.store(true, Ordering::Release);
        Ok(())
    }

    /// The receipts of a block in one request or, where that does not exist, in batches.
    pub(crate) async fn receipts<T>(
        &self,
        header: &SealedHeader,
        transactions: &[alloy_primitives::B256],
        read: impl Fn(&[&RawValue]) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if !self.lacks_block_receipts.load(Ordering::Relaxed) {
            let call = Call::new("eth_getBlockReceipts", json!([header.hash()]));
            let answer = self.call(call, |json| read(&json_rpc::elements(json)?)).await;
            match answer {
                Err(fault) if fault.is_method_missing() => {
                    self.lacks_block_receipts.store(true, Ordering::Relaxed);
                }
                answer => return answer,
            }
        }
        self.check_chain(Purpose::Read).await?;
        let mut bodies = Vec::new();
        for hashes in transactions.chunks(BATCH_CALLS_MAX) {
            let calls: Vec<Call> = hashes
                .iter()
                .map(|hash| Call::new("eth_getTransactionReceipt", json!([hash])))
                .collect();
            let charge = Charge {
                method: "eth_getTransactionReceipt",
                requests: calls.len() as u64,
                purpose: Purpose::Read,
            };
            let body = self.transport.post(&self.url, json_rpc::batch_body(&calls), charge).await?;
            bodies.push((body, calls.len()));
        }
        let mut receipts = Vec::with_capacity(transactions.len());
        for (body, calls) in &bodies {
            receipts.extend(json_rpc::batch_results(body, *calls)?);
        }
        read(&receipts)
    }
}
