use alloy_consensus::{SignableTransaction, Signed, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use serde_json::Value;

use super::ChainRpc;

/// Enough on both chains of a devnet.
const MAX_FEE_WEI: u128 = 30_000_000_000;

/// A tip that is above every minimum.
const TIP_WEI: u128 = 1_000_000_000;

/// Somebody with a key and ether.
#[derive(Clone, Debug)]
pub struct Account(PrivateKeySigner);

/// What a transaction does.
#[derive(Clone, Debug)]
pub struct Call {
    /// To whom; nobody creates a contract.
    pub to: TxKind,
    /// Wei.
    pub value: U256,
    /// Input, or code that makes a contract.
    pub input: Bytes,
    /// Gas it may use.
    pub gas_limit: u64,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            to: TxKind::Call(Address::ZERO),
            value: U256::ZERO,
            input: Bytes::new(),
            gas_limit: 1_000_000,
        }
    }
}

impl Call {
    /// Ether.
    pub fn transfer(to: Address, value: u64) -> Self {
        Self { to: to.into(), value: U256::from(value), ..Self::default() }
    }

    /// A call of a contract.
    pub fn function(to: Address, input: impl Into<Bytes>) -> Self {
        Self { to: to.into(), input: input.into(), ..Self::default() }
    }

    /// A new contract.
    pub fn create(init_code: impl Into<Bytes>) -> Self {
        Self { to: TxKind::Create, input: init_code.into(), ..Self::default() }
    }
}

impl Account {
    /// With a key.
    pub fn new(key: B256) -> Self {
        Self(PrivateKeySigner::from_bytes(&key).expect("a key"))
    }

    /// Its address.
    pub const fn address(&self) -> Address {
        self.0.address()
    }

    /// Its key.
    pub fn key(&self) -> B256 {
        self.0.to_bytes()
    }

    /// Signs a hash.
    pub fn sign_hash(&self, hash: B256) -> Signature {
        self.0.sign_hash_sync(&hash).expect("a local key signs")
    }

    /// Signs a transaction of any type.
    pub fn sign<T>(&self, transaction: T) -> Bytes
    where
        T: SignableTransaction<Signature>,
        TxEnvelope: From<Signed<T>>,
    {
        let signature = self.sign_hash(transaction.signature_hash());
        TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into()
    }

    /// Sends a transaction with the next nonce to either chain; its hash.
    pub async fn submit(&self, chain: &ChainRpc, call: Call) -> B256 {
        let transaction = TxEip1559 {
            chain_id: chain.chain_id().await,
            nonce: chain.next_nonce(self.address()).await,
            gas_limit: call.gas_limit,
            max_fee_per_gas: MAX_FEE_WEI,
            max_priority_fee_per_gas: TIP_WEI,
            to: call.to,
            value: call.value,
            input: call.input,
            ..Default::default()
        };
        chain.send_raw(&self.sign(transaction)).await
    }

    /// Sends a transaction and waits for its receipt, which may be of a failure.
    pub async fn send(&self, chain: &ChainRpc, call: Call) -> Value {
        let hash = self.submit(chain, call).await;
        chain.receipt(hash).await
    }

    /// Sends a transaction that must succeed; its receipt.
    pub async fn send_ok(&self, chain: &ChainRpc, call: Call) -> Value {
        let receipt = self.send(chain, call).await;
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt
    }
}
