use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use phala_genesis::{GenesisError, L1Rpc};
use phala_tests::rollup::number_of;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use url::Url;

/// How long an answer takes when none is wanted.
const STALL: Duration = Duration::from_secs(600);

/// Blocks between `safe` and the head of an endpoint that is behind.
const SAFE_DEPTH: u64 = 2;

/// An endpoint of L1 that is honest until told otherwise. It ends with this value.
#[derive(Debug)]
pub(crate) struct L1Proxy {
    url: Url,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum L1Fault {
    /// Nothing.
    None,
    /// Connections end without an answer.
    Cut,
    /// Each answer has status 500.
    ServerError,
    /// Requests are taken and never answered.
    Stall,
    /// Answers are no JSON, of another shape, or cut off.
    Garbage,
    /// Each result is null.
    Null,
    /// Receipts say what did not happen.
    FalseReceipts,
    /// Blocks come with another time.
    FalseBlocks,
    /// It knows blocks up to this height.
    Behind(u64),
}

#[derive(Debug)]
struct Shared {
    anvil: L1Rpc,
    fault: Mutex<L1Fault>,
    faulty_answers: AtomicU64,
}

/// An answer over HTTP; nothing if the connection ends instead.
type Answer = Option<(StatusCode, String)>;

impl L1Proxy {
    /// In front of an anvil.
    pub(crate) async fn start(anvil: &L1Rpc) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let url = Url::parse(&format!("http://{address}")).expect("an address is a host");
        let shared = Arc::new(Shared {
            anvil: anvil.clone(),
            fault: Mutex::new(L1Fault::None),
            faulty_answers: AtomicU64::new(0),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self { url, shared, task }
    }

    /// Where it serves.
    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }

    /// Lets something go wrong, or right again.
    pub(crate) fn set_fault(&self, fault: L1Fault) {
        *self.shared.fault.lock() = fault;
    }

    /// Answers so far that were not anvil's.
    pub(crate) fn faulty_answers(&self) -> u64 {
        self.shared.faulty_answers.load(Ordering::Relaxed)
    }
}

impl Drop for L1Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(Arc::clone(&shared), request));
            // Clients hang up whenever they like.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let Some((status, text)) = shared.answer(&body).await else {
        return Err(io::ErrorKind::ConnectionAborted.into());
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    Ok(response)
}

impl Shared {
    async fn answer(&self, body: &[u8]) -> Answer {
        let fault = *self.fault.lock();
        let request: Value = serde_json::from_slice(body).expect("our clients send JSON");
        let (status, text) = match fault {
            L1Fault::None => return Some((StatusCode::OK, self.honest(&request, fault).await)),
            L1Fault::Cut => {
                self.count();
                return None;
            }
            L1Fault::ServerError => {
                (StatusCode::INTERNAL_SERVER_ERROR, "out of order, come back later".to_owned())
            }
            L1Fault::Stall => {
                self.count();
                tokio::time::sleep(STALL).await;
                return None;
            }
            L1Fault::Garbage => (StatusCode::OK, self.garbage(&request).await),
            L1Fault::Null | L1Fault::FalseReceipts | L1Fault::FalseBlocks | L1Fault::Behind(_) => {
                return Some((StatusCode::OK, self.honest(&request, fault).await));
            }
        };
        self.count();
        Some((status, text))
    }

    fn count(&self) -> u64 {
        self.faulty_answers.fetch_add(1, Ordering::Relaxed)
    }

    async fn garbage(&self, request: &Value) -> String {
        match self.faulty_answers.load(Ordering::Relaxed) % 4 {
            0 => "<html><body>Bad Gateway</body></html>".to_owned(),
            1 => json!({ "jsonrpc": "2.0", "id": 1, "result": { "number": "0xzz" } }).to_string(),
            2 => {
                let mut text = self.honest(request, L1Fault::None).await;
                text.truncate(text.len() / 2);
                text
            }
            _ => "[[[[[[[[".repeat(1_000),
        }
    }

