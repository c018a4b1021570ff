use std::{sync::Arc, time::Instant};

use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use alloy_primitives::{B256, Bytes};

use super::Driver;
use crate::{
    BatcherError, DaType, Due, GapAction, L1Prices, Phase, SignedTx, SubmissionId, TxData, TxError,
    TxFees, TxTerms, UnsignedTx, Version, l1_gateway::Rejection,
};

/// Submissions mined but not deep enough. More would mean that L1 does not move on.
const UNCONFIRMED_MAX: usize = 256;

impl Driver {
    /// Sends data as long as there is any and not too much is on its way.
    pub(super) async fn publish(&mut self) -> Result<(), BatcherError> {
        while self.may_publish() {
            let id = self.journal.next_id();
            let Some(data) = self.encoder.next_tx(id) else { return Ok(()) };
            let nonce = self.queue.next_nonce();
            if let Err(error) = self.begin(id, nonce, data).await {
                // Nothing was published: the same frames come out again.
                self.encoder.failed(id);
                return Err(error);
            }
            self.send(id).await?;
        }
        Ok(())
    }

    fn may_publish(&self) -> bool {
        let Some(da) = self.encoder.next_da() else { return false };
        self.phase == Phase::Running
            && self.state.gap_action == GapAction::Clear
            && self.queue.len() < UNCONFIRMED_MAX
            && self.queue.unmined().count() < self.settings.pending_tx_max
            // Pools do not take two types of one account at a time.
            && self.queue.unmined().all(|tx| tx.da() == da)
    }

    /// Signs the first transaction of a submission and writes it down. It is not sent yet.
    pub(super) async fn begin(
        &mut self,
        id: SubmissionId,
        nonce: u64,
        data: TxData,
    ) -> Result<(), BatcherError> {
        let fees = self.settings.fees.suggested(&self.prices(), data.da);
        let version = self.sign(id, nonce, fees, Arc::new(data)).await?;
        self.journal.begin(id, &version.data, &version.raw)?;
        self.queue.push(id, nonce, vec![version], Instant::now());
        Ok(())
    }

    /// Sends again, or offers more, where it is due.
    pub(super) async fn resend(&mut self) -> Result<(), BatcherError> {
        for due in self.queue.due(Instant::now()) {
            match due {
                Due::Send(id) => self.send(id).await?,
                Due::Bump(id) => {
                    self.bump(id).await?;
                    self.send(id).await?;
                }
            }
        }
        Ok(())
    }

    /// Signs a version that offers more. While draining it carries nothing: its frames are of no
    /// use any more.
    async fn bump(&mut self, id: SubmissionId) -> Result<(), BatcherError> {
        let Some(tx) = self.queue.get(id) else { return Ok(()) };
        let (nonce, newest) = (tx.nonce, tx.newest().clone());
        let cancel = self.phase == Phase::Draining { cancel: true };
        let data = if cancel && newest.data.carries.is_some() {
            Arc::new(TxData::empty(newest.data.da))
        } else {
            Arc::clone(&newest.data)
        };
        let fees = match self.settings.fees.bumped(&newest.fees, &self.prices(), data.da) {
            Ok(fees) => fees,
            Err(limit) => {
                self.queue.postpone_bump(id, Instant::now());
                return Err(BatcherError::FeeLimit { nonce, limit });
            }
        };
        self.replace(id, nonce, fees, data).await
    }

    async fn replace(
        &mut self,
        id: SubmissionId,
        nonce: u64,
        fees: TxFees,
        data: Arc<TxData>,
    ) -> Result<(), BatcherError> {
        let version = self.sign(id, nonce, fees, data).await?;
        let carries_frames = version.data.carries.is_some();
        self.journal.add_version(id, &version.raw, carries_frames)?;
        tracing::info!(
            id = id.0,
            nonce,
            hash = %version.hash,
            tip = fees.tip,
            fee_cap = fees.fee_cap,
            blob_fee_cap = fees.blob_fee_cap,
            carries_frames,
            "offering more for a transaction"
        );
        metrics::counter!("phala_batcher_fee_bumps_total").increment(1);
        self.queue.add_version(id, version, Instant::now());
        Ok(())
    }

    async fn sign(
        &mut self,
        id: SubmissionId,
        nonce: u64,
        fees: TxFees,
        data: Arc<TxData>,
    ) -> Result<Version, BatcherError> {
        let terms = TxTerms {
            chain_id: self.settings.rollup.l1_chain_id,
            nonce,
            to: self.settings.rollup.batch_inbox_address,
            fees,
        };
        let unsigned = match data.da {
            DaType::Calldata => UnsignedTx::calldata(&terms, data.input()),
            DaType::Blobs => {
                let hashes = self.sidecar(id, &data)?.versioned_hashes().collect();
                UnsignedTx::blobs(&terms, hashes)
            }
        };
        let signed = self.signer.sign(unsigned).await?;
        Ok(Version { hash: signed.hash(), fees, raw: signed.encode(), data })
    }

