//! What the Engine API methods mean. Transport, authentication and JSON are the caller's.

use alloy_primitives::B256;
use alloy_rpc_types_engine::{
    ExecutionPayloadBodyV1, ForkchoiceState, ForkchoiceUpdated, PayloadStatus, PayloadStatusEnum,
};
use op_alloy_rpc_types_engine::{
    OpExecutionData, OpExecutionPayload, OpExecutionPayloadEnvelopeV3, OpExecutionPayloadEnvelopeV4,
};
use phala_chainspec::Fork;
use std::sync::Arc;

use crate::{
    BlockError, BuiltPayload, Engine, EngineApiError, EngineError, ImportStatus, PayloadAttributes,
    PayloadId,
    candidate::{self, Candidate},
};

/// Bodies one request is answered with at most, as the Engine API recommends.
pub const PAYLOAD_BODIES_MAX: u64 = 1024;

/// Bytes of transactions in one answer at most. Hex doubles them, which stays below the default limit
/// of a response.
const PAYLOAD_BODIES_BYTES_MAX: usize = 64 << 20;

/// Methods this engine answers, as `engine_exchangeCapabilities` lists them.
pub const ENGINE_CAPABILITIES: [&str; 10] = [
    "engine_forkchoiceUpdatedV3",
    "engine_newPayloadV3",
    "engine_newPayloadV4",
    "engine_getPayloadV3",
    "engine_getPayloadV4",
    "engine_getPayloadV5",
    "engine_getPayloadBodiesByHashV1",
    "engine_getPayloadBodiesByRangeV1",
    "engine_exchangeCapabilities",
    "engine_getClientVersionV1",
];

/// Version of `engine_newPayload`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewPayloadVersion {
    /// Ecotone to Granite and Holocene.
    V3,
    /// Isthmus and later.
    V4,
}

/// Version of `engine_forkchoiceUpdated`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForkchoiceVersion {
    /// Takes no attributes of this chain's forks.
    V1,
    /// Takes no attributes of this chain's forks.
    V2,
    /// The one drivers use.
    V3,
}

/// Identifies this program to the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ClientVersion {
    /// Two letters.
    pub code: &'static str,
    /// Name of the program.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// First four bytes of the commit it was built from, as far as known.
    pub commit: &'static str,
}

impl Engine {
    /// `engine_newPayload`: imports a block of an outside driver.
    pub fn new_payload(
        &self,
        version: NewPayloadVersion,
        data: OpExecutionData,
    ) -> Result<PayloadStatus, EngineApiError> {
        self.check_payload_version(version, &data)?;
        let parent = data.payload.parent_hash();
        let hash = data.payload.block_hash();
        if self.store().header(hash).map_err(EngineError::from)?.is_some() {
            // Known under this hash, so whatever came with it now does not matter.
            return Ok(valid(hash));
        }
        let candidate = match self.inner.threads.install(|| Candidate::from_payload(data)) {
            Ok(candidate) => candidate,
            Err(reason) => return Ok(self.refuse_payload(hash, parent, reason)?),
        };
        Ok(match self.import_candidate(candidate)? {
            ImportStatus::Valid { .. } | ImportStatus::AlreadyKnown => valid(hash),
            ImportStatus::Syncing { .. } => PayloadStatus::from_status(PayloadStatusEnum::Syncing),
            ImportStatus::Invalid { latest_valid, reason } => invalid(latest_valid, &reason),
        })
    }

    fn check_payload_version(
        &self,
        version: NewPayloadVersion,
        data: &OpExecutionData,
    ) -> Result<(), EngineApiError> {
        let timestamp = data.payload.timestamp();
        let is_active = |fork| self.spec().is_fork_active(fork, timestamp);
        let unsupported = |method| Err(EngineApiError::UnsupportedFork { method, timestamp });
        match version {
            NewPayloadVersion::V3 if !is_active(Fork::Ecotone) || is_active(Fork::Isthmus) => {
                return unsupported("engine_newPayloadV3");
            }
            NewPayloadVersion::V4 if !is_active(Fork::Isthmus) => {
                return unsupported("engine_newPayloadV4");
            }
            _ => {}
        }
        let missing = |reason| Err(EngineApiError::InvalidParams(reason));
        match (version, &data.payload) {
            (_, OpExecutionPayload::V1(_)) => return missing("withdrawals are missing"),
            (_, OpExecutionPayload::V2(_)) => return missing("blob gas fields are missing"),
            (NewPayloadVersion::V3, OpExecutionPayload::V4(_)) => {
                return missing("withdrawals root is set before isthmus");
            }
            (NewPayloadVersion::V4, OpExecutionPayload::V3(_)) => {
                return missing("withdrawals root is missing");
            }
            _ => {}
        }
        if data.sidecar.parent_beacon_block_root().is_none() {
            return missing("parent beacon block root is missing");
        }
        match (version, data.sidecar.isthmus().is_some()) {
            (NewPayloadVersion::V3, true) => missing("execution requests are set before isthmus"),
            (NewPayloadVersion::V4, false) => missing("execution requests are missing"),
            _ => Ok(()),
        }
    }

