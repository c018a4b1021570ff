use std::fmt::Write as _;

use toml::Value;

use super::{Entry, Resolved, env_name, layers::settings_command, table_switch::name_in_own_table};

impl Resolved {
    /// The settings as a configuration file, each with where it comes from.
    ///
    /// Read back, the file gives the same settings. No setting is a secret itself: secrets are in
    /// files, and only their paths are shown.
    pub fn to_toml(&self) -> String {
        let keys: Vec<&str> = self.entries.iter().map(|entry| entry.key.as_str()).collect();
        let mut tables: Vec<(&str, String)> = vec![("", String::new())];
        for entry in &self.entries {
            let (table, name) = place(&entry.key, &keys);
            let line = toml_line(name, entry);
            match tables.iter_mut().find(|(known, _)| *known == table) {
                Some((_, text)) => text.push_str(&line),
                None => tables.push((table, line)),
            }
        }
        let mut out = String::new();
        for (table, lines) in tables {
            if !table.is_empty() {
                let _ = write!(out, "\n[{table}]\n");
            }
            out.push_str(&lines);
        }
        out
    }
}

/// The reference page of all settings, in Markdown.
pub fn reference_page() -> String {
    let command = settings_command();
    let keys: Vec<&str> = command.get_arguments().map(|arg| arg.get_id().as_str()).collect();
    let mut out = String::from(
        "# Settings\n\n\
         Generated from the program (`UPDATE_DOCS=1 cargo test --profile ci -p phala-node-lib --test reference`); a test compares.\n\n\
         A flag wins over the environment, the environment over the file named with `--config`, the file over presets\n\
         (`phala-node dev` serves HTTP and WebSocket without being told), presets over defaults. Unknown keys are errors.\n",
    );
    let mut heading = None;
    for arg in command.get_arguments() {
        let group = arg.get_help_heading().unwrap_or("General");
        if heading != Some(group) {
            let _ = write!(
                out,
                "\n## {group}\n\n| Flag | Environment | File | Default | Meaning |\n|---|---|---|---|---|\n"
            );
            heading = Some(group);
        }
        let key = arg.get_id().as_str();
        let (table, name) = place(key, &keys);
        let file = if table.is_empty() { name.to_owned() } else { format!("{table}.{name}") };
        let default = arg
            .get_default_values()
            .first()
            .map_or_else(|| "-".to_owned(), |value| format!("`{}`", value.to_string_lossy()));
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(
            out,
            "| `--{key}` | `{}` | `{file}` | {default} | {} |",
            env_name(key),
            help.replace('|', "\\|")
        );
    }
    out
}

/// Table and name of a setting in the file.
fn place<'a>(key: &'a str, keys: &[&str]) -> (&'a str, &'a str) {
    if let Some((table, name)) = key.split_once('.') {
        return (table, name);
    }
    let is_table =
        keys.iter().any(|other| other.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')));
    if is_table { (key, name_in_own_table(key)) } else { ("", key) }
}

fn toml_line(name: &str, entry: &Entry) -> String {
    let source = entry.source.name();
    match &entry.value {
        None => format!("# {name} is not set\n"),
        Some(value) => format!("{name} = {} # {source}\n", toml_value(value, entry.is_list)),
    }
}

fn toml_value(text: &str, is_list: bool) -> Value {
    if is_list {
        let items = text.split(',').filter(|item| !item.is_empty());
        return Value::Array(items.map(|item| Value::String(item.to_owned())).collect());
    }
    if let Ok(flag) = text.parse::<bool>() {
        return Value::Boolean(flag);
    }
    // Only what prints as it was written: `007` stays text.
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => Value::Integer(number),
        _ => Value::String(text.to_owned()),
    }
}
