use std::path::Path;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, parser::ValueSource};

use super::{
    ConfigError, ConfigFile, Settings,
    suggestion::{closest, edit_distance},
};

/// Variables with our prefix that are no settings of the node: they steer builds and tests.
const OTHER_VARIABLES: &[&str] =
    &["PHALA_CACHE", "PHALA_CONFIG", "PHALA_NODE_BIN", "PHALA_VECTORS"];

/// Settings of which at most one can be on; when both are, the nearer source wins.
const EXCLUSIVE: &[(&str, &str)] = &[("full", "archive")];

/// Settings that hold the path of a file with a secret in it.
const SECRET_FILES: &[&str] = &["authrpc.jwtsecret"];

/// Where a value comes from, nearest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Built in.
    Default,
    /// Follows from the chain or the command.
    Preset,
    /// The configuration file.
    File,
    /// A `PHALA_*` variable.
    Env,
    /// The command line.
    Flag,
}

impl Source {
    /// Name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Preset => "preset",
            Self::File => "file",
            Self::Env => "environment",
            Self::Flag => "flag",
        }
    }
}

/// One setting as resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name: the long flag.
    pub key: String,
    /// Its value as text, lists joined by commas; `None` if it has none.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: Source,
    /// Whether it is a list.
    pub is_list: bool,
}

/// The settings, and where each comes from.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The typed values.
    pub settings: Settings,
    /// The same as text, in the order of declaration.
    pub entries: Vec<Entry>,
    /// Things that are odd but no reason to stop.
    pub warnings: Vec<String>,
}

/// What lies below the command line.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    env: Vec<(String, String)>,
    file: Option<ConfigFile>,
    presets: Vec<(&'static str, String)>,
}

impl Layers {
    /// Uses `PHALA_*` variables among `env`.
    pub fn with_env(mut self, env: impl IntoIterator<Item = (String, String)>) -> Self {
        self.env = env.into_iter().filter(|(name, _)| name.starts_with("PHALA_")).collect();
        self.env.sort();
        self
    }

    /// Reads a configuration file.
    pub fn with_file(mut self, path: &Path) -> Result<Self, ConfigError> {
        let command = settings_command();
        self.file = Some(ConfigFile::load(path, &keys(&command))?);
        Ok(self)
    }

    /// Sets what follows from the chain or the command.
    pub fn with_presets(
        mut self,
        presets: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        self.presets = presets.into_iter().collect();
        self
    }

    /// Resolves all settings; `flags` may know only some of them.
    pub fn resolve(&self, flags: &ArgMatches) -> Result<Resolved, ConfigError> {
        let command = settings_command();
        let warnings = self.check_variables(&keys(&command))?;
        let mut entries = Vec::new();
        for arg in command.get_arguments() {
            let entry = self.entry(arg, flags);
            self.check_entry(&entry, &command)?;
            entries.push(entry);
        }
        self.settle_exclusive(&mut entries)?;
        let settings = typed(&command, &entries).map_err(|reason| ConfigError::InvalidValue {
            origin: "settings".to_owned(),
            reason,
        })?;
        Ok(Resolved { settings, entries, warnings })
    }

    fn entry(&self, arg: &Arg, flags: &ArgMatches) -> Entry {
        let key = arg.get_id().as_str();
        let (value, source) = if let Some(value) = flag_value(key, flags) {
            (Some(value), Source::Flag)
        } else if let Some(value) = self.env_value(key) {
            (Some(value), Source::Env)
        } else if let Some(value) = self.file.as_ref().and_then(|file| file.get(key)) {
            (Some(value.to_owned()), Source::File)
        } else if let Some((_, value)) = self.presets.iter().find(|(preset, _)| *preset == key) {
            (Some(value.clone()), Source::Preset)
        } else {
            let value = arg.get_default_values().first();
            (value.map(|value| value.to_string_lossy().into_owned()), Source::Default)
        };
        Entry { key: key.to_owned(), value, source, is_list: arg.get_value_delimiter().is_some() }
    }

