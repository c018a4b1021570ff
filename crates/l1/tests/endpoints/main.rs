//! Against servers that lie, stall and fail by script.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod beacon;
mod chain;
mod execution;
mod limits;
mod server;

use std::{sync::Arc, time::Duration};

use chain::TestChain;
use phala_l1::{L1Client, L1Config};
use server::{Reply, Server};

/// A client of these servers, the first preferred.
fn client(servers: &[&Server], change: impl FnOnce(&mut L1Config)) -> L1Client {
    let mut config = L1Config::new(servers.iter().map(|server| server.url()).collect(), Vec::new());
    config.request_timeout = Duration::from_millis(500);
    config.cross_check = false;
    change(&mut config);
    L1Client::new(config).unwrap()
}

/// A server that knows the whole chain.
async fn honest(chain: &Arc<TestChain>) -> Server {
    let chain = Arc::clone(chain);
    Server::start(move |asked| chain.honest(chain.blocks.len(), asked)).await
}

/// A server that answers one method by a script of its own.
async fn lying(
    chain: &Arc<TestChain>,
    method: &'static str,
    lie: impl Fn() -> Reply + Send + Sync + 'static,
) -> Server {
    let chain = Arc::clone(chain);
    Server::start(move |asked| {
        if asked.method == method { lie() } else { chain.honest(chain.blocks.len(), asked) }
    })
    .await
}
