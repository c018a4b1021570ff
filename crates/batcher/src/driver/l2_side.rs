use super::Driver;
use crate::{
    BatcherError, BlockRange, L2Error, Phase, ResetReason, SyncAction, SyncStatus,
    compute_sync_action,
};

/// Blocks read at one look, so that a long backlog does not keep from looking at L1.
const BLOCKS_PER_LOOK_MAX: u64 = 500;

impl Driver {
    /// Reads how far the node is, and the blocks that follow from it.
    pub(super) async fn follow_l2(&mut self) -> Result<(), BatcherError> {
        let status = self.l2.sync_status().await?;
        self.tell_l2(&status);
        let l1_head = self.state.head.unwrap_or(status.head_l1.number);
        let held = self.encoder.view(l1_head);
        let action = compute_sync_action(&status, self.state.current_l1, &held);
        tracing::debug!(
            ?action,
            current_l1 = status.current_l1.number,
            safe = status.safe_l2.number,
            r#unsafe = status.unsafe_l2.number,
            held = held.blocks.len(),
            "looked at l2"
        );
        if action == SyncAction::OutOfSync {
            tracing::info!(
                current_l1 = status.current_l1.number,
                before = self.state.current_l1,
                "l2 node is not in sync with l1, waiting"
            );
            return Ok(());
        }
        self.state.current_l1 = Some(status.current_l1.number);
        if self.phase != Phase::Running {
            // What was just read is older than the decision; blocks come with the next look.
            return self.finish_draining(status.current_l1.id()).await;
        }
        match action {
            SyncAction::OutOfSync => Ok(()),
            SyncAction::Reset(reason) => {
                if matches!(reason, ResetReason::ChannelDropped { .. }) {
                    self.channel_dropped(status.safe_l2.number);
                }
                self.start_again(reason);
                Ok(())
            }
            SyncAction::Advance { safe, load } => {
                self.encoder.prune(safe);
                if let Some(reason) = self.encoder.timed_out(l1_head) {
                    self.start_again(reason);
                    return Ok(());
                }
                self.load(load, &status).await
            }
        }
    }

    async fn load(
        &mut self,
        range: Option<BlockRange>,
        status: &SyncStatus,
    ) -> Result<(), BatcherError> {
        let Some(range) = range else { return Ok(()) };
        let last = range.last.min(range.first.saturating_add(BLOCKS_PER_LOOK_MAX - 1));
        for number in range.first..=last {
            if self.encoder.is_saturated() {
                tracing::debug!(number, "enough blocks for now");
                return Ok(());
            }
            let block = match self.l2.block(number).await {
                Ok(block) => block,
                // The chain is changing under us; the next look tells how.
                Err(L2Error::NoBlock { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let safe = status.safe_l2;
            if number == safe.number + 1 && block.parent_hash != safe.hash {
                self.start_again(ResetReason::L2Reorg { number });
                return Ok(());
            }
            if let Err(reason) = self.encoder.add_block(block) {
                self.start_again(reason);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Puts blocks into channels.
    pub(super) fn pack(&mut self) -> Result<(), BatcherError> {
        let (Phase::Running, Some(head), Some(prices)) =
            (self.phase, self.state.head, self.state.prices)
        else {
            return Ok(());
        };
        let policy = self.encoder.policy();
        let blobs_per_tx = policy.frames_per_tx(crate::DaType::Blobs);
        let da = self.settings.da.decide(&prices, policy.calldata_bytes_max, blobs_per_tx);
        // Compression takes up to a second per megabyte.
        let closed = tokio::task::block_in_place(|| self.encoder.advance(head, da))?;
        for channel in closed {
            tracing::info!(
                channel = %channel.id,
                reason = channel.reason.name(),
                first = channel.first_block,
                last = channel.last_block,
                blocks = channel.last_block - channel.first_block + 1,
                frames = channel.frames,
                input_bytes = channel.input_bytes,
                output_bytes = channel.output_bytes,
                da = channel.da.name(),
                "channel closed"
            );
            metrics::counter!("phala_batcher_channels_closed_total", "reason" => channel.reason.name())
                .increment(1);
            metrics::counter!("phala_batcher_input_bytes_total").increment(channel.input_bytes);
            metrics::counter!("phala_batcher_output_bytes_total").increment(channel.output_bytes);
            self.shared.tell(|status| {
                status.channels_closed += 1;
                status.last_channel = Some(channel.into());
            });
        }
        Ok(())
    }

    fn tell_l2(&self, status: &SyncStatus) {
        self.shared.tell(|told| {
            told.unsafe_l2 = status.unsafe_l2.number;
            told.safe_l2 = status.safe_l2.number;
        });
        metrics::gauge!("phala_batcher_l2_unsafe_block").set(status.unsafe_l2.number as f64);
        metrics::gauge!("phala_batcher_l2_safe_block").set(status.safe_l2.number as f64);
        metrics::gauge!("phala_batcher_l2_current_l1_block").set(status.current_l1.number as f64);
    }
}