    fn env_value(&self, key: &str) -> Option<String> {
        let wanted = env_name(key);
        self.env.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone())
    }

    /// A variable close to one of ours is a slip; others may have been set by an orchestrator that
    /// names variables after services, so they only earn a warning.
    fn check_variables(&self, keys: &[&str]) -> Result<Vec<String>, ConfigError> {
        let known: Vec<String> = keys.iter().map(|key| env_name(key)).collect();
        let mut warnings = Vec::new();
        for (name, _) in &self.env {
            if known.contains(name) || OTHER_VARIABLES.contains(&name.as_str()) {
                continue;
            }
            match closest(name, known.iter().map(String::as_str)) {
                Some(meant) if edit_distance(name, meant) <= 2 => {
                    return Err(ConfigError::UnknownVariable {
                        name: name.clone(),
                        suggestion: meant.to_owned(),
                    });
                }
                _ => warnings
                    .push(format!("environment variable `{name}` is no setting and is not used")),
            }
        }
        Ok(warnings)
    }

    /// Judges one value alone, so that the message can say where it comes from.
    fn check_entry(&self, entry: &Entry, command: &Command) -> Result<(), ConfigError> {
        let Some(value) = &entry.value else { return Ok(()) };
        let origin = self.origin(&entry.key, entry.source);
        if SECRET_FILES.contains(&entry.key.as_str()) && looks_like_a_secret(value) {
            return Err(ConfigError::InlineSecret { origin });
        }
        typed(command, std::slice::from_ref(entry))
            .map(|_| ())
            .map_err(|reason| ConfigError::InvalidValue { origin, reason })
    }

    fn settle_exclusive(&self, entries: &mut [Entry]) -> Result<(), ConfigError> {
        for (first, second) in EXCLUSIVE {
            let on = |key: &str| {
                entries
                    .iter()
                    .position(|entry| entry.key == key && entry.value.as_deref() == Some("true"))
            };
            let (Some(a), Some(b)) = (on(first), on(second)) else { continue };
            let weaker = match entries[a].source.cmp(&entries[b].source) {
                std::cmp::Ordering::Less => a,
                std::cmp::Ordering::Greater => b,
                std::cmp::Ordering::Equal => {
                    return Err(ConfigError::Exclusive {
                        origin: self.origin_of_source(entries[a].source),
                        first,
                        second,
                    });
                }
            };
            entries[weaker].value = Some("false".to_owned());
        }
        Ok(())
    }

    fn origin(&self, key: &str, source: Source) -> String {
        match source {
            Source::Flag => format!("--{key}"),
            Source::Env => env_name(key),
            Source::File => format!("{}: {key}", self.origin_of_source(source)),
            Source::Preset | Source::Default => format!("{} of {key}", source.name()),
        }
    }

    fn origin_of_source(&self, source: Source) -> String {
        match (source, &self.file) {
            (Source::File, Some(file)) => format!("config file {}", file.path().display()),
            (Source::Flag, _) => "command line".to_owned(),
            (source, _) => source.name().to_owned(),
        }
    }
}

/// The command whose arguments are the settings.
pub fn settings_command() -> Command {
    Settings::augment_args(Command::new("phala-node").no_binary_name(true).disable_help_flag(true))
}

/// The variable of a setting: `http.port` is `PHALA_HTTP_PORT`.
pub fn env_name(key: &str) -> String {
    format!("PHALA_{}", key.to_ascii_uppercase().replace(['.', '-'], "_"))
}

fn keys(command: &Command) -> Vec<&str> {
    command.get_arguments().map(|arg| arg.get_id().as_str()).collect()
}

/// The value given on the command line, if it was and the command knows the setting.
fn flag_value(key: &str, flags: &ArgMatches) -> Option<String> {
    if !matches!(flags.try_contains_id(key), Ok(true))
        || flags.value_source(key) != Some(ValueSource::CommandLine)
    {
        return None;
    }
    let raw = flags.get_raw(key)?;
    Some(raw.map(|value| value.to_string_lossy().into_owned()).collect::<Vec<_>>().join(","))
}

fn typed(command: &Command, entries: &[Entry]) -> Result<Settings, String> {
    let arguments = entries
        .iter()
        .filter_map(|entry| entry.value.as_ref().map(|value| format!("--{}={value}", entry.key)));
    command
        .clone()
        .try_get_matches_from(arguments)
        .and_then(|matches| Settings::from_arg_matches(&matches))
        .map_err(|error| first_paragraph(&error.to_string()))
}

/// The part of clap's message that says what is wrong, on one line.
fn first_paragraph(message: &str) -> String {
    let message = message.trim_start_matches("error: ");
    let end = message.find("\n\n").unwrap_or(message.len());
    message[..end].split_whitespace().collect::<Vec<_>>().join(" ")
}

fn looks_like_a_secret(value: &str) -> bool {
    let digits = value.trim().trim_start_matches("0x");
    digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}
