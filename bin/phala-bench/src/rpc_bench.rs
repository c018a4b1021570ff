//! Starts a node on an imported run and measures six reads.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use eyre::{WrapErr, ensure, eyre};
use serde_json::{Value, json};

use crate::{
    contracts::{PAIR, TOKEN_A, balance_slot},
    generate::GENESIS_FILE,
    rpc_load::{CONNECTIONS, Client, requests_per_second},
};

/// Time a node may take to answer its first request.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Different transactions asked for, so that not only the caches are measured.
const TRANSACTIONS: usize = 512;

/// A read and how many of it were answered a second.
pub(crate) type Rate = (&'static str, f64);

/// Requests a second of each read, from a node on `data`, whose `db` folder holds a run.
pub(crate) fn measure(workload: &Path, data: &Path, seconds: u64) -> eyre::Result<Vec<Rate>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = free_address()?;
    let mut node = Node::start(workload, data, server)?;
    let result = runtime.block_on(async {
        let mut client = node.wait(server).await?;
        let mut rates = Vec::new();
        for (name, bodies) in reads(&mut client).await? {
            let duration = Duration::from_secs(seconds);
            let rate = requests_per_second(server, Arc::new(bodies), duration).await;
            rates.push((name, rate.wrap_err(name)?));
        }
        Ok(rates)
    });
    node.stop()?;
    result
}

async fn reads(client: &mut Client) -> eyre::Result<Vec<(&'static str, Vec<String>)>> {
    let block = call(client, "eth_getBlockByNumber", json!(["latest", false])).await?;
    let hashes = block["transactions"].as_array().ok_or_else(|| eyre!("block has no list"))?;
    // The first transaction sets the L1 attributes.
    let hashes: Vec<_> = hashes.iter().skip(1).take(TRANSACTIONS).cloned().collect();
    ensure!(!hashes.is_empty(), "the newest block of the run is empty");
    let mut senders = Vec::new();
    for hash in hashes.iter().take(64) {
        let tx = call(client, "eth_getTransactionByHash", json!([hash])).await?;
        senders.push(tx["from"].clone());
    }
    let balance_of = json!([{"to": TOKEN_A, "data": format!("0x70a08231{}", &PAIR.into_word().to_string()[2..])}, "latest"]);
    let each = |method: &str, params: &dyn Fn(&Value) -> Value, items: &[Value]| {
        items.iter().map(|item| body(method, &params(item))).collect::<Vec<_>>()
    };
    Ok(vec![
        ("eth_blockNumber", vec![body("eth_blockNumber", &json!([]))]),
        ("eth_getBalance", each("eth_getBalance", &|from| json!([from, "latest"]), &senders)),
        ("eth_call", vec![body("eth_call", &balance_of)]),
        (
            "eth_getStorageAt",
            vec![body("eth_getStorageAt", &json!([TOKEN_A, balance_slot(PAIR), "latest"]))],
        ),
        (
            "eth_getBlockByNumber (full)",
            vec![body("eth_getBlockByNumber", &json!(["latest", true]))],
        ),
        (
            "eth_getTransactionReceipt",
            each("eth_getTransactionReceipt", &|hash| json!([hash]), &hashes),
        ),
    ])
}

fn body(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

async fn call(client: &mut Client, method: &str, params: Value) -> eyre::Result<Value> {
    let answer: Value = serde_json::from_slice(client.request(&body(method, &params)).await?)?;
    Ok(answer["result"].clone())
}

fn free_address() -> eyre::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// A `phala-node` beside this program; killed if it is dropped.
struct Node(Child);

impl Node {
    fn start(workload: &Path, data: &Path, server: SocketAddr) -> eyre::Result<Self> {
        let program = std::env::current_exe()?.with_file_name("phala-node");
        let child = Command::new(&program)
            .arg("node")
            .arg("--chain")
            .arg(workload.join(GENESIS_FILE))
            .arg("--datadir")
            .arg(data)
            .args(["--http", "--http.port", &server.port().to_string()])
            .args(["--authrpc.port", &free_address()?.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .wrap_err_with(|| format!("{} is missing: build phala-node", program.display()))?;
        Ok(Self(child))
    }

    async fn wait(&mut self, server: SocketAddr) -> eyre::Result<Client> {
        let start = Instant::now();
        loop {
            if let Ok(client) = Client::connect(server).await {
                return Ok(client);
            }
            if let Some(status) = self.0.try_wait()? {
                return Err(eyre!("phala-node ended with {status}"));
            }
            ensure!(start.elapsed() < START_LIMIT, "phala-node does not listen on {server}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn stop(&mut self) -> eyre::Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Ended already if everything went well.
        let _ = self.stop();
    }
}

/// Head of the table of reads.
pub(crate) fn print(rates: &[Rate]) {
    println!("\n| read, {CONNECTIONS} connections | requests/s |\n|---|--:|");
    for (name, rate) in rates {
        println!("| {name} | {rate:.0} |");
    }
}
