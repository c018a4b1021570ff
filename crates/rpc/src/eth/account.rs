use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, U256, keccak256};
use phala_primitives::{Account, BlockRef};

use crate::{
    Context, RpcError,
    json::{Json, Quantity},
    method::Method,
    params::{Args, Params, StorageKey},
};

pub(super) const METHODS: &[Method] = &[
    Method::either("eth_getBalance", at_head::<(), Balance>, anywhere::<(), Balance>),
    Method::either("eth_getCode", at_head::<(), Code>, anywhere::<(), Code>),
    Method::either("eth_getTransactionCount", at_head::<(), Nonce>, anywhere::<(), Nonce>),
    Method::either("eth_getStorageAt", at_head::<StorageKey, Slot>, anywhere::<StorageKey, Slot>),
];

/// Something to read about an account.
trait Reading<K> {
    fn read(context: &Context, request: &Request<K>, block: BlockRef) -> Result<Json, RpcError>;
}

/// An account, perhaps a key below it, and a block.
struct Request<K> {
    address: Address,
    key: K,
    block: BlockId,
}

/// What stands between the address and the block in the parameters.
trait Key: Sized {
    fn take(args: &mut Args<'_>) -> Result<Self, RpcError>;
}

impl Key for () {
    fn take(_: &mut Args<'_>) -> Result<Self, RpcError> {
        Ok(())
    }
}

impl Key for StorageKey {
    fn take(args: &mut Args<'_>) -> Result<Self, RpcError> {
        args.required()
    }
}

impl<K: Key> Request<K> {
    fn parse(params: Params<'_>) -> Result<Self, RpcError> {
        let mut args = params.args()?;
        let address = args.required()?;
        let key = K::take(&mut args)?;
        let block = args.optional()?.unwrap_or_default();
        args.end()?;
        Ok(Self { address, key, block })
    }
}

/// Answers for the latest block, whose state is in memory or one read away.
fn at_head<K: Key, R: Reading<K>>(
    context: &Context,
    params: Params<'_>,
) -> Option<Result<Json, RpcError>> {
    let result = (|| {
        let request = Request::parse(params)?;
        let block = context.block_ref(request.block)?;
        if block != context.heads().latest {
            return Ok(None);
        }
        R::read(context, &request, block).map(Some)
    })();
    result.transpose()
}

fn anywhere<K: Key, R: Reading<K>>(
    context: &Context,
    params: Params<'_>,
) -> Result<Json, RpcError> {
    let request = Request::parse(params)?;
    let block = context.block_ref(request.block)?;
    R::read(context, &request, block)
}

fn account<K>(
    context: &Context,
    request: &Request<K>,
    block: BlockRef,
) -> Result<Option<Account>, RpcError> {
    Ok(context.state(block)?.account(&keccak256(request.address))?)
}

struct Balance;

impl Reading<()> for Balance {
    fn read(context: &Context, request: &Request<()>, block: BlockRef) -> Result<Json, RpcError> {
        let account = account(context, request, block)?;
        Json::of(&account.map_or(U256::ZERO, |account| account.balance))
    }
}

struct Code;

impl Reading<()> for Code {
    fn read(context: &Context, request: &Request<()>, block: BlockRef) -> Result<Json, RpcError> {
        let state = context.state(block)?;
        let code = match state.account(&keccak256(request.address))? {
            Some(account) => state.code(&account.code_hash)?,
            None => Default::default(),
        };
        Json::of(&code)
    }
}

struct Nonce;

impl Reading<()> for Nonce {
    fn read(context: &Context, request: &Request<()>, block: BlockRef) -> Result<Json, RpcError> {
        let nonce = account(context, request, block)?.map_or(0, |account| account.nonce);
        let pending =
            request.block.is_pending().then(|| context.pool().pending_nonce(&request.address));
        // The pool may be a block behind the state.
        let nonce = pending.flatten().map_or(nonce, |pending| pending.max(nonce));
        Json::of(&Quantity::from(nonce))
    }
}

struct Slot;

impl Reading<StorageKey> for Slot {
    fn read(
        context: &Context,
        request: &Request<StorageKey>,
        block: BlockRef,
    ) -> Result<Json, RpcError> {
        let state = context.state(block)?;
        let value = state.slot(&keccak256(request.address), &keccak256(request.key.slot))?;
        Json::of(&B256::from(value))
    }
}
