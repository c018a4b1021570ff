//! What cargo knows about the workspace.

use std::{path::Path, process::Command};

use serde_json::Value;

/// The resolved dependency graph with all members.
pub(crate) fn cargo_metadata() -> Value {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    // Only what this platform needs has been downloaded.
    let platform = format!("--filter-platform={}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline", &platform])
        .arg("--manifest-path")
        .arg(manifest)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

/// Members of the workspace as (name, dependencies that are members too, without dev-dependencies).
pub(crate) fn members(metadata: &Value) -> Vec<(String, Vec<String>)> {
    let ids = array(&metadata["workspace_members"]);
    let packages: Vec<&Value> = array(&metadata["packages"])
        .iter()
        .filter(|package| ids.contains(&package["id"]))
        .collect();
    let names: Vec<&str> = packages.iter().map(|package| text(&package["name"])).collect();
    packages
        .iter()
        .map(|package| {
            let dependencies = array(&package["dependencies"])
                .iter()
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| text(&dependency["name"]))
                .filter(|name| names.contains(name))
                .map(str::to_owned)
                .collect();
            (text(&package["name"]).to_owned(), dependencies)
        })
        .collect()
}

/// Features with which each version of a package is built.
pub(crate) fn features(metadata: &Value, package: &str) -> Vec<Vec<String>> {
    let ids: Vec<&Value> = array(&metadata["packages"])
        .iter()
        .filter(|known| known["name"] == package)
        .map(|known| &known["id"])
        .collect();
    array(&metadata["resolve"]["nodes"])
        .iter()
        .filter(|node| ids.contains(&&node["id"]))
        .map(|node| array(&node["features"]).iter().map(|name| text(name).to_owned()).collect())
        .collect()
}

/// Name and version of everything a member is built from on this platform, tests aside.
///
/// Unlike the metadata, this leaves out optional packages that only a weak feature mentions.
pub(crate) fn cargo_tree(member: &str) -> Vec<(String, String)> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges=normal", "--prefix=none"])
        .args(["--format={p}", "--package", member, "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("cargo prints text");
    let package = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        Some((name, words.next()?.trim_start_matches('v').to_owned()))
    };
    lines.lines().filter_map(package).collect()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}
