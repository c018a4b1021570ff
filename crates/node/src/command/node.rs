use crate::{
    NodeError,
    config::Settings,
    node::{Node, Role},
    open::open_or_init,
    panic::abort_on_panic,
    shutdown::{limit_stop_time, wait_for_signal},
};

/// Runs a node that derives the chain from L1, or one for an external consensus client, until a signal
/// stops it.
pub(crate) fn node(settings: &Settings) -> Result<(), NodeError> {
    abort_on_panic();
    let role = role(settings)?;
    let opened = open_or_init(settings)?;
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let node = Node::start(settings, opened, role).await?;
        let signal = wait_for_signal().await?;
        tracing::info!(signal, "stopping");
        limit_stop_time();
        node.stop().await
    })
}

fn role(settings: &Settings) -> Result<Role, NodeError> {
    let is_sequencer = settings.sequencer.sequencer;
    match (settings.l1.l1.is_empty(), is_sequencer) {
        (true, false) => Ok(Role::Follower),
        (true, true) => {
            Err(NodeError::Conflict("a sequencer needs L1: give --l1 with --sequencer"))
        }
        (false, _) => Ok(Role::Rollup { is_sequencer }),
    }
}