    fn sidecar(
        &mut self,
        id: SubmissionId,
        data: &TxData,
    ) -> Result<Arc<BlobTransactionSidecarVariant>, TxError> {
        let key = (id, data.carries.is_some());
        if let Some(sidecar) = self.sidecars.get(&key) {
            return Ok(Arc::clone(sidecar));
        }
        let format = self.sidecar_format;
        let sidecar = tokio::task::block_in_place(|| format.sidecar(&data.blobs()?))?;
        let sidecar = Arc::new(sidecar);
        self.sidecars.insert(key, Arc::clone(&sidecar));
        Ok(sidecar)
    }

    /// Gives the newest version of a submission to L1. It is in the journal already.
    pub(super) async fn send(&mut self, id: SubmissionId) -> Result<(), BatcherError> {
        let Some(tx) = self.queue.get(id) else { return Ok(()) };
        let (nonce, version, first_time) = (tx.nonce, tx.newest().clone(), tx.never_sent());
        let raw = self.pool_bytes(id, &version)?;
        let Some(rejection) = self.l1.send(&raw).await? else {
            self.queue.sent(id, Instant::now());
            if first_time {
                self.tell_posted(id, nonce, &version);
            }
            return Ok(());
        };
        self.refused(id, nonce, &version, rejection).await
    }

    fn pool_bytes(&mut self, id: SubmissionId, version: &Version) -> Result<Bytes, TxError> {
        match version.data.da {
            DaType::Calldata => Ok(version.raw.clone()),
            DaType::Blobs => {
                let sidecar = self.sidecar(id, &version.data)?;
                SignedTx::decode(&version.raw)?.encode_for_pool(Some(&sidecar))
            }
        }
    }

    async fn refused(
        &mut self,
        id: SubmissionId,
        nonce: u64,
        version: &Version,
        rejection: Rejection,
    ) -> Result<(), BatcherError> {
        let hash = version.hash;
        let error = |reason, operator| Err(BatcherError::Refused { hash, nonce, reason, operator });
        metrics::counter!("phala_batcher_txs_refused_total").increment(1);
        match rejection {
            Rejection::Known => {
                // Mined or in the pool: receipts tell, at the next look.
                self.queue.sent(id, Instant::now());
                Ok(())
            }
            Rejection::Underpriced(reason) => {
                self.queue.refused_as_underpriced(id);
                error(reason.to_owned(), false)
            }
            Rejection::NoFunds => error("the account cannot pay for it".to_owned(), true),
            Rejection::SidecarFormat(reason) => {
                if self.settings.sidecar_may_change {
                    self.sidecar_format = self.sidecar_format.other();
                    self.sidecars.clear();
                    let format = self.sidecar_format.name();
                    tracing::warn!(format, "l1 refused the sidecar, trying the other form");
                }
                error(reason, false)
            }
            Rejection::OtherTypePending => {
                if version.data.carries.is_none() {
                    // What has to be replaced is of the other type.
                    let da = match version.data.da {
                        DaType::Calldata => DaType::Blobs,
                        DaType::Blobs => DaType::Calldata,
                    };
                    let fees = self.settings.fees.suggested(&self.prices(), da);
                    self.sidecars.remove(&(id, false));
                    self.replace(id, nonce, fees, Arc::new(TxData::empty(da))).await?;
                }
                error("the pool holds transactions of the other type".to_owned(), false)
            }
            Rejection::Other(reason) => error(reason, false),
        }
    }

    fn prices(&self) -> L1Prices {
        self.state.prices.unwrap_or_default()
    }

    fn tell_posted(&self, id: SubmissionId, nonce: u64, version: &Version) {
        let (data, hash): (_, B256) = (&version.data, version.hash);
        let da = data.da.name();
        match &data.carries {
            Some(carries) => tracing::info!(
                id = id.0,
                nonce,
                %hash,
                channel = %carries.channel,
                frames = ?carries.frames,
                closes_channel = carries.closes_channel,
                da,
                blobs = data.blob_count(),
                bytes = data.data_bytes(),
                fee_cap = version.fees.fee_cap,
                "transaction posted"
            ),
            None => tracing::info!(id = id.0, nonce, %hash, da, "transaction without data posted"),
        }
        metrics::counter!("phala_batcher_txs_posted_total", "da" => da).increment(1);
        self.shared.tell(|status| {
            status.txs_posted += 1;
            status.bytes_posted += data.data_bytes() as u64;
            status.blobs_posted += data.blob_count() as u64;
        });
    }
}
