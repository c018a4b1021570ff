use std::{fs, path::Path};

use phala_chainspec::{ChainSpec, Profile, SystemConfig};
use toml::{Table, Value};

use crate::GenesisError;

/// The built-in development chain.
const DEV: &str = include_str!("../../../chainspec/dev.toml");

/// A chain file before its L1 contracts exist. Sections a deployment fills in may be there; they are
/// replaced.
#[derive(Clone, Debug)]
pub struct ChainTemplate {
    name: String,
    table: Table,
}

impl ChainTemplate {
    /// The development chain.
    pub fn dev() -> Self {
        Self::from_toml("dev", DEV).expect("the built-in development chain is valid")
    }

    /// `dev`, or the path of a chain file.
    pub fn load(name_or_path: &str) -> Result<Self, GenesisError> {
        if name_or_path == "dev" {
            return Ok(Self::dev());
        }
        let path = Path::new(name_or_path);
        let text = fs::read_to_string(path)
            .map_err(|source| GenesisError::Read { path: path.to_owned(), source })?;
        Self::from_toml(name_or_path, &text)
    }

    /// A chain file's text; `name` is what errors call it.
    pub fn from_toml(name: &str, text: &str) -> Result<Self, GenesisError> {
        let table = text.parse().map_err(|error: toml::de::Error| GenesisError::Template {
            file: name.to_owned(),
            reason: error.message().to_owned(),
        })?;
        Ok(Self { name: name.to_owned(), table })
    }

    /// Sets a key by its path, such as `rollup.seq_window_size`, to a value as TOML has it.
    pub fn set(mut self, path: &str, value: impl Into<Value>) -> Result<Self, GenesisError> {
        let wrong = |part: &str| GenesisError::Template {
            file: self.name.clone(),
            reason: format!("{path}: {part} is not a section"),
        };
        let (parents, key) = path.rsplit_once('.').unwrap_or(("", path));
        let mut table = &mut self.table;
        for part in parents.split('.').filter(|part| !part.is_empty()) {
            let inner = table.entry(part).or_insert_with(|| Table::new().into());
            table = inner.as_table_mut().ok_or_else(|| wrong(part))?;
        }
        table.insert(key.to_owned(), value.into());
        Ok(self)
    }

    /// Takes a key away, with everything below it.
    pub fn remove(mut self, path: &str) -> Self {
        let mut parts = path.split('.');
        let key = parts.next_back().unwrap_or(path);
        let mut table = Some(&mut self.table);
        for part in parts {
            table = table.and_then(|table| table.get_mut(part)).and_then(Value::as_table_mut);
        }
        if let Some(table) = table {
            table.remove(key);
        }
        self
    }

    /// The forks of a profile. Extra data follows from them unless the template insists.
    pub fn with_profile(self, profile: Profile) -> Result<Self, GenesisError> {
        let name = match profile {
            Profile::Isthmus => "isthmus",
            Profile::Jovian => "jovian",
            Profile::Karst => "karst",
        };
        let mut forks = Table::new();
        forks.insert("profile".to_owned(), name.into());
        self.remove("genesis.extra_data").set("forks", forks)
    }

    /// The chain as far as it is known.
    pub fn spec(&self) -> Result<ChainSpec, GenesisError> {
        ChainSpec::from_toml(&self.to_toml(), None)
            .map_err(|source| GenesisError::ChainFile { file: self.name.clone(), source })
    }

    /// The text.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(&self.table).expect("a table that was read, and plain values")
    }

    /// What the L1 contract is given; a template must say it.
    pub(crate) fn system_config(&self, spec: &ChainSpec) -> Result<SystemConfig, GenesisError> {
        let config = spec.rollup.as_ref().and_then(|rollup| rollup.system_config.clone());
        config.ok_or_else(|| GenesisError::Template {
            file: self.name.clone(),
            reason: "rollup.system_config is missing: a deployment starts from it".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use phala_chainspec::Fork;

    use super::*;

    #[test]
    fn the_development_chain_survives_being_written() {
        let template = ChainTemplate::dev();
        assert_eq!(template.spec().expect("valid"), ChainSpec::dev());
    }

    #[test]
    fn keys_are_set_added_and_removed() {
        let template = ChainTemplate::dev()
            .set("block_time_secs", 1)
            .and_then(|template| template.set("rollup.seq_window_size", 20))
            .and_then(|template| template.set("rollup.system_config.min_base_fee", 7))
            .expect("sections");
        let spec = template.spec().expect("valid");
        let rollup = spec.rollup.expect("rollup");
        assert_eq!((spec.block_time_secs, rollup.seq_window_size), (1, 20));
        assert_eq!(rollup.system_config.expect("config").min_base_fee, 7);
        let without = template.clone().remove("rollup.system_config");
        let spec = without.spec().expect("valid");
        assert!(without.system_config(&spec).is_err());
        assert_eq!(without.remove("no.such.key").spec().expect("valid"), spec);
        assert!(template.clone().set("chain_id.x", 1).is_err());
        let unknown = template.set("rollup.window", 1).expect("a section").spec();
        assert!(matches!(unknown, Err(GenesisError::ChainFile { .. })));
    }

    #[test]
    fn a_profile_brings_its_extra_data() {
        for (profile, newest, len) in
            [(Profile::Isthmus, Fork::Isthmus, 9), (Profile::Jovian, Fork::Jovian, 17)]
        {
            let template = ChainTemplate::dev().with_profile(profile).expect("valid");
            let spec = template.spec().expect("valid");
            assert_eq!(spec.forks.newest(0), newest);
            assert_eq!(spec.genesis.extra_data.len(), len);
            assert_eq!(spec, ChainSpec::dev().with_profile(profile));
        }
    }
}
