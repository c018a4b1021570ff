use std::{backtrace::Backtrace, io::Write as _, panic};

/// Makes a panic in any thread end the process.
///
/// A node that goes on without one of its threads looks alive and is not. Nothing is lost by
/// stopping at once: what was acknowledged is on disk, exactly as after `kill -9`.
pub fn abort_on_panic() {
    panic::set_hook(Box::new(|info| {
        // Evidence that makes a verification library panic is refused, on every node alike. A
        // node that stopped instead could be stopped by a transaction.
        if phala_precompiles::panic_is_caught() {
            return;
        }
        let thread = std::thread::current();
        let message = info
            .payload()
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| info.payload().downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        let place = info.location().map_or_else(|| "unknown place".to_owned(), ToString::to_string);
        let mut out = std::io::stderr().lock();
        // Nothing can be done about a standard error that is gone.
        let _ = writeln!(
            out,
            "phala-node {}: bug in thread `{}` at {place}: {message}\n\
             the process stops now; stored blocks are safe, and a restart continues from them\n{}",
            env!("CARGO_PKG_VERSION"),
            thread.name().unwrap_or("unnamed"),
            Backtrace::force_capture()
        );
        let _ = out.flush();
        drop(out);
        std::process::abort();
    }));
}
