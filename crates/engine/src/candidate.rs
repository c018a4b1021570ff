use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, proofs::ordered_trie_root_encoded};
use alloy_eips::{eip2718::Encodable2718, eip7685::EMPTY_REQUESTS_HASH};
use alloy_primitives::{B256, Bytes, U256};
use op_alloy_rpc_types_engine::OpExecutionData;
use phala_primitives::{Block, BlockBody, Header, SealedBlock, Transaction, decode_transaction};
use rayon::prelude::*;

use crate::{BlockError, consensus};

/// Transactions from which decoding is worth a second core.
const PARALLEL_DECODE_MIN: usize = 64;

/// A block that may become part of the chain: its hash is that of its header, and each transaction
/// is there both decoded and as the bytes it was signed in.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    block: SealedBlock,
    encoded: Vec<Bytes>,
    size_bytes: usize,
    is_body_proven: bool,
}

impl Candidate {
    /// Takes a block from a caller that may have any hash and any body.
    pub(crate) fn from_block(block: SealedBlock) -> Result<Self, BlockError> {
        consensus::check_shape(block.header())?;
        let (got, expected) = (block.header().hash_slow(), block.hash());
        if got != expected {
            return Err(BlockError::Hash { got, expected });
        }
        let encoded = block.body().transactions.iter().map(encode).collect();
        Ok(Self::new(block, encoded, false))
    }

    /// Takes a block this node has just built out of these transactions.
    pub(crate) fn from_built(block: SealedBlock, encoded: Vec<Bytes>) -> Self {
        Self::new(block, encoded, false)
    }

    /// Makes a block of an Engine API payload. Its hash commits to every byte of the payload, so a
    /// success proves the body too.
    pub(crate) fn from_payload(data: OpExecutionData) -> Result<Self, BlockError> {
        let expected = data.payload.block_hash();
        check_lists(&data)?;
        let transactions_raw = data.payload.transactions();
        let (root, transactions) = rayon::join(
            || ordered_trie_root_encoded(transactions_raw),
            || decode_all(transactions_raw),
        );
        let header = header_of(&data, root)?;
        let got = header.hash_slow();
        if got != expected {
            return Err(BlockError::Hash { got, expected });
        }
        let transactions = transactions?;
        let withdrawals = data.payload.as_v2().map(|_| Default::default());
        let body = BlockBody { transactions, ommers: Vec::new(), withdrawals };
        let encoded = data.payload.transactions().clone();
        let block = SealedBlock::new_unchecked(Block { header, body }, got);
        Ok(Self::new(block, encoded, true))
    }

    fn new(block: SealedBlock, encoded: Vec<Bytes>, is_body_proven: bool) -> Self {
        let size_bytes = encoded.iter().map(|tx| tx.len() + size_of::<Transaction>()).sum();
        Self { block, encoded, size_bytes, is_body_proven }
    }

    /// Hash of the block.
    pub(crate) fn hash(&self) -> B256 {
        self.block.hash()
    }

    /// Header of the block.
    pub(crate) const fn header(&self) -> &Header {
        self.block.header()
    }

    /// Body of the block.
    pub(crate) const fn body(&self) -> &BlockBody {
        self.block.body()
    }

    /// EIP-2718 bytes of each transaction.
    pub(crate) fn encoded(&self) -> &[Bytes] {
        &self.encoded
    }

    /// About the memory the block takes.
    pub(crate) const fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Checks that the header commits to the transactions, unless that is known.
    pub(crate) fn check_body_root(&self) -> Result<(), BlockError> {
        if self.is_body_proven {
            return Ok(());
        }
        let (got, expected) =
            (ordered_trie_root_encoded(&self.encoded), self.header().transactions_root);
        if got == expected { Ok(()) } else { Err(BlockError::TransactionsRoot { got, expected }) }
    }

    /// The block itself.
    pub(crate) const fn block(&self) -> &SealedBlock {
        &self.block
    }

