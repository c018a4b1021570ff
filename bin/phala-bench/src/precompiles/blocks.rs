//! Imports blocks that spend all their gas on one call.

use std::{sync::Arc, time::Instant};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, TxKind, U256, address};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use eyre::ensure;
use phala_chainspec::{ChainSpec, GenesisAccount, Profile};
use phala_engine::{Engine, EngineConfig};
use phala_primitives::Transaction;
use phala_storage::{Store, StoreConfig};
use serde::Serialize;

use super::{Candidate, InputTime, candidates};
use crate::generate::attributes;

/// Gas of a block, and of each transaction in it, below the cap of EIP-7825.
const BLOCK_GAS: u64 = 30_000_000;
const TX_GAS: u64 = 14_900_000;

/// Blocks of each call; the shortest import counts.
const BLOCKS: u64 = 8;

/// Dearest inputs of each function that get a block.
const INPUTS_PER_FUNCTION: usize = 2;

/// Where the contracts are.
const CALLER: Address = address!("00000000000000000000000000000000000b0001");
const ECRECOVER: Address = address!("0000000000000000000000000000000000000001");

/// Less than a call needs, with what its caller keeps: the loop ends here.
const GAS_KEPT: u64 = 20_000;

/// Import of a block full of one call.
#[derive(Debug, Serialize)]
pub(crate) struct BlockTime {
    pub(crate) name: String,
    /// In the block.
    pub(crate) calls: u64,
    /// Used by the block.
    pub(crate) gas: u64,
    /// Until the block was durable.
    pub(crate) ms: f64,
    /// Time per gas as a multiple of that of a block of `ecrecover`.
    pub(crate) relative: f64,
}

/// A block of `ecrecover`, and blocks of the dearest inputs of each function; in turn, so that no
/// disturbance of the machine meets one of them alone.
pub(crate) fn measure(
    candidates: &[Candidate],
    search: &[InputTime],
) -> eyre::Result<Vec<BlockTime>> {
    let mut worlds = vec![World::new("ecrecover", ECRECOVER, &candidates::ecrecover())?];
    let mut taken = Vec::new();
    for dear in search {
        let Some(candidate) = candidates.iter().find(|own| own.name == dear.name) else { continue };
        let of_function = taken.iter().filter(|address| **address == candidate.address).count();
        if of_function < INPUTS_PER_FUNCTION {
            taken.push(candidate.address);
            worlds.push(World::new(&candidate.name, candidate.address, &candidate.input)?);
        }
    }
    for round in 0..BLOCKS {
        for world in &mut worlds {
            world.import(round)?;
        }
    }
    let rate = |world: &World| world.best.ms / world.best.gas as f64;
    let ecrecover = worlds.first().map_or(f64::NAN, rate);
    let relative = |world: World| BlockTime { relative: rate(&world) / ecrecover, ..world.best };
    Ok(worlds.into_iter().map(relative).collect())
}

/// A chain whose blocks call one address with one input until their gas is used.
struct World {
    signer: PrivateKeySigner,
    spec: Arc<ChainSpec>,
    builder: TempEngine,
    importer: TempEngine,
    /// The shortest import so far.
    best: BlockTime,
}

impl World {
    fn new(name: &str, callee: Address, input: &[u8]) -> eyre::Result<Self> {
        let signer = PrivateKeySigner::from_bytes(&alloy_primitives::B256::repeat_byte(9))?;
        let spec = Arc::new(chain(signer.address(), callee, input));
        let (builder, importer) = (TempEngine::new(&spec)?, TempEngine::new(&spec)?);
        // As many as fit the gas of each transaction.
        let calls = BLOCK_GAS / TX_GAS * (TX_GAS / (call_gas(callee, input)? + LOOP_GAS));
        let name = name.to_owned();
        let best = BlockTime { name, calls, gas: 0, ms: f64::MAX, relative: 1.0 };
        Ok(Self { signer, spec, builder, importer, best })
    }

