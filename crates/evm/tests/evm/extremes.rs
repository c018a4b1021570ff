//! Nothing that a transaction can say makes the executor panic.

use alloy_primitives::{Address, Bytes, TxKind, U256};
use op_alloy_consensus::TxDeposit;
use phala_chainspec::Fork;
use phala_evm::ExecutionError;
use revm::state::AccountInfo;

use crate::world::{ALICE, BOB, L1Fees, Send, World, deposit, execute};

const AMOUNTS: [U256; 4] = [U256::ZERO, U256::ONE, U256::from_limbs([0, 0, 1, 0]), U256::MAX];
const GAS: [u64; 6] = [0, 20_999, 21_000, 1 << 24, u64::MAX - 1, u64::MAX];
const PRICES: [u128; 4] = [0, 1_000, u128::MAX / 2, u128::MAX];

fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    for fork in
        [Fork::Bedrock, Fork::Canyon, Fork::Ecotone, Fork::Holocene, Fork::Isthmus, Fork::Karst]
    {
        for (balance, nonce) in [(U256::MAX, 0), (U256::ZERO, u64::MAX), (U256::from(u128::MAX), 0)]
        {
            for gas_limit in [60_000_000, u64::MAX] {
                let mut world = World::at(fork);
                world.env.gas_limit = gas_limit;
                world.set_l1_fees(&L1Fees {
                    base_fee: u64::MAX,
                    blob_base_fee: u64::MAX,
                    base_fee_scalar: u32::MAX,
                    blob_base_fee_scalar: u32::MAX,
                    operator_scalar: u32::MAX,
                    operator_constant: u64::MAX,
                    da_scalar: u16::MAX,
                });
                let info = AccountInfo { balance, nonce, ..Default::default() };
                world.db.insert_account_info(ALICE, info.clone());
                world.db.insert_account_info(BOB, info.clone());
                world.db.insert_account_info(world.env.beneficiary, info);
                worlds.push(world);
            }
        }
    }
    worlds
}

#[track_caller]
fn stands_or_is_refused(world: &World, tx: &crate::world::Tx) {
    let mut execution = world.start();
    for _ in 0..2 {
        match execute(&mut execution, tx) {
            Ok(_) | Err(ExecutionError::Invalid { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    execution.finish();
}

#[test]
fn extreme_transactions_stand_or_are_refused() {
    for world in worlds() {
        for value in AMOUNTS {
            for gas in GAS {
                for (max_fee, tip) in PRICES.into_iter().zip(PRICES).chain([(u128::MAX, 0)]) {
                    for to in [TxKind::Create, BOB.into(), ALICE.into()] {
                        for nonce in [0, u64::MAX] {
                            let send = Send {
                                from: ALICE,
                                nonce,
                                to,
                                value,
                                gas,
                                max_fee,
                                tip,
                                input: Bytes::new(),
                            };
                            stands_or_is_refused(&world, &send.clone().tx(&world.spec));
                            stands_or_is_refused(&world, &send.legacy(&world.spec));
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn extreme_deposits_stand_or_are_refused() {
    for world in worlds() {
        for value in AMOUNTS {
            for gas_limit in GAS {
                for mint in [0, 1, u128::MAX] {
                    for to in [TxKind::Create, BOB.into(), Address::with_last_byte(8).into()] {
                        for is_system_transaction in [false, true] {
                            let tx = TxDeposit {
                                from: ALICE,
                                to,
                                mint,
                                value,
                                gas_limit,
                                is_system_transaction,
                                input: vec![0; 64].into(),
                                ..Default::default()
                            };
                            stands_or_is_refused(&world, &deposit(tx));
                        }
                    }
                }
            }
        }
    }
}
