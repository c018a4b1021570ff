use std::time::Duration;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, U64, U256};
use phala_tests::rollup::{Account, ChainRpc, Testnet};
use serde_json::json;
use tokio::task::JoinHandle;

/// Pause between two transactions.
const PAUSE: Duration = Duration::from_millis(400);

/// Somebody who sends ether on L2 all the time, whatever happens: so blocks differ from those that
/// derivation makes of nothing.
#[derive(Debug)]
pub(crate) struct Traffic(JoinHandle<()>);

impl Traffic {
    /// Starts until dropped.
    pub(crate) fn start(net: &Testnet) -> Self {
        let (sender, l2) = (net.account("user 1"), net.sequencer());
        let chain_id = net.devnet.files.spec.chain_id;
        Self(tokio::spawn(async move {
            for value in 1.. {
                // A sequencer that is down or busy is part of the test.
                let _ = send(&sender, &l2, chain_id, value).await;
                tokio::time::sleep(PAUSE).await;
            }
        }))
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn send(sender: &Account, l2: &ChainRpc, chain_id: u64, value: u64) -> Option<B256> {
    let params = json!([sender.address(), "pending"]);
    let nonce = l2.try_call("eth_getTransactionCount", params).await.ok()?;
    let nonce: U64 = serde_json::from_value(nonce).ok()?;
    let transaction = sender.sign(TxEip1559 {
        chain_id,
        nonce: nonce.to(),
        gas_limit: 100_000,
        max_fee_per_gas: 30_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: Address::left_padding_from(&value.to_be_bytes()).into(),
        value: U256::from(value),
        ..Default::default()
    });
    let hash = l2.try_call("eth_sendRawTransaction", json!([transaction])).await.ok()?;
    serde_json::from_value(hash).ok()
}
