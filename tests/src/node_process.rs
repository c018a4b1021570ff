use std::{
    env,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use crate::RpcClient;

/// Longest time to wait for something a healthy node does within a second or two.
const PATIENCE: Duration = Duration::from_secs(60);

/// The node's program: `$PHALA_NODE_BIN`, or the one built beside this test.
fn node_program() -> PathBuf {
    if let Some(path) = env::var_os("PHALA_NODE_BIN") {
        return path.into();
    }
    let test = env::current_exe().expect("a test knows its own path");
    let program =
        test.parent().and_then(|deps| deps.parent()).expect("in target/ci/deps").join("phala-node");
    assert!(
        program.exists(),
        "{} is missing: run `cargo build --profile ci -p phala-node` first, as `make test` does",
        program.display()
    );
    program
}

/// A command of the node, without the variables of whoever runs the test.
pub fn node_command<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(node_program());
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("PHALA_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).env("RUST_BACKTRACE", "1");
    command
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Exit code, or minus the signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Finished {
    /// Asserts that it succeeded.
    pub fn success(self) -> Self {
        assert_eq!(self.code, 0, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that it failed with `code` and an error that contains `text`.
    pub fn failure(self, code: i32, text: &str) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        assert!(self.stderr.contains(text), "`{text}` is not in:\n{}", self.stderr);
        self
    }
}

/// Runs a command of the node to its end.
pub fn run_node<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Finished {
    let output = node_command(arguments).stdin(Stdio::null()).output().expect("the node starts");
    Finished {
        code: code_of(output.status),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn code_of(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| -status.signal().expect("neither code nor signal"))
}

/// A node that runs until it is stopped; it is killed when this value goes away.
#[derive(Debug)]
pub struct NodeProcess {
    child: Child,
    lines: Receiver<String>,
    stdout: String,
    stderr: Option<thread::JoinHandle<String>>,
}

impl NodeProcess {
    /// Starts `phala-node dev` with free ports and waits until it serves.
    pub fn dev<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let fixed = ["dev", "--http.port=0", "--ws.port=0", "--metrics=127.0.0.1:0"];
        let mut node = Self::start(fixed.into_iter().chain(arguments));
        node.wait_for_line("Ctrl-C stops it.");
        node
    }

    /// Starts any command.
    pub fn start<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let mut child = node_command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the node starts");
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut stderr = child.stderr.take().expect("piped");
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            // What came before broken text still helps.
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Self { child, lines, stdout: String::new(), stderr: Some(stderr) }
    }

    /// Waits for a line of standard output that contains `text`.
    pub fn wait_for_line(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.stdout.push_str(&line);
                    self.stdout.push('\n');
                    if line.contains(text) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("no line with `{text}` in:\n{}", self.stdout)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let stdout = std::mem::take(&mut self.stdout);
                    let stderr = self.stderr.take().map(|thread| thread.join().expect("reads"));
                    panic!("ended before `{text}`:\n{stdout}\n{}", stderr.unwrap_or_default());
                }
            }
        }
    }

    /// Standard output so far, up to the last line waited for.
    pub fn stdout(&self) -> &str {
        &self.stdout
    }

    /// Where a service listens, such as `http` or `metrics`, as host and port.
    pub fn address(&self, service: &str) -> String {
        let line = self.stdout.lines().find(|line| line.split_whitespace().next() == Some(service));
        let line = line.unwrap_or_else(|| panic!("no `{service}` in:\n{}", self.stdout));
        let url = line.split_whitespace().nth(1).expect("a URL after the name");
        url.split_once("://").expect("a scheme").1.to_owned()
    }

    /// A client of the RPC over HTTP.
    pub fn rpc(&self) -> RpcClient {
        RpcClient::new(self.address("http"))
    }

    /// Sends SIGTERM and waits for the end.
    pub fn terminate(self) -> Finished {
        self.signal("-TERM")
    }

    /// Sends SIGINT, as Ctrl-C does, and waits for the end.
    pub fn interrupt(self) -> Finished {
        self.signal("-INT")
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(self) -> Finished {
        self.signal("-KILL")
    }

    fn signal(mut self, signal: &str) -> Finished {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status().expect("kill runs");
        assert!(status.success(), "kill {signal} {pid}");
        self.wait()
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> Finished {
        let status = self.child.wait().expect("a child can be waited for");
        let mut stdout = std::mem::take(&mut self.stdout);
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            stdout.push_str(&line);
            stdout.push('\n');
        }
        let stderr =
            self.stderr.take().map(|thread| thread.join().expect("reads")).unwrap_or_default();
        Finished { code: code_of(status), stdout, stderr }
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        // A child that has ended cannot be killed, and needs not be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
