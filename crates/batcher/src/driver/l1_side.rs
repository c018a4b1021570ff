use std::time::{Duration, Instant};

use alloy_primitives::utils::format_ether;

use super::Driver;
use crate::{BatcherError, GapAction, Receipt, ResetReason, TxData, TxEvent};

/// Pause between two looks at the balance.
const BALANCE_INTERVAL: Duration = Duration::from_secs(60);

impl Driver {
    /// Reads head, nonces, fees and receipts, and takes in what they say about our transactions.
    pub(super) async fn watch_l1(&mut self) -> Result<(), BatcherError> {
        let address = self.signer.address();
        let head = self.l1.head().await?.number;
        let (used, pending) = self.l1.nonces(address).await?;
        let receipts = self.receipts(used).await?;
        self.state.prices = Some(self.l1.prices().await?);
        self.state.head = Some(head);
        for event in self.queue.observe(head, used, &receipts) {
            self.take_in(event, head)?;
        }
        let now = Instant::now();
        let patience = self.settings.bump_after;
        let action = self.state.gap.look(&self.queue, used, pending, patience, now);
        self.close_gap(action).await?;
        self.read_balance(now).await
    }

    /// Asks for the transactions whose nonces are used; the version seen mined is asked for first.
    async fn receipts(&self, used: u64) -> Result<Vec<Receipt>, BatcherError> {
        let mut receipts = Vec::new();
        for tx in self.queue.iter().filter(|tx| tx.nonce < used) {
            let seen = tx.inclusion.map(|inclusion| inclusion.tx_hash);
            let newest_first = tx.versions.iter().rev().map(|version| version.hash);
            let mut inclusion = None;
            for hash in seen.into_iter().chain(newest_first) {
                inclusion = self.l1.inclusion(hash).await?;
                if inclusion.is_some() {
                    break;
                }
            }
            receipts.push(Receipt { id: tx.id, inclusion });
        }
        Ok(receipts)
    }

    fn take_in(&mut self, event: TxEvent, head: u64) -> Result<(), BatcherError> {
        match event {
            TxEvent::Mined { id, inclusion, carries_frames } => {
                self.sidecars.retain(|(of, _), _| *of != id);
                self.wait_for(inclusion.block);
                if carries_frames {
                    self.encoder.mined(id, inclusion.block);
                }
                tracing::info!(
                    id = id.0,
                    hash = %inclusion.tx_hash,
                    l1_block = inclusion.block,
                    cost_eth = %format_ether(inclusion.cost_wei),
                    carries_frames,
                    "transaction mined"
                );
                metrics::counter!("phala_batcher_txs_mined_total").increment(1);
                metrics::counter!("phala_batcher_cost_gwei_total").increment(
                    u64::try_from(inclusion.cost_wei / 1_000_000_000).unwrap_or(u64::MAX),
                );
                self.shared.tell(|status| {
                    status.txs_mined += 1;
                    status.cost_wei += inclusion.cost_wei;
                });
            }
            TxEvent::Unmined { id } => {
                tracing::warn!(id = id.0, "l1 reorganization took a transaction out of its block");
                metrics::counter!("phala_batcher_txs_unmined_total").increment(1);
                self.encoder.unmined(id);
            }
            TxEvent::Confirmed { id, nonce, inclusion } => {
                self.journal.done(id, nonce, inclusion.block)?;
            }
            TxEvent::NonceTaken { id, nonce } => {
                self.journal.done(id, nonce, head)?;
                self.wait_for(head);
                self.start_again(ResetReason::NonceTaken { nonce });
            }
        }
        Ok(())
    }

    async fn close_gap(&mut self, action: GapAction) -> Result<(), BatcherError> {
        if action != self.state.gap_action {
            match &action {
                GapAction::Clear => tracing::info!("no nonce is missing any more"),
                GapAction::Wait { nonce } => tracing::warn!(
                    nonce,
                    "a nonce is missing or used by a transaction that is not in the journal, waiting"
                ),
                GapAction::StartAt(nonce) => {
                    tracing::warn!(nonce, "l1 went back, continuing from an earlier nonce");
                }
                GapAction::Fill(nonces) => {
                    tracing::warn!(?nonces, "using up nonces with transactions that carry nothing");
                }
            }
        }
        self.state.gap_action = action.clone();
        match action {
            GapAction::Clear => return Ok(()),
            GapAction::Wait { .. } => {}
            GapAction::StartAt(nonce) => self.queue.reset_nonce_floor(nonce),
            GapAction::Fill(nonces) => {
                for nonce in nonces {
                    let id = self.journal.next_id();
                    self.begin(id, nonce, TxData::empty(self.settings.gap_da())).await?;
                }
            }
        }
        // Whatever used the nonces may have posted batches.
        if let Some(head) = self.state.head {
            self.wait_for(head);
        }
        Ok(())
    }

    async fn read_balance(&mut self, now: Instant) -> Result<(), BatcherError> {
        let read = self.state.balance_read;
        if read.is_some_and(|read| now.saturating_duration_since(read) < BALANCE_INTERVAL) {
            return Ok(());
        }
        let balance = self.l1.balance(self.signer.address()).await?;
        self.state.balance_read = Some(now);
        let balance = u128::try_from(balance).unwrap_or(u128::MAX);
        metrics::gauge!("phala_batcher_balance_ether").set(balance as f64 / 1e18);
        self.shared.tell(|status| status.balance_wei = Some(balance));
        if balance < self.settings.balance_min {
            tracing::warn!(
                address = %self.signer.address(),
                balance_eth = %format_ether(balance),
                minimum_eth = %format_ether(self.settings.balance_min),
                "balance on l1 is low: send ether to the address"
            );
        }
        Ok(())
    }
}

impl super::DriverSettings {
    /// Type of a transaction that only uses up a nonce: the one the pool most likely holds.
    const fn gap_da(&self) -> crate::DaType {
        match self.da {
            crate::DaChoice::Fixed(da) => da,
            crate::DaChoice::Auto => crate::DaType::Calldata,
        }
    }
}
