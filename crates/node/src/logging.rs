use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt as _};

use crate::{
    NodeError,
    config::{ColorMode, LogFormat, LogSettings},
};

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
    let builder = fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr);
    // A second call in one process, as tests make, keeps the first subscriber.
    let _ = match settings.log_format {
        LogFormat::Text => builder.with_target(false).finish().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
    };
    Ok(())
}
