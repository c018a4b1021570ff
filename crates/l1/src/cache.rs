use std::sync::Arc;

use alloy_eips::{
    eip2718::Encodable2718,
    eip4844::{BYTES_PER_BLOB, Blob},
};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};
use phala_primitives::{Header, SealedHeader};

use crate::{
    ConfigError, L1Block, L1Config, L1Error, L1Receipt, body::decode_transaction,
    disk_cache::DiskCache, memory_cache::MemoryCache,
};

/// Verified blocks and blobs, in memory and on disk.
pub(crate) struct Cache {
    memory: MemoryCache,
    disk: Option<Arc<DiskCache>>,
}

#[derive(RlpEncodable, RlpDecodable)]
struct StoredBlock {
    header: Header,
    transactions: Vec<Bytes>,
    receipts: Vec<L1Receipt>,
}

impl Cache {
    pub(crate) fn new(config: &L1Config) -> Result<Self, L1Error> {
        let disk = config.cache_dir.as_ref().map(|dir| {
            let unusable = |error: std::io::Error| {
                let (path, message) = (dir.display().to_string(), error.to_string());
                L1Error::Config(ConfigError::CacheDir { path, message })
            };
            DiskCache::open(dir.join("data"), config.cache_disk_bytes_max).map_err(unusable)
        });
        let disk = disk.transpose()?.map(Arc::new);
        Ok(Self { memory: MemoryCache::new(config.cache_memory_bytes_max), disk })
    }

    /// A block, from memory or else from disk.
    pub(crate) async fn block(&self, hash: B256) -> Option<Arc<L1Block>> {
        if let Some(block) = self.memory.get(&hash) {
            hit("memory");
            return Some(block);
        }
        let block = self.on_disk(move |disk| {
            let name = disk.find_suffix(&format!("-{hash:x}"))?;
            let block = decode_block(hash, &disk.read(&name)?);
            if block.is_none() {
                disk.remove(&name);
            }
            block
        });
        let block = Arc::new(block.await?);
        hit("disk");
        self.memory.insert(Arc::clone(&block));
        Some(block)
    }

    /// Whether some block of this height is on disk.
    pub(crate) fn has_height(&self, number: u64) -> bool {
        self.disk.as_ref().is_some_and(|disk| disk.has_prefix(&format!("block-{number:020}-")))
    }

    pub(crate) async fn put_block(&self, block: Arc<L1Block>) {
        self.memory.insert(Arc::clone(&block));
        let write = move |disk: &DiskCache| {
            disk.write(&block_name(block.number(), block.hash()), &encode_block(&block));
            Some(())
        };
        self.on_disk(write).await;
    }

    pub(crate) async fn blob(&self, versioned_hash: B256) -> Option<Box<Blob>> {
        let read = move |disk: &DiskCache| blob_from(&disk.read(&blob_name(versioned_hash))?);
        let blob = self.on_disk(read).await?;
        hit("disk");
        Some(blob)
    }

    pub(crate) async fn put_blob(&self, versioned_hash: B256, blob: Box<Blob>) {
        let write = move |disk: &DiskCache| {
            disk.write(&blob_name(versioned_hash), &blob[..]);
            Some(())
        };
        self.on_disk(write).await;
    }

    /// Runs off the threads that must not wait.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&DiskCache) -> Option<T> + Send + 'static,
    ) -> Option<T> {
        let disk = Arc::clone(self.disk.as_ref()?);
        tokio::task::spawn_blocking(move || work(&disk)).await.ok().flatten()
    }
}

fn hit(place: &'static str) {
    metrics::counter!("phala_l1_cache_hits_total", "place" => place).increment(1);
}

fn block_name(number: u64, hash: B256) -> String {
    format!("block-{number:020}-{hash:x}")
}

fn blob_name(versioned_hash: B256) -> String {
    format!("blob-{versioned_hash:x}")
}

/// The bytes of a blob, if it is as long as one.
pub(crate) fn blob_from(bytes: &[u8]) -> Option<Box<Blob>> {
    if bytes.len() != BYTES_PER_BLOB {
        return None;
    }
    let mut blob = Box::<Blob>::default();
    blob.copy_from_slice(bytes);
    Some(blob)
}

fn encode_block(block: &L1Block) -> Vec<u8> {
    alloy_rlp::encode(StoredBlock {
        header: block.header().clone_header(),
        transactions: block.transactions().iter().map(|tx| tx.encoded_2718().into()).collect(),
        receipts: block.receipts().to_vec(),
    })
}

fn decode_block(hash: B256, mut stored: &[u8]) -> Option<L1Block> {
    let StoredBlock { header, transactions, receipts } = StoredBlock::decode(&mut stored).ok()?;
    let is_whole = stored.is_empty()
        && transactions.len() == receipts.len()
        && keccak256(alloy_rlp::encode(&header)) == hash;
    if !is_whole {
        return None;
    }
    let transactions =
        transactions.iter().map(decode_transaction).collect::<Result<_, _>>().ok()?;
    Some(L1Block::new(SealedHeader::new(header, hash), transactions, receipts))
}

#[cfg(test)]
mod tests {
    use alloy_consensus::{SignableTransaction, TxEip1559, TxType};
    use alloy_primitives::{Address, Log, Signature};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    fn block() -> L1Block {
        let header = SealedHeader::seal_slow(Header { number: 3, ..Header::default() });
        let transaction = TxEip1559 { nonce: 7, ..TxEip1559::default() };
        let signed = transaction.into_signed(Signature::test_signature()).into();
        let log = Log::new(Address::ZERO, vec![B256::ZERO], Bytes::from_static(b"data")).unwrap();
        let (tx_type, logs) = (TxType::Eip1559, vec![log]);
        let receipt = L1Receipt { tx_type, success: true, cumulative_gas_used: 21_000, logs };
        L1Block::new(header, vec![signed], vec![receipt])
    }

    #[test]
    fn stored_block_comes_back_and_changed_ones_do_no_harm() {
        let block = block();
        let stored = encode_block(&block);
        let back = decode_block(block.hash(), &stored).unwrap();
        assert_eq!((back.header(), back.receipts()), (block.header(), block.receipts()));
        assert_eq!(encode_block(&back), stored);
        assert!(decode_block(B256::ZERO, &stored).is_none(), "another hash");
        let seed = std::env::var("PHALA_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
        println!("PHALA_SEED={seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        for _ in 0..20_000 {
            let mut changed = stored.clone();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..changed.len());
                changed[at] = rng.random();
            }
            changed.truncate(rng.random_range(0..=changed.len() * 2));
            if let Some(block) = decode_block(block.hash(), &changed) {
                assert_eq!(block.header(), back.header());
            }
        }
    }
}
