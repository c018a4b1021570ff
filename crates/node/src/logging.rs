use std::{io::IsTerminal as _, sync::OnceLock};

use phala_rpc::AdminError;
use tracing_subscriber::{
    EnvFilter, Registry, fmt, layer::SubscriberExt as _, reload, util::SubscriberInitExt as _,
};

use crate::{
    NodeError,
    config::{ColorMode, LogFormat, LogSettings},
};

/// The filter of the running process, to be replaced while it runs.
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Starts logging to standard error for the whole process; later calls change nothing.
pub fn init_logging(settings: &LogSettings) -> Result<(), NodeError> {
    let filter = EnvFilter::try_new(&settings.log_filter).map_err(|error| {
        NodeError::LogFilter { filter: settings.log_filter.clone(), reason: error.to_string() }
    })?;
    let ansi = match settings.color {
        ColorMode::Auto => {
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
        }
        ColorMode::Always => true,
        ColorMode::Never => false,
    };
    let (filter, handle) = reload::Layer::new(filter);
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_ansi(ansi).with_writer(std::io::stderr);
    // A second call in one process, as tests make, keeps the first subscriber.
    let started = match settings.log_format {
        LogFormat::Text => registry.with(lines.with_target(false)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    if started.is_ok() {
        let _ = FILTER.set(handle);
    }
    Ok(())
}

/// Logs everything from `level` up from now on, instead of what the filter said.
pub(crate) fn set_log_level(level: &str) -> Result<(), AdminError> {
    let lower = level.to_ascii_lowercase();
    let known = match lower.as_str() {
        "crit" => "error",
        "warning" => "warn",
        "trace" | "debug" | "info" | "warn" | "error" => &lower,
        _ => return Err(AdminError::LogLevel(level.to_owned())),
    };
    let failed = |error: String| AdminError::Failed(error);
    let filter = EnvFilter::try_new(known).map_err(|error| failed(error.to_string()))?;
    let handle = FILTER.get().ok_or_else(|| failed("logging was not started here".to_owned()))?;
    handle.reload(filter).map_err(|error| failed(error.to_string()))?;
    tracing::info!(level = known, "log level changed by the operator");
    Ok(())
}