    /// The answer to a payload that is not even a block.
    fn refuse_payload(
        &self,
        hash: B256,
        parent: B256,
        reason: BlockError,
    ) -> Result<PayloadStatus, EngineError> {
        let mut writer = self.inner.writer.lock();
        let is_parent_known = self.store().header(parent)?.is_some();
        // Without a parent there is no chain to name a valid block of, nor if the hash is wrong.
        if is_parent_known && reason.is_about_block() {
            let refused = writer.refuse(hash, parent, reason);
            return Ok(invalid(Some(refused.latest_valid), &refused.reason));
        }
        Ok(invalid(None, &reason))
    }

    /// `engine_forkchoiceUpdated`: moves the heads, then starts a payload if attributes came along.
    /// A zero hash leaves the safe or finalized head where it is.
    pub fn forkchoice_updated(
        &self,
        version: ForkchoiceVersion,
        state: ForkchoiceState,
        attributes: Option<&PayloadAttributes>,
    ) -> Result<ForkchoiceUpdated, EngineApiError> {
        let head = state.head_block_hash;
        if head.is_zero() {
            return Err(EngineApiError::InvalidParams("head block hash is zero"));
        }
        if let Some(invalid) = self.inner.writer.lock().invalid.get(&head) {
            let status = self::invalid(Some(invalid.latest_valid), &invalid.reason);
            return Ok(ForkchoiceUpdated::new(status));
        }
        let named = |hash: B256| (!hash.is_zero()).then_some(hash);
        match self.set_heads(head, named(state.safe_block_hash), named(state.finalized_block_hash))
        {
            Ok(_) => {}
            Err(EngineError::UnknownBlock(_)) => {
                return Ok(ForkchoiceUpdated::from_status(PayloadStatusEnum::Syncing));
            }
            Err(error) => return Err(error.into()),
        }
        let updated = ForkchoiceUpdated::new(valid(head));
        let Some(attributes) = attributes else { return Ok(updated) };
        self.check_attributes_version(version, attributes)?;
        let id = self.start_payload(head, attributes)?;
        Ok(updated.with_payload_id(id))
    }

    fn check_attributes_version(
        &self,
        version: ForkchoiceVersion,
        attributes: &PayloadAttributes,
    ) -> Result<(), EngineApiError> {
        let timestamp = attributes.payload_attributes.timestamp;
        if version == ForkchoiceVersion::V3 && self.spec().is_fork_active(Fork::Ecotone, timestamp)
        {
            return Ok(());
        }
        let method = match version {
            ForkchoiceVersion::V1 => "engine_forkchoiceUpdatedV1",
            ForkchoiceVersion::V2 => "engine_forkchoiceUpdatedV2",
            ForkchoiceVersion::V3 => "engine_forkchoiceUpdatedV3",
        };
        Err(EngineApiError::UnsupportedFork { method, timestamp })
    }

    /// The best payload with this id so far.
    pub fn get_payload(&self, id: PayloadId) -> Result<Arc<BuiltPayload>, EngineApiError> {
        self.resolve_payload(id).ok_or(EngineApiError::UnknownPayload)
    }

    /// `engine_getPayloadV3`, for blocks from Ecotone until Isthmus.
    pub fn get_payload_v3(
        &self,
        id: PayloadId,
    ) -> Result<OpExecutionPayloadEnvelopeV3, EngineApiError> {
        let is_served = |fork: &dyn Fn(Fork) -> bool| fork(Fork::Ecotone) && !fork(Fork::Isthmus);
        Ok(self.get_payload_of("engine_getPayloadV3", id, is_served)?.envelope_v3())
    }

    /// `engine_getPayloadV4`, for blocks from Isthmus on. Under Karst V5 is the proper call, and
    /// drivers of before still get their answer here.
    pub fn get_payload_v4(
        &self,
        id: PayloadId,
    ) -> Result<OpExecutionPayloadEnvelopeV4, EngineApiError> {
        let is_served = |fork: &dyn Fn(Fork) -> bool| fork(Fork::Isthmus);
        Ok(self.get_payload_of("engine_getPayloadV4", id, is_served)?.envelope_v4())
    }

    /// `engine_getPayloadV5`, for blocks from Karst on.
    pub fn get_payload_v5(
        &self,
        id: PayloadId,
    ) -> Result<OpExecutionPayloadEnvelopeV4, EngineApiError> {
        let is_served = |fork: &dyn Fn(Fork) -> bool| fork(Fork::Karst);
        Ok(self.get_payload_of("engine_getPayloadV5", id, is_served)?.envelope_v4())
    }

