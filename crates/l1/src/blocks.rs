//! Blocks and headers: what is returned was proved against a hash, and heights and tags were
//! confirmed by a second endpoint if there is one.

use std::sync::Arc;

use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, keccak256};
use futures_util::future::join_all;
use phala_primitives::SealedHeader;
use serde_json::{json, value::RawValue};
use tracing::warn;

use crate::{
    BlockName, BlockRange, L1Block, L1Client, L1Error, L1Receipt, L1Transaction, Unverified,
    body::decode_block,
    budget::Purpose,
    endpoint::Endpoint,
    execution::{Request, judge},
    fault::Fault,
    header::decode_header,
    json_rpc::Call,
    receipts::decode_receipts,
};

/// Heights below the head where every block is confirmed by a second endpoint. Deeper ones hang
/// together by their parents, so that one of [`CONFIRM_STRIDE`] is enough.
const CONFIRM_DEPTH: u64 = 64;

/// See [`CONFIRM_DEPTH`].
const CONFIRM_STRIDE: u64 = 32;

impl L1Client {
    /// The newest block. Which one it is cannot be proved; its header is.
    pub async fn head(&self) -> Result<SealedHeader, L1Error> {
        let request =
            Request::about(LATEST, BlockName::Latest).at_height(self.inner.heads.number());
        let (endpoint, mut head) = self
            .inner
            .execution
            .ask(request, |endpoint| async move {
                let head = head_of(&endpoint).await?;
                Ok((endpoint, head))
            })
            .await?;
        let survey =
            self.inner.execution.endpoints.len() > 1 && self.inner.heads.is_doubtful(head.number);
        if survey {
            let others = self.others(&endpoint, None);
            let heads = others
                .iter()
                .map(|other| async move { judge(other, request, head_of(other).await).ok() });
            let newest = join_all(heads).await.into_iter().flatten().max_by_key(|head| head.number);
            if let Some(newest) = newest.filter(|newest| newest.number > head.number) {
                head = newest;
            }
        }
        self.inner.heads.note(head.number, survey);
        metrics::gauge!("phala_l1_head_number").set(head.number as f64);
        self.keep(&head);
        Ok(head)
    }

    /// The newest safe block.
    pub async fn safe(&self) -> Result<SealedHeader, L1Error> {
        self.header_tagged(BlockName::Safe).await
    }

    /// The newest final block.
    pub async fn finalized(&self) -> Result<SealedHeader, L1Error> {
        self.header_tagged(BlockName::Finalized).await
    }

    /// The header at a height of the chain the endpoints follow now.
    pub async fn header_by_number(&self, number: u64) -> Result<SealedHeader, L1Error> {
        self.header_named(BlockName::Number(number), self.is_to_confirm(number)).await
    }

    /// The header with a hash, canonical or not.
    pub async fn header_by_hash(&self, hash: B256) -> Result<SealedHeader, L1Error> {
        if let Some(header) = self.inner.headers.lock().get(&hash) {
            return Ok(header.clone());
        }
        self.header_named(BlockName::Hash(hash), false).await
    }

    /// The block with a hash, canonical or not, with its receipts.
    pub async fn block(&self, hash: B256) -> Result<Arc<L1Block>, L1Error> {
        if let Some(block) = self.inner.cache.block(hash).await {
            return Ok(block);
        }
        let (_, header, transactions) = self.body(BlockName::Hash(hash)).await?;
        self.with_receipts(header, transactions).await
    }

    /// The block at a height of the chain the endpoints follow now, with its receipts.
    pub async fn block_by_number(&self, number: u64) -> Result<Arc<L1Block>, L1Error> {
        if self.inner.cache.has_height(number) {
            // One small request tells whether what is kept is still the canonical block.
            let hash = self.header_by_number(number).await?.hash();
            return self.block(hash).await;
        }
        let name = BlockName::Number(number);
        let (endpoint, header, transactions) = self.body(name).await?;
        if self.is_to_confirm(number) {
            let confirmed = self.confirmed(name, &endpoint, header.clone()).await?;
            if confirmed.hash() != header.hash() {
                return self.block(confirmed.hash()).await;
            }
        }
        self.with_receipts(header, transactions).await
    }

