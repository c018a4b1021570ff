//! The servers: which methods each offers, and how requests reach them.

mod body;
mod call;
mod endpoint;
mod library;
mod listener;
mod meter;
mod origins;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use jsonrpsee::server::{Methods, ServerHandle, StopHandle, stop_channel};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};
use tower::ServiceBuilder;

use self::{
    endpoint::{Endpoint, EndpointConfig},
    library::{AUTH_CONNECTIONS_MAX, LibraryMaker, ListenerLimits},
    listener::bind,
    meter::Meter,
    origins::Origins,
};
use crate::{
    AuthConfig, Context, Namespace, NamespaceSet, RpcConfig, RpcHandles, RpcLimits, ServerError,
    eth,
    method::{Method, MethodTable},
    namespaces::{auth_methods, public_methods},
};

/// How long stopping waits for WebSocket connections to say goodbye.
const STOP_GRACE: Duration = Duration::from_millis(1_200);

/// Starts and stops the servers.
#[derive(Debug)]
pub struct RpcServer;

/// The running servers. Dropping it stops them without waiting.
#[derive(Debug)]
pub struct RpcHandle {
    /// Where HTTP is served.
    pub http_addr: Option<SocketAddr>,
    /// Where WebSocket is served.
    pub ws_addr: Option<SocketAddr>,
    /// Where the Engine API is served.
    pub auth_addr: Option<SocketAddr>,
    stop: ServerHandle,
    listeners: JoinSet<()>,
}

impl RpcServer {
    /// Opens the ports and serves in the background, on the runtime this is called on.
    pub async fn start(config: RpcConfig, handles: RpcHandles) -> Result<RpcHandle, ServerError> {
        let context =
            Arc::new(Context::new(handles, config.limits.clone(), config.client_version.clone()));
        let (stop, handle) = stop_channel();
        let mut starter =
            Starter { context, limits: config.limits, stop, listeners: JoinSet::new() };
        let (http_addr, ws_addr) = starter.start_public(config.http, config.ws).await?;
        let auth_addr = match config.auth {
            Some(auth) => Some(starter.start_auth(auth).await?),
            None => None,
        };
        Ok(RpcHandle { http_addr, ws_addr, auth_addr, stop: handle, listeners: starter.listeners })
    }
}

impl RpcHandle {
    /// Closes the ports, lets requests in flight finish for about a second, and cuts off the rest.
    pub async fn stop(mut self) {
        // Already stopped is as good.
        let _ = self.stop.stop();
        let goodbye = async {
            while self.listeners.join_next().await.is_some() {}
            self.stop.clone().stopped().await;
        };
        if tokio::time::timeout(STOP_GRACE, goodbye).await.is_err() {
            tracing::info!("rpc connections left behind");
        }
    }
}

struct Starter {
    context: Arc<Context>,
    limits: RpcLimits,
    stop: StopHandle,
    listeners: JoinSet<()>,
}

impl Starter {
    async fn start_public(
        &mut self,
        http: Option<crate::HttpConfig>,
        ws: Option<crate::WsConfig>,
    ) -> Result<(Option<SocketAddr>, Option<SocketAddr>), ServerError> {
        let places = Arc::new(Semaphore::new(self.limits.connections_max as usize));
        let limits = ListenerLimits::public(&self.limits);
        if let (Some(http), Some(ws)) = (&http, &ws)
            && http.addr == ws.addr
            && http.addr.port() != 0
        {
            if http.api != ws.api {
                return Err(ServerError::SharedPortDiffers { addr: http.addr });
            }
            let listener = bind("http and ws", http.addr).await?;
            let server = Public {
                name: "public",
                api: &http.api,
                serves_http: true,
                cors: Origins::parse(&http.cors_domains)?,
                websocket: Some(Origins::parse(&ws.origins)?),
            };
            let addr = self.serve_public(listener, places, limits, server)?;
            return Ok((Some(addr), Some(addr)));
        }
        let mut addrs = (None, None);
        if let Some(http) = http {
            let listener = bind("http", http.addr).await?;
            let server = Public {
                name: "http",
                api: &http.api,
                serves_http: true,
                cors: Origins::parse(&http.cors_domains)?,
                websocket: None,
            };
            addrs.0 = Some(self.serve_public(listener, Arc::clone(&places), limits, server)?);
        }
        if let Some(ws) = ws {
            let listener = bind("ws", ws.addr).await?;
            let server = Public {
                name: "ws",
                api: &ws.api,
                serves_http: false,
                cors: Origins::Listed(Vec::new()),
                websocket: Some(Origins::parse(&ws.origins)?),
            };
            addrs.1 = Some(self.serve_public(listener, places, limits, server)?);
        }
        Ok(addrs)
    }

