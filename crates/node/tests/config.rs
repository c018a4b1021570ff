//! Precedence, unknown keys and secrets of the configuration, through the public names.

use std::{fs, path::PathBuf};

use clap::{ArgMatches, Args, Command};
use phala_node_lib::config::{
    BaseSettings, ConfigError, ConfigFile, Layers, Resolved, Settings, Source, env_name,
    settings_command,
};

fn flags(arguments: &[&str]) -> ArgMatches {
    settings_command().try_get_matches_from(arguments).expect("valid flags")
}

fn env(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

struct TempFile(tempfile::TempDir);

impl TempFile {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        fs::write(folder.path().join("node.toml"), text).expect("written");
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("node.toml")
    }
}

fn entry<'a>(resolved: &'a Resolved, key: &str) -> (Option<&'a str>, Source) {
    let entry = resolved.entries.iter().find(|entry| entry.key == key).expect("known key");
    (entry.value.as_deref(), entry.source)
}

#[test]
fn nearer_sources_win() {
    let file = TempFile::new(
        "chain = 'from-file'\n[http]\nenabled = true\nport = 1\napi = ['eth', 'net']\n[ws]\nport = 1\n[authrpc]\nport = 1\n",
    );
    let layers = Layers::default()
        .with_presets([("http.port", "4".to_owned()), ("rpc.max-batch", "7".to_owned())])
        .with_file(&file.path())
        .expect("valid file")
        .with_env(env(&[("PHALA_WS_PORT", "2"), ("PHALA_AUTHRPC_PORT", "2"), ("OTHER", "x")]));
    let resolved = layers.resolve(&flags(&["--authrpc.port=3"])).expect("valid");
    assert_eq!(entry(&resolved, "authrpc.port"), (Some("3"), Source::Flag));
    assert_eq!(entry(&resolved, "ws.port"), (Some("2"), Source::Env));
    assert_eq!(entry(&resolved, "http.port"), (Some("1"), Source::File));
    assert_eq!(entry(&resolved, "rpc.max-batch"), (Some("7"), Source::Preset));
    assert_eq!(entry(&resolved, "http.addr"), (Some("127.0.0.1"), Source::Default));
    assert_eq!(entry(&resolved, "datadir"), (None, Source::Default));
    let settings = resolved.settings;
    assert_eq!(settings.authrpc.authrpc_port, 3);
    assert_eq!(settings.ws.ws_port, 2);
    assert_eq!(settings.http.http_port, 1);
    assert_eq!(settings.rpc.rpc_max_batch, 7);
    assert_eq!(settings.base.chain, "from-file");
    assert_eq!(settings.http.http_api, ["eth", "net"]);
    assert!(settings.http.http && !settings.ws.ws);
    assert!(resolved.warnings.is_empty());
}

#[test]
fn switches_can_be_taken_back() {
    let layers =
        Layers::default().with_presets([("http", "true".to_owned()), ("ws", "true".to_owned())]);
    let settings = layers.resolve(&flags(&["--http=false"])).expect("valid").settings;
    assert!(!settings.http.http && settings.ws.ws);
    let settings = Layers::default().resolve(&flags(&["--http", "--ws"])).expect("valid").settings;
    assert!(settings.http.http && settings.ws.ws);
    let settings = Layers::default().resolve(&flags(&[])).expect("valid").settings;
    assert!(!settings.http.http && !settings.ws.ws);
    assert_eq!(
        settings.http.http_api,
        ["eth", "net", "web3", "txpool", "debug", "phala", "optimism"]
    );
}

#[test]
fn knows_only_the_flags_of_a_command() {
    let some = BaseSettings::augment_args(Command::new("some").no_binary_name(true));
    let matches = some.try_get_matches_from(["--chain=x"]).expect("valid");
    let resolved = Layers::default()
        .with_env(env(&[("PHALA_HTTP_PORT", "9")]))
        .resolve(&matches)
        .expect("valid");
    assert_eq!(resolved.settings.base.chain, "x");
    assert_eq!(resolved.settings.http.http_port, 9);
}

#[test]
fn an_error_names_where_the_value_stands() {
    let file = TempFile::new("[http]\nport = 70000");
    let message = Layers::default()
        .with_file(&file.path())
        .expect("keys are known")
        .resolve(&flags(&[]))
        .expect_err("out of range")
        .to_string();
    assert!(message.contains("node.toml: http.port: ") && message.contains("70000"), "{message}");
    let message = Layers::default()
        .with_env(env(&[("PHALA_DEV_BLOCK_TIME", "2 parsecs")]))
        .resolve(&flags(&[]))
        .expect_err("no duration")
        .to_string();
    assert!(
        message.starts_with("PHALA_DEV_BLOCK_TIME: ") && message.contains("2 parsecs"),
        "{message}"
    );
}

