//! A panic in any thread ends the process, with a message.

use std::{
    env,
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
    thread,
};

/// Set in the process that panics.
const CHILD: &str = "PHALA_TEST_PANICS";

/// SIGABRT.
const ABORTED: i32 = 6;

#[test]
fn a_panic_in_a_thread_ends_the_process() {
    if env::var_os(CHILD).is_some() {
        phala_node_lib::abort_on_panic();
        let thread = thread::Builder::new().name("worker".to_owned());
        let worker = thread.spawn(|| panic!("the sky fell")).expect("spawned");
        let _ = worker.join();
        return;
    }
    let this_test = env::current_exe().expect("a test knows its own path");
    let output = Command::new(this_test)
        .args(["--exact", "a_panic_in_a_thread_ends_the_process", "--nocapture"])
        .env(CHILD, "1")
        .stdin(Stdio::null())
        .output()
        .expect("started");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(ABORTED), "{stderr}");
    for part in ["bug in thread `worker`", "the sky fell", "stored blocks are safe"] {
        assert!(stderr.contains(part), "{part} is not in\n{stderr}");
    }
}