    /// The blocks `from..=to` of the chain the endpoints follow now, in order, linked by their
    /// parents, several fetched ahead.
    pub fn blocks(&self, from: u64, to: u64) -> BlockRange {
        BlockRange::new(self.clone(), from, to)
    }

    async fn header_named(&self, name: BlockName, confirm: bool) -> Result<SealedHeader, L1Error> {
        let (endpoint, header) = self.first_header(name).await?;
        let header = if confirm { self.confirmed(name, &endpoint, header).await? } else { header };
        self.keep(&header);
        Ok(header)
    }

    async fn first_header(
        &self,
        name: BlockName,
    ) -> Result<(Arc<Endpoint>, SealedHeader), L1Error> {
        let ask = |endpoint: Arc<Endpoint>| async move {
            let header = header_from(&endpoint, name).await?;
            Ok((endpoint, header))
        };
        self.inner.execution.ask(request_of(name), ask).await
    }

    /// The newest block that two endpoints call safe, or final. That a block is on L1 does not prove
    /// it: one endpoint alone could call the head final.
    async fn header_tagged(&self, tag: BlockName) -> Result<SealedHeader, L1Error> {
        let (endpoint, header) = self.first_header(tag).await?;
        let mut named = vec![(endpoint, header)];
        if self.inner.cross_check {
            let others = self.others(&named[0].0, None);
            let theirs = others.iter().map(|other| async move {
                let answer = judge(other, request_of(tag), header_from(other, tag).await);
                answer.ok().map(|header| (Arc::clone(other), header))
            });
            named.extend(join_all(theirs).await.into_iter().flatten());
        }
        // The second newest, so that another one is as far; alone, the only one.
        named.sort_by_key(|(_, header)| std::cmp::Reverse(header.number));
        let (endpoint, header) = named.swap_remove(1.min(named.len() - 1));
        let header = self.confirmed(tag, &endpoint, header).await?;
        self.keep(&header);
        Ok(header)
    }

    fn is_to_confirm(&self, number: u64) -> bool {
        let head = self.inner.execution.agreed_head().unwrap_or_default();
        number.is_multiple_of(CONFIRM_STRIDE) || number.saturating_add(CONFIRM_DEPTH) > head
    }

    /// The header at its height that two endpoints agree on. Endpoints that do not have the height, or
    /// fail, have no say; if no other has, there is nothing to compare with.
    async fn confirmed(
        &self,
        name: BlockName,
        from: &Arc<Endpoint>,
        header: SealedHeader,
    ) -> Result<SealedHeader, L1Error> {
        if !self.inner.cross_check {
            return Ok(header);
        }
        let at_height = BlockName::Number(header.number);
        let mut others: Vec<SealedHeader> = Vec::new();
        for endpoint in self.others(from, Some(header.number)) {
            let answer = header_from(&endpoint, at_height).await;
            match judge(&endpoint, request_of(at_height), answer) {
                Ok(other) if other.hash() == header.hash() => return Ok(header),
                Ok(other) if others.iter().any(|known| known.hash() == other.hash()) => {
                    warn!(endpoint = %from.name, block = %header.hash(), agreed = %other.hash(),
                        "l1 endpoint is outvoted");
                    from.health
                        .failed(&from.name, &Fault::Garbage("outvoted by the others".into()));
                    return Ok(other);
                }
                Ok(other) => others.push(other),
                Err(Fault::Stop(error)) => return Err(*error),
                Err(_) => {}
            }
        }
        match others.first() {
            None => Ok(header),
            Some(other) => {
                metrics::counter!("phala_l1_disagreements_total").increment(1);
                Err(L1Error::Disagreement { name, first: header.hash(), second: other.hash() })
            }
        }
    }

