use std::{collections::BTreeSet, net::SocketAddr, str::FromStr, time::Duration};

use crate::{JwtSecret, ServerError};

/// Everything the servers of this node need to know.
#[derive(Clone, Debug, Default)]
pub struct RpcConfig {
    /// Public RPC over HTTP (`--http`); `None` serves none.
    pub http: Option<HttpConfig>,
    /// Public RPC over WebSocket (`--ws`); `None` serves none.
    ///
    /// With the same address and port as [`RpcConfig::http`], both are served by one listener.
    pub ws: Option<WsConfig>,
    /// Engine API (`--authrpc.*`); `None` serves none.
    pub auth: Option<AuthConfig>,
    /// Limits of the public servers (`--rpc.*`).
    pub limits: RpcLimits,
    /// What `web3_clientVersion` answers.
    pub client_version: String,
}

/// Public RPC over HTTP.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Address and port; port 0 picks a free one.
    pub addr: SocketAddr,
    /// Namespaces to serve.
    pub api: NamespaceSet,
    /// Origins browsers may call from, `*` for any; empty for none.
    pub cors_domains: Vec<String>,
}

/// Public RPC over WebSocket.
#[derive(Clone, Debug)]
pub struct WsConfig {
    /// Address and port; port 0 picks a free one.
    pub addr: SocketAddr,
    /// Namespaces to serve.
    pub api: NamespaceSet,
    /// Origins browsers may connect from, `*` for any; empty for those on this machine.
    pub origins: Vec<String>,
}

/// Engine API, and what a consensus client reads beside it.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// Address and port; port 0 picks a free one.
    pub addr: SocketAddr,
    /// Secret shared with the consensus client.
    pub jwt_secret: JwtSecret,
}

/// What one caller, or all of them together, may ask for.
#[derive(Clone, Debug)]
pub struct RpcLimits {
    /// Connections served at once, over HTTP and WebSocket together.
    pub connections_max: u32,
    /// Largest request.
    pub request_bytes_max: u32,
    /// Largest response.
    pub response_bytes_max: u32,
    /// Calls in one batch.
    pub batch_len_max: u32,
    /// Subscriptions of one connection.
    pub subscriptions_max: u32,
    /// Filters of all callers together.
    pub filters_max: usize,
    /// A filter nobody asks about is dropped after this time.
    pub filter_lifetime: Duration,
    /// Blocks one log query may span.
    pub log_blocks_max: u64,
    /// Logs one query may return.
    pub logs_max: usize,
    /// Gas a call or an estimate may use.
    pub call_gas_max: u64,
    /// Longest time a call may take.
    pub call_timeout: Duration,
    /// Calls that execute or search, running at once.
    pub heavy_calls_max: usize,
    /// Calls that wait for their turn; more are refused.
    pub heavy_queue_len_max: usize,
    /// Storage slots one proof may ask for.
    pub proof_slots_max: usize,
    /// Memory for decoded and serialised blocks.
    pub block_cache_bytes: usize,
}

impl Default for RpcLimits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            connections_max: 500,
            request_bytes_max: 15 << 20,
            response_bytes_max: 160 << 20,
            batch_len_max: 100,
            subscriptions_max: 1_024,
            filters_max: 10_000,
            filter_lifetime: Duration::from_secs(300),
            log_blocks_max: 100_000,
            logs_max: 20_000,
            call_gas_max: 50_000_000,
            call_timeout: Duration::from_secs(10),
            heavy_calls_max: 2 * cores,
            heavy_queue_len_max: 1_024,
            proof_slots_max: 1_024,
            block_cache_bytes: 32 << 20,
        }
    }
}

/// A group of methods that is switched on or off as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// The chain, its state and its logs.
    Eth,
    /// The network.
    Net,
    /// Client version and hashing.
    Web3,
    /// Pending transactions.
    TxPool,
    /// Raw encodings and witnesses.
    Debug,
    /// Reasons of attestation, and the GPU job market.
    Phala,
    /// Progress of derivation, and outputs. Only where the node derives the chain from L1.
    Optimism,
    /// The node itself. Off unless asked for, and only where the node derives the chain from L1.
    Admin,
    /// Limits of block building. Off unless asked for.
    Miner,
}

impl Namespace {
    /// Every namespace.
    pub const ALL: [Self; 9] = [
        Self::Eth,
        Self::Net,
        Self::Web3,
        Self::TxPool,
        Self::Debug,
        Self::Phala,
        Self::Optimism,
        Self::Admin,
        Self::Miner,
    ];

    /// Name as in the first part of a method.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eth => "eth",
            Self::Net => "net",
            Self::Web3 => "web3",
            Self::TxPool => "txpool",
            Self::Debug => "debug",
            Self::Phala => "phala",
            Self::Optimism => "optimism",
            Self::Admin => "admin",
            Self::Miner => "miner",
        }
    }
}

impl FromStr for Namespace {
    type Err = ServerError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|namespace| namespace.name() == name)
            .ok_or_else(|| ServerError::UnknownNamespace { name: name.to_owned() })
    }
}

/// The namespaces one server offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceSet(BTreeSet<Namespace>);

impl NamespaceSet {
    /// Whether the namespace is offered.
    pub fn contains(&self, namespace: Namespace) -> bool {
        self.0.contains(&namespace)
    }

    /// Reads the names an operator gave; `all` stands for everything but `admin` and `miner`.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, ServerError> {
        let mut set = BTreeSet::new();
        for name in names {
            match name.trim() {
                "all" => set.extend(Self::default().0),
                name => {
                    set.insert(name.parse()?);
                }
            }
        }
        Ok(Self(set))
    }
}

impl Default for NamespaceSet {
    fn default() -> Self {
        Self(
            Namespace::ALL
                .into_iter()
                .filter(|n| !matches!(n, Namespace::Admin | Namespace::Miner))
                .collect(),
        )
    }
}

impl FromIterator<Namespace> for NamespaceSet {
    fn from_iter<I: IntoIterator<Item = Namespace>>(namespaces: I) -> Self {
        Self(namespaces.into_iter().collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use super::*;

    #[test]
    fn admin_and_miner_are_off_unless_named() {
        let set = NamespaceSet::parse(["all"]).unwrap();
        assert_eq!(set, NamespaceSet::default());
        assert!(!set.contains(Namespace::Admin) && !set.contains(Namespace::Miner));
        let set = NamespaceSet::parse(["eth", " admin"]).unwrap();
        assert!(set.contains(Namespace::Admin) && !set.contains(Namespace::Debug));
    }

    #[test]
    fn refuses_a_namespace_it_does_not_have() {
        let error = NamespaceSet::parse(["eth", "personal"]).unwrap_err();
        assert!(error.to_string().contains("personal"), "{error}");
    }
}
