use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Bytes, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

/// What a server does with one request.
pub(crate) enum Reply {
    /// Answers a call with a result.
    Result(Value),
    /// Answers a call with an error.
    Error(i64, &'static str),
    /// Answers with a body, whatever was asked.
    Body(Vec<u8>),
    /// Answers with a status and a header.
    Status(u16, Option<(&'static str, &'static str)>),
    /// Answers with the first bytes of a body and closes the connection.
    Truncated(Value),
    /// Does not answer.
    Stall,
}

/// What was asked: a method with its parameters, or `GET` with path and query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) params: Value,
}

type Script = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// A server that does what a script says and remembers what it was asked.
pub(crate) struct Server {
    port: u16,
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(crate) async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Arc::new(script)));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server = Self { port, script: Arc::clone(&script), asked: Arc::clone(&asked) };
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let (script, asked) = (Arc::clone(&script), Arc::clone(&asked));
                let service = service_fn(move |request| {
                    answer(request, Arc::clone(&script), Arc::clone(&asked))
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        server
    }

    /// With a secret in every part of the URL that may hold one.
    pub(crate) fn url(&self) -> Url {
        format!("http://127.0.0.1:{}/SECRET?key=SECRET", self.port).parse().unwrap()
    }

    pub(crate) fn set(&self, script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Arc::new(script);
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, method: &str) -> usize {
        self.asked().iter().filter(|asked| asked.method == method).count()
    }
}

/// Hyper breaks the connection off when a service fails.
#[derive(Debug)]
struct BrokenOff;

impl std::fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken off")
    }
}

impl std::error::Error for BrokenOff {}

async fn answer(
    request: Request<Incoming>,
    script: Arc<Mutex<Script>>,
    log: Arc<Mutex<Vec<Asked>>>,
) -> Result<Response<Full<Bytes>>, BrokenOff> {
    let path = request.uri().path_and_query().unwrap().to_string();
    let body = request.into_body().collect().await.map_err(|_| BrokenOff)?.to_bytes();
    let script = Arc::clone(&script.lock().unwrap());
    let ask = |asked: Asked| {
        log.lock().unwrap().push(asked.clone());
        script(&asked)
    };
    if body.is_empty() {
        return reply(ask(Asked { method: "GET".into(), params: json!(path) }), &Value::Null).await;
    }
    let call: Value = serde_json::from_slice(&body).unwrap();
    let asked = |call: &Value| Asked {
        method: call["method"].as_str().unwrap().into(),
        params: call["params"].clone(),
    };
    let Some(batch) = call.as_array() else {
        return reply(ask(asked(&call)), &call["id"]).await;
    };
    // In reverse order, as a server may.
    let mut answers = Vec::new();
    for call in batch.iter().rev() {
        match ask(asked(call)) {
            Reply::Result(result) => answers.push(json!({ "id": call["id"], "result": result })),
            Reply::Error(code, message) => {
                answers.push(
                    json!({ "id": call["id"], "error": { "code": code, "message": message } }),
                );
            }
            other => return reply(other, &Value::Null).await,
        }
    }
    Ok(Response::new(Value::Array(answers).to_string().into_bytes().into()))
}

async fn reply(reply: Reply, id: &Value) -> Result<Response<Full<Bytes>>, BrokenOff> {
    let whole = |body: Vec<u8>| Ok(Response::new(body.into()));
    match reply {
        Reply::Result(result) if id.is_null() => whole(result.to_string().into_bytes()),
        Reply::Result(result) => {
            let answer = json!({ "jsonrpc": "2.0", "id": id, "result": result });
            whole(answer.to_string().into_bytes())
        }
        Reply::Error(code, message) => {
            let error = json!({ "code": code, "message": message });
            whole(json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string().into_bytes())
        }
        Reply::Body(body) => whole(body),
        Reply::Truncated(result) => {
            let answer = json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string();
            whole(answer.as_bytes()[..answer.len() / 2].to_vec())
        }
        Reply::Status(status, header) => {
            let mut response = Response::builder().status(status);
            if let Some((name, value)) = header {
                response = response.header(name, value);
            }
            Ok(response.body(Full::default()).unwrap())
        }
        Reply::Stall => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            Err(BrokenOff)
        }
    }
}
