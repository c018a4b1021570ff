//! The `txpool` namespace.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::Address;
use phala_primitives::RecoveredTx;
use phala_txpool::TransactionSummary;
use serde::Serialize;

use crate::{
    Context, RpcError,
    json::{Json, TransactionJson, quantity_of},
    method::Method,
    params::Params,
};

pub(crate) const METHODS: &[Method] = &[
    Method::light("txpool_status", status),
    Method::heavy("txpool_content", content),
    Method::heavy("txpool_contentFrom", content_from),
    Method::heavy("txpool_inspect", inspect),
];

/// Two parts, as geth divides its pool.
#[derive(Serialize)]
struct Parts<T> {
    pending: T,
    queued: T,
}

type ByNonce<T> = BTreeMap<u64, T>;

fn status(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    params.args()?.end()?;
    let status = context.pool().status();
    Json::of(&Parts {
        pending: quantity_of(status.pending),
        queued: quantity_of(status.basefee + status.queued),
    })
}

fn content(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    params.args()?.end()?;
    let content = context.pool().content();
    Json::of(&Parts {
        pending: by_sender(&content.pending, transaction),
        queued: by_sender(&content.queued, transaction),
    })
}

fn content_from(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let sender: Address = args.required()?;
    args.end()?;
    let content = context.pool().content_from(&sender);
    Json::of(&Parts {
        pending: by_nonce(&content.pending, transaction),
        queued: by_nonce(&content.queued, transaction),
    })
}

fn inspect(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    params.args()?.end()?;
    let content = context.pool().content();
    let summary = |tx| TransactionSummary::of(tx).to_string();
    Json::of(&Parts {
        pending: by_sender(&content.pending, summary),
        queued: by_sender(&content.queued, summary),
    })
}

fn transaction(tx: &RecoveredTx) -> TransactionJson<'_> {
    TransactionJson::pending(tx.tx(), tx.sender())
}

/// Senders are written with their checksum, as other clients do here.
fn by_sender<'a, T>(
    content: &'a BTreeMap<Address, ByNonce<Arc<RecoveredTx>>>,
    show: impl Fn(&'a RecoveredTx) -> T + Copy,
) -> BTreeMap<String, ByNonce<T>> {
    content.iter().map(|(sender, txs)| (sender.to_checksum(None), by_nonce(txs, show))).collect()
}

fn by_nonce<'a, T>(
    txs: &'a ByNonce<Arc<RecoveredTx>>,
    show: impl Fn(&'a RecoveredTx) -> T,
) -> ByNonce<T> {
    txs.iter().map(|(nonce, tx)| (*nonce, show(tx))).collect()
}
