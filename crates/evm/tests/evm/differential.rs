//! Random blocks by this crate and by plain op-revm on revm's own in-memory database.

use alloy_consensus::{Transaction as _, TxReceipt};
use alloy_evm::{Evm, EvmFactory, FromTxWithEncoded};
use alloy_op_evm::{OpEvmFactory, OpTx};
use alloy_primitives::{Address, Bytes, U256, map::HashSet};
use op_alloy_consensus::TxDeposit;
use phala_chainspec::Profile;
use phala_evm::{AccountInfo, evm_env};
use phala_primitives::EMPTY_CODE_HASH;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use revm::{DatabaseCommit, context_interface::result::EVMError};

use crate::{
    asm::{
        Asm, CALL, CALLDATALOAD, CALLER, CREATE, CREATE2, DELEGATECALL, EXTCODEHASH, INVALID, LOG1,
        MSTORE, POP, RETURN, REVERT, SELFBALANCE, SELFDESTRUCT, SLOAD, SSTORE, STATICCALL, STOP,
        TLOAD, TSTORE, init_code,
    },
    world::{Db, L1Fees, Send, Tx, World, deposit, execute},
};

const ACCOUNTS: u8 = 8;
const CONTRACTS: u8 = 12;

fn account(i: u8) -> Address {
    Address::repeat_byte(0xa0 + i)
}

fn contract(i: u8) -> Address {
    Address::repeat_byte(0xc0 + i)
}

/// An address something may be done to: an account, a contract, nobody, a vault, a precompile.
fn anyone(rng: &mut StdRng) -> Address {
    match rng.random_range(0..10) {
        0..3 => account(rng.random_range(0..ACCOUNTS)),
        3..7 => contract(rng.random_range(0..CONTRACTS)),
        7 => Address::repeat_byte(rng.random_range(0x10..0x14)),
        8 => phala_chainspec::addresses::L1_FEE_VAULT,
        _ => Address::with_last_byte(rng.random_range(1..12)),
    }
}

fn small(rng: &mut StdRng) -> U256 {
    U256::from(rng.random_range(0..4u8))
}

/// A few random statements, and one of several ends.
fn program(rng: &mut StdRng, depth: u8) -> Bytes {
    let mut code = Asm::new();
    for _ in 0..rng.random_range(1..6) {
        code = statement(rng, code, depth);
    }
    match rng.random_range(0..12) {
        0 => code.op(INVALID),
        1 => code.push(U256::from(7)).push(U256::ZERO).op(REVERT),
        2 => code.push_address(anyone(rng)).op(SELFDESTRUCT),
        3 => code.ops(&[0x30, SELFDESTRUCT]),
        4 => code.push(U256::from(32)).push(U256::ZERO).op(RETURN),
        _ => code.op(STOP),
    }
    .bytes()
}

fn statement(rng: &mut StdRng, code: Asm, depth: u8) -> Asm {
    match rng.random_range(0..14) {
        0..4 => code.push(small(rng)).push(small(rng)).op(SSTORE),
        4 => code.push(small(rng)).op(SLOAD).push(small(rng)).op(SSTORE),
        5 => code.push(U256::ZERO).op(CALLDATALOAD).push(small(rng)).op(SSTORE),
        6 => code.push(small(rng)).push(U256::from(32)).push(U256::ZERO).op(LOG1),
        7 => code.push_address(anyone(rng)).op(EXTCODEHASH).push(small(rng)).op(SSTORE),
        8 => code.push(small(rng)).op(TLOAD).push(small(rng)).ops(&[TSTORE, SELFBALANCE, POP]),
        9 | 10 => {
            let value = if rng.random() { small(rng) } else { U256::ZERO };
            code.ops(&[0x5f, 0x5f, 0x5f, 0x5f])
                .push(value)
                .push_address(anyone(rng))
                .push(U256::from(rng.random_range(0..200_000)))
                .ops(&[CALL, POP])
        }
        11 => {
            let op = *[DELEGATECALL, STATICCALL].choose(rng).expect("two");
            code.ops(&[0x5f, 0x5f, 0x5f, 0x5f])
                .push_address(anyone(rng))
                .push(U256::from(100_000))
                .ops(&[op, POP])
        }
        _ if depth == 0 => code.op(CALLER).op(POP),
        _ => create(rng, code, depth - 1),
    }
}

