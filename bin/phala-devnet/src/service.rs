use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use phala_genesis::{GenesisError, L1Rpc};
use serde_json::{Value, json};
use url::Url;

use crate::{ChildProcess, DevnetError};

/// Longest time a healthy child takes until it answers.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// Longest time a healthy child takes to end.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// What is asked to see whether it answers.
const READY_METHOD: &str = "eth_chainId";

const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A program of the devnet that can be stopped and started again with the same arguments.
#[derive(Debug)]
pub struct Service {
    name: &'static str,
    program: PathBuf,
    /// Its arguments; changes take effect at the next start.
    pub arguments: Vec<String>,
    log: PathBuf,
    url: Url,
    child: Option<ChildProcess>,
}

impl Service {
    pub(crate) fn new(
        name: &'static str,
        program: &Path,
        arguments: Vec<String>,
        log: PathBuf,
        url: Url,
    ) -> Self {
        let program = program.to_owned();
        Self { name, program, arguments, log, url, child: None }
    }

    /// What it is called.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its RPC.
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Its log file.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// A client of its RPC.
    pub fn rpc(&self) -> L1Rpc {
        L1Rpc::new(self.url.clone())
    }

    /// Process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(ChildProcess::id)
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(ChildProcess::is_running)
    }

    /// An error if it ended without being told to.
    pub fn ensure_alive(&mut self) -> Result<(), DevnetError> {
        self.child.as_mut().map_or(Ok(()), ChildProcess::ensure_running)
    }

    /// Starts it and waits until it answers.
    pub async fn start(&mut self) -> Result<(), DevnetError> {
        self.launch()?;
        self.wait_until_ready().await
    }

    /// Starts it; nothing is waited for.
    pub fn launch(&mut self) -> Result<(), DevnetError> {
        if self.is_running() {
            return Ok(());
        }
        let mut command = Command::new(&self.program);
        // The variables of whoever runs the devnet are not meant for its parts.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PHALA_") {
                command.env_remove(name);
            }
        }
        command.args(&self.arguments).env("RUST_BACKTRACE", "1");
        self.child = Some(ChildProcess::start(self.name, command, &self.log)?);
        Ok(())
    }

    /// Waits until it answers.
    pub async fn wait_until_ready(&mut self) -> Result<(), DevnetError> {
        let started = Instant::now();
        let rpc = self.rpc();
        loop {
            self.ensure_alive()?;
            // An error of the server is an answer too.
            match rpc.request::<Value>(READY_METHOD, json!([])).await {
                Ok(_) | Err(GenesisError::Rpc { .. }) => return Ok(()),
                Err(_) => {}
            }
            if started.elapsed() > START_PATIENCE {
                let child = self.child.as_ref().expect("it was started");
                return Err(child.silent(START_PATIENCE));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Asks it to end; [`Service::stop`] waits.
    pub fn terminate(&mut self) {
        if self.is_running()
            && let Some(child) = &self.child
        {
            child.terminate();
        }
    }

    /// Ends it as an operator would. True if it needed no force.
    pub fn stop(&mut self) -> bool {
        self.terminate();
        self.finish(STOP_PATIENCE)
    }

    /// Waits until it has ended, or kills it. True if it needed no force.
    pub(crate) fn finish(&mut self, patience: Duration) -> bool {
        self.child.take().is_none_or(|mut child| child.wait_or_kill(patience))
    }

    /// Ends it at once, as a power failure would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill();
        }
    }

    /// Freezes it or lets it go on: a stalled process, not a dead one.
    pub fn set_frozen(&self, frozen: bool) {
        if let Some(id) = self.id().and_then(|id| libc::pid_t::try_from(id).ok()) {
            let signal = if frozen { libc::SIGSTOP } else { libc::SIGCONT };
            // SAFETY: killpg takes two numbers; the group is that of a child not waited for yet.
            unsafe {
                libc::killpg(id, signal);
            }
        }
    }
}
