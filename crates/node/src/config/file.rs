use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{ConfigError, suggestion::closest, table_switch::name_in_own_table};

/// A configuration file, as text values by key.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    path: PathBuf,
    values: BTreeMap<String, String>,
}

impl ConfigFile {
    /// Reads a file; each of its keys must be one of `known`.
    pub fn load(path: &Path, known: &[&str]) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(path, &text, known)
    }

    /// Reads the text of a file at `path`; each of its keys must be one of `known`.
    ///
    /// A setting such as `http` that is also the first part of others (`http.port`) is written
    /// `enabled` in their table, or `urls`.
    pub fn parse(path: &Path, text: &str, known: &[&str]) -> Result<Self, ConfigError> {
        let table = text.parse::<Table>().map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        let mut file = Self { path: path.to_owned(), values: BTreeMap::new() };
        file.add_table("", &table, known)?;
        Ok(file)
    }

    /// The value of a key, lists joined by commas.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn add_table(
        &mut self,
        prefix: &str,
        table: &Table,
        known: &[&str],
    ) -> Result<(), ConfigError> {
        for (name, value) in table {
            let written = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            if let Value::Table(inner) = value {
                if known.iter().any(|key| starts_with_part(key, &written)) {
                    self.add_table(&written, inner, known)?;
                    continue;
                }
                if !known.contains(&written.as_str()) {
                    return Err(self.unknown(written, known));
                }
            }
            let is_switch = known.contains(&prefix) && name == name_in_own_table(prefix);
            let key = if is_switch { prefix } else { &written };
            if !known.contains(&key) {
                return Err(self.unknown(written, known));
            }
            let text = self.text_of(&written, value)?;
            if self.values.insert(key.to_owned(), text).is_some() {
                return Err(ConfigError::SetTwice { path: self.path.clone(), key: written });
            }
        }
        Ok(())
    }

    fn text_of(&self, key: &str, value: &Value) -> Result<String, ConfigError> {
        let wrong =
            |found| ConfigError::WrongType { path: self.path.clone(), key: key.to_owned(), found };
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Integer(number) => Ok(number.to_string()),
            Value::Boolean(flag) => Ok(flag.to_string()),
            Value::Array(items) => {
                let mut texts = Vec::with_capacity(items.len());
                for item in items {
                    match item {
                        Value::Array(_) => return Err(wrong("a list of lists")),
                        Value::String(text) if text.contains(',') => {
                            return Err(wrong("a list with a comma in an item"));
                        }
                        item => texts.push(self.text_of(key, item)?),
                    }
                }
                Ok(texts.join(","))
            }
            Value::Float(_) => Err(wrong("a fraction")),
            Value::Datetime(_) => Err(wrong("a date")),
            Value::Table(_) => Err(wrong("a table")),
        }
    }

    fn unknown(&self, key: String, known: &[&str]) -> ConfigError {
        let suggestion = closest(&key, known.iter().copied()).map(str::to_owned);
        ConfigError::UnknownKey { path: self.path.clone(), key, suggestion }
    }
}

/// Whether `key` is `part`, a dot and more.
fn starts_with_part(key: &str, part: &str) -> bool {
    key.strip_prefix(part).is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["chain", "http", "http.port", "http.api", "metrics"];

    fn parse(text: &str) -> Result<ConfigFile, ConfigError> {
        ConfigFile::parse(Path::new("node.toml"), text, KNOWN)
    }

    #[test]
    fn flattens_tables_and_lists() {
        let file = parse("chain = 'dev'\n[http]\nenabled = true\nport = 1\napi = ['eth', 'net']")
            .expect("valid");
        assert_eq!(file.get("chain"), Some("dev"));
        assert_eq!(file.get("http"), Some("true"));
        assert_eq!(file.get("http.port"), Some("1"));
        assert_eq!(file.get("http.api"), Some("eth,net"));
        assert_eq!(file.get("metrics"), None);
    }

    #[test]
    fn names_an_unknown_key_and_what_was_meant() {
        let message = |text| parse(text).expect_err("must be refused").to_string();
        assert_eq!(
            message("[http]\nprot = 1"),
            "config file node.toml: unknown key `http.prot`: did you mean `http.port`?"
        );
        assert_eq!(message("[gpu]\nx = 1"), "config file node.toml: unknown key `gpu`");
    }

    #[test]
    fn refuses_values_of_other_kinds() {
        for text in [
            "chain = 1.5",
            "chain = 2026-01-01",
            "[http]\napi = [['a']]",
            "[http]\napi = ['a,b']",
            "[metrics]\nx = 1",
        ] {
            assert!(matches!(parse(text), Err(ConfigError::WrongType { .. })), "{text}");
        }
        assert!(matches!(parse("chain = "), Err(ConfigError::Syntax { .. })));
        assert!(matches!(parse("chain = 'a'\nchain = 'b'"), Err(ConfigError::Syntax { .. })));
    }
}
