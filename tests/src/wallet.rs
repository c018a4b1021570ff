use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use phala_chainspec::ChainSpec;

/// Key of the development chain's first account.
const FIRST_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// Chain id of the development chain.
const DEV_CHAIN_ID: u64 = 20_351_337;

/// Gas price that is enough on a quiet chain.
const MAX_FEE_WEI: u128 = 10_000_000_000;

/// A funded account of the development chain.
#[derive(Clone, Debug)]
pub struct Wallet {
    signer: PrivateKeySigner,
    nonce: u64,
}

impl Wallet {
    /// The first account, at a nonce.
    pub fn first(nonce: u64) -> Self {
        Self { signer: FIRST_KEY.parse().expect("a key"), nonce }
    }

    /// All funded accounts, which have sent nothing yet.
    pub fn all() -> Vec<Self> {
        ChainSpec::dev()
            .dev_accounts
            .iter()
            .map(|account| Self {
                signer: PrivateKeySigner::from_bytes(&account.key).expect("a key"),
                nonce: 0,
            })
            .collect()
    }

    /// Its address.
    pub const fn address(&self) -> Address {
        self.signer.address()
    }

    /// Signs a transfer with the next nonce; answers its hash and bytes.
    pub fn transfer(&mut self, to: Address, value: U256) -> (B256, Bytes) {
        self.sign(TxKind::Call(to), value, Bytes::new(), 21_000)
    }

    /// Signs any transaction with the next nonce; answers its hash and bytes.
    pub fn sign(&mut self, to: TxKind, value: U256, input: Bytes, gas_limit: u64) -> (B256, Bytes) {
        let tx = TxEip1559 {
            chain_id: DEV_CHAIN_ID,
            nonce: self.nonce,
            gas_limit,
            max_fee_per_gas: MAX_FEE_WEI,
            max_priority_fee_per_gas: 1,
            to,
            value,
            access_list: Default::default(),
            input,
        };
        self.nonce += 1;
        let signature =
            self.signer.sign_hash_sync(&tx.signature_hash()).expect("a local key signs");
        let tx = TxEnvelope::from(tx.into_signed(signature));
        (*tx.tx_hash(), tx.encoded_2718().into())
    }
}
