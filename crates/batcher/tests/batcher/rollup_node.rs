//! A rollup node: serves a scripted chain, and derives its safe head from L1.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use alloy_primitives::{Address, B256};
use jsonrpsee::{RpcModule, server::Server, server::ServerHandle, types::ErrorObjectOwned};
use parking_lot::Mutex;
use phala_primitives::L1BlockRef;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    anvil::{Anvil, number},
    chain::{BLOCK_TIME, GENESIS_TIME, L2_CHAIN_ID, L2Chain},
    derivation::{CHANNEL_TIMEOUT, Derived, derive},
};

pub(crate) const INBOX: Address = Address::repeat_byte(0xff);
pub(crate) const SYSTEM_CONFIG: Address = Address::repeat_byte(0x5c);

/// What the node says about itself, and what it was told.
pub(crate) struct NodeState {
    pub(crate) chain: L2Chain,
    pub(crate) derived: Derived,
    pub(crate) l1_chain_id: u64,
    pub(crate) l2_chain_id: u64,
    /// Limits the batcher asked for, newest last.
    pub(crate) limits: Vec<(String, String)>,
    /// Whether `miner_setMaxDASize` exists.
    pub(crate) throttles: bool,
    /// Transactions below this nonce count for nothing.
    pub(crate) ignored_below: u64,
}

/// The node; it ends with this value.
pub(crate) struct RollupNode {
    pub(crate) url: String,
    pub(crate) state: Arc<Mutex<NodeState>>,
    server: ServerHandle,
    task: JoinHandle<()>,
}

impl RollupNode {
    pub(crate) async fn start(anvil: Arc<Anvil>, chain: L2Chain, batcher: Address) -> Self {
        let state = Arc::new(Mutex::new(NodeState {
            chain,
            derived: Derived::default(),
            l1_chain_id: 31_337,
            l2_chain_id: L2_CHAIN_ID,
            limits: Vec::new(),
            throttles: true,
            ignored_below: 0,
        }));
        let server = Server::builder().build("127.0.0.1:0").await.expect("binds");
        let address: SocketAddr = server.local_addr().expect("address");
        let context = (Arc::clone(&state), Arc::clone(&anvil), batcher);
        let server = server.start(module(context));
        let task = tokio::spawn(follow(anvil, Arc::clone(&state), batcher));
        Self { url: format!("http://{address}"), state, server, task }
    }

    pub(crate) fn derived(&self) -> Derived {
        self.state.lock().derived.clone()
    }
}

impl Drop for RollupNode {
    fn drop(&mut self) {
        self.task.abort();
        let _ = self.server.stop();
    }
}

/// Derives everything again and again; chains are short.
async fn follow(anvil: Arc<Anvil>, state: Arc<Mutex<NodeState>>, batcher: Address) {
    loop {
        // The chain is copied so that no lock is held while L1 is read.
        let (blocks, ignored_below) = {
            let state = state.lock();
            (state.chain.blocks.clone(), state.ignored_below)
        };
        if let Some(derived) = derive(&anvil, &blocks, INBOX, batcher, ignored_below).await {
            let mut state = state.lock();
            // What follows from a chain that is no more is not told.
            let mut both = blocks.iter().zip(&state.chain.blocks);
            let still_there = state.chain.blocks.len() >= blocks.len()
                && both.all(|(a, b)| a.reference == b.reference);
            if still_there {
                state.derived = derived;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

type Context = (Arc<Mutex<NodeState>>, Arc<Anvil>, Address);

fn module(context: Context) -> RpcModule<Context> {
    let mut module = RpcModule::new(context);
    let register = "registers";
    module
        .register_async_method("optimism_syncStatus", |_, context, _| async move {
            let head = context.1.ask("eth_getBlockByNumber", json!(["latest", false])).await;
            let head = head.ok_or_else(|| failed("l1 is away"))?;
            Ok::<_, ErrorObjectOwned>(sync_status(&context.0.lock(), &head))
        })
        .expect(register);
    module
        .register_method("optimism_rollupConfig", |_, context, _| {
            let state = context.0.lock();
            let genesis = state.chain.blocks[0].reference;
            json!({
                "genesis": {
                    "l1": {"hash": B256::ZERO, "number": 0},
                    "l2": {"hash": genesis.hash, "number": 0},
                    "l2_time": GENESIS_TIME,
                    "system_config": {"batcherAddr": context.2, "gasLimit": 30_000_000},
                },
                "block_time": BLOCK_TIME, "seq_window_size": 3_600,
                "granite_channel_timeout": CHANNEL_TIMEOUT,
                "l1_chain_id": state.l1_chain_id, "l2_chain_id": state.l2_chain_id,
                "batch_inbox_address": INBOX, "l1_system_config_address": SYSTEM_CONFIG,
            })
        })
        .expect(register);
    module.register_method("eth_chainId", |_, _, _| format!("{L2_CHAIN_ID:#x}")).expect(register);
    module
        .register_method("eth_getBlockByNumber", |params, context, _| {
            let (height, full): (Value, bool) = params.parse().expect("parameters");
            assert!(full);
            let height = usize::try_from(number(&height)).expect("small");
            context
                .0
                .lock()
                .chain
                .blocks
                .get(height)
                .map_or(Value::Null, |block| block.json.clone())
        })
        .expect(register);
    module
        .register_method("miner_setMaxDASize", |params, context, _| {
            let limits: (String, String) = params.parse().expect("parameters");
            let mut state = context.0.lock();
            if !state.throttles {
                return Err(ErrorObjectOwned::owned(-32_601, "Method not found", None::<()>));
            }
            state.limits.push(limits);
            Ok(true)
        })
        .expect(register);
    module
}

fn sync_status(state: &NodeState, l1_head: &Value) -> Value {
    let head = L1BlockRef {
        hash: l1_head["hash"].as_str().and_then(|hash| hash.parse().ok()).expect("hash"),
        number: number(&l1_head["number"]),
        ..L1BlockRef::default()
    };
    let derived = &state.derived;
    let current =
        L1BlockRef { number: derived.l1_head, hash: derived.l1_head_hash, ..L1BlockRef::default() };
    let safe = state.chain.blocks[usize::try_from(state.derived.safe).expect("small")].reference;
    let genesis = state.chain.blocks[0].reference;
    let newest = state.chain.head();
    json!({
        "current_l1": current, "current_l1_finalized": current, "head_l1": head, "safe_l1": head,
        "finalized_l1": head, "unsafe_l2": newest, "safe_l2": safe, "finalized_l2": genesis,
        "pending_safe_l2": safe, "cross_unsafe_l2": newest, "local_safe_l2": safe,
        "queued_unsafe_l2": genesis,
    })
}

fn failed(message: &str) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(-32_000, message, None::<()>)
}
