use std::{error::Error, sync::Arc, time::Duration};

use reqwest::{Response, header::RETRY_AFTER};
use tokio::sync::Semaphore;
use url::Url;

use crate::{
    ConfigError, L1Config, L1Error,
    budget::{Budget, Purpose},
    fault::{Fault, shortened},
};

/// Time to connect, within that of the request: an endpoint that is down should not cost all of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest pause an endpoint may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// Bytes read of the body of an error.
const ERROR_BODY_BYTES_MAX: usize = 64 << 10;

/// Speaks HTTP within all limits: time, size, requests at once, requests a day.
pub(crate) struct Transport {
    http: reqwest::Client,
    permits: Semaphore,
    timeout: Duration,
    response_bytes_max: usize,
    pub(crate) budget: Arc<Budget>,
}

/// Requests a call counts for, and under which name.
#[derive(Clone, Copy)]
pub(crate) struct Charge {
    pub(crate) method: &'static str,
    pub(crate) requests: u64,
    pub(crate) purpose: Purpose,
}

impl Transport {
    pub(crate) fn new(config: &L1Config, budget: Arc<Budget>) -> Result<Self, L1Error> {
        let urls = config.endpoints.iter().chain(&config.beacon).chain(&config.beacon_fallbacks);
        let http = http_client(urls.clone().any(|url| url.scheme() == "https"))
            .map_err(|error| L1Error::Config(ConfigError::Http(causes(error))))?;
        Ok(Self {
            http,
            permits: Semaphore::new(config.concurrent_requests_max.max(1)),
            timeout: config.request_timeout,
            response_bytes_max: config.response_bytes_max,
            budget,
        })
    }

    /// Posts JSON; the body of the answer. Endpoints tell RPC errors with status 200 or an error.
    pub(crate) async fn post(
        &self,
        url: &Url,
        body: Vec<u8>,
        charge: Charge,
    ) -> Result<Vec<u8>, Fault> {
        let request = self.http.post(url.clone()).header("content-type", "application/json");
        self.send(request.body(body), charge).await
    }

    /// Gets JSON; the body of the answer.
    pub(crate) async fn get(&self, url: Url, charge: Charge) -> Result<Vec<u8>, Fault> {
        self.send(self.http.get(url).header("accept", "application/json"), charge).await
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        charge: Charge,
    ) -> Result<Vec<u8>, Fault> {
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        let charged = self.budget.charge(charge.requests, charge.purpose);
        charged.map_err(|error| Fault::Stop(Box::new(error)))?;
        metrics::counter!("phala_l1_requests_total", "method" => charge.method)
            .increment(charge.requests);
        let started = std::time::Instant::now();
        let answer = tokio::time::timeout(self.timeout, self.exchange(request)).await;
        metrics::histogram!("phala_l1_request_seconds", "method" => charge.method)
            .record(started.elapsed());
        answer.unwrap_or(Err(Fault::Timeout(self.timeout)))
    }

    async fn exchange(&self, request: reqwest::RequestBuilder) -> Result<Vec<u8>, Fault> {
        let response = request.send().await.map_err(connection)?;
        let status = response.status();
        if status.is_success() {
            return body(response, self.response_bytes_max).await;
        }
        let retry_after = retry_after(&response);
        // Some servers put RPC errors into answers with an error status.
        match body(response, ERROR_BODY_BYTES_MAX).await {
            Ok(body) if retry_after.is_none() && is_rpc_error(&body) => Ok(body),
            _ => Err(Fault::Status { status: status.as_u16(), retry_after }),
        }
    }
}

fn http_client(tls: bool) -> Result<reqwest::Client, reqwest::Error> {
    // Fails if the process has chosen another provider before, which then serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("phala-l1/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        // A redirect could carry a key in the path elsewhere.
        .redirect(reqwest::redirect::Policy::none());
    if !tls {
        // Root certificates are read only where they are needed; small images have none.
        builder = builder.tls_certs_only([]);
    }
    builder.build()
}

async fn body(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, Fault> {
    let announced = response.content_length().and_then(|len| usize::try_from(len).ok());
    if announced.is_some_and(|len| len > bytes_max) {
        return Err(Fault::TooLarge(bytes_max));
    }
    let mut body = Vec::with_capacity(announced.unwrap_or_default());
    while let Some(chunk) = response.chunk().await.map_err(connection)? {
        if body.len() + chunk.len() > bytes_max {
            return Err(Fault::TooLarge(bytes_max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

fn is_rpc_error(body: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Answer {
        jsonrpc: String,
        error: serde_json::Value,
    }
    serde_json::from_slice::<Answer>(body)
        .is_ok_and(|answer| answer.jsonrpc == "2.0" && answer.error.is_object())
}

fn connection(error: reqwest::Error) -> Fault {
    Fault::Connection(causes(error))
}

/// The error with its causes, without the URL, which may be secret.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    shortened(&text)
}
