//! An anvil for one test, and accounts that send.

use std::time::Duration;

use alloy_consensus::{
    SignableTransaction as _, TxEip1559, TxEnvelope, transaction::Transaction as _,
};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, TxKind, U256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use phala_chainspec::ChainSpec;
use phala_devnet::{Anvil, AnvilConfig, find_anvil, free_port};
use phala_genesis::{ChainTemplate, DeployConfig, L1Deployment, L1Receipt, L1Roles, deploy};
use tempfile::TempDir;

pub(crate) const CHAIN_ID: u64 = 31337;

pub(crate) struct TestL1 {
    pub(crate) anvil: Anvil,
    pub(crate) folder: TempDir,
}

pub(crate) fn signer(index: usize) -> PrivateKeySigner {
    let key: B256 = ChainSpec::dev().dev_accounts[index].key;
    PrivateKeySigner::from_bytes(&key).unwrap()
}

impl TestL1 {
    /// Mines a block a second.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = AnvilConfig {
            program: find_anvil(None).expect("npm ci in tests/js"),
            port: free_port(),
            hardfork: "prague".to_owned(),
            slots_in_an_epoch: 2,
            chain_id: CHAIN_ID,
        };
        let anvil = Anvil::start(&config, &folder.path().join("anvil.log")).await.unwrap();
        anvil.set_interval(Some(Duration::from_secs(1))).await.unwrap();
        anvil.set_time_step(1).await.unwrap();
        Self { anvil, folder }
    }

    pub(crate) fn config(&self, template: ChainTemplate) -> DeployConfig {
        DeployConfig {
            rpc: self.anvil.rpc().clone(),
            signer: signer(0),
            template,
            roles: L1Roles::all(signer(0).address()),
            finalization_period_secs: 12,
            anchor_depth: 0,
            folder: self.folder.path().join("out"),
        }
    }

    /// The development chain.
    pub(crate) async fn deployed() -> (Self, L1Deployment) {
        let l1 = Self::start().await;
        let deployment = deploy(&l1.config(ChainTemplate::dev())).await.expect("deployed");
        (l1, deployment)
    }

    /// Sends a call and waits for its receipt.
    pub(crate) async fn send(
        &self,
        from: &PrivateKeySigner,
        to: impl Into<TxKind>,
        call: impl AsRef<[u8]>,
        value: U256,
    ) -> L1Receipt {
        let rpc = self.anvil.rpc();
        let transaction = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: rpc.nonce(from.address()).await.unwrap(),
            gas_limit: 2_000_000,
            max_fee_per_gas: 20_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to: to.into(),
            value,
            input: call.as_ref().to_vec().into(),
            ..Default::default()
        };
        let signature = from.sign_hash_sync(&transaction.signature_hash()).unwrap();
        let signed: TxEnvelope = transaction.into_signed(signature).into();
        assert_eq!(signed.chain_id(), Some(CHAIN_ID));
        let hash = rpc.send_raw(&signed.encoded_2718()).await.expect("sent");
        for _ in 0..200 {
            if let Some(receipt) = rpc.receipt(hash).await.unwrap() {
                return receipt;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{hash} is not mined");
    }

    pub(crate) async fn call<C: SolCall>(&self, to: Address, call: C) -> C::Return {
        let rpc = self.anvil.rpc();
        let latest = rpc.block("latest").await.unwrap();
        rpc.call(to, call, latest.hash).await.unwrap()
    }
}
