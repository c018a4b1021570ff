use alloy_consensus::{
    EthereumTxEnvelope, SignableTransaction, TxEip1559, TxEip4844, TxEip4844Variant,
    TxEip4844WithSidecar,
};
use alloy_eips::{eip2718::Encodable2718, eip7594::BlobTransactionSidecarVariant};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use phala_l1::{L1Client, SendOutcome};

/// The first account of anvil's public mnemonic.
const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

const CHAIN_ID: u64 = 31_337;

/// An account that signs.
pub(crate) struct Account {
    client: L1Client,
    signer: PrivateKeySigner,
    pub(crate) nonce: u64,
}

impl Account {
    pub(crate) async fn dev(client: &L1Client) -> Self {
        let signer: PrivateKeySigner = KEY.parse().unwrap();
        let nonce = client.nonce_latest(signer.address()).await.unwrap();
        Self { client: client.clone(), signer, nonce }
    }

    pub(crate) fn address(&self) -> Address {
        self.signer.address()
    }

    /// Sends and returns the hash; must be accepted.
    pub(crate) async fn send(&mut self, raw: Vec<u8>) -> B256 {
        match self.client.send_raw_transaction(&raw).await.unwrap() {
            SendOutcome::Accepted(hash) => {
                self.nonce += 1;
                hash
            }
            refused => panic!("{refused:?}"),
        }
    }

    pub(crate) fn create(&self, input: Bytes) -> Vec<u8> {
        self.plain(TxKind::Create, input, 3_000_000_000)
    }

    pub(crate) fn transfer(&self, to: Address, max_fee_wei: u128) -> Vec<u8> {
        self.plain(to.into(), Bytes::new(), max_fee_wei)
    }

    fn plain(&self, to: TxKind, input: Bytes, max_fee_wei: u128) -> Vec<u8> {
        let transaction = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonce,
            gas_limit: 500_000,
            max_fee_per_gas: max_fee_wei,
            max_priority_fee_per_gas: 1_000_000_000,
            to,
            value: U256::ZERO,
            access_list: Default::default(),
            input,
        };
        let signature = self.sign(transaction.signature_hash());
        EthereumTxEnvelope::<TxEip4844>::from(transaction.into_signed(signature)).encoded_2718()
    }

    pub(crate) fn blobs(&self, sidecar: BlobTransactionSidecarVariant) -> Vec<u8> {
        let tx = TxEip4844 {
            chain_id: CHAIN_ID,
            nonce: self.nonce,
            gas_limit: 21_000,
            max_fee_per_gas: 3_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to: Address::repeat_byte(0xff),
            value: U256::ZERO,
            access_list: Default::default(),
            blob_versioned_hashes: sidecar.versioned_hashes().collect(),
            max_fee_per_blob_gas: 1_000_000_000,
            input: Bytes::new(),
        };
        let with_blobs =
            TxEip4844Variant::TxEip4844WithSidecar(TxEip4844WithSidecar { tx, sidecar });
        let signature = self.sign(with_blobs.signature_hash());
        EthereumTxEnvelope::<TxEip4844Variant>::from(with_blobs.into_signed(signature))
            .encoded_2718()
    }

    fn sign(&self, hash: B256) -> Signature {
        self.signer.sign_hash_sync(&hash).unwrap()
    }
}
