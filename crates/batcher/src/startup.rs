use std::{path::Path, sync::Arc, time::Instant};

use alloy_primitives::Address;
use phala_batch::BatchContext;
use rand::{SeedableRng as _, rngs::StdRng};

use crate::{
    BatcherConfig, BatcherError, ChannelPolicy, Encoder, Journal, JournalIdentity, JournaledTx,
    L2Client, Recovered, RollupConfig, SidecarFormat, SignedTx, StartupError, SubmissionId, TxData,
    TxError, TxQueue, TxSigner, Version,
    driver::{Driver, DriverSettings},
    l1_gateway::L1Gateway,
    status::Shared,
};

/// Storage slot of `batcherHash` in every SystemConfig contract so far.
const BATCHER_HASH_SLOT: u64 = 0x67;

/// Blocks of a channel must be provable within the window, so a window below this is a mistake.
const SEQUENCING_WINDOW_MIN: u64 = 2;

/// Checks that everything belongs together, and builds the driver from it.
///
/// Transient errors are returned as they are: the caller tries again until both chains answer.
pub(crate) async fn prepare(
    config: &BatcherConfig,
    signer: TxSigner,
    shared: Arc<Shared>,
) -> Result<Driver, Refusal> {
    match connect(config, &signer, &shared).await {
        Ok(parts) => build(config, signer, shared, parts).map_err(Refusal::Error),
        Err(error) => Err(Refusal::Retry { error, signer }),
    }
}

/// Why there is no driver.
pub(crate) enum Refusal {
    /// May be tried again with the same signer, if the error may heal.
    Retry { error: BatcherError, signer: TxSigner },
    /// Final.
    Error(BatcherError),
}

/// What was learned from both chains.
struct Parts {
    l1: L1Gateway,
    l2: L2Client,
    rollup: RollupConfig,
    head: u64,
    nonce_used: u64,
    nonce_pending: u64,
    sidecar_format: SidecarFormat,
}

async fn connect(
    config: &BatcherConfig,
    signer: &TxSigner,
    shared: &Shared,
) -> Result<Parts, BatcherError> {
    let l2 = L2Client::new(config.l2.clone(), config.request_timeout)?;
    let l1 = L1Gateway::new(&config.l1, config.request_timeout)?;
    let rollup = l2.rollup_config().await?;
    check_rollup(&rollup)?;
    check_chain_ids(&rollup, l1.chain_id().await?, l2.chain_id().await?)?;
    check_batcher(&rollup, &l1, &l2, signer.address()).await?;
    if l1.has_code(rollup.batch_inbox_address).await? {
        tracing::warn!(
            inbox = %rollup.batch_inbox_address,
            "the batch inbox is a contract: batches may cost more gas than their limit"
        );
    }
    let (nonce_used, nonce_pending) = l1.nonces(signer.address()).await?;
    let sidecar_format = match config.sidecar {
        Some(format) => format,
        None => l1.sidecar_format().await,
    };
    let head = l1.head().await?.number;
    shared.tell(|status| status.inbox = rollup.batch_inbox_address);
    Ok(Parts { l1, l2, rollup, head, nonce_used, nonce_pending, sidecar_format })
}

fn check_rollup(rollup: &RollupConfig) -> Result<(), StartupError> {
    let wrong = |text| Err(StartupError::RollupConfig(text));
    if rollup.block_time == 0 {
        return wrong("block_time is 0");
    }
    if rollup.seq_window_size < SEQUENCING_WINDOW_MIN {
        return wrong("seq_window_size leaves no room for batches");
    }
    if rollup.granite_channel_timeout == 0 {
        return wrong("granite_channel_timeout is 0");
    }
    if rollup.batch_inbox_address == Address::ZERO {
        return wrong("batch_inbox_address is zero");
    }
    Ok(())
}

const fn check_chain_ids(rollup: &RollupConfig, l1: u64, l2: u64) -> Result<(), StartupError> {
    if rollup.l1_chain_id != l1 {
        return Err(StartupError::L1Chain { found: l1, expected: rollup.l1_chain_id });
    }
    if rollup.l2_chain_id != l2 {
        return Err(StartupError::L2Chain { found: l2, expected: rollup.l2_chain_id });
    }
    Ok(())
}

/// The contract on L1 knows first who the batcher is; the newest L2 block follows it.
pub(crate) async fn check_batcher(
    rollup: &RollupConfig,
    l1: &L1Gateway,
    l2: &L2Client,
    ours: Address,
) -> Result<(), BatcherError> {
    let system_config = rollup.l1_system_config_address;
    let word = l1.storage(system_config, BATCHER_HASH_SLOT).await?;
    let on_l1 = Address::from_word(word);
    if on_l1 == ours {
        return Ok(());
    }
    let unsafe_head = l2.sync_status().await?.unsafe_l2.number;
    let on_l2 = if unsafe_head > rollup.genesis.l2.number {
        l2.batcher_address(unsafe_head).await?
    } else {
        rollup.genesis.system_config.batcher
    };
    if on_l2 != ours {
        return Err(StartupError::NotTheBatcher { ours, chain: on_l2, system_config }.into());
    }
    if on_l1 != Address::ZERO {
        tracing::warn!(
            batcher = %on_l1,
            %system_config,
            "SystemConfig on l1 seems to name another batcher: ours may soon be ignored"
        );
    }
    Ok(())
}

