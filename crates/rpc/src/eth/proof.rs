use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use phala_trie::{TrieError, account_proof};
use serde::{Serialize, Serializer};

use crate::{
    Context, RpcError,
    json::{Json, Quantity},
    method::Method,
    params::{Argument as _, Params, Plain, StorageKey},
};

pub(super) const METHODS: &[Method] = &[Method::heavy("eth_getProof", get_proof)];

/// Stored nodes and leaves one proof may read; enough for any account of an archive that did not
/// grow a thousandfold since.
const READS_MAX: u64 = 1_000_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProofJson {
    address: Address,
    account_proof: Vec<Bytes>,
    balance: U256,
    code_hash: B256,
    nonce: Quantity,
    storage_hash: B256,
    storage_proof: Vec<SlotProofJson>,
}

#[derive(Serialize)]
struct SlotProofJson {
    key: KeyJson,
    value: U256,
    proof: Vec<Bytes>,
}

/// A slot written the way the caller wrote it: in full, or as a quantity.
struct KeyJson(StorageKey);

impl Serialize for KeyJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_full {
            self.0.slot.serialize(serializer)
        } else {
            U256::from_be_bytes(self.0.slot.0).serialize(serializer)
        }
    }
}

fn get_proof(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let address: Address = args.required()?;
    let keys = args.optional::<Plain<Vec<String>>>()?.map_or_else(Vec::new, |keys| keys.0);
    let id = args.optional()?.unwrap_or_default();
    args.end()?;

    let limit = context.limits().proof_slots_max;
    if keys.len() > limit {
        return Err(RpcError::Limit { what: "number of storage keys", limit: limit as u64 });
    }
    let keys = keys.iter().map(|key| {
        // What was a JSON string once is one again, to be read like other parameters.
        let text = format!("\"{key}\"");
        StorageKey::parse(&text).map_err(|reason| RpcError::InvalidArgument { index: 1, reason })
    });
    let keys = keys.collect::<Result<Vec<_>, _>>()?;

    let block = context.block_ref(id)?;
    let root = context.header(block)?.state_root;
    let state = context.state(block)?;
    let hashes: Vec<B256> = keys.iter().map(|key| keccak256(key.slot)).collect();
    let proof =
        account_proof(&state, root, keccak256(address), &hashes, READS_MAX).map_err(proof_error)?;
    let account = proof.account.unwrap_or_default();
    let slots = keys.into_iter().zip(proof.slots).map(|(key, slot)| SlotProofJson {
        key: KeyJson(key),
        value: slot.value,
        proof: slot.nodes,
    });
    Json::of(&ProofJson {
        address,
        account_proof: proof.nodes,
        balance: account.balance,
        code_hash: account.code_hash,
        nonce: account.nonce.into(),
        storage_hash: account.storage_root,
        storage_proof: slots.collect(),
    })
}

/// Tells a proof that is too large from a state that cannot be read.
pub(crate) fn proof_error(error: TrieError) -> RpcError {
    match error {
        TrieError::BudgetExceeded { budget } => {
            RpcError::Limit { what: "state to read for this proof", limit: budget }
        }
        error => RpcError::internal(error),
    }
}
