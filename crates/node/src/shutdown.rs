use std::{process, thread, time::Duration};

use tokio::signal::unix::{SignalKind, signal};

use crate::NodeError;

/// Longest time a stop may take. What was acknowledged is on disk, so a hard stop loses nothing.
const STOP_LIMIT: Duration = Duration::from_millis(1_900);

/// Exit code of a stop that had to be forced.
const EXIT_FORCED: i32 = 70;

/// Waits until somebody wants the process to stop, and says who.
///
/// From then on the stop is forced by a second signal.
pub(crate) async fn wait_for_signal() -> Result<&'static str, NodeError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(NodeError::Signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(NodeError::Signals)?;
    let name = tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    };
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::warn!("stopped by a second signal; acknowledged blocks are safe");
        process::exit(EXIT_FORCED);
    });
    Ok(name)
}

/// Ends the process when stopping takes too long, as when a request hangs or the disk does.
pub(crate) fn limit_stop_time() {
    let watchdog = thread::Builder::new().name("stop-limit".to_owned()).spawn(|| {
        thread::sleep(STOP_LIMIT);
        tracing::warn!(limit = ?STOP_LIMIT, "stop took too long and was forced; acknowledged blocks are safe");
        process::exit(EXIT_FORCED);
    });
    // Without a thread to watch, the stop takes the time it takes.
    drop(watchdog);
}