    /// The answer to a call or a batch of them, well formed.
    async fn honest(&self, request: &Value, fault: L1Fault) -> String {
        let Value::Array(calls) = request else {
            return self.call(request, fault).await.to_string();
        };
        let mut answers = Vec::new();
        for call in calls {
            answers.push(self.call(call, fault).await);
        }
        json!(answers).to_string()
    }

    async fn call(&self, call: &Value, fault: L1Fault) -> Value {
        let method = call["method"].as_str().expect("a method");
        match self.anvil.request::<Value>(method, call["params"].clone()).await {
            Ok(result) => {
                let changed = self.changed(method, &call["params"], result.clone(), fault).await;
                if changed != result {
                    self.count();
                }
                json!({ "jsonrpc": "2.0", "id": call["id"], "result": changed })
            }
            Err(error) => {
                let (code, message) = match error {
                    GenesisError::Rpc { code, message, .. } => (code, message),
                    error => (-32_603, error.to_string()),
                };
                let error = json!({ "code": code, "message": message });
                json!({ "jsonrpc": "2.0", "id": call["id"], "error": error })
            }
        }
    }

    async fn changed(
        &self,
        method: &str,
        params: &Value,
        mut result: Value,
        fault: L1Fault,
    ) -> Value {
        match fault {
            L1Fault::Null => Value::Null,
            L1Fault::FalseReceipts => {
                match &mut result {
                    Value::Array(receipts) if method == "eth_getBlockReceipts" => {
                        receipts.iter_mut().for_each(falsify_receipt);
                    }
                    receipt if method == "eth_getTransactionReceipt" => falsify_receipt(receipt),
                    _ => {}
                }
                result
            }
            L1Fault::FalseBlocks => {
                if method.starts_with("eth_getBlockBy") && result.is_object() {
                    result["timestamp"] =
                        json!(format!("{:#x}", number_of(&result["timestamp"]) + 1));
                }
                result
            }
            L1Fault::Behind(head) => self.behind(method, params, result, head).await,
            _ => result,
        }
    }

    async fn behind(&self, method: &str, params: &Value, result: Value, head: u64) -> Value {
        if method == "eth_blockNumber" {
            return json!(format!("{head:#x}"));
        }
        let number = match &result {
            Value::Object(block) => block.get("number").or_else(|| block.get("blockNumber")),
            Value::Array(receipts) => receipts.first().map(|receipt| &receipt["blockNumber"]),
            _ => None,
        };
        if number.is_none_or(|number| number.is_null() || number_of(number) <= head) {
            return result;
        }
        let known = match params[0].as_str() {
            Some("latest") => head,
            Some("safe") => head.saturating_sub(SAFE_DEPTH),
            Some("finalized") => head.saturating_sub(2 * SAFE_DEPTH),
            _ => return Value::Null,
        };
        let params = json!([format!("{known:#x}"), params[1]]);
        self.anvil.request(method, params).await.unwrap_or_default()
    }
}

/// Changes what its logs say, or, without logs, what became of the transaction.
fn falsify_receipt(receipt: &mut Value) {
    if !receipt.is_object() {
        return;
    }
    let is_success = receipt["status"] == "0x1";
    match receipt["logs"].as_array_mut() {
        Some(logs) if !logs.is_empty() => logs.iter_mut().for_each(falsify_log),
        _ => receipt["status"] = json!(if is_success { "0x0" } else { "0x1" }),
    }
}

/// Puts a digit into the data where a deposit has the amount that is minted.
fn falsify_log(log: &mut Value) {
    const MINT_END: usize = 2 + 2 * 3 * 32;
    let mut data = log["data"].as_str().unwrap_or("0x").to_owned();
    let at = MINT_END.min(data.len());
    if at > 2 {
        let digit = if data.as_bytes()[at - 1] == b'1' { "2" } else { "1" };
        data.replace_range(at - 1..at, digit);
    } else {
        data.push_str("01");
    }
    log["data"] = json!(data);
}
