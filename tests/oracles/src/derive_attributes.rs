//! Derives payload attributes from recorded L1 blocks with kona-derive.
//!
//! Usage: `derive-attributes FILE...`, each file one JSON case: `rollup_config`, `genesis_header`
//! (RLP of the L2 genesis), `l1` (blocks as RLP of the header and EIP-2718 transactions and
//! receipts), and `blobs`. Derivation starts at the first L1 block. Prints for each file one line of JSON:
//! the list of attributes and what ended it.
//!
//! Nothing is executed: the L2 block of each attributes is a header that names them (see
//! [`Chain::push`]), which the caller builds in the same way.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
};

use alloy_consensus::{Header, Receipt, ReceiptEnvelope, TxEnvelope};
use alloy_eips::{
    eip2718::Decodable2718,
    eip4844::{Blob, IndexedBlobHash, env_settings::EnvKzgSettings},
};
use alloy_primitives::{B64, B256, Bytes, keccak256};
use alloy_rlp::Decodable;
use async_trait::async_trait;
use eyre::{WrapErr, ensure, eyre};
use kona_derive::{
    BlobProvider, ChainProvider, EthereumDataSource, L2ChainProvider, Pipeline, PipelineBuilder,
    PipelineError, PipelineErrorKind, ResetSignal, SignalReceiver, StatefulAttributesBuilder,
    StepResult,
};
use kona_genesis::{RollupConfig, SystemConfig};
use kona_protocol::{BatchValidationProvider, BlockInfo, L2BlockInfo, to_system_config};
use op_alloy_consensus::{OpBlock, OpTxEnvelope};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use serde::{Deserialize, Serialize};

/// Steps after which a case counts as stuck.
const STEPS_MAX: usize = 1_000_000;

#[derive(Deserialize)]
struct Case {
    rollup_config: RollupConfig,
    genesis_header: Bytes,
    l1: Vec<EncodedL1Block>,
    blobs: Vec<Bytes>,
}

#[derive(Deserialize)]
struct EncodedL1Block {
    header: Bytes,
    transactions: Vec<Bytes>,
    receipts: Vec<Bytes>,
}

#[derive(Serialize)]
struct Outcome {
    attributes: Vec<OpPayloadAttributes>,
    /// `l1` when the recorded L1 blocks are used up, else the error.
    end: String,
}

