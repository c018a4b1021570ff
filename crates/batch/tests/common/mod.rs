//! Random blocks as batchers meet them.

#![allow(dead_code, clippy::unwrap_used)] // Each test uses a part; a panic is how a test fails.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy};
use alloy_eips::{
    Encodable2718,
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use phala_batch::{BatchBlock, BatchContext};
use phala_primitives::BlockRef;
use rand::{Rng, SeedableRng, rngs::StdRng};

/// The chain of the tests.
pub(crate) const CONTEXT: BatchContext =
    BatchContext { chain_id: 20_351_337, genesis_time: 1_700_000_000, block_time_secs: 2 };

/// A generator whose seed is told; `BATCH_SEED` overrides it.
pub(crate) fn rng(seed: u64) -> StdRng {
    let seed = std::env::var("BATCH_SEED").map_or(seed, |seed| seed.parse().unwrap());
    println!("BATCH_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// Consecutive blocks with some transactions of every type span batches know.
pub(crate) fn blocks(rng: &mut StdRng, count: usize, txs_max: usize) -> Vec<BatchBlock> {
    let start = rng.random_range(1..1_000_000_u64);
    let mut epoch = BlockRef {
        number: rng.random_range(1..u64::MAX / 2),
        hash: rng.random::<[u8; 32]>().into(),
    };
    let mut sequence_number = rng.random_range(0..3);
    let mut parent_hash: B256 = rng.random::<[u8; 32]>().into();
    (0..count as u64)
        .map(|i| {
            if i > 0 {
                sequence_number += 1;
                if rng.random_ratio(1, 6) {
                    epoch = BlockRef {
                        number: epoch.number + 1,
                        hash: rng.random::<[u8; 32]>().into(),
                    };
                    sequence_number = 0;
                }
            }
            let txs = rng.random_range(0..=txs_max);
            let block = BatchBlock {
                hash: rng.random::<[u8; 32]>().into(),
                parent_hash,
                number: start + i,
                timestamp: CONTEXT.genesis_time + 2 * (start + i),
                epoch,
                sequence_number,
                transactions: (0..txs).map(|_| transaction(rng)).collect(),
            };
            parent_hash = block.hash;
            block
        })
        .collect()
}

/// A transaction of any type with fields of any size.
pub(crate) fn transaction(rng: &mut StdRng) -> Bytes {
    let chain_id = CONTEXT.chain_id;
    let nonce = number(rng);
    let gas_limit = number(rng);
    let address = Address::from(rng.random::<[u8; 20]>());
    let to = if rng.random_ratio(1, 5) { TxKind::Create } else { TxKind::Call(address) };
    let value = word(rng);
    let price = u128::from(number(rng)) << rng.random_range(0..64);
    let tip = u128::from(number(rng));
    let data_len = rng.random_range(0..300);
    let input: Bytes = (0..data_len).map(|_| rng.random::<u8>()).collect();
    match rng.random_range(0..5) {
        legacy @ 0..2 => sign(
            rng,
            TxLegacy {
                chain_id: (legacy == 0).then_some(chain_id),
                nonce,
                gas_price: price,
                gas_limit,
                to,
                value,
                input,
            },
        ),
        2 => {
            let access_list = access_list(rng);
            sign(
                rng,
                TxEip2930 {
                    chain_id,
                    nonce,
                    gas_price: price,
                    gas_limit,
                    to,
                    value,
                    input,
                    access_list,
                },
            )
        }
        3 => {
            let access_list = access_list(rng);
            sign(
                rng,
                TxEip1559 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: price,
                    max_priority_fee_per_gas: tip,
                    to,
                    value,
                    input,
                    access_list,
                },
            )
        }
        _ => {
            let access_list = access_list(rng);
            let authorization_list = authorizations(rng);
            sign(
                rng,
                TxEip7702 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: price,
                    max_priority_fee_per_gas: tip,
                    to: address,
                    value,
                    input,
                    access_list,
                    authorization_list,
                },
            )
        }
    }
}

fn sign<T>(rng: &mut StdRng, tx: T) -> Bytes
where
    T: SignableTransaction<Signature>,
    TxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let signature = Signature::new(word(rng), word(rng), rng.random());
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
}

/// Small numbers and large ones.
fn number(rng: &mut StdRng) -> u64 {
    rng.random::<u64>().checked_shr(rng.random_range(0..=64)).unwrap_or(0)
}

fn word(rng: &mut StdRng) -> U256 {
    let shift: usize = if rng.random() { 0 } else { rng.random_range(0..=256) };
    U256::from_be_bytes(rng.random::<[u8; 32]>()).checked_shr(shift).unwrap_or_default()
}

fn access_list(rng: &mut StdRng) -> AccessList {
    let items = rng.random_range(0..3);
    AccessList(
        (0..items)
            .map(|_| {
                let keys = rng.random_range(0..3);
                AccessListItem {
                    address: rng.random::<[u8; 20]>().into(),
                    storage_keys: (0..keys).map(|_| rng.random::<[u8; 32]>().into()).collect(),
                }
            })
            .collect(),
    )
}

fn authorizations(rng: &mut StdRng) -> Vec<SignedAuthorization> {
    (0..rng.random_range(0..3))
        .map(|_| {
            let authorization = Authorization {
                chain_id: word(rng),
                address: rng.random::<[u8; 20]>().into(),
                nonce: number(rng),
            };
            SignedAuthorization::new_unchecked(authorization, rng.random(), word(rng), word(rng))
        })
        .collect()
}