    fn get_payload_of(
        &self,
        method: &'static str,
        id: PayloadId,
        is_served: impl Fn(&dyn Fn(Fork) -> bool) -> bool,
    ) -> Result<Arc<BuiltPayload>, EngineApiError> {
        // Asked first, so that a call of the wrong version does not end the payload.
        let timestamp = self.payload_timestamp(id).ok_or(EngineApiError::UnknownPayload)?;
        if !is_served(&|fork| self.spec().is_fork_active(fork, timestamp)) {
            return Err(EngineApiError::UnsupportedFork { method, timestamp });
        }
        self.get_payload(id)
    }

    /// `engine_getPayloadBodiesByHashV1`: a body for each known hash, `None` for the others.
    pub fn payload_bodies_by_hash(
        &self,
        hashes: &[B256],
    ) -> Result<Vec<Option<ExecutionPayloadBodyV1>>, EngineApiError> {
        check_bodies(hashes.len() as u64)?;
        let mut bytes = BodyBytes::default();
        hashes.iter().map(|hash| self.payload_body(*hash, &mut bytes)).collect()
    }

    /// `engine_getPayloadBodiesByRangeV1`: bodies of `count` canonical blocks from `start` on, as
    /// far as the chain goes.
    pub fn payload_bodies_by_range(
        &self,
        start: u64,
        count: u64,
    ) -> Result<Vec<Option<ExecutionPayloadBodyV1>>, EngineApiError> {
        if start == 0 || count == 0 {
            return Err(EngineApiError::InvalidParams("start and count must be positive"));
        }
        check_bodies(count)?;
        let latest = self.heads().latest.number;
        let end = start.saturating_add(count - 1).min(latest);
        let mut bytes = BodyBytes::default();
        let body = |number| match self.store().canonical_hash(number).map_err(EngineError::from)? {
            Some(hash) => self.payload_body(hash, &mut bytes),
            None => Ok(None),
        };
        (start..=end).map(body).collect()
    }

    fn payload_body(
        &self,
        hash: B256,
        bytes: &mut BodyBytes,
    ) -> Result<Option<ExecutionPayloadBodyV1>, EngineApiError> {
        let Some(block) = self.store().block(hash).map_err(EngineError::from)? else {
            return Ok(None);
        };
        let mut transactions = Vec::with_capacity(block.body().transactions.len());
        for tx in &block.body().transactions {
            let encoded = candidate::encode(tx);
            bytes.add(encoded.len())?;
            transactions.push(encoded);
        }
        let withdrawals = block.body().withdrawals.as_ref().map(|list| list.to_vec());
        Ok(Some(ExecutionPayloadBodyV1 { transactions, withdrawals }))
    }

    /// `engine_getClientVersionV1`.
    pub const fn client_version() -> ClientVersion {
        ClientVersion {
            code: "PH",
            name: "phala-node",
            version: env!("CARGO_PKG_VERSION"),
            commit: match option_env!("PHALA_COMMIT") {
                Some(commit) => commit,
                None => "00000000",
            },
        }
    }
}

/// Size of an answer so far.
#[derive(Default)]
struct BodyBytes(usize);

impl BodyBytes {
    const fn add(&mut self, bytes: usize) -> Result<(), EngineApiError> {
        self.0 = self.0.saturating_add(bytes);
        if self.0 > PAYLOAD_BODIES_BYTES_MAX {
            return Err(EngineApiError::TooLargeBodies { max_bytes: PAYLOAD_BODIES_BYTES_MAX });
        }
        Ok(())
    }
}

const fn check_bodies(requested: u64) -> Result<(), EngineApiError> {
    if requested > PAYLOAD_BODIES_MAX {
        return Err(EngineApiError::TooLargeRequest { requested, max: PAYLOAD_BODIES_MAX });
    }
    Ok(())
}

const fn valid(hash: B256) -> PayloadStatus {
    PayloadStatus::new(PayloadStatusEnum::Valid, Some(hash))
}

fn invalid(latest_valid: Option<B256>, reason: &BlockError) -> PayloadStatus {
    let validation_error = reason.to_string();
    PayloadStatus::new(PayloadStatusEnum::Invalid { validation_error }, latest_valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_answered_up_to_a_size() {
        let mut bytes = BodyBytes::default();
        assert!(bytes.add(PAYLOAD_BODIES_BYTES_MAX - 1).is_ok());
        assert!(bytes.add(1).is_ok());
        assert_eq!(bytes.add(1).expect_err("one too many").code(), -38004);
        assert!(bytes.add(usize::MAX).is_err());
    }
}
