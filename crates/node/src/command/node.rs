use crate::{
    NodeError,
    config::Settings,
    node::{Node, Role},
    open::open_or_init,
    panic::abort_on_panic,
    shutdown::{limit_stop_time, wait_for_signal},
};

/// Runs an execution node for an external consensus client until a signal stops it.
pub(crate) fn node(settings: &Settings) -> Result<(), NodeError> {
    abort_on_panic();
    let opened = open_or_init(settings)?;
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let node = Node::start(settings, opened, Role::Follower).await?;
        let signal = wait_for_signal().await?;
        tracing::info!(signal, "stopping");
        limit_stop_time();
        node.stop().await
    })
}
