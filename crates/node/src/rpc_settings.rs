use std::net::SocketAddr;

use phala_rpc::{AuthConfig, HttpConfig, NamespaceSet, RpcConfig, RpcLimits, WsConfig};

use crate::{JwtSecret, NodeError, config::Settings, data_dir::DataDir, node::Role};

/// What `web3_clientVersion` answers.
const CLIENT_VERSION: &str = concat!("phala-node/v", env!("CARGO_PKG_VERSION"));

/// The settings in the words of the RPC servers.
pub(crate) fn rpc_config(
    settings: &Settings,
    data: &DataDir,
    role: Role,
) -> Result<RpcConfig, NodeError> {
    let (http, ws) = (&settings.http, &settings.ws);
    let http = match http.http {
        true => Some(HttpConfig {
            addr: SocketAddr::new(http.http_addr, http.http_port),
            api: namespaces(&http.http_api)?,
            cors_domains: without_empty(&http.http_corsdomain),
        }),
        false => None,
    };
    let ws = match ws.ws {
        true => Some(WsConfig {
            addr: SocketAddr::new(ws.ws_addr, ws.ws_port),
            api: namespaces(&ws.ws_api)?,
            origins: without_empty(&ws.ws_origins),
        }),
        false => None,
    };
    let auth = match role {
        Role::Follower | Role::Rollup { .. } => Some(AuthConfig {
            addr: SocketAddr::new(settings.authrpc.authrpc_addr, settings.authrpc.authrpc_port),
            jwt_secret: jwt_secret(settings, data)?,
        }),
        Role::Dev(_) => None,
    };
    Ok(RpcConfig {
        http,
        ws,
        auth,
        limits: limits(settings),
        client_version: CLIENT_VERSION.to_owned(),
    })
}

fn limits(settings: &Settings) -> RpcLimits {
    let rpc = &settings.rpc;
    RpcLimits {
        connections_max: rpc.rpc_max_connections,
        request_bytes_max: rpc.rpc_max_request_size_mb << 20,
        response_bytes_max: rpc.rpc_max_response_size_mb << 20,
        batch_len_max: rpc.rpc_max_batch,
        subscriptions_max: rpc.rpc_max_subscriptions,
        log_blocks_max: rpc.rpc_max_blocks_per_filter,
        logs_max: usize::try_from(rpc.rpc_max_logs_per_response).unwrap_or(usize::MAX),
        call_gas_max: rpc.rpc_gascap,
        call_timeout: rpc.rpc_timeout,
        ..RpcLimits::default()
    }
}

pub(crate) fn namespaces(names: &[String]) -> Result<NamespaceSet, NodeError> {
    Ok(NamespaceSet::parse(names.iter().map(String::as_str).filter(|name| !name.is_empty()))?)
}

fn without_empty(items: &[String]) -> Vec<String> {
    items.iter().filter(|item| !item.is_empty()).cloned().collect()
}

/// A secret that was named must be there; the one in the data directory is made if it is not.
fn jwt_secret(settings: &Settings, data: &DataDir) -> Result<phala_rpc::JwtSecret, NodeError> {
    let secret = match &settings.authrpc.authrpc_jwtsecret {
        Some(path) => JwtSecret::load(path)?,
        None => JwtSecret::load_or_create(&data.jwt_secret())?,
    };
    Ok(phala_rpc::JwtSecret::new(*secret.as_bytes()))
}
