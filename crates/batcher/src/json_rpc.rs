use std::time::Duration;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};
use url::Url;

use crate::RpcError;

/// Longest answer read: a block of the largest gas limit as JSON stays below.
const ANSWER_BYTES_MAX: usize = 128 << 20;

/// JSON-RPC error code of a method that does not exist.
const METHOD_NOT_FOUND: i64 = -32_601;

/// Asks one HTTP endpoint.
#[derive(Clone, Debug)]
pub(crate) struct JsonRpc {
    url: Url,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    result: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<AnswerError>,
}

#[derive(Deserialize)]
struct AnswerError {
    code: i64,
    message: String,
}

impl JsonRpc {
    pub(crate) fn new(url: Url, timeout: Duration) -> Result<Self, RpcError> {
        // A provider of cryptography is chosen once per process; whoever was first is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout)
            .build()
            .map_err(|error| RpcError::Client(without_url(error)))?;
        Ok(Self { url, http })
    }

    /// The address without what may be secret in it.
    pub(crate) fn name(&self) -> String {
        let port = self.url.port().map_or_else(String::new, |port| format!(":{port}"));
        format!("{}://{}{port}", self.url.scheme(), self.url.host_str().unwrap_or_default())
    }

    pub(crate) async fn request<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, RpcError> {
        let failed = |reason| RpcError::Unreachable { endpoint: self.name(), method, reason };
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let request = self.http.post(self.url.clone()).json(&body);
        let mut response = request.send().await.map_err(|error| failed(without_url(error)))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| failed(without_url(error)))?
        {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err(failed(format!("answer is longer than {ANSWER_BYTES_MAX} bytes")));
            }
        }
        let answer: Answer = serde_json::from_slice(&bytes).map_err(|error| {
            failed(format!("answer with status {status} is no json-rpc: {error}"))
        })?;
        match answer {
            Answer { error: Some(AnswerError { code: METHOD_NOT_FOUND, .. }), .. } => {
                Err(RpcError::MethodNotFound { endpoint: self.name(), method })
            }
            Answer { error: Some(AnswerError { code, message }), .. } => {
                Err(RpcError::Refused { endpoint: self.name(), method, code, message })
            }
            Answer { result, error: None } => {
                let text = result.as_deref().map_or("null", RawValue::get);
                serde_json::from_str(text).map_err(|error| RpcError::Unexpected {
                    endpoint: self.name(),
                    method,
                    reason: error.to_string(),
                })
            }
        }
    }
}

/// Addresses of endpoints often hold a key.
fn without_url(error: reqwest::Error) -> String {
    use std::error::Error as _;

    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