/// Creates a child whose init code is random, or deploys something random.
fn create(rng: &mut StdRng, mut code: Asm, depth: u8) -> Asm {
    let body = program(rng, depth);
    let init = if rng.random() { init_code(&body) } else { body };
    for (i, chunk) in init.chunks(32).enumerate() {
        let mut word = [0; 32];
        word[..chunk.len()].copy_from_slice(chunk);
        code = code.push(U256::from_be_bytes(word)).push(U256::from(32 * i)).op(MSTORE);
    }
    if rng.random() {
        code = code.push(small(rng)).push(U256::from(init.len())).push(U256::ZERO);
        code.push(small(rng)).ops(&[CREATE2, POP])
    } else {
        code = code.push(U256::from(init.len())).push(U256::ZERO);
        code.push(small(rng)).ops(&[CREATE, POP])
    }
}

fn random_world(rng: &mut StdRng) -> World {
    let profile = *[Profile::Isthmus, Profile::Jovian, Profile::Karst].choose(rng).expect("three");
    let mut world = World::new(profile);
    if rng.random() {
        world.set_l1_fees(&L1Fees {
            base_fee: 30_000_000_000,
            blob_base_fee: 9,
            base_fee_scalar: 5_000,
            blob_base_fee_scalar: 70_000,
            operator_scalar: rng.random_range(0..2_000_000),
            operator_constant: rng.random_range(0..1_000),
            da_scalar: 400,
        });
    }
    for i in 0..ACCOUNTS {
        world.fund(account(i), U256::from(10u64.pow(18)));
    }
    for i in 0..CONTRACTS {
        let code = program(rng, 2);
        world.deploy_with(contract(i), code, U256::from(rng.random_range(0..5u8)));
        for slot in 0..4 {
            if rng.random() {
                world.set_slot(contract(i), slot, small(rng));
            }
        }
    }
    world
}

fn random_tx(rng: &mut StdRng, world: &World, nonces: &[u64; ACCOUNTS as usize]) -> Tx {
    let i = rng.random_range(0..ACCOUNTS);
    let from = account(i);
    let input: Bytes = U256::from(rng.random_range(0..3u8)).to_be_bytes_vec().into();
    if rng.random_ratio(1, 6) {
        let creates = rng.random_ratio(1, 4);
        let to = if creates { alloy_primitives::TxKind::Create } else { anyone(rng).into() };
        return deposit(TxDeposit {
            source_hash: Default::default(),
            from: if rng.random_ratio(1, 5) { contract(3) } else { from },
            to,
            mint: rng.random_range(0..3),
            value: small(rng),
            gas_limit: rng.random_range(15_000..500_000),
            is_system_transaction: rng.random_ratio(1, 10),
            input: if creates { program(rng, 1) } else { input },
        });
    }
    let mut nonce = nonces[i as usize];
    if rng.random_ratio(1, 15) {
        nonce = nonce.wrapping_add(rng.random_range(0..3)).wrapping_sub(1);
    }
    let creates = rng.random_ratio(1, 5);
    let send = Send {
        from,
        nonce,
        value: small(rng),
        gas: rng.random_range(20_000..600_000),
        max_fee: rng.random_range(990..3_000),
        tip: rng.random_range(0..1_200),
        ..if creates { Send::create(program(rng, 2)) } else { Send::to(anyone(rng)).input(input) }
    };
    if rng.random() { send.tx(&world.spec) } else { send.legacy(&world.spec) }
}

/// What one transaction did: gas, success, logs; `None` if it was refused.
type Seen = Option<(u64, bool, Vec<alloy_primitives::Log>)>;

