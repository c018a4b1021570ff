//! Writes the workload to a folder: `genesis.json` (geth style) and, for each run, a file with one
//! line a block, the parameters of `engine_newPayloadV4`. Any client of the `jovian` forks can take it.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    sync::Arc,
};

use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B64, B256, Bytes, U256, keccak256};
use alloy_rpc_types_engine::PayloadAttributes as EthAttributes;
use eyre::WrapErr;
use phala_chainspec::{ChainSpec, Fork, GenesisAccount, L1Attributes, Profile, addresses};
use phala_engine::{Engine, EngineConfig, PayloadAttributes};
use phala_storage::{Store, StoreConfig};

use crate::{
    report,
    workload::{Kind, Workload},
};

/// Name of the genesis file in the folder.
pub(crate) const GENESIS_FILE: &str = "genesis.json";

/// One file of blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// What the blocks do.
    pub(crate) kind: Kind,
    /// Gas of each.
    pub(crate) mgas: u64,
}

impl Run {
    /// The runs of the benchmark.
    pub(crate) const ALL: [Self; 7] = [
        Self { kind: Kind::Mix, mgas: 10 },
        Self { kind: Kind::Mix, mgas: 30 },
        Self { kind: Kind::Mix, mgas: 60 },
        Self { kind: Kind::Transfers, mgas: 30 },
        Self { kind: Kind::Erc20, mgas: 30 },
        Self { kind: Kind::Swaps, mgas: 30 },
        Self { kind: Kind::FreshStorage, mgas: 30 },
    ];

    /// File of the run in the folder.
    pub(crate) fn file(self) -> String {
        format!("{}-{}.jsonl", self.kind.name().replace(' ', "-"), self.mgas)
    }
}

/// The chain of the workload: the dev chain on Jovian, which other clients know, with `accounts`
/// accounts and room for 60 Mgas blocks.
pub(crate) fn chain(workload: &Workload) -> ChainSpec {
    let mut spec = ChainSpec::dev().with_profile(Profile::Jovian);
    spec.genesis.gas_limit = GAS_LIMIT;
    for (address, entry) in workload.genesis() {
        let storage = entry
            .storage
            .into_iter()
            .map(|(slot, value)| (slot, U256::from_be_bytes(value.0)))
            .collect();
        let nonce = u64::from(!entry.code.is_empty());
        let account = GenesisAccount { nonce, balance: entry.balance, code: entry.code, storage };
        spec.genesis.alloc.insert(address, account);
    }
    spec
}

const GAS_LIMIT: u64 = 120_000_000;

/// Generates `blocks` blocks of every run into `folder`.
pub(crate) fn generate(folder: &Path, accounts: usize, blocks: u64, seed: u64) -> eyre::Result<()> {
    std::fs::create_dir_all(folder)?;
    let chain_id = ChainSpec::dev().chain_id;
    for (index, run) in Run::ALL.into_iter().enumerate() {
        // Every run starts on the genesis, so each can be imported alone.
        let mut workload = Workload::new(chain_id, accounts, seed);
        let spec = Arc::new(chain(&workload));
        if index == 0 {
            let file = BufWriter::new(File::create(folder.join(GENESIS_FILE))?);
            serde_json::to_writer(file, &spec.to_genesis_json())?;
        }
        let store_folder = tempfile::tempdir()?;
        let store = Store::create(store_folder.path(), StoreConfig::default())?;
        store.init_genesis(&spec)?;
        let engine = Engine::new(Arc::clone(&spec), store.clone(), EngineConfig::default());
        let path = folder.join(run.file());
        let mut file = BufWriter::new(File::create(&path)?);
        for _ in 0..blocks {
            let transactions = workload.block(run.kind, run.mgas * 1_000_000);
            let raw = transactions.iter().map(|tx| tx.encoded_2718().into()).collect();
            let payload = produce(&engine, raw).wrap_err_with(|| run.file())?;
            writeln!(file, "{payload}")?;
        }
        file.into_inner()?.sync_all()?;
        store.close()?;
        report::progress(&format!("wrote {} ({blocks} blocks)", path.display()));
    }
    Ok(())
}

/// Builds the next block with exactly these transactions; the parameters of `engine_newPayloadV4`.
fn produce(engine: &Engine, raw: Vec<Bytes>) -> eyre::Result<String> {
    let head = engine.heads().latest;
    let payload = engine.build(head.hash, &attributes(engine, raw)?)?;
    let envelope = payload.envelope_v4();
    let (hash, root) = (payload.block.hash(), envelope.parent_beacon_block_root);
    let params = serde_json::to_string(&(
        &envelope.execution_payload,
        <[B256; 0]>::default(),
        root,
        <[Bytes; 0]>::default(),
    ))?;
    let block = Arc::unwrap_or_clone(payload.block).into_sealed_block();
    engine.import(block)?;
    engine.set_heads(hash, None, None)?;
    Ok(params)
}

/// Attributes of the next block: the L1 attributes transaction first, nothing from a pool.
pub(crate) fn attributes(engine: &Engine, mut raw: Vec<Bytes>) -> eyre::Result<PayloadAttributes> {
    let spec = engine.spec();
    let head = engine.heads().latest;
    let parent =
        engine.store().header(head.hash)?.ok_or_else(|| eyre::eyre!("head has no header"))?;
    let timestamp = parent.timestamp + spec.block_time_secs;
    let l1 = L1Attributes {
        number: head.number / 6,
        timestamp,
        base_fee: U256::from(10_000_000_000_u64),
        blob_base_fee: U256::from(1),
        hash: keccak256((head.number / 6).to_be_bytes()),
        sequence_number: head.number % 6,
        base_fee_scalar: 1_000,
        blob_base_fee_scalar: 100_000,
        // Jovian counts blob data like gas. The benchmark measures gas, so that limit is out of the way.
        da_footprint_gas_scalar: 1,
        ..Default::default()
    };
    raw.insert(0, l1.to_deposit(Fork::Jovian).encoded_2718().into());
    Ok(PayloadAttributes {
        payload_attributes: EthAttributes {
            timestamp,
            prev_randao: B256::ZERO,
            suggested_fee_recipient: addresses::SEQUENCER_FEE_VAULT,
            withdrawals: Some(Vec::new()),
            parent_beacon_block_root: Some(B256::ZERO),
            slot_number: None,
            target_gas_limit: None,
        },
        transactions: Some(raw),
        no_tx_pool: Some(true),
        gas_limit: Some(GAS_LIMIT),
        eip_1559_params: Some(B64::ZERO),
        min_base_fee: Some(0),
    })
}
