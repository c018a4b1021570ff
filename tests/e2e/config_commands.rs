//! `config check` and `config dump` over the real environment and files.

use std::{fs, os::unix::fs::PermissionsExt as _};

use phala_tests::{node_command, run_node};

#[test]
fn flag_wins_over_environment_over_file() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("node.toml");
    fs::write(&file, "[http]\nport = 1\n[ws]\nport = 1\n[authrpc]\nport = 1\n").expect("written");
    let output = node_command(["config", "dump", "--authrpc.port=3"])
        .env("PHALA_CONFIG", &file)
        .env("PHALA_WS_PORT", "2")
        .env("PHALA_AUTHRPC_PORT", "2")
        .output()
        .expect("the node starts");
    let dump = String::from_utf8_lossy(&output.stdout);
    for line in [
        "port = 1 # file",
        "port = 2 # environment",
        "port = 3 # flag",
        "chain = \"dev\" # default",
    ] {
        assert!(dump.contains(line), "`{line}` is not in\n{dump}");
    }
}

#[test]
fn check_names_what_is_wrong() {
    let folder = tempfile::tempdir().expect("folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    run_node(["config", "check"]).success();
    fs::write(path("bad.toml"), "[http]\nprot = 1\n").expect("written");
    run_node(["config", "check", "--config", &path("bad.toml")])
        .failure(2, "did you mean `http.port`?");
    run_node(["config", "check", "--http.port=70000"]).failure(2, "--http.port");
    run_node(["config", "check", "--http.api=eth,personal"]).failure(2, "personal");
    run_node(["config", "check", "--log.filter=a=b=c"]).failure(2, "a=b=c");
    run_node(["config", "check", "--chain", &path("none.toml")]).failure(2, "none.toml");

    let secret = "ab".repeat(32);
    fs::write(path("jwt.hex"), &secret).expect("written");
    fs::set_permissions(path("jwt.hex"), fs::Permissions::from_mode(0o644)).expect("set");
    let jwt = format!("--authrpc.jwtsecret={}", path("jwt.hex"));
    run_node(["config", "check", &jwt]).failure(2, "chmod 600");
    fs::set_permissions(path("jwt.hex"), fs::Permissions::from_mode(0o600)).expect("set");
    run_node(["config", "check", &jwt]).success();
    let dump = run_node(["config", "dump", &jwt]).success().stdout;
    assert!(dump.contains("jwt.hex") && !dump.contains(&secret), "{dump}");
    let inline = run_node(["config", "dump", &format!("--authrpc.jwtsecret={secret}")]);
    assert!(!inline.stdout.contains(&secret) && !inline.stderr.contains(&secret));
    inline.failure(2, "this is a secret");
}
