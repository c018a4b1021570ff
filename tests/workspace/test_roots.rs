//! Roots of a test's own making cannot be in a release build.
//!
//! They exist where `debug_assertions` are on. So: that is what decides it, the file that holds it
//! says so to the compiler, and no profile that anyone would ship turns it on.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use toml::{Table, Value};

use crate::metadata::{cargo_metadata, members};

/// Profiles of tests and development; `dev` and `test` are cargo's own.
const WITH_ASSERTIONS: &[&str] = &["ci", "dev", "test"];

/// A program that holds `phala_precompiles::Roots` and uses what is named.
fn probe(folder: &Path, expression: &str, assertions: bool) -> Output {
    let roots = manifest_dir().join("../crates/precompiles/src/roots.rs");
    let roots = roots.canonicalize().unwrap();
    let source = folder.join("probe.rs");
    let text =
        format!("#[path = {roots:?}] pub mod roots; pub fn probe() {{ let _ = {expression}; }}");
    std::fs::write(&source, text).unwrap();
    // Beside the cargo that runs this, so that it is the same version.
    Command::new(Path::new(env!("CARGO")).with_file_name("rustc"))
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "-Copt-level=3"])
        .arg(format!("-Cdebug-assertions={}", if assertions { "on" } else { "off" }))
        .arg("--out-dir")
        .arg(folder)
        .arg(&source)
        .output()
        .expect("rustc runs")
}

#[test]
fn a_release_build_has_no_way_to_hold_other_roots() {
    let folder = tempfile::tempdir().unwrap();
    let make = "roots::Roots::for_tests(Vec::new(), Vec::new())";
    let put = "roots::Roots::pinned().clone().put_in_force()";
    for (expression, name) in [(make, "for_tests"), (put, "put_in_force")] {
        let with = probe(folder.path(), expression, true);
        assert!(with.status.success(), "{}", String::from_utf8_lossy(&with.stderr));
        let without = probe(folder.path(), expression, false);
        let errors = String::from_utf8_lossy(&without.stderr);
        assert!(!without.status.success(), "`{name}` is in a release build");
        // The only thing that is wrong: it does not exist.
        assert_eq!(errors.matches("error[").count(), 1, "{errors}");
        assert!(errors.contains("error[E0599]") && errors.contains(name), "{errors}");
    }
    for expression in ["roots::Roots::pinned()", "roots::Roots::in_force()"] {
        let without = probe(folder.path(), expression, false);
        assert!(without.status.success(), "{}", String::from_utf8_lossy(&without.stderr));
    }
}

/// Names of profiles that turn debug assertions on for all or for some packages.
fn with_assertions(manifest: &Table) -> Vec<String> {
    fn turns_on(value: &Value) -> bool {
        let Value::Table(table) = value else { return false };
        table.get("debug-assertions").and_then(Value::as_bool) == Some(true)
            || table.values().any(turns_on)
    }
    let inherits =
        |profile: &Value| profile.get("inherits").and_then(Value::as_str).map(str::to_owned);
    let Some(Value::Table(profiles)) = manifest.get("profile") else { return Vec::new() };
    let on =
        |name: &str| matches!(name, "dev" | "test") || profiles.get(name).is_some_and(turns_on);
    let names = profiles.iter().filter(|(name, profile)| {
        let mut parent = inherits(profile);
        let mut is_on = on(name);
        // Cargo refuses circles.
        while let Some(name) = parent {
            is_on |= on(&name);
            parent = profiles.get(&name).and_then(inherits);
        }
        is_on
    });
    names.map(|(name, _)| name.clone()).collect()
}

#[test]
fn no_profile_to_ship_has_debug_assertions() {
    let text = std::fs::read_to_string(manifest_dir().join("../Cargo.toml")).unwrap();
    let found = with_assertions(&text.parse().unwrap());
    assert!(found.contains(&"ci".to_owned()), "the search finds what is there: {found:?}");
    for name in found {
        assert!(WITH_ASSERTIONS.contains(&name.as_str()), "profile `{name}` could hold test roots");
    }
    let bad =
        "[profile.release.package.x]\ndebug-assertions = true\n[profile.ship]\ninherits = \"dev\"";
    assert_eq!(with_assertions(&bad.parse().unwrap()), ["release", "ship"]);
}

/// Settings of cargo outside the manifest could turn them on as well.
#[test]
fn the_repository_has_no_cargo_configuration() {
    for file in [".cargo/config.toml", ".cargo/config"] {
        assert!(!manifest_dir().join("..").join(file).exists(), "{file}");
    }
}

#[test]
fn only_tests_make_evidence() {
    let members = members(&cargo_metadata());
    let users: Vec<_> = members
        .iter()
        .filter(|(_, dependencies)| dependencies.iter().any(|name| name == "phala-test-evidence"))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(users, ["phala-tests"]);
}

fn manifest_dir() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}
