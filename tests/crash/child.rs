//! The process that is killed: this test program, started again.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use phala_tests::{engine_in_folder, restless_store};

use crate::script::{Script, Step, apply, next_step, spec};

/// Names the folder of the child, and makes the test below one.
const FOLDER: &str = "PHALA_CRASH_CHILD";

/// What the child says of a step that has returned.
pub(crate) const IMPORTED: &str = "imported";
pub(crate) const HEADS: &str = "heads";
pub(crate) const DONE: &str = "done";

/// Starts a child on a folder that holds a script and, after the first time, a database.
pub(crate) fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child::imports_until_it_is_killed"])
        .args(["--include-ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "the other process of the crash test"]
fn imports_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let script = Script::read(&folder.join("script"));
    let engine = engine_in_folder(&spec(), &folder.join("db"), restless_store());
    // The harness may have begun a line.
    println!();
    let start = next_step(&engine);
    for (index, step) in script.steps.iter().enumerate().skip(start) {
        apply(&engine, index, step).unwrap();
        let what = if matches!(step, Step::Import(_)) { IMPORTED } else { HEADS };
        println!("{what} {index}");
    }
    println!("{DONE}");
}
