use alloy_primitives::B256;
use op_alloy_rpc_types_engine::OpExecutionData;
use phala_chainspec::Fork;
use phala_derive::rollup_view;
use phala_engine::NewPayloadVersion;
use phala_primitives::L2BlockRef;
use phala_rpc::{AdminCommand, AdminError};
use phala_sequencer::SequencerError;
use tracing::info;

use super::driver::Driver;
use crate::logging::set_log_level;

impl Driver {
    /// Does what an operator asks for. An operator who is gone needs no answer.
    pub(super) fn on_command(&mut self, command: AdminCommand) {
        match command {
            AdminCommand::StartSequencer { unsafe_head, reply } => {
                let _ = reply.send(self.start_sequencer(unsafe_head));
            }
            AdminCommand::StopSequencer { reply } => {
                let _ = reply.send(self.stop_sequencer());
            }
            AdminCommand::SequencerActive { reply } => {
                let sequencing = self.sequencing.as_ref();
                let _ = reply.send(Ok(sequencing.is_some_and(|s| s.sequencer.is_active())));
            }
            AdminCommand::SetRecoverMode { on, reply } => {
                let result = self.sequencing.as_mut().ok_or(AdminError::NotASequencer);
                let _ = reply.send(result.map(|sequencing| {
                    info!(on, "recover mode");
                    sequencing.sequencer.set_recover_mode(on);
                }));
            }
            AdminCommand::PostUnsafePayload { payload, reply } => {
                let _ = reply.send(self.post_unsafe_payload(*payload));
            }
            AdminCommand::ResetDerivation { reply } => {
                self.reset("asked for by the operator");
                let _ = reply.send(Ok(()));
            }
            AdminCommand::SetLogLevel { level, reply } => {
                let _ = reply.send(set_log_level(&level));
            }
            AdminCommand::SafeHeadAtL1 { number, reply } => {
                let newest = self.status.current_l1().number;
                let known = self.checkpoints.safe_at_l1(number).filter(|_| number <= newest);
                let oldest = self.checkpoints.oldest_l1().unwrap_or(newest);
                let unknown = AdminError::SafeHeadUnknown { number, oldest, newest };
                let _ = reply.send(known.ok_or(unknown));
            }
        }
    }

    fn start_sequencer(&mut self, expected: B256) -> Result<(), AdminError> {
        let head = self.engine.heads().latest.hash;
        let sequencing = self.sequencing.as_mut().ok_or(AdminError::NotASequencer)?;
        sequencing.sequencer.start(expected, head).map_err(|error| match error {
            SequencerError::AlreadyActive => AdminError::AlreadyActive,
            SequencerError::HeadDiffers { head, expected } => {
                AdminError::HeadDiffers { head, expected }
            }
            other => AdminError::Failed(other.to_string()),
        })?;
        info!(%head, "sequencer started by the operator");
        Ok(())
    }

    fn stop_sequencer(&mut self) -> Result<B256, AdminError> {
        let sequencing = self.sequencing.as_mut().ok_or(AdminError::NotASequencer)?;
        sequencing.sequencer.stop().map_err(|_| AdminError::NotActive)?;
        let head = self.engine.heads().latest.hash;
        info!(%head, "sequencer stopped by the operator");
        Ok(head)
    }

    /// Imports a block from another sequencer and makes it the unsafe head, if it follows it.
    fn post_unsafe_payload(&mut self, payload: OpExecutionData) -> Result<(), AdminError> {
        let (hash, parent) = (payload.block_hash(), payload.parent_hash());
        let head = self.engine.heads().latest.hash;
        if hash == head {
            return Ok(());
        }
        if parent != head {
            let is_known = self.l2.store().header(parent).is_ok_and(|header| header.is_some());
            return Err(if is_known {
                AdminError::NotOnHead { hash, head }
            } else {
                AdminError::UnknownParent { hash, parent }
            });
        }
        let timestamp = payload.payload.timestamp();
        let is_isthmus = self.l2.spec().is_fork_active(Fork::Isthmus, timestamp);
        let version = if is_isthmus { NewPayloadVersion::V4 } else { NewPayloadVersion::V3 };
        let failed = |error: &dyn std::error::Error| AdminError::Failed(error.to_string());
        let status = self.engine.new_payload(version, payload).map_err(|error| failed(&error))?;
        if !status.is_valid() {
            return Err(AdminError::InvalidPayload(status.to_string()));
        }
        // A block of derivation's form, or it could never become safe.
        let block = self.l2.block(hash).map_err(|error| failed(&error))?;
        let (block, _) = rollup_view(self.l2.spec(), &block)
            .map_err(|error| AdminError::InvalidPayload(error.to_string()))?;
        let parent = self.l2.block_ref(parent).map_err(|error| failed(&error))?;
        if !is_next(&parent, &block, self.l2.spec().block_time_secs) {
            let reason = "time, l1 origin or sequence number does not follow from its parent";
            return Err(AdminError::InvalidPayload(reason.to_owned()));
        }
        self.engine.set_heads(hash, None, None).map_err(|error| failed(&error))?;
        Ok(())
    }
}

/// Whether a block goes on with the epoch of its parent, or begins the next, when it is due. What is
/// found out about L1 later steps from epoch to epoch by these numbers.
fn is_next(parent: &L2BlockRef, block: &L2BlockRef, block_time_secs: u64) -> bool {
    let goes_on = block.l1_origin == parent.l1_origin
        && parent.sequence_number.checked_add(1) == Some(block.sequence_number);
    let begins = parent.l1_origin.number.checked_add(1) == Some(block.l1_origin.number)
        && block.sequence_number == 0;
    let is_due = parent.timestamp.checked_add(block_time_secs) == Some(block.timestamp);
    is_due && (goes_on || begins)
}

#[cfg(test)]
mod tests {
    use phala_primitives::BlockRef;

    use super::*;

    #[test]
    fn only_a_block_of_the_same_or_the_next_epoch_is_next() {
        let origin = |number, byte| BlockRef { number, hash: B256::repeat_byte(byte) };
        let block = |timestamp, l1_origin, sequence_number| L2BlockRef {
            timestamp,
            l1_origin,
            sequence_number,
            ..L2BlockRef::default()
        };
        let parent = block(100, origin(7, 7), 3);
        assert!(is_next(&parent, &block(102, origin(7, 7), 4), 2));
        assert!(is_next(&parent, &block(102, origin(8, 8), 0), 2));
        for wrong in [
            block(101, origin(7, 7), 4),
            block(104, origin(8, 8), 0),
            block(102, origin(7, 7), 3),
            block(102, origin(7, 7), u64::MAX),
            block(102, origin(7, 8), 4),
            block(102, origin(8, 8), 4),
            block(102, origin(9, 9), 0),
            block(102, origin(6, 6), 0),
            block(102, origin(u64::MAX, 6), 0),
        ] {
            assert!(!is_next(&parent, &wrong, 2), "{wrong:?}");
        }
        let last = block(u64::MAX, origin(u64::MAX, 7), u64::MAX);
        assert!(!is_next(&last, &last, 2));
    }
}
