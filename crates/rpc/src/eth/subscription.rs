use std::{sync::Arc, time::Duration};

use jsonrpsee::{
    PendingSubscriptionSink, RpcModule, SubscriptionSink,
    core::{SubscriptionError, server::Extensions},
    types::{ErrorObjectOwned, Params as LibraryParams},
};
use phala_engine::{CanonicalBlock, ChainEvent};
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::log_filter::{LogFilter, LogFilterObject};
use crate::{
    CachedBlock, Context, RpcError, ServerError,
    json::TransactionJson,
    params::{Args, Object, Params, Plain},
};

/// A subscriber that does not take a message in this time is cut off.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Served over WebSocket only.
pub(crate) const METHODS: [&str; 2] = ["eth_subscribe", "eth_unsubscribe"];

/// Adds `eth_subscribe` and `eth_unsubscribe`.
pub(crate) fn register(module: &mut RpcModule<Context>) -> Result<(), ServerError> {
    let [name, unsubscribe] = METHODS;
    module
        .register_subscription(name, "eth_subscription", unsubscribe, subscribe)
        .map_err(|_| ServerError::DuplicateMethod { name: name.to_owned() })?;
    Ok(())
}

/// What somebody subscribes to.
enum Topic {
    NewHeads,
    Logs(LogFilter),
    NewPendingTransactions { full: bool },
}

impl Topic {
    fn parse(params: Params<'_>) -> Result<Self, RpcError> {
        let mut args = params.args()?;
        let Plain(kind) = args.required::<Plain<String>>()?;
        let topic = match kind.as_str() {
            "newHeads" => {
                args.optional::<Plain<serde::de::IgnoredAny>>()?;
                Self::NewHeads
            }
            "logs" => Self::Logs(log_filter(&mut args)?),
            "newPendingTransactions" => {
                Self::NewPendingTransactions { full: args.optional()?.unwrap_or_default() }
            }
            _ => {
                return Err(RpcError::InvalidParams(
                    format!("no \"{kind}\" subscription in eth namespace").into(),
                ));
            }
        };
        args.end()?;
        Ok(topic)
    }
}

fn log_filter(args: &mut Args<'_>) -> Result<LogFilter, RpcError> {
    match args.optional::<Object<LogFilterObject>>()? {
        Some(filter) => filter.0.try_into(),
        None => Ok(LogFilter::default()),
    }
}

async fn subscribe(
    params: LibraryParams<'static>,
    pending: PendingSubscriptionSink,
    context: Arc<Context>,
    _: Extensions,
) -> Result<(), SubscriptionError> {
    let topic = match Topic::parse(Params(params.as_str())) {
        Ok(topic) => topic,
        Err(error) => {
            pending.reject(ErrorObjectOwned::from(error)).await;
            return Ok(());
        }
    };
    // Before the answer is out, so that nothing after it is missed.
    match topic {
        Topic::NewHeads => {
            let events = context.engine().subscribe();
            send_blocks(pending.accept().await?, events, |event| new_heads(&context, event)).await
        }
        Topic::Logs(filter) => {
            let events = context.engine().subscribe();
            send_blocks(pending.accept().await?, events, |event| logs(&filter, event)).await
        }
        Topic::NewPendingTransactions { full } => {
            let hashes = context.pool().subscribe();
            send_transactions(pending.accept().await?, hashes, &context, full).await
        }
    }
}

/// Sends what `messages` makes of each change of the chain.
async fn send_blocks(
    sink: SubscriptionSink,
    mut events: Receiver<ChainEvent>,
    messages: impl Fn(&ChainEvent) -> Result<Vec<Box<RawValue>>, RpcError>,
) -> Result<(), SubscriptionError> {
    while let Some(event) = next(&sink, &mut events).await? {
        for message in
            messages(&event).map_err(|error| SubscriptionError::from(error.to_string()))?
        {
            if sink.send_timeout(message, SEND_TIMEOUT).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn send_transactions(
    sink: SubscriptionSink,
    mut hashes: Receiver<alloy_primitives::B256>,
    context: &Context,
    full: bool,
) -> Result<(), SubscriptionError> {
    while let Some(hash) = next(&sink, &mut hashes).await? {
        let message = if full {
            // Mined or replaced already: then it is not pending any more.
            let Some(tx) = context.pool().get(&hash) else { continue };
            to_raw_value(&TransactionJson::pending(tx.tx(), tx.sender()))
        } else {
            to_raw_value(&hash)
        };
        let message = message.map_err(|error| SubscriptionError::from(error.to_string()))?;
        if sink.send_timeout(message, SEND_TIMEOUT).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Waits for something to send; `None` once the subscriber or this node is gone.
async fn next<T: Clone>(
    sink: &SubscriptionSink,
    events: &mut Receiver<T>,
) -> Result<Option<T>, SubscriptionError> {
    tokio::select! {
        () = sink.closed() => Ok(None),
        event = events.recv() => match event {
            Ok(event) => Ok(Some(event)),
            Err(RecvError::Closed) => Ok(None),
            // Going on would leave a hole that the subscriber cannot see.
            Err(RecvError::Lagged(missed)) => {
                metrics::counter!("phala_rpc_subscriptions_lagged_total").increment(1);
                Err(SubscriptionError::from(format!("subscriber is too slow: {missed} events were lost")))
            }
        },
    }
}

fn new_heads(context: &Context, event: &ChainEvent) -> Result<Vec<Box<RawValue>>, RpcError> {
    let headers = event.added.iter().map(|block| cached(context, block).header_json());
    headers.map(|header| Ok(RawValue::to_owned(&*header?))).collect()
}

fn logs(filter: &LogFilter, event: &ChainEvent) -> Result<Vec<Box<RawValue>>, RpcError> {
    let removed = event.removed.iter().map(|block| (block, true));
    let added = event.added.iter().map(|block| (block, false));
    let mut messages = Vec::new();
    for (block, removed) in removed.chain(added) {
        let block = CachedBlock::new(Arc::clone(&block.block), Arc::clone(&block.receipts));
        for log in block.logs(removed, |log| filter.matches(log)) {
            messages.push(to_raw_value(&log).map_err(RpcError::internal)?);
        }
    }
    Ok(messages)
}

/// Serialises a header once for all subscribers.
fn cached(context: &Context, block: &CanonicalBlock) -> Arc<CachedBlock> {
    match context.block_in_memory(&block.block.hash()) {
        Some(block) => block,
        None => context
            .keep_block(CachedBlock::new(Arc::clone(&block.block), Arc::clone(&block.receipts))),
    }
}
