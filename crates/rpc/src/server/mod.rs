//! The servers: which methods each offers, and how requests reach them.

mod body;
mod call;
mod endpoint;
mod listener;
mod meter;
mod origins;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use jsonrpsee::{
    core::middleware::RpcServiceBuilder,
    server::{
        BatchRequestConfig, IdProvider, Methods, PingConfig, ServerBuilder, ServerConfig,
        ServerHandle, StopHandle, stop_channel,
    },
    types::SubscriptionId,
};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};
use tower::ServiceBuilder;

use self::{
    endpoint::{Endpoint, EndpointConfig},
    listener::bind,
    meter::{Meter, MeterLayer},
    origins::Origins,
};
use crate::{
    AuthConfig, Context, Namespace, NamespaceSet, RpcConfig, RpcHandles, RpcLimits, ServerError,
    debug, engine, eth,
    method::{Method, MethodTable},
    miner, net, txpool, web3,
};

/// Connections of the authenticated server: one consensus client, and tools of the operator.
const AUTH_CONNECTIONS_MAX: usize = 64;

/// Requests of the authenticated server: a payload as large as gossip allows, in hex, with room.
const AUTH_REQUEST_BYTES_MAX: u32 = 64 << 20;

/// Messages one WebSocket connection may have waiting; then its subscriptions wait.
const WEBSOCKET_MESSAGES_MAX: u32 = 1_024;

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
            methods: public_methods(server.api),
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
            methods: auth_methods(),
            subscriptions: false,
            serves_http: true,
            // Only a client with a token gets as far as the handshake.
            websocket: Some(Origins::Listed(Vec::new())),
            jwt_secret: Some(auth.jwt_secret),
        };
        let places = Arc::new(Semaphore::new(AUTH_CONNECTIONS_MAX));
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
        let library = library(limits, &meter);
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
        let (stop, cors) = (self.stop.clone(), cors.cors());
        let make = {
            let stop = stop.clone();
            move || {
                let library = library.clone().build(module.clone(), stop.clone());
                let endpoint = Endpoint { shared: Arc::clone(&shared), library: Arc::new(library) };
                ServiceBuilder::new().option_layer(cors.clone()).service(endpoint)
            }
        };
        self.listeners.spawn(listener::serve(name, listener, places, stop, make));
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

/// What one connection may ask for.
#[derive(Clone, Copy)]
struct ListenerLimits {
    connections_max: u32,
    request_bytes_max: u32,
    response_bytes_max: u32,
    batch_len_max: u32,
    subscriptions_max: u32,
}

impl ListenerLimits {
    const fn public(limits: &RpcLimits) -> Self {
        Self {
            connections_max: limits.connections_max,
            request_bytes_max: limits.request_bytes_max,
            response_bytes_max: limits.response_bytes_max,
            batch_len_max: limits.batch_len_max,
            subscriptions_max: limits.subscriptions_max,
        }
    }

    fn auth(limits: &RpcLimits) -> Self {
        Self {
            connections_max: AUTH_CONNECTIONS_MAX as u32,
            request_bytes_max: AUTH_REQUEST_BYTES_MAX.max(limits.request_bytes_max),
            ..Self::public(limits)
        }
    }
}

fn library(
    limits: ListenerLimits,
    meter: &Arc<Meter>,
) -> jsonrpsee::server::TowerServiceBuilder<
    tower::layer::util::Stack<MeterLayer, tower::layer::util::Identity>,
    tower::layer::util::Identity,
> {
    let config = ServerConfig::builder()
        // Connections are counted when they are accepted; here it is requests.
        .max_connections(limits.connections_max)
        .max_request_body_size(limits.request_bytes_max)
        .max_response_body_size(limits.response_bytes_max)
        .max_subscriptions_per_connection(limits.subscriptions_max)
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch_len_max))
        .set_message_buffer_capacity(WEBSOCKET_MESSAGES_MAX)
        .enable_ws_ping(PingConfig::new())
        .set_id_provider(HexIds)
        .build();
    let meter = MeterLayer {
        meter: Arc::clone(meter),
        response_bytes_max: limits.response_bytes_max as usize,
    };
    ServerBuilder::with_config(config)
        .set_rpc_middleware(RpcServiceBuilder::new().layer(meter))
        .to_service_builder()
}

/// Subscription ids as Ethereum clients know them: hex, and too many to guess.
#[derive(Debug)]
struct HexIds;

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        format!("{:#x}", rand::random::<u128>()).into()
    }
}

fn public_methods(api: &NamespaceSet) -> Vec<Method> {
    let mut methods = Vec::new();
    for namespace in Namespace::ALL {
        if !api.contains(namespace) {
            continue;
        }
        match namespace {
            Namespace::Eth => methods.extend(eth::methods()),
            Namespace::Net => methods.extend(net::METHODS),
            Namespace::Web3 => methods.extend(web3::METHODS),
            Namespace::TxPool => methods.extend(txpool::METHODS),
            Namespace::Debug => methods.extend(debug::methods()),
            Namespace::Miner => methods.extend(miner::METHODS),
            // The node has nothing to administer yet.
            Namespace::Admin => {}
        }
    }
    methods
}

fn auth_methods() -> Vec<Method> {
    let eth = eth::methods().filter(|method| eth::FOR_CONSENSUS_CLIENTS.contains(&method.name));
    engine::METHODS.iter().chain(miner::METHODS).copied().chain(eth).collect()
}
