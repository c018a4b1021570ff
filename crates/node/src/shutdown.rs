use std::{
    io::{self, Write as _},
    thread,
    time::Duration,
};

use tokio::signal::unix::{SignalKind, signal};

use crate::NodeError;

/// Longest time a stop may take. What was acknowledged is on disk, so a hard stop loses nothing.
const STOP_LIMIT: Duration = Duration::from_millis(1_900);

/// Exit code of a stop that had to be forced.
const EXIT_FORCED: u8 = 70;

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
        exit(EXIT_FORCED);
    });
    Ok(name)
}

/// Ends the process when stopping takes too long, as when a request hangs or the disk does.
pub(crate) fn limit_stop_time() {
    let watchdog = thread::Builder::new().name("stop-limit".to_owned()).spawn(|| {
        thread::sleep(STOP_LIMIT);
        tracing::warn!(limit = ?STOP_LIMIT, "stop took too long and was forced; acknowledged blocks are safe");
        exit(EXIT_FORCED);
    });
    // Without a thread to watch, the stop takes the time it takes.
    drop(watchdog);
}

/// Ends the process without running the destructors of static C++ objects.
///
/// RocksDB's would take away what a thread that is still finishing a read, or a forced stop has
/// left behind, works with. Nothing is lost: it is as safe as `kill -9`.
pub fn exit(code: u8) -> ! {
    // Whoever reads the output may be gone.
    let _ = io::stdout().flush();
    // SAFETY: `_exit` takes any number and never returns.
    unsafe { libc::_exit(i32::from(code)) }
}