    /// The block itself.
    pub(crate) fn into_block(self) -> SealedBlock {
        self.block
    }
}

/// EIP-2718 bytes of a transaction.
pub(crate) fn encode(tx: &Transaction) -> Bytes {
    let mut bytes = Vec::with_capacity(tx.encode_2718_len());
    tx.encode_2718(&mut bytes);
    bytes.into()
}

fn check_lists(data: &OpExecutionData) -> Result<(), BlockError> {
    if let Some(hashes) = data.sidecar.versioned_hashes()
        && !hashes.is_empty()
    {
        return Err(BlockError::VersionedHashes(hashes.len()));
    }
    // Empty requests do not count in the hash, so the list itself has to be looked at as well.
    let has_requests = data.sidecar.isthmus().is_some_and(|fields| {
        fields.requests.requests().is_some_and(|list| !list.is_empty())
            || fields.requests.requests_hash() != EMPTY_REQUESTS_HASH
    });
    if has_requests {
        return Err(BlockError::ExecutionRequests);
    }
    if data.payload.as_v2().is_some_and(|payload| !payload.withdrawals.is_empty()) {
        return Err(BlockError::Withdrawals("not empty"));
    }
    Ok(())
}

fn header_of(data: &OpExecutionData, transactions_root: B256) -> Result<Header, BlockError> {
    let payload = data.payload.as_v1();
    let base_fee = u64::try_from(payload.base_fee_per_gas)
        .map_err(|_| BlockError::BaseFeeRange(payload.base_fee_per_gas))?;
    let withdrawals_root = match data.payload.as_v4() {
        Some(v4) => Some(v4.withdrawals_root),
        None => data.payload.as_v2().map(|_| phala_primitives::EMPTY_STORAGE_ROOT),
    };
    Ok(Header {
        parent_hash: payload.parent_hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: payload.fee_recipient,
        state_root: payload.state_root,
        transactions_root,
        receipts_root: payload.receipts_root,
        logs_bloom: payload.logs_bloom,
        difficulty: U256::ZERO,
        number: payload.block_number,
        gas_limit: payload.gas_limit,
        gas_used: payload.gas_used,
        timestamp: payload.timestamp,
        extra_data: payload.extra_data.clone(),
        mix_hash: payload.prev_randao,
        nonce: Default::default(),
        base_fee_per_gas: Some(base_fee),
        withdrawals_root,
        blob_gas_used: data.payload.blob_gas_used(),
        excess_blob_gas: data.payload.excess_blob_gas(),
        parent_beacon_block_root: data.sidecar.parent_beacon_block_root(),
        requests_hash: data.sidecar.requests_hash(),
        block_access_list_hash: None,
        slot_number: None,
    })
}

fn decode_all(raw: &[Bytes]) -> Result<Vec<Transaction>, BlockError> {
    let decode = |(index, bytes)| decode_at(index, bytes);
    if raw.len() < PARALLEL_DECODE_MIN {
        return raw.iter().enumerate().map(decode).collect();
    }
    let decoded: Vec<_> = raw.par_iter().enumerate().with_min_len(32).map(decode).collect();
    // In order, so that the same block always gives the same error.
    decoded.into_iter().collect()
}

fn decode_at(index: usize, bytes: &Bytes) -> Result<Transaction, BlockError> {
    let tx = decode_transaction(bytes)
        .map_err(|reason| BlockError::MalformedTransaction { index, reason })?;
    // The store keeps transactions decoded. If another encoding than the canonical one slipped
    // through a decoder, the stored block would not have the root of its header.
    let mut canonical = Vec::with_capacity(bytes.len());
    tx.encode_2718(&mut canonical);
    if canonical != bytes.as_ref() {
        return Err(BlockError::NonCanonicalTransaction { index });
    }
    // Computed once here, where it is parallel.
    tx.tx_hash();
    Ok(tx)
}
