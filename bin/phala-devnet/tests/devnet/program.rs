use std::{
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, TcpListener},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use phala_devnet::DevnetState;

fn command(dir: &Path) -> Command {
    command_with_follower_at(dir, 0)
}

fn command_with_follower_at(dir: &Path, port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phala-devnet"));
    command.arg("--dir").arg(dir).args(["--l1-block-time=1", "--l2-block-time=1"]);
    for name in ["l1", "beacon", "sequencer", "batcher"] {
        command.arg(format!("--{name}-port=0"));
    }
    command.arg(format!("--follower-port={port}"));
    command.stdin(Stdio::null());
    command
}

/// Starts it and waits for its third block.
fn started(dir: &Path) -> (Child, DevnetState) {
    let mut child = command(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let block = lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with("block      3")));
    assert!(block.is_some(), "{:?}", child.wait_with_output());
    // Nobody reads the rest; the program must not mind.
    std::thread::spawn(move || lines.for_each(drop));
    let state = std::fs::read_to_string(dir.join("state.json")).expect("written");
    (child, serde_json::from_str(&state).expect("as it is read"))
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn is_alive(id: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

fn wait_for_end(state: &DevnetState, patience: Duration) {
    let deadline = Instant::now() + patience;
    for (name, id) in state.process_ids.iter().filter(|(name, _)| *name != "devnet") {
        while is_alive(*id) {
            assert!(Instant::now() < deadline, "{name} ({id}) still runs");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn ctrl_c_ends_everything_and_leaves_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("devnet");
    let (child, state) = started(&dir);
    assert_eq!(state.process_ids.len(), 5);
    assert!(state.process_ids.values().all(|id| is_alive(*id)));
    assert_eq!(state.accounts[0].role, "owner");
    // The folder is taken.
    let second = command(&dir).output().unwrap();
    assert!(text(&second).contains("another devnet runs in"), "{}", text(&second));
    let began = Instant::now();
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    wait_for_end(&state, Duration::ZERO);
    assert!(!dir.exists());
}

#[test]
fn children_end_with_a_devnet_that_is_killed() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("devnet");
    let (mut child, state) = started(&dir);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    wait_for_end(&state, Duration::from_secs(5));
}

#[test]
fn a_child_that_dies_ends_everything_with_its_last_lines() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("devnet");
    let (child, state) = started(&dir);
    let follower = state.process_ids["follower"];
    assert!(Command::new("kill").args(["-9", &follower.to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output);
    assert!(error.contains("follower ended (signal 9)"), "{error}");
    assert!(error.contains("new block") || error.contains("INFO"), "{error}");
    wait_for_end(&state, Duration::ZERO);
}

#[test]
fn a_port_in_use_is_said_before_anything_starts() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("devnet");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let output = command_with_follower_at(&dir, port).output().unwrap();
    assert!(!output.status.success());
    let expected = format!(
        "error: port {port} is in use; choose another one for the follower with --follower-port"
    );
    assert!(text(&output).contains(&expected), "{}", text(&output));
    assert!(!dir.exists());
}