#[derive(Debug)]
struct Missing(String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Missing> for PipelineErrorKind {
    fn from(missing: Missing) -> Self {
        PipelineError::Provider(missing.0).temp()
    }
}

#[derive(Debug)]
struct L1Block {
    hash: B256,
    header: Header,
    transactions: Vec<TxEnvelope>,
    receipts: Vec<Receipt>,
}

impl L1Block {
    fn decode(encoded: &EncodedL1Block) -> eyre::Result<Self> {
        let header = Header::decode(&mut encoded.header.as_ref())?;
        let transactions = encoded
            .transactions
            .iter()
            .map(|bytes| TxEnvelope::decode_2718(&mut bytes.as_ref()))
            .collect::<Result<_, _>>()?;
        let receipts = encoded
            .receipts
            .iter()
            .map(|bytes| {
                let envelope = ReceiptEnvelope::decode_2718(&mut bytes.as_ref())?;
                envelope.as_receipt().cloned().ok_or_else(|| eyre!("receipt without content"))
            })
            .collect::<eyre::Result<_>>()?;
        Ok(Self { hash: header.hash_slow(), header, transactions, receipts })
    }

    fn info(&self) -> BlockInfo {
        BlockInfo::new(
            self.hash,
            self.header.number,
            self.header.parent_hash,
            self.header.timestamp,
        )
    }
}

#[derive(Clone, Debug)]
struct L1(Arc<Vec<L1Block>>);

impl L1 {
    fn by_hash(&self, hash: B256) -> Result<&L1Block, Missing> {
        self.0
            .iter()
            .find(|block| block.hash == hash)
            .ok_or_else(|| Missing(format!("l1 block {hash}")))
    }
}

#[async_trait]
impl ChainProvider for L1 {
    type Error = Missing;

    async fn header_by_hash(&mut self, hash: B256) -> Result<Header, Missing> {
        Ok(self.by_hash(hash)?.header.clone())
    }

    async fn block_info_by_number(&mut self, number: u64) -> Result<BlockInfo, Missing> {
        let block = self.0.iter().find(|block| block.header.number == number);
        block.map(L1Block::info).ok_or_else(|| Missing(format!("l1 block {number}")))
    }

    async fn receipts_by_hash(&mut self, hash: B256) -> Result<Vec<Receipt>, Missing> {
        Ok(self.by_hash(hash)?.receipts.clone())
    }

    async fn block_info_and_transactions_by_hash(
        &mut self,
        hash: B256,
    ) -> Result<(BlockInfo, Vec<TxEnvelope>), Missing> {
        let block = self.by_hash(hash)?;
        Ok((block.info(), block.transactions.clone()))
    }
}

#[derive(Clone, Debug)]
struct Blobs(Arc<HashMap<B256, Bytes>>);

#[async_trait]
impl BlobProvider for Blobs {
    type Error = Missing;

    async fn get_blobs(
        &mut self,
        _: &BlockInfo,
        hashes: &[IndexedBlobHash],
    ) -> Result<Vec<Box<Blob>>, Missing> {
        hashes
            .iter()
            .map(|id| {
                let blob =
                    self.0.get(&id.hash).ok_or_else(|| Missing(format!("blob {}", id.hash)))?;
                Ok(Box::new(Blob::from_slice(blob)))
            })
            .collect()
    }
}

/// The L2 chain that follows from the attributes.
#[derive(Clone, Debug)]
struct Chain {
    config: Arc<RollupConfig>,
    blocks: Arc<Mutex<Vec<OpBlock>>>,
}

impl Chain {
    fn block(&self, number: u64) -> Result<OpBlock, Missing> {
        let blocks = self.blocks.lock().expect("not poisoned");
        blocks.get(number as usize).cloned().ok_or_else(|| Missing(format!("l2 block {number}")))
    }

    fn info(&self, number: u64) -> Result<L2BlockInfo, Missing> {
        L2BlockInfo::from_block_and_genesis(&self.block(number)?, &self.config.genesis)
            .map_err(|error| Missing(error.to_string()))
    }

    /// Appends the block that stands for the attributes: its header has parent, number, timestamp,
    /// gas limit and extra data as an executed one would, and names the transactions by the keccak256 of
    /// their concatenation.
    fn push(&self, attributes: &OpPayloadAttributes) -> eyre::Result<L2BlockInfo> {
        let mut blocks = self.blocks.lock().expect("not poisoned");
        let parent = &blocks.last().expect("genesis").header;
        let encoded = attributes.transactions.as_deref().unwrap_or_default();
        let mut extra_data = vec![0];
        let params = attributes.eip_1559_params.unwrap_or_default();
        let unset = B64::from([0, 0, 0, 250, 0, 0, 0, 6]);
        extra_data.extend_from_slice(if params.is_zero() { &unset[..] } else { &params[..] });
        let header = Header {
            parent_hash: parent.hash_slow(),
            number: parent.number + 1,
            timestamp: attributes.payload_attributes.timestamp,
            gas_limit: attributes.gas_limit.unwrap_or_default(),
            extra_data: extra_data.into(),
            transactions_root: keccak256(encoded.concat()),
            ..Header::default()
        };
        let number = header.number;
        let transactions = encoded
            .iter()
            .filter_map(|bytes| OpTxEnvelope::decode_2718(&mut bytes.as_ref()).ok())
            .collect();
        blocks.push(OpBlock {
            header,
            body: alloy_consensus::BlockBody { transactions, ..Default::default() },
        });
        drop(blocks);
        self.info(number).map_err(|error| eyre!("{error}"))
    }
}

#[async_trait]
impl BatchValidationProvider for Chain {
    type Error = Missing;

    async fn l2_block_info_by_number(&mut self, number: u64) -> Result<L2BlockInfo, Missing> {
        self.info(number)
    }

    async fn block_by_number(&mut self, number: u64) -> Result<OpBlock, Missing> {
        self.block(number)
    }
}

#[async_trait]
impl L2ChainProvider for Chain {
    type Error = Missing;

    async fn system_config_by_number(
        &mut self,
        number: u64,
        config: Arc<RollupConfig>,
    ) -> Result<SystemConfig, Missing> {
        to_system_config(&self.block(number)?, &config).map_err(|error| Missing(error.to_string()))
    }
}

fn main() -> eyre::Result<()> {
    for file in std::env::args_os().skip(1) {
        let name = file.to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).wrap_err_with(|| name.clone())?;
        let outcome = futures_executor::block_on(derive(serde_json::from_str(&text)?))
            .wrap_err_with(|| name.clone())?;
        println!("{}", serde_json::to_string(&outcome)?);
    }
    Ok(())
}