#[test]
fn unknown_keys_are_errors_with_a_suggestion() {
    let file = TempFile::new("[http]\nprot = 1");
    let message = Layers::default().with_file(&file.path()).expect_err("unknown").to_string();
    assert!(message.ends_with("unknown key `http.prot`: did you mean `http.port`?"), "{message}");
    let error = Layers::default()
        .with_env(env(&[("PHALA_HTTP_PROT", "1")]))
        .resolve(&flags(&[]))
        .expect_err("unknown");
    assert!(
        matches!(&error, ConfigError::UnknownVariable { suggestion, .. } if suggestion == "PHALA_HTTP_PORT"),
        "{error}"
    );
    let error = settings_command()
        .try_get_matches_from(["--http.prot=1"])
        .expect_err("unknown")
        .to_string();
    assert!(error.contains("--http.port"), "{error}");
}

#[test]
fn a_variable_set_by_an_orchestrator_is_a_warning() {
    let layers = Layers::default()
        .with_env(env(&[("PHALA_NODE_SERVICE_HOST", "10.0.0.1"), ("PHALA_VECTORS", "x")]));
    let resolved = layers.resolve(&flags(&[])).expect("valid");
    assert_eq!(resolved.warnings.len(), 1);
    assert!(resolved.warnings[0].contains("PHALA_NODE_SERVICE_HOST"));
}

#[test]
fn full_and_archive_exclude_each_other_within_one_source() {
    let error =
        Layers::default().resolve(&flags(&["--full", "--archive"])).expect_err("both").to_string();
    assert_eq!(error, "command line: `full` and `archive` exclude each other");
    let file = TempFile::new("full = true");
    let layers = Layers::default().with_file(&file.path()).expect("valid");
    let settings = layers.resolve(&flags(&["--archive"])).expect("the flag wins").settings;
    assert!(settings.storage.archive && !settings.storage.full);
}

#[test]
fn a_secret_in_place_of_its_file_is_refused_and_not_repeated() {
    let secret = "5d".repeat(32);
    for text in [secret.clone(), format!("0x{secret}")] {
        let error = Layers::default()
            .with_env(env(&[("PHALA_AUTHRPC_JWTSECRET", &text)]))
            .resolve(&flags(&[]))
            .expect_err("inline secret");
        assert!(matches!(error, ConfigError::InlineSecret { .. }), "{error}");
        assert!(!error.to_string().contains("5d5d"), "{error}");
    }
}

#[test]
fn a_dump_reads_back_to_the_same_settings() {
    let layers = Layers::default().with_presets([("http", "true".to_owned())]);
    let arguments = [
        "--chain=12",
        "--http.corsdomain=https://a.example,https://b.example",
        "--archive",
        "--dev.block-time=250ms",
        "--metrics=127.0.0.1:0",
    ];
    let first = layers.resolve(&flags(&arguments)).expect("valid");
    let dump = first.to_toml();
    let file = TempFile::new(&dump);
    let second =
        Layers::default().with_file(&file.path()).unwrap_or_else(|error| panic!("{error}\n{dump}"));
    let second = second.resolve(&flags(&[])).expect("valid");
    let values = |resolved: &Resolved| -> Vec<(String, Option<String>)> {
        resolved
            .entries
            .iter()
            .map(|entry| (entry.key.clone(), entry.value.clone().filter(|value| !value.is_empty())))
            .collect()
    };
    assert_eq!(values(&first), values(&second));
    assert!(dump.contains("[http]\nenabled = true # preset\n"), "{dump}");
}

#[test]
fn every_setting_has_a_place_of_its_own() {
    let command = settings_command();
    command.clone().debug_assert();
    let keys: Vec<&str> = command.get_arguments().map(|arg| arg.get_id().as_str()).collect();
    for arg in command.get_arguments() {
        let key = arg.get_id().as_str();
        assert_eq!(arg.get_long(), Some(key));
        assert!(arg.get_help().is_some(), "{key} has no help");
        assert!(key.matches('.').count() <= 1, "{key} needs a nested table");
        assert_eq!(
            keys.iter().filter(|other| env_name(other) == env_name(key)).count(),
            1,
            "{key}"
        );
    }
    let _: Settings = Layers::default().resolve(&flags(&[])).expect("defaults are valid").settings;
}

#[test]
fn a_missing_file_is_named() {
    let error =
        ConfigFile::load("/nonexistent/node.toml".as_ref(), &[]).expect_err("missing").to_string();
    assert!(error.starts_with("config file /nonexistent/node.toml cannot be read: "), "{error}");
}
