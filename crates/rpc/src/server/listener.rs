use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use jsonrpsee::server::StopHandle;
use metrics::Gauge;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tower::{Service, ServiceExt as _};

use super::body::ResponseBody;

/// A connection that sends no whole request head in this time is closed; idle ones are too.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// How long requests in flight may take once the server stops.
const STOP_GRACE: Duration = Duration::from_millis(1_000);

/// Pause after a failed accept, which is mostly a lack of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 20\r\nconnection: close\r\n\r\ntoo many connections";

/// Keeps a place among the connections until a WebSocket is gone, however it was upgraded.
#[derive(Clone)]
struct ConnectionPlace {
    _place: Arc<Place>,
}

struct Place {
    open: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl ConnectionPlace {
    fn new(open: Gauge, permit: OwnedSemaphorePermit) -> Self {
        open.increment(1);
        Self { _place: Arc::new(Place { open, _permit: permit }) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.decrement(1);
    }
}

/// Accepts connections until the server stops. `service` makes what answers one connection.
pub(crate) async fn serve<S>(
    name: &'static str,
    listener: TcpListener,
    places: Arc<Semaphore>,
    stop: StopHandle,
    mut service: impl FnMut() -> S,
) where
    S: Service<Request<Incoming>, Response = Response<ResponseBody>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let mut connections = JoinSet::new();
    let stopped = stop.clone().shutdown();
    tokio::pin!(stopped);
    let refused = metrics::counter!("phala_rpc_connections_refused_total", "server" => name);
    let open = metrics::gauge!("phala_rpc_connections", "server" => name);
    loop {
        let accepted = tokio::select! {
            () = &mut stopped => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(server = name, %error, "rpc connection was not accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&places).try_acquire_owned() else {
            refused.increment(1);
            connections.spawn(refuse(stream));
            continue;
        };
        let place = ConnectionPlace::new(open.clone(), permit);
        connections.spawn(serve_connection(stream, place, stop.clone(), service()));
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_GRACE, finished).await.is_err() {
        tracing::info!(server = name, left = connections.len(), "rpc connections cut off");
        connections.shutdown().await;
    }
}

async fn serve_connection<S>(
    stream: TcpStream,
    place: ConnectionPlace,
    stop: StopHandle,
    service: S,
) where
    S: Service<Request<Incoming>, Response = Response<ResponseBody>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "rpc connection closed at once");
        return;
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(place.clone());
        service.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let stopped = stop.shutdown();
    let result = tokio::select! {
        result = &mut connection => result,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "rpc connection failed");
    }
}

/// Tells a client that it comes too late; that it reads the reason is not waited for.
async fn refuse(mut stream: TcpStream) {
    let write = async {
        stream.write_all(FULL).await?;
        stream.shutdown().await
    };
    if let Ok(Err(error)) = tokio::time::timeout(Duration::from_secs(1), write).await {
        tracing::debug!(%error, "refused rpc connection went away");
    }
}

/// Opens a listener.
pub(crate) async fn bind(
    server: &'static str,
    addr: SocketAddr,
) -> Result<TcpListener, crate::ServerError> {
    TcpListener::bind(addr).await.map_err(|source| crate::ServerError::Bind {
        server,
        addr,
        source,
    })
}
