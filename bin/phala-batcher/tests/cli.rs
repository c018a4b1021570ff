//! Exit codes and messages of the program, without a chain.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output},
};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phala-batcher"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PHALA_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).output().expect("the program starts")
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
        concat!("phala-batcher ", env!("CARGO_PKG_VERSION"))
    );
    let help = run(&["--help"]);
    assert!(help.status.success());
    for flag in ["--l1", "--l2", "--key-file", "--journal", "--data-availability-type"] {
        assert!(String::from_utf8_lossy(&help.stdout).contains(flag), "{flag}");
    }
}

#[test]
fn a_wrong_command_line_is_code_2() {
    let output = run(&["--l1=http://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--l2"), "{}", stderr(&output));
    let output = run(&["--data-availability-typ=blobs"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--data-availability-type"), "{}", stderr(&output));
}

#[test]
fn a_key_that_others_can_read_is_refused_and_not_shown() {
    let key = "11".repeat(32);
    let folder = std::env::temp_dir().join(format!("phala-batcher-cli-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("made");
    let file = folder.join("key");
    fs::write(&file, &key).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set");
    let output = run(&[
        "--l1=http://127.0.0.1:1",
        "--l2=http://127.0.0.1:1",
        &format!("--key-file={}", file.display()),
        &format!("--journal={}", folder.join("journal").display()),
    ]);
    fs::remove_dir_all(&folder).expect("removed");
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("600"), "{message}");
    assert!(!message.contains(&key), "{message}");
}
