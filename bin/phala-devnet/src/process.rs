use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crate::{DevnetError, spawner};

/// How much of the end of a log is looked at for its last lines.
const TAIL_BYTES: u64 = 16 << 10;

/// Lines shown of a child that died.
const TAIL_LINES: usize = 20;

/// Pause between two looks whether a child has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A child with its log file, in a process group of its own. It is killed when this value goes away.
#[derive(Debug)]
pub struct ChildProcess {
    name: String,
    child: Child,
    log: PathBuf,
}

impl ChildProcess {
    /// Starts a program whose output goes to the end of `log`.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self, DevnetError> {
        let open = || OpenOptions::new().create(true).append(true).open(log);
        let file_error = |source| DevnetError::File { path: log.to_owned(), source };
        let stdout = open().map_err(file_error)?;
        let stderr = stdout.try_clone().map_err(file_error)?;
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        // Ctrl-C of a terminal goes to its whole group: children are told by us, in order.
        command.process_group(0);
        let parent = std::process::id();
        // SAFETY: the closure calls only prctl, getppid and raise, which are async-signal-safe, and
        // allocates nothing.
        unsafe {
            command.pre_exec(move || die_with(parent));
        }
        let child = spawner::spawn(command)
            .map_err(|source| DevnetError::Spawn { name: name.to_owned(), source })?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// Process id, which is also that of its group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// An error if it has ended.
    pub fn ensure_running(&mut self) -> Result<(), DevnetError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.died(status)),
            Err(source) => Err(DevnetError::File { path: self.log.clone(), source }),
        }
    }

    /// The error that says it ended.
    fn died(&self, status: ExitStatus) -> DevnetError {
        DevnetError::Died {
            name: self.name.clone(),
            status: match (status.code(), status.signal()) {
                (Some(code), _) => format!("exit code {code}"),
                (None, Some(signal)) => format!("signal {signal}"),
                (None, None) => status.to_string(),
            },
            log: self.log.clone(),
            last_lines: self.last_lines(),
        }
    }

    /// The error that says it does not answer.
    pub(crate) fn silent(&self, waited: Duration) -> DevnetError {
        DevnetError::Silent {
            name: self.name.clone(),
            seconds: waited.as_secs(),
            log: self.log.clone(),
            last_lines: self.last_lines(),
        }
    }

    /// The end of its log.
    pub fn last_lines(&self) -> String {
        let text = tail(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    /// Asks it to end; nothing is waited for.
    pub fn terminate(&self) {
        self.signal(libc::SIGTERM);
    }

    /// Waits until it has ended, or kills it after `patience`. True if it ended by itself.
    pub fn wait_or_kill(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.is_running() {
            if Instant::now() >= deadline {
                self.kill();
                return false;
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        true
    }

    /// Ends it at once, as a power failure would, and everything it started.
    pub fn kill(&mut self) {
        self.signal(libc::SIGKILL);
        // It cannot refuse; what remains is to take its status.
        let _ = self.child.wait();
    }

    /// Sends a signal to its group.
    fn signal(&self, signal: libc::c_int) {
        if let Ok(group) = libc::pid_t::try_from(self.child.id()) {
            // SAFETY: killpg takes two numbers and touches no memory of ours. The group is that of a
            // child whose status was not taken yet, or is empty.
            unsafe {
                libc::killpg(group, signal);
            }
        }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        if self.is_running() {
            self.kill();
        }
    }
}

/// Runs in the child: the kernel kills it when the spawner's thread, and so this process, is gone.
fn die_with(parent: u32) -> io::Result<()> {
    // SAFETY: both calls take and return numbers only.
    unsafe {
        if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
            return Err(io::Error::last_os_error());
        }
        // The parent may have gone between fork and here.
        if u32::try_from(libc::getppid()) != Ok(parent) {
            libc::raise(libc::SIGKILL);
        }
    }
    Ok(())
}

fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> (tempfile::TempDir, ChildProcess) {
        let folder = tempfile::tempdir().expect("tempdir");
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let child = ChildProcess::start("a shell", command, &folder.path().join("log"));
        (folder, child.expect("sh is everywhere"))
    }

    fn is_alive(id: u32) -> bool {
        // A killed process without a parent that waits is a zombie for a moment.
        let status = std::fs::read_to_string(format!("/proc/{id}/stat"));
        status.is_ok_and(|status| !status.contains(") Z"))
    }

    fn wait_until(what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    #[test]
    fn a_child_that_ends_says_its_last_words() {
        let (_folder, mut child) = shell("seq 1 100; echo the end >&2; exit 7");
        assert!(child.wait_or_kill(Duration::from_secs(10)));
        let error = child.ensure_running().expect_err("ended").to_string();
        assert!(error.contains("a shell ended (exit code 7)"), "{error}");
        assert!(error.ends_with("99\n100\nthe end"), "{error}");
        assert!(!error.contains("\n50\n"), "{error}");
    }

    #[test]
    fn a_child_that_does_not_listen_is_killed() {
        let (_folder, mut child) = shell("trap '' TERM; while true; do sleep 0.05; done");
        std::thread::sleep(Duration::from_millis(200));
        child.ensure_running().expect("running");
        child.terminate();
        assert!(!child.wait_or_kill(Duration::from_millis(300)));
        assert!(!child.is_running());
        let error = child.ensure_running().expect_err("killed").to_string();
        assert!(error.contains("signal 9"), "{error}");
    }

    #[test]
    fn grandchildren_end_too() {
        let (folder, child) = shell("sleep 1000 & echo $!; wait");
        let log = folder.path().join("log");
        let grandchild = || tail(&log).expect("log").trim().parse::<u32>();
        wait_until("the grandchild starts", || grandchild().is_ok());
        let grandchild = grandchild().expect("its id");
        assert!(is_alive(grandchild));
        drop(child);
        wait_until("the grandchild ends", || !is_alive(grandchild));
    }

    #[test]
    fn a_child_outlives_the_thread_that_asked_for_it() {
        let started = std::thread::spawn(|| shell("sleep 1000"));
        let (_folder, mut child) = started.join().expect("started");
        std::thread::sleep(Duration::from_millis(200));
        assert!(child.is_running());
    }
}
