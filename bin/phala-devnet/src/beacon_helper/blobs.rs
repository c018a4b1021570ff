use std::{num::NonZeroUsize, sync::Arc};

use alloy_eips::eip4844::{BYTES_PER_BLOB, env_settings::EnvKzgSettings, kzg_to_versioned_hash};
use alloy_primitives::{B256, Bytes, FixedBytes};
use lru::LruCache;
use parking_lot::Mutex;
use phala_genesis::L1Rpc;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BeaconFault, Refusal};

/// Blocks whose blobs are kept: a client asks for a block a few times in a row, and they are large.
const CACHE_BLOCKS: NonZeroUsize = NonZeroUsize::new(8).expect("not zero");

/// Depth of a commitment in a beacon block; proofs of it have so many words.
const INCLUSION_PROOF_WORDS: usize = 17;

/// Blobs of L1 blocks, out of anvil.
pub(super) struct BlobStore {
    rpc: L1Rpc,
    http: reqwest::Client,
    cache: Mutex<LruCache<B256, Vec<Arc<BlobEntry>>>>,
}

/// A blob of a block.
pub(super) struct BlobEntry {
    /// Place among all blobs of the block.
    pub(super) index: u64,
    pub(super) versioned_hash: B256,
    bytes: Bytes,
}

#[derive(Deserialize)]
struct Block {
    hash: B256,
    transactions: Vec<Transaction>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transaction {
    #[serde(default)]
    blob_versioned_hashes: Vec<B256>,
}

#[derive(Deserialize)]
struct Blobs {
    data: Vec<Bytes>,
}

impl BlobStore {
    pub(super) fn new(rpc: L1Rpc) -> Self {
        // `L1Rpc` made sure that TLS has its cryptography.
        Self { rpc, http: reqwest::Client::new(), cache: Mutex::new(LruCache::new(CACHE_BLOCKS)) }
    }

    pub(super) async fn of_block(&self, number: u64) -> Result<Vec<Arc<BlobEntry>>, Refusal> {
        let block: Option<Block> = self
            .rpc
            .request("eth_getBlockByNumber", json!([format!("{number:#x}"), true]))
            .await
            .map_err(Refusal::upstream)?;
        let block = block.ok_or_else(|| Refusal::not_found(format!("no l1 block {number}")))?;
        let hashes: Vec<B256> =
            block.transactions.into_iter().flat_map(|tx| tx.blob_versioned_hashes).collect();
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(known) = self.cache.lock().get(&block.hash) {
            return Ok(known.clone());
        }
        let blobs = self.fetch(number, &hashes).await?;
        self.cache.lock().put(block.hash, blobs.clone());
        Ok(blobs)
    }

    /// Anvil's blocks ids are heights, and its order is that of the transactions; both are checked.
    async fn fetch(&self, number: u64, hashes: &[B256]) -> Result<Vec<Arc<BlobEntry>>, Refusal> {
        let url = self.rpc.url().join(&format!("eth/v1/beacon/blobs/{number}"));
        let url = url.map_err(Refusal::upstream)?;
        let response = self.http.get(url).send().await.map_err(Refusal::upstream)?;
        let Blobs { data } = response.json().await.map_err(Refusal::upstream)?;
        if data.len() != hashes.len() {
            let message = format!("l1 block {number} has {} blobs of {}", data.len(), hashes.len());
            return Err(Refusal::upstream(message));
        }
        let mut blobs = Vec::new();
        for ((index, bytes), hash) in (0..).zip(data).zip(hashes) {
            let blob = BlobEntry { index, versioned_hash: *hash, bytes };
            let commitment = blob.commitment().map_err(Refusal::upstream)?;
            if kzg_to_versioned_hash(commitment.as_slice()) != *hash {
                let message = format!("blob {index} of l1 block {number} is not {hash}");
                return Err(Refusal::upstream(message));
            }
            blobs.push(Arc::new(blob));
        }
        Ok(blobs)
    }
}

impl BlobEntry {
    pub(super) fn hex(&self, fault: BeaconFault) -> String {
        let mut bytes = self.bytes.to_vec();
        if fault == BeaconFault::Corrupt
            && let Some(last) = bytes.last_mut()
        {
            *last ^= 1;
        }
        alloy_primitives::hex::encode_prefixed(bytes)
    }

    /// The older form. There is no beacon block: header and inclusion are all zero.
    pub(super) fn sidecar(&self, slot: &str, fault: BeaconFault) -> Result<Value, c_kzg::Error> {
        let commitment = self.commitment()?;
        let settings = EnvKzgSettings::Default;
        let proof = settings
            .get()
            .compute_blob_kzg_proof(&*self.blob()?, &c_kzg::Bytes48::new(commitment.0))?
            .to_bytes();
        Ok(json!({
            "index": self.index.to_string(),
            "blob": self.hex(fault),
            "kzg_commitment": commitment,
            "kzg_proof": FixedBytes::<48>::from_slice(proof.as_slice()),
            "signed_block_header": {
                "message": {
                    "slot": slot.parse().unwrap_or(0_u64).to_string(),
                    "proposer_index": "0",
                    "parent_root": B256::ZERO,
                    "state_root": B256::ZERO,
                    "body_root": B256::ZERO,
                },
                "signature": FixedBytes::<96>::ZERO,
            },
            "kzg_commitment_inclusion_proof": vec![B256::ZERO; INCLUSION_PROOF_WORDS],
        }))
    }

    fn commitment(&self) -> Result<FixedBytes<48>, c_kzg::Error> {
        let commitment = EnvKzgSettings::Default.get().blob_to_kzg_commitment(&*self.blob()?)?;
        Ok(FixedBytes::from_slice(commitment.to_bytes().as_slice()))
    }

    fn blob(&self) -> Result<Box<c_kzg::Blob>, c_kzg::Error> {
        debug_assert_eq!(c_kzg::BYTES_PER_BLOB, BYTES_PER_BLOB, "one size everywhere");
        c_kzg::Blob::from_bytes(&self.bytes).map(Box::new)
    }
}
