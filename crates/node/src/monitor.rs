use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
    time::timeout,
};

use crate::{Health, HealthReport, Metrics, NodeError};

/// Connections served at once; more wait in the kernel's queue. Scrapers and probes need a few.
const CONNECTIONS_MAX: usize = 32;

/// Longest life of a connection, so that idle ones do not hold a place for ever.
const CONNECTION_SECS_MAX: u64 = 60;

/// Longest time to send the head of a request.
const HEADER_SECS_MAX: u64 = 5;

/// Largest head of a request.
const HEADER_BYTES_MAX: usize = 16 * 1_024;

/// Pause after a failed accept, as when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Pause between two upkeep runs of the metrics.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Serves `/metrics`, `/healthz` and `/readyz`.
#[derive(Debug)]
pub struct MonitorServer {
    address: SocketAddr,
    tasks: [JoinHandle<()>; 2],
}

impl MonitorServer {
    /// Starts listening.
    pub async fn start(
        address: SocketAddr,
        metrics: Metrics,
        health: Arc<Health>,
    ) -> Result<Self, NodeError> {
        let listen_error = |source| NodeError::Listen { service: "metrics", address, source };
        let listener = TcpListener::bind(address).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        tracing::info!(%address, "metrics and health server started");
        let upkeep = tokio::spawn(run_upkeep(metrics.clone()));
        let accept = tokio::spawn(accept(listener, metrics, health));
        Ok(Self { address, tasks: [accept, upkeep] })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MonitorServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn run_upkeep(metrics: Metrics) {
    loop {
        tokio::time::sleep(UPKEEP_INTERVAL).await;
        metrics.run_upkeep();
    }
}

async fn accept(listener: TcpListener, metrics: Metrics, health: Arc<Health>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (metrics, health) = (metrics.clone(), Arc::clone(&health));
                tokio::spawn(async move {
                    serve(stream, metrics, health).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "metrics server cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, metrics: Metrics, health: Arc<Health>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = answer(request.method(), request.uri().path(), &metrics, &health);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(HEADER_SECS_MAX))
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    // A client that went away or sent nonsense is its own problem.
    let _ = timeout(Duration::from_secs(CONNECTION_SECS_MAX), connection).await;
}

fn answer(
    method: &Method,
    path: &str,
    metrics: &Metrics,
    health: &Health,
) -> Response<Full<Bytes>> {
    if method != Method::GET && method != Method::HEAD {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET is served here\n".to_owned());
    }
    match path {
        "/metrics" => text(StatusCode::OK, metrics.render()),
        "/healthz" => report(&health.liveness()),
        "/readyz" => report(&health.readiness()),
        _ => text(StatusCode::NOT_FOUND, "served here: /metrics, /healthz, /readyz\n".to_owned()),
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    response(status, "text/plain; version=0.0.4; charset=utf-8", body)
}

fn report(report: &HealthReport) -> Response<Full<Bytes>> {
    let status = if report.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = serde_json::to_string_pretty(report).expect("a report has only string keys");
    body.push('\n');
    response(status, "application/json", body)
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