async fn derive(case: Case) -> eyre::Result<Outcome> {
    let config = Arc::new(case.rollup_config);
    let l1 = case.l1.iter().map(L1Block::decode).collect::<eyre::Result<Vec<_>>>()?;
    ensure!(!l1.is_empty(), "no l1 blocks");
    let (l1, blobs) = (L1(Arc::new(l1)), Blobs(Arc::new(by_versioned_hash(case.blobs)?)));
    let genesis = OpBlock {
        header: Header::decode(&mut case.genesis_header.as_ref())?,
        body: alloy_consensus::BlockBody::default(),
    };
    let chain = Chain { config: Arc::clone(&config), blocks: Arc::new(Mutex::new(vec![genesis])) };
    let origin = l1.0[0].info();
    let builder = StatefulAttributesBuilder::new(Arc::clone(&config), chain.clone(), l1.clone());
    let mut pipeline = PipelineBuilder::new()
        .rollup_config(Arc::clone(&config))
        .dap_source(EthereumDataSource::new_from_parts(l1.clone(), blobs, &config))
        .l2_chain_provider(chain.clone())
        .chain_provider(l1)
        .builder(builder)
        .origin(origin)
        .build_polled();
    let mut safe = chain.info(0).map_err(|error| eyre!("{error}"))?;
    let reset = ResetSignal {
        l2_safe_head: safe,
        l1_origin: origin,
        system_config: config.genesis.system_config,
    };
    pipeline.signal(reset.signal()).await.map_err(|error| eyre!("reset: {error}"))?;

    let mut attributes = Vec::new();
    for _ in 0..STEPS_MAX {
        match pipeline.step(safe).await {
            StepResult::PreparedAttributes => {
                let next = pipeline.next().ok_or_else(|| eyre!("no attributes prepared"))?;
                safe = chain.push(&next.inner)?;
                attributes.push(next.inner);
            }
            StepResult::AdvancedOrigin => {}
            StepResult::OriginAdvanceErr(PipelineErrorKind::Temporary(_)) => {
                return Ok(Outcome { attributes, end: "l1".to_owned() });
            }
            StepResult::StepFailed(PipelineErrorKind::Temporary(_)) => {}
            StepResult::OriginAdvanceErr(error) | StepResult::StepFailed(error) => {
                return Ok(Outcome { attributes, end: error.to_string() });
            }
        }
    }
    Ok(Outcome { attributes, end: "stuck".to_owned() })
}

fn by_versioned_hash(blobs: Vec<Bytes>) -> eyre::Result<HashMap<B256, Bytes>> {
    let settings = EnvKzgSettings::Default.get();
    blobs
        .into_iter()
        .map(|bytes| {
            let blob = alloy_eips::eip4844::c_kzg::Blob::from_bytes(&bytes)?;
            let commitment = settings.blob_to_kzg_commitment(&blob)?.to_bytes();
            let hash = alloy_eips::eip4844::kzg_to_versioned_hash(commitment.as_slice());
            Ok((hash, bytes))
        })
        .collect()
}
