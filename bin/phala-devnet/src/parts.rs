use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use alloy_primitives::B256;
use phala_chainspec::DevAccount;
use phala_genesis::ChainFiles;
use url::Url;

use crate::{
    DevnetConfig, DevnetError, Programs, Service,
    config::NodePorts,
    folder::{Folder, file_error},
    ports::{claim, free_port},
};

/// What the services are made of.
pub(crate) struct Parts<'a> {
    pub(crate) config: &'a DevnetConfig,
    pub(crate) programs: &'a Programs,
    pub(crate) folder: &'a Folder,
    pub(crate) logs: &'a Path,
}

impl Parts<'_> {
    pub(crate) fn sequencer(
        &self,
        files: &ChainFiles,
        l1: &[String],
        ports: NodePorts,
    ) -> Result<Service, DevnetError> {
        let confs = format!("--sequencer.l1-confs={}", self.config.sequencer_l1_confs);
        let mut more = vec!["--sequencer".to_owned(), confs];
        more.extend(self.config.sequencer_arguments.iter().cloned());
        self.node("sequencer", files, l1, ports, more)
    }

    pub(crate) fn follower(
        &self,
        files: &ChainFiles,
        l1: &[String],
        ports: NodePorts,
    ) -> Result<Service, DevnetError> {
        self.node("follower", files, l1, ports, self.config.follower_arguments.clone())
    }

    fn node(
        &self,
        name: &'static str,
        files: &ChainFiles,
        l1: &[String],
        ports: NodePorts,
        more: Vec<String>,
    ) -> Result<Service, DevnetError> {
        let datadir = self.folder.make(name)?;
        let mut arguments = vec![
            "node".to_owned(),
            format!("--chain={}", files.chain.display()),
            format!("--datadir={}", datadir.display()),
            "--http".to_owned(),
            format!("--http.port={}", ports.http),
            "--http.api=eth,net,web3,txpool,debug,phala,optimism,admin,miner".to_owned(),
            "--ws".to_owned(),
            format!("--ws.port={}", ports.ws),
            format!("--authrpc.port={}", ports.engine),
            format!("--metrics=127.0.0.1:{}", ports.metrics),
            "--l1.http-poll-interval=500ms".to_owned(),
            "--color=never".to_owned(),
        ];
        arguments.extend_from_slice(l1);
        arguments.extend(more);
        let log = self.logs.join(format!("{name}.log"));
        Ok(Service::new(name, &self.programs.node, arguments, log, local("http", ports.http)))
    }

    pub(crate) fn batcher(
        &self,
        l1: &Url,
        l2: &Url,
        port: u16,
        keys: &[DevAccount],
    ) -> Result<Service, DevnetError> {
        let folder = self.folder.make("batcher")?;
        let key_file = folder.join("key");
        write_key(&key_file, keys[1].key)?;
        let metrics = if self.config.ports.batcher == 0 {
            free_port()
        } else {
            claim(port.saturating_add(1), "the batcher", "--batcher-port")?
        };
        let mut arguments = vec![
            format!("--l1={l1}"),
            format!("--l2={l2}"),
            format!("--key-file={}", key_file.display()),
            format!("--journal={}", folder.join("journal").display()),
            format!("--data-availability-type={}", self.config.da_type.flag()),
            format!("--max-channel-duration={}", self.config.max_channel_duration),
            "--poll-interval=500ms".to_owned(),
            "--num-confirmations=2".to_owned(),
            format!("--rpc.port={port}"),
            format!("--metrics=127.0.0.1:{metrics}"),
        ];
        arguments.extend(self.config.batcher_arguments.iter().cloned());
        let log = self.logs.join("batcher.log");
        Ok(Service::new("batcher", &self.programs.batcher, arguments, log, local("http", port)))
    }
}

fn write_key(path: &Path, key: B256) -> Result<(), DevnetError> {
    let write = || {
        let mut options = fs::OpenOptions::new();
        let file = options.create(true).write(true).truncate(true).mode(0o600).open(path)?;
        writeln!(&file, "{key:x}")
    };
    write().map_err(|source| file_error(path, source))
}

/// A URL on this machine.
pub(crate) fn local(scheme: &str, port: u16) -> Url {
    Url::parse(&format!("{scheme}://127.0.0.1:{port}")).expect("a number is a port")
}
