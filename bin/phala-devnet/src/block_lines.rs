use std::io::{self, Write};

use alloy_primitives::B256;
use phala_genesis::L1Rpc;
use serde::Deserialize;
use serde_json::{Value, json};

/// Most blocks printed at once; the others of a burst are said to be left out.
const LINES_MAX: u64 = 20;

/// Prints one line for each block of the sequencer, with how far L1 and the follower are.
#[derive(Debug)]
pub struct BlockLines {
    sequencer: L1Rpc,
    follower: L1Rpc,
    printed: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Status {
    unsafe_l2: Head,
    safe_l2: Head,
    finalized_l2: Head,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Head {
    number: u64,
}

#[derive(Debug, Deserialize)]
struct Block {
    hash: B256,
    transactions: Vec<Value>,
    #[serde(rename = "gasUsed")]
    gas_used: alloy_primitives::U64,
}

impl BlockLines {
    /// Of these two nodes.
    pub const fn new(sequencer: L1Rpc, follower: L1Rpc) -> Self {
        Self { sequencer, follower, printed: None }
    }

    /// Prints what is new. A node that does not answer for the moment is passed over: whoever looks
    /// after the processes says why.
    pub async fn print_new(&mut self, out: &mut impl Write) -> io::Result<()> {
        let Some(status) = status(&self.sequencer).await else {
            return Ok(());
        };
        let follower = status_of_follower(&self.follower).await;
        let newest = status.unsafe_l2.number;
        let mut next = self.printed.map_or(1, |number| number + 1);
        if next > newest + 1 {
            writeln!(out, "the chain went back to block {newest}")?;
            next = newest + 1;
        }
        let first = next.max((newest + 1).saturating_sub(LINES_MAX));
        if first > next {
            writeln!(out, "blocks {next} to {}", first - 1)?;
        }
        for number in first..=newest {
            let Some(block) = self.block(number).await else {
                break;
            };
            writeln!(
                out,
                "block {number:>6}  {}  {:>3} txs  {:>9} gas   safe {}  finalized {}   {follower}",
                short(block.hash),
                block.transactions.len(),
                block.gas_used,
                status.safe_l2.number,
                status.finalized_l2.number,
            )?;
            self.printed = Some(number);
        }
        if self.printed.is_some_and(|printed| printed > newest) {
            self.printed = Some(newest);
        }
        out.flush()
    }

    async fn block(&self, number: u64) -> Option<Block> {
        let params = json!([format!("{number:#x}"), false]);
        self.sequencer.request("eth_getBlockByNumber", params).await.ok()
    }
}

async fn status(node: &L1Rpc) -> Option<Status> {
    node.request("optimism_syncStatus", json!([])).await.ok()
}

async fn status_of_follower(node: &L1Rpc) -> String {
    match status(node).await {
        Some(status) => format!("follower {}", status.safe_l2.number),
        None => "follower -".to_owned(),
    }
}

fn short(hash: B256) -> String {
    let text = hash.to_string();
    format!("{}…{}", &text[..8], &text[62..])
}
