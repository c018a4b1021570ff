//! The `engine` namespace, on the authenticated server only: JSON around the engine's own methods.

use alloy_eips::{eip4895::Withdrawal, eip7685::Requests};
use alloy_primitives::{Address, B256, Bloom, Bytes, U256};
use alloy_rpc_types_engine::{
    CancunPayloadFields, ExecutionPayloadV1, ExecutionPayloadV2, ExecutionPayloadV3,
    ForkchoiceState, PraguePayloadFields,
};
use op_alloy_rpc_types_engine::{
    OpExecutionData, OpExecutionPayload, OpExecutionPayloadSidecar, OpExecutionPayloadV4,
};
use phala_chainspec::{ChainSpec, Fork};
use phala_engine::{
    ENGINE_CAPABILITIES, Engine, EngineApiError, ForkchoiceVersion, NewPayloadVersion,
    PayloadAttributes, PayloadId,
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use crate::{
    Context, RpcError,
    json::Json,
    method::{Handler, Lane, Method},
    params::{Argument, Object, Params, Plain},
};

pub(crate) const METHODS: &[Method] = &[
    in_lane("engine_forkchoiceUpdatedV1", |context, params| {
        forkchoice_updated(context, params, ForkchoiceVersion::V1)
    }),
    in_lane("engine_forkchoiceUpdatedV2", |context, params| {
        forkchoice_updated(context, params, ForkchoiceVersion::V2)
    }),
    in_lane("engine_forkchoiceUpdatedV3", |context, params| {
        forkchoice_updated(context, params, ForkchoiceVersion::V3)
    }),
    in_lane("engine_newPayloadV3", new_payload_v3),
    in_lane("engine_newPayloadV4", new_payload_v4),
    in_lane("engine_getPayloadV3", |context, params| {
        answer(context.engine().get_payload_v3(payload_id(params)?))
    }),
    in_lane("engine_getPayloadV4", |context, params| {
        answer(context.engine().get_payload_v4(payload_id(params)?))
    }),
    in_lane("engine_getPayloadV5", |context, params| {
        answer(context.engine().get_payload_v5(payload_id(params)?))
    }),
    in_lane("engine_getPayloadBodiesByHashV1", bodies_by_hash),
    in_lane("engine_getPayloadBodiesByRangeV1", bodies_by_range),
    Method::light("engine_exchangeCapabilities", exchange_capabilities),
    Method::light("engine_getClientVersionV1", client_version),
];

const fn in_lane(name: &'static str, handler: Handler) -> Method {
    Method::in_lane(name, Lane::Engine, handler)
}

/// An execution payload of any version, read in one pass.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PayloadObject {
    parent_hash: B256,
    fee_recipient: Address,
    state_root: B256,
    receipts_root: B256,
    logs_bloom: Bloom,
    prev_randao: B256,
    #[serde(with = "alloy_serde::quantity")]
    block_number: u64,
    #[serde(with = "alloy_serde::quantity")]
    gas_limit: u64,
    #[serde(with = "alloy_serde::quantity")]
    gas_used: u64,
    #[serde(with = "alloy_serde::quantity")]
    timestamp: u64,
    extra_data: Bytes,
    base_fee_per_gas: U256,
    block_hash: B256,
    transactions: Vec<Bytes>,
    withdrawals: Vec<Withdrawal>,
    #[serde(with = "alloy_serde::quantity")]
    blob_gas_used: u64,
    #[serde(with = "alloy_serde::quantity")]
    excess_blob_gas: u64,
    #[serde(default)]
    withdrawals_root: Option<B256>,
}