    fn serve_public(
        &mut self,
        listener: TcpListener,
        places: Arc<Semaphore>,
        limits: ListenerLimits,
        server: Public<'_>,
    ) -> Result<SocketAddr, ServerError> {
        let endpoint = EndpointParts {
            methods: public_methods(server.api, self.context.is_rollup_node()),
            subscriptions: server.api.contains(Namespace::Eth),
            serves_http: server.serves_http,
            websocket: server.websocket,
            jwt_secret: None,
        };
        self.serve(server.name, listener, places, limits, &server.cors, endpoint)
    }

    async fn start_auth(&mut self, auth: AuthConfig) -> Result<SocketAddr, ServerError> {
        let listener = bind("authrpc", auth.addr).await?;
        let endpoint = EndpointParts {
            methods: auth_methods(self.context.is_rollup_node()),
            subscriptions: false,
            serves_http: true,
            // Only a client with a token gets as far as the handshake.
            websocket: Some(Origins::Listed(Vec::new())),
            jwt_secret: Some(auth.jwt_secret),
        };
        let places = Arc::new(Semaphore::new(AUTH_CONNECTIONS_MAX as usize));
        let limits = ListenerLimits::auth(&self.limits);
        self.serve("authrpc", listener, places, limits, &Origins::Listed(Vec::new()), endpoint)
    }

    fn serve(
        &mut self,
        name: &'static str,
        listener: TcpListener,
        places: Arc<Semaphore>,
        limits: ListenerLimits,
        cors: &Origins,
        parts: EndpointParts,
    ) -> Result<SocketAddr, ServerError> {
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let addr = listener.local_addr().map_err(|source| ServerError::Bind {
            server: name,
            addr: unknown,
            source,
        })?;
        let methods = MethodTable::new(parts.methods)?;
        let mut module = methods.module(&self.context)?;
        if parts.subscriptions {
            eth::register_subscriptions(&mut module)?;
        }
        let module = Methods::from(module);
        let meter = Arc::new(Meter::new(module.method_names()));
        let library = LibraryMaker::new(limits, &meter, module, self.stop.clone());
        let shared = Arc::new(EndpointConfig {
            context: Arc::clone(&self.context),
            methods,
            meter,
            serves_http: parts.serves_http,
            websocket: parts.websocket,
            jwt_secret: parts.jwt_secret,
            request_bytes_max: limits.request_bytes_max,
            response_bytes_max: limits.response_bytes_max,
        });
        let cors = cors.cors();
        let make = move || {
            let library = Arc::new(library.make());
            let endpoint = Endpoint { shared: Arc::clone(&shared), library };
            ServiceBuilder::new().option_layer(cors.clone()).service(endpoint)
        };
        self.listeners.spawn(listener::serve(name, listener, places, self.stop.clone(), make));
        tracing::info!(server = name, %addr, "rpc server started");
        Ok(addr)
    }
}

/// One of the public listeners.
struct Public<'a> {
    name: &'static str,
    api: &'a NamespaceSet,
    serves_http: bool,
    cors: Origins,
    websocket: Option<Origins>,
}

/// What one listener answers, and whom.
struct EndpointParts {
    methods: Vec<Method>,
    subscriptions: bool,
    serves_http: bool,
    websocket: Option<Origins>,
    jwt_secret: Option<crate::JwtSecret>,
}
