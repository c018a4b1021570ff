use std::{sync::Arc, time::Duration};

use phala_chainspec::ChainSpec;

use crate::{
    NodeError,
    config::Settings,
    data_dir::DataDir,
    dev::{ProducerConfig, Welcome, print_welcome},
    node::{Node, Role},
    open::{open_at, open_temporary},
    panic::abort_on_panic,
    shutdown::{limit_stop_time, wait_for_signal},
};

/// Shortest time between two blocks: a block takes a few milliseconds and an fsync.
const BLOCK_TIME_MIN: Duration = Duration::from_millis(50);

/// Runs a development chain until a signal stops it.
pub(crate) fn dev(settings: &Settings) -> Result<(), NodeError> {
    abort_on_panic();
    #[cfg(debug_assertions)]
    if let Some(path) = &settings.dev.dev_attestation_roots {
        crate::dev::test_roots::put_in_force(path)?;
    }
    let spec = ChainSpec::load(&settings.base.chain)?;
    let producer = producer_config(settings, &spec)?;
    // Removed when this function returns, however it does.
    let temporary = match settings.base.datadir {
        Some(_) => None,
        None => Some(
            tempfile::Builder::new()
                .prefix("phala-dev-")
                .tempdir()
                .map_err(NodeError::TemporaryDir)?,
        ),
    };
    let opened = match &temporary {
        Some(folder) => {
            let data = DataDir::resolve(Some(folder.path()), &spec.name)?;
            open_temporary(settings, spec, data)?
        }
        None => {
            let data = DataDir::resolve(settings.base.datadir.as_deref(), &spec.name)?;
            open_at(settings, spec, data)?
        }
    };
    let data = opened.data.clone();
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let spec = Arc::clone(&opened.spec);
        let node = Node::start(settings, opened, Role::Dev(producer)).await?;
        let welcome = Welcome {
            spec: &spec,
            block_time: producer.block_time,
            on_demand: producer.on_demand,
            data: data.root(),
            is_temporary: temporary.is_some(),
            urls: node.urls(),
        };
        print_welcome(&welcome).map_err(NodeError::Output)?;
        let signal = wait_for_signal().await?;
        tracing::info!(signal, "stopping");
        limit_stop_time();
        node.stop().await
    })
}

fn producer_config(settings: &Settings, spec: &ChainSpec) -> Result<ProducerConfig, NodeError> {
    let block_time =
        settings.dev.dev_block_time.unwrap_or_else(|| Duration::from_secs(spec.block_time_secs));
    if block_time < BLOCK_TIME_MIN {
        return Err(NodeError::BlockTime { given: block_time, min: BLOCK_TIME_MIN });
    }
    Ok(ProducerConfig { block_time, on_demand: settings.dev.dev_on_demand })
}