impl From<PayloadObject> for OpExecutionPayload {
    fn from(object: PayloadObject) -> Self {
        let payload = ExecutionPayloadV3 {
            payload_inner: ExecutionPayloadV2 {
                payload_inner: ExecutionPayloadV1 {
                    parent_hash: object.parent_hash,
                    fee_recipient: object.fee_recipient,
                    state_root: object.state_root,
                    receipts_root: object.receipts_root,
                    logs_bloom: object.logs_bloom,
                    prev_randao: object.prev_randao,
                    block_number: object.block_number,
                    gas_limit: object.gas_limit,
                    gas_used: object.gas_used,
                    timestamp: object.timestamp,
                    extra_data: object.extra_data,
                    base_fee_per_gas: object.base_fee_per_gas,
                    block_hash: object.block_hash,
                    transactions: object.transactions,
                },
                withdrawals: object.withdrawals,
            },
            blob_gas_used: object.blob_gas_used,
            excess_blob_gas: object.excess_blob_gas,
        };
        match object.withdrawals_root {
            Some(withdrawals_root) => {
                Self::V4(OpExecutionPayloadV4 { payload_inner: payload, withdrawals_root })
            }
            None => Self::V3(payload),
        }
    }
}

/// A block as rollup nodes pass it on before L1 knows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PayloadEnvelope {
    #[serde(default)]
    parent_beacon_block_root: B256,
    execution_payload: PayloadObject,
}

impl PayloadEnvelope {
    /// With the empty lists its fork asks for.
    pub(crate) fn into_data(self, spec: &ChainSpec) -> OpExecutionData {
        let timestamp = self.execution_payload.timestamp;
        let ecotone = CancunPayloadFields::new(self.parent_beacon_block_root, Vec::new());
        let sidecar = if spec.is_fork_active(Fork::Isthmus, timestamp) {
            let isthmus = PraguePayloadFields::new(Requests::default());
            OpExecutionPayloadSidecar::v4(ecotone, isthmus)
        } else {
            OpExecutionPayloadSidecar::v3(ecotone)
        };
        OpExecutionData::new(self.execution_payload.into(), sidecar)
    }
}

/// The driver of this process and one outside would undo each other's work.
fn ensure_driven_outside(context: &Context) -> Result<(), RpcError> {
    if context.is_rollup_node() { Err(RpcError::DrivenInside) } else { Ok(()) }
}

fn new_payload_v3(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    ensure_driven_outside(context)?;
    let mut args = params.args()?;
    let payload: Object<PayloadObject> = args.required()?;
    let versioned_hashes: Plain<Vec<B256>> = args.required()?;
    let parent_beacon_block_root = args.required()?;
    args.end()?;
    let ecotone = CancunPayloadFields::new(parent_beacon_block_root, versioned_hashes.0);
    let sidecar = OpExecutionPayloadSidecar::v3(ecotone);
    let data = OpExecutionData::new(payload.0.into(), sidecar);
    answer(context.engine().new_payload(NewPayloadVersion::V3, data))
}

fn new_payload_v4(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    ensure_driven_outside(context)?;
    let mut args = params.args()?;
    let payload: Object<PayloadObject> = args.required()?;
    let versioned_hashes: Plain<Vec<B256>> = args.required()?;
    let parent_beacon_block_root = args.required()?;
    let requests: Plain<Vec<Bytes>> = args.required()?;
    args.end()?;
    let ecotone = CancunPayloadFields::new(parent_beacon_block_root, versioned_hashes.0);
    let isthmus = PraguePayloadFields::new(Requests::new(requests.0));
    let sidecar = OpExecutionPayloadSidecar::v4(ecotone, isthmus);
    let data = OpExecutionData::new(payload.0.into(), sidecar);
    answer(context.engine().new_payload(NewPayloadVersion::V4, data))
}

fn forkchoice_updated(
    context: &Context,
    params: Params<'_>,
    version: ForkchoiceVersion,
) -> Result<Json, RpcError> {
    ensure_driven_outside(context)?;
    let mut args = params.args()?;
    let state: Object<ForkchoiceState> = args.required()?;
    let attributes: Option<AttributesObject> = args.optional()?;
    args.end()?;
    let attributes = attributes.map(|attributes| attributes.0);
    answer(context.engine().forkchoice_updated(version, state.0, attributes.as_ref()))
}

/// Payload attributes, whose `minBaseFee` is a number as op-node writes it, or a hex quantity.
struct AttributesObject(PayloadAttributes);