#[test]
fn random_blocks_agree_with_plain_op_revm() {
    let seed = match std::env::var("PHALA_SEED") {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) => 20_350_001u64,
    };
    println!("PHALA_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut stood, mut refused, mut failed) = (0, 0, 0);
    for round in 0..300 {
        let world = random_world(&mut rng);
        let env = evm_env(&world.spec, &world.env);
        let mut plain = OpEvmFactory::<OpTx>::default().create_evm(world.db.clone(), env.clone());
        let mut ours = world.start();
        let mut touched: HashSet<Address> = HashSet::default();
        let mut nonces = [0; ACCOUNTS as usize];
        for _ in 0..rng.random_range(1..25) {
            let tx = random_tx(&mut rng, &world, &nonces);
            let got: Seen = match execute(&mut ours, &tx) {
                Ok(outcome) => {
                    let logs = ours.receipts().last().expect("one more").logs().to_vec();
                    Some((outcome.gas_used, outcome.success, logs))
                }
                Err(phala_evm::ExecutionError::Invalid { .. }) => None,
                Err(error) => panic!("round {round}: {error}"),
            };
            let op_tx = OpTx::from_encoded_tx(&tx.0, tx.1, tx.2.clone());
            let expected: Seen = match plain.transact_raw(op_tx) {
                Ok(result) => {
                    touched.extend(result.state.keys());
                    plain.db_mut().commit(result.state);
                    let gas = result.result.tx_gas_used();
                    Some((gas, result.result.is_success(), result.result.into_logs()))
                }
                Err(EVMError::Transaction(_)) => {
                    // op-revm keeps what it loaded; a fresh one does not.
                    let (db, _) = plain.finish();
                    plain = OpEvmFactory::<OpTx>::default().create_evm(db, env.clone());
                    None
                }
                Err(error) => panic!("round {round}: {error}"),
            };
            assert_eq!(got, expected, "round {round}: {:?}", tx.0);
            match &got {
                None => refused += 1,
                Some((_, false, _)) => failed += 1,
                Some(_) => stood += 1,
            }
            if got.is_some() {
                for i in 0..ACCOUNTS {
                    if tx.1 == account(i) {
                        nonces[i as usize] += 1;
                    }
                }
            }
            assert!(tx.0.gas_limit() < 1_000_000);
        }
        let output = ours.finish();
        let (db, _) = plain.finish();
        compare(&world.db, &db, &touched, &output, round);
    }
    println!("{stood} stood, {failed} failed, {refused} were refused");
    assert!(stood > 1_000 && failed > 300 && refused > 100);
}

fn info(db: &Db, address: Address) -> Option<AccountInfo> {
    let info = &db.cache.accounts.get(&address)?.info;
    let code_hash = if info.code_hash.is_zero() { EMPTY_CODE_HASH } else { info.code_hash };
    let info = AccountInfo { nonce: info.nonce, balance: info.balance, code_hash };
    // revm's in-memory database keeps empty accounts.
    (info != AccountInfo::default()).then_some(info)
}

fn slot(db: &Db, address: Address, slot: U256) -> U256 {
    let value = db.cache.accounts.get(&address).and_then(|account| account.storage.get(&slot));
    value.copied().unwrap_or_default()
}

/// The changes lead from one state to the other, and say nothing else.
fn compare(
    before: &Db,
    after: &Db,
    touched: &HashSet<Address>,
    output: &phala_evm::ExecutionOutput,
    round: usize,
) {
    let mut changed: HashSet<Address> = HashSet::default();
    for change in &output.changes.accounts {
        let address = change.address;
        changed.insert(address);
        assert_eq!(change.before, info(before, address), "round {round}: before {address}");
        assert_eq!(change.after, info(after, address), "round {round}: after {address}");
        assert!(!change.wiped);
        assert!(change.before != change.after || !change.slots.is_empty());
        for entry in &change.slots {
            assert_ne!(entry.before, entry.after);
            assert_eq!(entry.before, slot(before, address, entry.slot));
            assert_eq!(entry.after, slot(after, address, entry.slot), "round {round}: {address}");
        }
        if let Some(account) = change.after
            && change.before.is_none_or(|before| before.code_hash != account.code_hash)
            && account.code_hash != EMPTY_CODE_HASH
        {
            assert!(output.changes.codes.iter().any(|(hash, _)| *hash == account.code_hash));
        }
    }
    let all = touched.iter().chain(before.cache.accounts.keys());
    for address in all {
        if !changed.contains(address) {
            assert_eq!(info(before, *address), info(after, *address), "round {round}: {address}");
        }
        let reported = output.changes.accounts.iter().find(|change| change.address == *address);
        for key in after.cache.accounts.get(address).iter().flat_map(|a| a.storage.keys()) {
            let differs = slot(before, *address, *key) != slot(after, *address, *key);
            let listed = reported.is_some_and(|change| change.slots.iter().any(|s| s.slot == *key));
            assert_eq!(differs, listed, "round {round}: slot {key} of {address}");
        }
    }
}
