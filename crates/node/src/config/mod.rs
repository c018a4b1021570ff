//! Settings and where they come from: flag over environment over file over preset over default.

mod duration;
mod error;
mod file;
mod layers;
mod reference;
mod settings;
mod suggestion;
mod table_switch;

pub use duration::{DurationError, parse_duration};
pub use error::ConfigError;
pub use file::ConfigFile;
pub use layers::{Entry, Layers, Resolved, Source, env_name, settings_command};
pub use reference::reference_page;
pub use settings::{
    AuthRpcSettings, BaseSettings, ColorMode, DevSettings, HttpSettings, L1Settings, LogFormat,
    LogSettings, RpcSettings, SequencerSettings, Settings, StorageSettings, TxPoolSettings,
    WsSettings,
};
