//! Exit codes and messages of the program, without a chain.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_phala-node"))
        .args(arguments)
        .env_remove("PHALA_CONFIG")
        .output()
        .expect("the program starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn version_and_help_succeed() {
    let version = run(&["--version"]);
    assert!(version.status.success());
    assert_eq!(
        String::from_utf8_lossy(&version.stdout).trim(),
        concat!("phala-node ", env!("CARGO_PKG_VERSION"))
    );
    let help = run(&["--help"]);
    assert!(help.status.success());
    for command in ["dev", "node", "init", "chain", "db", "export", "import", "execute", "config"] {
        assert!(
            String::from_utf8_lossy(&help.stdout).contains(&format!("  {command} ")),
            "{command}"
        );
    }
}

#[test]
fn a_wrong_command_line_is_code_2_with_a_suggestion() {
    let output = run(&["node", "--http.prot=1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--http.port"), "{}", stderr(&output));
    let output = run(&["chain", "show", "--chain=nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("nowhere"), "{}", stderr(&output));
}

#[test]
fn output_that_nobody_reads_is_an_error_and_no_panic() {
    let script = format!("{} chain genesis-json | true", env!("CARGO_BIN_EXE_phala-node"));
    let output = Command::new("sh").args(["-c", &script]).output().expect("sh starts");
    assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
    assert!(!stderr(&output).contains("bug in thread"), "{}", stderr(&output));
}
