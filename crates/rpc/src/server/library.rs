use std::sync::Arc;

use jsonrpsee::{
    core::middleware::RpcServiceBuilder,
    server::{
        BatchRequestConfig, IdProvider, Methods, PingConfig, ServerBuilder, ServerConfig,
        StopHandle, TowerServiceBuilder,
    },
    types::SubscriptionId,
};
use tower::layer::util::{Identity, Stack};

use super::{
    endpoint::Library,
    meter::{Meter, MeterLayer},
};
use crate::RpcLimits;

/// Connections of the authenticated server: one consensus client, and tools of the operator.
pub(super) const AUTH_CONNECTIONS_MAX: u32 = 64;

/// Requests and responses of the authenticated server are at least this large, whatever the public
/// limits: a payload as large as gossip allows, in hex, with room.
const AUTH_BYTES_MAX: u32 = 64 << 20;

/// Messages one WebSocket connection may have waiting; then its subscriptions wait.
const WEBSOCKET_MESSAGES_MAX: u32 = 1_024;

/// What the clients of one listener may ask for.
#[derive(Clone, Copy)]
pub(super) struct ListenerLimits {
    connections_max: u32,
    pub(super) request_bytes_max: u32,
    pub(super) response_bytes_max: u32,
    batch_len_max: u32,
    subscriptions_max: u32,
}

impl ListenerLimits {
    pub(super) const fn public(limits: &RpcLimits) -> Self {
        Self {
            connections_max: limits.connections_max,
            request_bytes_max: limits.request_bytes_max,
            response_bytes_max: limits.response_bytes_max,
            batch_len_max: limits.batch_len_max,
            subscriptions_max: limits.subscriptions_max,
        }
    }

    pub(super) fn auth(limits: &RpcLimits) -> Self {
        Self {
            connections_max: AUTH_CONNECTIONS_MAX,
            request_bytes_max: AUTH_BYTES_MAX.max(limits.request_bytes_max),
            response_bytes_max: AUTH_BYTES_MAX.max(limits.response_bytes_max),
            ..Self::public(limits)
        }
    }
}

/// Makes the JSON-RPC library's part of each connection of a listener.
#[derive(Clone)]
pub(super) struct LibraryMaker {
    builder: TowerServiceBuilder<Stack<MeterLayer, Identity>, Identity>,
    methods: Methods,
    stop: StopHandle,
}

impl LibraryMaker {
    pub(super) fn new(
        limits: ListenerLimits,
        meter: &Arc<Meter>,
        methods: Methods,
        stop: StopHandle,
    ) -> Self {
        Self { builder: builder(limits, meter), methods, stop }
    }

    pub(super) fn make(&self) -> Library {
        self.builder.clone().build(self.methods.clone(), self.stop.clone())
    }
}

fn builder(
    limits: ListenerLimits,
    meter: &Arc<Meter>,
) -> TowerServiceBuilder<Stack<MeterLayer, Identity>, Identity> {
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