fn build(
    config: &BatcherConfig,
    signer: TxSigner,
    shared: Arc<Shared>,
    parts: Parts,
) -> Result<Driver, BatcherError> {
    let Parts { l1, l2, rollup, head, nonce_used, nonce_pending, sidecar_format } = parts;
    let inbox = rollup.batch_inbox_address;
    let identity =
        JournalIdentity::new(rollup.l1_chain_id, rollup.l2_chain_id, inbox, signer.address());
    let (journal, recovered) = Journal::open(&config.journal, &identity)?;
    tell_recovered(&config.journal, &recovered);
    let floor = recovered.floor;
    let mut queue = TxQueue::new(config.resend, nonce_used);
    let restored = recovered.txs.len();
    for tx in recovered.txs {
        let (id, nonce, versions) = restore(tx, signer.address())?;
        queue.push(id, nonce, versions, Instant::now());
    }
    // Without a record of what the nonces were used for, it may have been for batches.
    let unknown = recovered.damaged_bytes > 0
        || (recovered.is_new && nonce_pending > 0)
        || nonce_used > queue.iter().map(|tx| tx.nonce + 1).max().unwrap_or(floor.next_nonce);
    let wait_for_l1 =
        if unknown { Some(head) } else { (floor.next_nonce > 0).then_some(floor.l1_block) };
    let policy = ChannelPolicy {
        batch_type: config.batch_type,
        compression: config.compression,
        target_frames: config.target_frames,
        calldata_bytes_max: config.calldata_bytes_max,
        blocks_max: config.blocks_max,
        duration_max: config.channel_duration_max,
        safety_margin: config.safety_margin,
        channel_timeout: rollup.granite_channel_timeout,
        sequencing_window: rollup.seq_window_size,
    };
    let context = BatchContext {
        chain_id: rollup.l2_chain_id,
        genesis_time: rollup.genesis.l2_time,
        block_time_secs: rollup.block_time,
    };
    let encoder = Encoder::new(policy, context, StdRng::from_os_rng());
    let settings = DriverSettings {
        rollup,
        da: config.da,
        fees: config.fees,
        bump_after: config.resend.bump_after,
        pending_tx_max: config.pending_tx_max,
        sidecar_may_change: config.sidecar.is_none(),
        balance_min: config.balance_min,
    };
    tracing::info!(
        address = %signer.address(),
        %inbox,
        l1_chain = rollup.l1_chain_id,
        l2_chain = rollup.l2_chain_id,
        l2 = l2.name(),
        nonce = nonce_used,
        restored,
        sidecar = sidecar_format.name(),
        "batcher is ready"
    );
    let wanted = !config.stopped;
    Ok(Driver::new(
        settings,
        l1,
        l2,
        signer,
        journal,
        encoder,
        queue,
        sidecar_format,
        shared,
        wanted,
        wait_for_l1,
    ))
}

fn tell_recovered(folder: &Path, recovered: &Recovered) {
    if recovered.damaged_bytes > 0 {
        tracing::warn!(
            folder = %folder.display(),
            bytes = recovered.damaged_bytes,
            "the end of the journal is damaged and was set aside; nonces tell what was lost"
        );
    }
    for tx in &recovered.txs {
        tracing::info!(id = tx.id.0, versions = tx.versions.len(), "transaction in the journal");
    }
}

/// A submission as the journal remembers it. Nothing is taken on trust that can be recomputed.
fn restore(
    tx: JournaledTx,
    address: Address,
) -> Result<(SubmissionId, u64, Vec<Version>), TxError> {
    let data = tx.data.map(Arc::new);
    let mut versions: Vec<Version> = Vec::with_capacity(tx.versions.len());
    let mut nonce = None;
    for (raw, carries_frames) in tx.versions {
        let signed = SignedTx::decode(&raw)?;
        if signed.signer()? != address
            || *nonce.get_or_insert_with(|| signed.nonce()) != signed.nonce()
        {
            return Err(TxError::Decode("journal mixes senders or nonces".to_owned()));
        }
        let data = match &data {
            Some(data) if carries_frames => Arc::clone(data),
            _ => Arc::new(TxData::empty(signed.da())),
        };
        versions.push(Version { hash: signed.hash(), fees: signed.fees(), raw, data });
    }
    let nonce = nonce.ok_or_else(|| TxError::Decode("journal has no transaction".to_owned()))?;
    Ok((tx.id, nonce, versions))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;
    use crate::{GenesisBlock, GenesisSystemConfig, RollupGenesis};

    fn rollup() -> RollupConfig {
        RollupConfig {
            genesis: RollupGenesis {
                l2: GenesisBlock { hash: B256::ZERO, number: 0 },
                l2_time: 0,
                system_config: GenesisSystemConfig { batcher: Address::ZERO },
            },
            block_time: 2,
            seq_window_size: 3_600,
            granite_channel_timeout: 50,
            l1_chain_id: 1,
            l2_chain_id: 2,
            batch_inbox_address: Address::repeat_byte(1),
            l1_system_config_address: Address::ZERO,
        }
    }

    #[test]
    fn senseless_rollup_configurations_are_refused() {
        check_rollup(&rollup()).expect("sound");
        let wrong: [fn(&mut RollupConfig); 4] = [
            |r| r.block_time = 0,
            |r| r.seq_window_size = 1,
            |r| r.granite_channel_timeout = 0,
            |r| r.batch_inbox_address = Address::ZERO,
        ];
        for change in wrong {
            let mut rollup = rollup();
            change(&mut rollup);
            assert!(matches!(check_rollup(&rollup), Err(StartupError::RollupConfig(_))));
        }
    }

    #[test]
    fn chain_ids_must_match() {
        check_chain_ids(&rollup(), 1, 2).expect("as configured");
        assert_eq!(
            check_chain_ids(&rollup(), 5, 2),
            Err(StartupError::L1Chain { found: 5, expected: 1 })
        );
        assert_eq!(
            check_chain_ids(&rollup(), 1, 5),
            Err(StartupError::L2Chain { found: 5, expected: 2 })
        );
    }
}