impl Argument for AttributesObject {
    fn parse(text: &str) -> Result<Self, std::borrow::Cow<'static, str>> {
        if let Ok(attributes) = serde_json::from_str(text) {
            return Ok(Self(attributes));
        }
        let reason = |error: serde_json::Error| error.to_string();
        let mut object: Map<String, Value> = serde_json::from_str(text).map_err(reason)?;
        if let Some(fee @ Value::String(_)) = object.get_mut("minBaseFee") {
            *fee = u64::parse(&fee.to_string())?.into();
        }
        Ok(Self(serde_json::from_value(Value::Object(object)).map_err(reason)?))
    }
}

fn payload_id(params: Params<'_>) -> Result<PayloadId, RpcError> {
    let mut args = params.args()?;
    let id: Plain<PayloadId> = args.required()?;
    args.end()?;
    Ok(id.0)
}

fn bodies_by_hash(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let hashes: Plain<Vec<B256>> = args.required()?;
    args.end()?;
    answer(context.engine().payload_bodies_by_hash(&hashes.0))
}

fn bodies_by_range(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let start = args.required()?;
    let count = args.required()?;
    args.end()?;
    answer(context.engine().payload_bodies_by_range(start, count))
}

fn exchange_capabilities(_: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    args.required::<Plain<Vec<String>>>()?;
    args.end()?;
    Json::of(&ENGINE_CAPABILITIES)
}

fn client_version(_: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    args.optional::<Plain<IgnoredAny>>()?;
    args.end()?;
    Json::of(&[Engine::client_version()])
}

fn answer<T: serde::Serialize>(result: Result<T, EngineApiError>) -> Result<Json, RpcError> {
    match result {
        Ok(result) => Json::of(&result),
        Err(error) => Err(RpcError::Engine { code: error.code(), message: error.to_string() }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use super::*;

    fn attributes(min_base_fee: Value) -> Result<PayloadAttributes, String> {
        let text = serde_json::json!({
            "timestamp": "0x5", "prevRandao": B256::ZERO, "suggestedFeeRecipient": Address::ZERO,
            "withdrawals": [], "parentBeaconBlockRoot": B256::ZERO, "transactions": [],
            "noTxPool": true, "gasLimit": "0x1c9c380", "eip1559Params": "0x0000000000000000",
            "minBaseFee": min_base_fee
        });
        AttributesObject::parse(&text.to_string())
            .map(|attributes| attributes.0)
            .map_err(std::borrow::Cow::into_owned)
    }

    #[test]
    fn the_minimum_base_fee_may_be_a_number_or_a_quantity() {
        assert_eq!(attributes(Value::from(7)).unwrap().min_base_fee, Some(7));
        assert_eq!(attributes(Value::from("0x7")).unwrap().min_base_fee, Some(7));
        assert_eq!(attributes(Value::Null).unwrap().min_base_fee, None);
        attributes(Value::from("7")).unwrap_err();
        attributes(Value::from(-1)).unwrap_err();
    }

    /// The sample of another client reads, and reads the same as by the library's own type.
    #[test]
    fn reads_a_recorded_payload() {
        let Some(dir) = std::env::var_os("PHALA_VECTORS") else {
            println!("SKIPPED: no vectors");
            return;
        };
        let path =
            std::path::Path::new(&dir).join("opstack/vectors/engine_payload_envelope_v4.json");
        let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let payload = find(&file, "executionPayload").expect("a payload in the file");
        let ours: PayloadObject = serde_json::from_value(payload.clone()).unwrap();
        let library: OpExecutionPayloadV4 = serde_json::from_value(payload.clone()).unwrap();
        assert_eq!(OpExecutionPayload::from(ours), OpExecutionPayload::V4(library));
    }

    fn find<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
        match value {
            Value::Object(map) => map.get(key).or_else(|| map.values().find_map(|v| find(v, key))),
            Value::Array(list) => list.iter().find_map(|v| find(v, key)),
            _ => None,
        }
    }
}
