use alloy_primitives::{B256, Bytes, U256};
use alloy_rpc_types_engine::{
    BlobsBundleV1, ExecutionPayloadV1, ExecutionPayloadV2, ExecutionPayloadV3,
};
use op_alloy_rpc_types_engine::{
    OpExecutionPayloadEnvelopeV3, OpExecutionPayloadEnvelopeV4, OpExecutionPayloadV4,
};
use phala_primitives::{EMPTY_STORAGE_ROOT, Header};

use crate::BuiltPayload;

impl BuiltPayload {
    /// The answer to `engine_getPayloadV3`.
    pub fn envelope_v3(&self) -> OpExecutionPayloadEnvelopeV3 {
        OpExecutionPayloadEnvelopeV3 {
            execution_payload: self.payload_v3(),
            block_value: self.value,
            blobs_bundle: BlobsBundleV1::empty(),
            should_override_builder: false,
            parent_beacon_block_root: self.parent_beacon_block_root(),
        }
    }

    /// The answer to `engine_getPayloadV4`, and to V5, which has the same shape on this chain:
    /// there are no blobs, and an empty bundle looks the same in both.
    pub fn envelope_v4(&self) -> OpExecutionPayloadEnvelopeV4 {
        let withdrawals_root = self.block.header().withdrawals_root;
        OpExecutionPayloadEnvelopeV4 {
            execution_payload: OpExecutionPayloadV4 {
                payload_inner: self.payload_v3(),
                withdrawals_root: withdrawals_root.unwrap_or(EMPTY_STORAGE_ROOT),
            },
            block_value: self.value,
            blobs_bundle: BlobsBundleV1::empty(),
            should_override_builder: false,
            parent_beacon_block_root: self.parent_beacon_block_root(),
            execution_requests: Vec::new(),
        }
    }

    fn parent_beacon_block_root(&self) -> B256 {
        self.block.header().parent_beacon_block_root.unwrap_or_default()
    }

    fn payload_v3(&self) -> ExecutionPayloadV3 {
        payload_v3(self.block.hash(), self.block.header(), self.encoded.clone())
    }
}

fn payload_v3(block_hash: B256, header: &Header, transactions: Vec<Bytes>) -> ExecutionPayloadV3 {
    ExecutionPayloadV3 {
        payload_inner: ExecutionPayloadV2 {
            payload_inner: ExecutionPayloadV1 {
                parent_hash: header.parent_hash,
                fee_recipient: header.beneficiary,
                state_root: header.state_root,
                receipts_root: header.receipts_root,
                logs_bloom: header.logs_bloom,
                prev_randao: header.mix_hash,
                block_number: header.number,
                gas_limit: header.gas_limit,
                gas_used: header.gas_used,
                timestamp: header.timestamp,
                extra_data: header.extra_data.clone(),
                base_fee_per_gas: U256::from(header.base_fee_per_gas.unwrap_or_default()),
                block_hash,
                transactions,
            },
            withdrawals: Vec::new(),
        },
        blob_gas_used: header.blob_gas_used.unwrap_or_default(),
        excess_blob_gas: header.excess_blob_gas.unwrap_or_default(),
    }
}