    fn others(&self, than: &Arc<Endpoint>, height: Option<u64>) -> Vec<Arc<Endpoint>> {
        let mut others = self.inner.execution.candidates(height);
        others.retain(|endpoint| !Arc::ptr_eq(endpoint, than));
        others
    }

    async fn body(
        &self,
        name: BlockName,
    ) -> Result<(Arc<Endpoint>, SealedHeader, Vec<L1Transaction>), L1Error> {
        let ask = |endpoint: Arc<Endpoint>| async move {
            let read = |json: &RawValue| {
                let (header, transactions) = decode_block(json)?;
                check_name(name, &header)?;
                Ok((header, transactions))
            };
            let (header, transactions) = endpoint.call(call_of(name, true), read).await?;
            Ok((endpoint, header, transactions))
        };
        let answer = self.inner.execution.ask(request_of(name), ask).await?;
        self.keep(&answer.1);
        Ok(answer)
    }

    async fn with_receipts(
        &self,
        header: SealedHeader,
        transactions: Vec<L1Transaction>,
    ) -> Result<Arc<L1Block>, L1Error> {
        if let Some(block) = self.inner.cache.block(header.hash()).await {
            return Ok(block);
        }
        let receipts = self.receipts(&header, &transactions).await?;
        let block = Arc::new(L1Block::new(header, transactions, receipts));
        self.inner.cache.put_block(Arc::clone(&block)).await;
        Ok(block)
    }

    async fn receipts(
        &self,
        header: &SealedHeader,
        transactions: &[L1Transaction],
    ) -> Result<Vec<L1Receipt>, L1Error> {
        if transactions.is_empty() && header.receipts_root == alloy_trie::EMPTY_ROOT_HASH {
            return Ok(Vec::new());
        }
        let hashes: Vec<B256> =
            transactions.iter().map(|tx| keccak256(tx.encoded_2718())).collect();
        let name = BlockName::Hash(header.hash());
        let request = Request::about("receipts", name).at_height(Some(header.number));
        let hashes = hashes.as_slice();
        self.inner
            .execution
            .ask(request, |endpoint| async move {
                let read = |json: &[&RawValue]| {
                    decode_receipts(header, hashes.len(), json).map_err(Fault::from)
                };
                endpoint.receipts(header, hashes, read).await
            })
            .await
    }

    fn keep(&self, header: &SealedHeader) {
        self.inner.headers.lock().put(header.hash(), header.clone());
    }
}

/// Name of the request for the head in messages.
const LATEST: &str = "eth_getBlockByNumber";

async fn head_of(endpoint: &Endpoint) -> Result<SealedHeader, Fault> {
    let read = |json: &RawValue| Ok(decode_header(json)?);
    let head = endpoint.call_for(Purpose::Head, call_of(BlockName::Latest, false), read).await?;
    endpoint.health.saw_head(head.number);
    Ok(head)
}

async fn header_from(endpoint: &Endpoint, name: BlockName) -> Result<SealedHeader, Fault> {
    let read = |json: &RawValue| {
        let header = decode_header(json)?;
        check_name(name, &header)?;
        Ok(header)
    };
    endpoint.call(call_of(name, false), read).await
}

fn check_name(name: BlockName, header: &SealedHeader) -> Result<(), Unverified> {
    let got = match name {
        BlockName::Number(number) if number != header.number => header.number.to_string(),
        BlockName::Hash(hash) if hash != header.hash() => header.hash().to_string(),
        _ => return Ok(()),
    };
    Err(Unverified::OtherBlock { wanted: name.to_string(), got })
}

fn request_of(name: BlockName) -> Request {
    Request::about(call_of(name, false).method, name)
}

fn call_of(name: BlockName, whole: bool) -> Call {
    match name {
        BlockName::Hash(hash) => Call::new("eth_getBlockByHash", json!([hash, whole])),
        BlockName::Number(number) => {
            Call::new("eth_getBlockByNumber", json!([format!("{number:#x}"), whole]))
        }
        tag => Call::new("eth_getBlockByNumber", json!([tag.to_string(), whole])),
    }
}