    fn import(&mut self, round: u64) -> eyre::Result<()> {
        let engine = &self.builder.engine;
        let raw = (0..BLOCK_GAS / TX_GAS)
            .map(|index| transaction(&self.spec, &self.signer, 2 * round + index))
            .map(|transaction| Ok(transaction?.encoded_2718().into()))
            .collect::<eyre::Result<_>>()?;
        let payload = engine.build(engine.heads().latest.hash, &attributes(engine, raw)?)?;
        let block = Arc::unwrap_or_clone(payload.block).into_sealed_block();
        let (hash, gas) = (block.hash(), block.header().gas_used);
        ensure!(gas > BLOCK_GAS * 9 / 10, "a block of {} used {gas} gas only", self.best.name);

        let start = Instant::now();
        self.importer.engine.import(block.clone())?;
        self.importer.engine.set_heads(hash, None, None)?;
        let ms = start.elapsed().as_secs_f64() * 1_000.0;
        engine.import(block)?;
        engine.set_heads(hash, None, None)?;
        if ms < self.best.ms {
            (self.best.ms, self.best.gas) = (ms, gas);
        }
        Ok(())
    }
}

/// What one round of the loop costs besides the call's own gas.
const LOOP_GAS: u64 = 140;

fn call_gas(callee: Address, input: &[u8]) -> eyre::Result<u64> {
    let own = phala_evm::ATTESTATION_PRECOMPILES.iter().find(|own| *own.address() == callee);
    let Some(own) = own else { return Ok(candidates::ECRECOVER_GAS) };
    Ok(own.execute(input, u64::MAX, 0)?.gas_used)
}

/// The production forks, a funded sender, and the contract.
fn chain(sender: Address, callee: Address, input: &[u8]) -> ChainSpec {
    let mut spec = ChainSpec::dev().with_profile(Profile::Karst);
    spec.genesis.gas_limit = 4 * BLOCK_GAS;
    let ether = U256::from(10).pow(U256::from(18));
    let account = GenesisAccount { balance: ether * U256::from(1_000), ..Default::default() };
    spec.genesis.alloc.insert(sender, account);
    let code = caller(callee, input).into();
    let account = GenesisAccount { nonce: 1, code, ..Default::default() };
    spec.genesis.alloc.insert(CALLER, account);
    spec
}

/// Copies `input`, which follows its own code, into memory, and calls `callee` with it while there
/// is gas for it.
fn caller(callee: Address, input: &[u8]) -> Vec<u8> {
    let source = |code_len: usize| {
        format!(
            "{len} {code_len} 0 CODECOPY
             again:
             0 0 {len} 0 {callee} GAS STATICCALL ISZERO @fail JUMPI
             {kept} GAS GT @again JUMPI
             STOP
             fail: STOP",
            len = input.len(),
            kept = GAS_KEPT,
        )
    };
    // The number that stands for the length of the code takes two bytes, whatever it is.
    let code_len = crate::assembler::assemble(&source(256)).len();
    let mut code = crate::assembler::assemble(&source(256 + code_len));
    code.resize(256 + code_len, 0);
    code.extend(input);
    code
}

fn transaction(
    spec: &ChainSpec,
    signer: &PrivateKeySigner,
    nonce: u64,
) -> eyre::Result<Transaction> {
    let tx = TxEip1559 {
        chain_id: spec.chain_id,
        nonce,
        gas_limit: TX_GAS,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to: TxKind::Call(CALLER),
        ..Default::default()
    };
    let signature = signer.sign_hash_sync(&tx.signature_hash())?;
    Ok(Transaction::Eip1559(tx.into_signed(signature)))
}

/// An engine on a store that goes with it.
struct TempEngine {
    engine: Engine,
    _folder: tempfile::TempDir,
}

impl TempEngine {
    fn new(spec: &Arc<ChainSpec>) -> eyre::Result<Self> {
        let folder = tempfile::tempdir()?;
        let store = Store::create(folder.path(), StoreConfig::default())?;
        store.init_genesis(spec)?;
        let engine = Engine::new(Arc::clone(spec), store, EngineConfig::default());
        Ok(Self { engine, _folder: folder })
    }
}
