use std::{
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use crate::{
    BlockName, Failures, L1Config, L1Error, Unverified, endpoint::Endpoint, fault::Fault,
    transport::Transport,
};

/// Pause asked of the caller when endpoints failed just now and may be asked again.
const RETRY_MIN: Duration = Duration::from_millis(250);

/// The execution endpoints: who is asked, in which order, and what is made of their faults.
pub(crate) struct Execution {
    pub(crate) endpoints: Vec<Arc<Endpoint>>,
}

/// What is asked, for messages and to choose who is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// The block it is about, if one.
    pub(crate) block: Option<BlockName>,
    /// Height an endpoint has to have reached to know the answer.
    pub(crate) height: Option<u64>,
}

impl Execution {
    pub(crate) fn new(config: &L1Config, transport: &Arc<Transport>) -> Self {
        let expected_chain = Arc::new(config.chain_id.map_or_else(OnceLock::new, OnceLock::from));
        let endpoint = |url: &url::Url| {
            let chain = Arc::clone(&expected_chain);
            Arc::new(Endpoint::new(url.clone(), Arc::clone(transport), chain))
        };
        let endpoints = config.endpoints.iter().map(endpoint).collect();
        Self { endpoints }
    }

    /// Endpoints that may be asked, best first: those that have the height, then by health, then as
    /// configured.
    pub(crate) fn candidates(&self, height: Option<u64>) -> Vec<Arc<Endpoint>> {
        let is_behind = |endpoint: &Endpoint| match (endpoint.health.head(), height) {
            (Some(head), Some(height)) => head < height,
            _ => false,
        };
        let awake = self.endpoints.iter().filter(|endpoint| endpoint.health.rest().is_zero());
        let mut awake: Vec<_> = awake.map(Arc::clone).collect();
        awake.sort_by_key(|endpoint| (is_behind(endpoint), 3 - endpoint.health.quarter()));
        awake
    }

    /// The highest head that two endpoints have reached, or the only endpoint there is: one alone
    /// could claim any, so that all of L1 would count as deep. `None` as long as that is unknown.
    pub(crate) fn agreed_head(&self) -> Option<u64> {
        let mut heads: Vec<u64> =
            self.endpoints.iter().filter_map(|endpoint| endpoint.health.head()).collect();
        heads.sort_unstable_by(|a, b| b.cmp(a));
        heads.get(1.min(self.endpoints.len().saturating_sub(1))).copied()
    }

    /// Asks one endpoint after the other until one gives an answer that holds.
    pub(crate) async fn ask<T, Asked>(
        &self,
        request: Request,
        mut ask: impl FnMut(Arc<Endpoint>) -> Asked,
    ) -> Result<T, L1Error>
    where
        Asked: Future<Output = Result<T, Fault>>,
    {
        let mut faults = Vec::new();
        for endpoint in self.candidates(request.height) {
            let answer = ask(Arc::clone(&endpoint)).await;
            match judge(&endpoint, request, answer) {
                Ok(answer) => return Ok(answer),
                Err(Fault::Stop(error)) => return Err(*error),
                Err(fault) => faults.push((endpoint, fault)),
            }
        }
        Err(self.failure(request, faults))
    }

    pub(crate) fn failure(&self, request: Request, faults: Vec<(Arc<Endpoint>, Fault)>) -> L1Error {
        let asked_all = faults.len() == self.endpoints.len();
        if let Some((block, what)) = faults.first().and_then(|(_, fault)| unknown_fork(fault))
            && asked_all
            && faults.iter().all(|(_, fault)| unknown_fork(fault).is_some())
        {
            return L1Error::UnknownFork { block, what };
        }
        let is_null = |fault: &Fault| matches!(fault, Fault::Null);
        if let Some(block) = request.block
            && !faults.is_empty()
            && faults.iter().all(|(_, fault)| is_null(fault))
        {
            return L1Error::BlockNotFound(block);
        }
        if asked_all
            && let Some((endpoint, Fault::WrongChain { expected, got })) = faults.first()
            && faults.iter().all(|(_, fault)| matches!(fault, Fault::WrongChain { .. }))
        {
            let endpoint = endpoint.name.to_string();
            return L1Error::WrongChain { endpoint, expected: *expected, got: *got };
        }
        let rest = self.endpoints.iter().map(|endpoint| endpoint.health.rest()).min();
        let named =
            faults.iter().map(|(endpoint, fault)| (endpoint.name.to_string(), fault.to_string()));
        L1Error::NoEndpoint {
            request: request.to_string(),
            failures: Failures(named.collect()),
            retry_after: rest.unwrap_or_default().max(RETRY_MIN),
        }
    }
}

fn unknown_fork(fault: &Fault) -> Option<(alloy_primitives::B256, String)> {
    match fault {
        Fault::Unverified(Unverified::UnknownFields { block, fields }) => {
            Some((*block, format!("header fields {fields}")))
        }
        Fault::Unverified(Unverified::UnknownTransactionType { block, kind }) => {
            Some((*block, format!("a transaction of type {kind}")))
        }
        _ => None,
    }
}

/// Keeps account of an answer. Not to have a block is a failure only of an endpoint that has shown
/// to be further.
pub(crate) fn judge<T>(
    endpoint: &Endpoint,
    request: Request,
    answer: Result<T, Fault>,
) -> Result<T, Fault> {
    let answer = match (answer, request.block, endpoint.health.head()) {
        (Err(Fault::Null), Some(BlockName::Number(number)), Some(head)) if number <= head => {
            Err(Fault::Withheld { head })
        }
        (answer, ..) => answer,
    };
    match &answer {
        Ok(_) => endpoint.health.succeeded(&endpoint.name),
        Err(fault) if fault.is_failure() => {
            tracing::debug!(endpoint = %endpoint.name, %request, %fault, "l1 endpoint failed");
            endpoint.health.failed(&endpoint.name, fault);
        }
        Err(_) => {}
    }
    answer
}

impl Request {
    pub(crate) const fn new(method: &'static str) -> Self {
        Self { method, block: None, height: None }
    }

    pub(crate) const fn about(method: &'static str, block: BlockName) -> Self {
        let height = match block {
            BlockName::Number(number) => Some(number),
            _ => None,
        };
        Self { method, block: Some(block), height }
    }

    pub(crate) const fn at_height(mut self, height: Option<u64>) -> Self {
        self.height = height;
        self
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.block {
            Some(block) => write!(f, "{} of block {block}", self.method),
            None => f.write_str(self.method),
        }
    }
}
