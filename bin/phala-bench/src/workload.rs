//! The deterministic workload: a genesis of 200 k accounts and signed transactions on it.

use std::collections::BTreeMap;

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;

use phala_primitives::Transaction;

use crate::contracts::{
    PAIR, TOKEN_A, TOKEN_B, WRITER, allowance_slot, balance_slot, pair, reserves, token, writer,
};

/// Accounts with a key, a token balance and an allowance for the pair.
const SENDERS: usize = 20_000;
/// Tokens each sender and the pair start with.
const TOKENS: u128 = 1 << 100;
/// Slots one fresh-storage transaction fills.
const FRESH_SLOTS: u64 = 10;

/// What the transactions of a block do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Plain ETH transfers.
    Transfers,
    /// ERC-20 transfers.
    Erc20,
    /// Swaps in a constant-product pair.
    Swaps,
    /// Slots that were never used before.
    FreshStorage,
    /// 45 % transfers, 30 % ERC-20, 20 % swaps, 5 % fresh storage, by count.
    Mix,
}

impl Kind {
    /// Name in the report.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Transfers => "transfers",
            Self::Erc20 => "erc-20",
            Self::Swaps => "swaps",
            Self::FreshStorage => "fresh storage",
            Self::Mix => "mix",
        }
    }
}

/// An account of the genesis.
#[derive(Clone, Debug, Default)]
pub(crate) struct GenesisEntry {
    /// Balance in wei.
    pub(crate) balance: U256,
    /// Code, empty for an ordinary account.
    pub(crate) code: Bytes,
    /// Storage by slot.
    pub(crate) storage: BTreeMap<B256, B256>,
}

struct Sender {
    signer: PrivateKeySigner,
    nonce: u64,
}

/// Senders, recipients and the random choices between them; the same seed gives the same bytes.
pub(crate) struct Workload {
    chain_id: u64,
    senders: Vec<Sender>,
    recipients: Vec<Address>,
    next_sender: usize,
    rng: StdRng,
}

impl Workload {
    /// Derives `accounts` accounts from `seed`.
    pub(crate) fn new(chain_id: u64, accounts: usize, seed: u64) -> Self {
        let senders: Vec<_> = (0..SENDERS.min(accounts) as u64)
            .into_par_iter()
            .map(|index| {
                let secret = keccak256([seed.to_be_bytes(), index.to_be_bytes()].concat());
                let signer = PrivateKeySigner::from_bytes(&secret)
                    .expect("a hash is a valid secp256k1 key except with probability 2^-128");
                Sender { signer, nonce: 0 }
            })
            .collect();
        let mut recipients: Vec<_> = senders.iter().map(|sender| sender.signer.address()).collect();
        recipients.extend((recipients.len() as u64..accounts as u64).map(|index| {
            Address::from_word(keccak256([b"account".as_slice(), &index.to_be_bytes()].concat()))
        }));
        Self { chain_id, senders, recipients, next_sender: 0, rng: StdRng::seed_from_u64(seed) }
    }

    /// The accounts the chain starts with.
    pub(crate) fn genesis(&self) -> BTreeMap<Address, GenesisEntry> {
        let ether = U256::from(10).pow(U256::from(18));
        let mut alloc: BTreeMap<_, _> = self
            .recipients
            .iter()
            .map(|address| {
                (
                    *address,
                    GenesisEntry { balance: ether * U256::from(1_000), ..Default::default() },
                )
            })
            .collect();
        let amount = B256::from(U256::from(TOKENS));
        let mut token_a = BTreeMap::from([(balance_slot(PAIR), amount)]);
        let mut token_b = token_a.clone();
        for sender in &self.senders {
            let owner = sender.signer.address();
            token_a.insert(balance_slot(owner), amount);
            token_a.insert(allowance_slot(owner, PAIR), B256::repeat_byte(0xff));
            token_b.insert(balance_slot(owner), amount);
        }
        let pair_storage = BTreeMap::from([(B256::ZERO, B256::from(reserves(TOKENS, TOKENS)))]);
        for (address, code, storage) in [
            (TOKEN_A, token(), token_a),
            (TOKEN_B, token(), token_b),
            (PAIR, pair(), pair_storage),
            (WRITER, writer(), BTreeMap::new()),
        ] {
            alloc.insert(address, GenesisEntry { balance: U256::ZERO, code: code.into(), storage });
        }
        alloc
    }

    /// Signed transactions that use about `gas_target` gas.
    pub(crate) fn block(&mut self, kind: Kind, gas_target: u64) -> Vec<Transaction> {
        let mut unsigned = Vec::new();
        let mut gas = 0;
        while gas < gas_target {
            let (tx, expected_gas) = self.next_transaction(kind);
            gas += expected_gas;
            unsigned.push(tx);
        }
        let senders = &self.senders;
        unsigned
            .into_par_iter()
            .map(|(sender, tx)| {
                let signature = senders[sender]
                    .signer
                    .sign_hash_sync(&tx.signature_hash())
                    .expect("a local key signs any hash");
                Transaction::Eip1559(tx.into_signed(signature))
            })
            .collect()
    }

    fn next_transaction(&mut self, kind: Kind) -> ((usize, TxEip1559), u64) {
        let kind = match kind {
            Kind::Mix => match self.rng.random_range(0..100) {
                0..45 => Kind::Transfers,
                45..75 => Kind::Erc20,
                75..95 => Kind::Swaps,
                _ => Kind::FreshStorage,
            },
            single => single,
        };
        let (to, value, input, gas_limit, expected_gas) = match kind {
            Kind::Transfers => {
                let to = self.recipients[self.rng.random_range(0..self.recipients.len())];
                (to, U256::from(1), Bytes::new(), 21_000, 21_000)
            }
            Kind::Erc20 => {
                let to = self.recipients[self.rng.random_range(0..self.senders.len())];
                let input = call(0xa9059cbb, &[to.into_word(), B256::from(U256::from(1_000))]);
                (TOKEN_A, U256::ZERO, input, 80_000, 34_500)
            }
            Kind::Swaps => {
                let amount = U256::from(self.rng.random_range(1_000_000..2_000_000_u64));
                (PAIR, U256::ZERO, call(0x94b918de, &[B256::from(amount)]), 160_000, 62_000)
            }
            Kind::FreshStorage | Kind::Mix => {
                let input = B256::from(U256::from(FRESH_SLOTS)).0.to_vec().into();
                (WRITER, U256::ZERO, input, 300_000, 27_000 + FRESH_SLOTS * 22_400)
            }
        };
        let index = self.next_sender;
        self.next_sender = (index + 1) % self.senders.len();
        let sender = &mut self.senders[index];
        let tx = TxEip1559 {
            chain_id: self.chain_id,
            nonce: sender.nonce,
            gas_limit,
            max_fee_per_gas: 100_000_000_000,
            max_priority_fee_per_gas: 1_000_000,
            to: TxKind::Call(to),
            value,
            input,
            ..Default::default()
        };
        sender.nonce += 1;
        ((index, tx), expected_gas)
    }
}

fn call(selector: u32, words: &[B256]) -> Bytes {
    let mut input = selector.to_be_bytes().to_vec();
    words.iter().for_each(|word| input.extend(word));
    input.into()
}
