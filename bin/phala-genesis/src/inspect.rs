use std::io::Write as _;

use alloy_primitives::{B256, hex};
use clap::Args;
use eyre::WrapErr as _;
use parity_scale_codec::{Compact, Decode as _};
use phala_genesis_lib::snapshot::{Header, Snapshot, SnapshotError, StateVersion};
use serde::Serialize;

use crate::snapshot_flags::SnapshotFlags;

/// `System.LastRuntimeUpgrade`: `Compact<u32>` and the name of the runtime.
const LAST_RUNTIME_UPGRADE: [u8; 32] =
    hex!("26aa394eea5630e07c48ae0c9558cef7f9cce9c888469bb1a0dceaa129672ef8");
/// `System.Number`: u32.
const NUMBER: [u8; 32] = hex!("26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac");
/// `Timestamp.Now`: u64, in milliseconds.
const NOW: [u8; 32] = hex!("f0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb");

/// Flags of `phala-genesis inspect`.
#[derive(Args, Debug)]
pub(crate) struct InspectFlags {
    #[command(flatten)]
    pub(crate) snapshot: SnapshotFlags,
}

/// What a snapshot holds. Nothing of it is proved.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Overview {
    format: String,
    pairs: u64,
    bytes: u64,
    child_tries: usize,
    runtime: Option<String>,
    spec_version: Option<u32>,
    block_number: Option<u32>,
    time_ms: Option<u64>,
    state_version: u8,
    state_root: B256,
    block_hash: Option<B256>,
    header: Option<HeaderOverview>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HeaderOverview {
    number: u32,
    hash: B256,
    state_root: B256,
    /// Whether the pairs have the header's root.
    matches: bool,
}

/// Prints what a snapshot holds.
pub(crate) fn inspect(flags: &InspectFlags) -> eyre::Result<()> {
    let snapshot = flags.snapshot.open()?;
    let overview = Overview::new(&snapshot)?;
    let text = if flags.snapshot.json {
        serde_json::to_string_pretty(&overview)? + "\n"
    } else {
        overview.text()
    };
    std::io::stdout().write_all(text.as_bytes()).wrap_err("cannot write to standard output")
}

impl Overview {
    fn new(snapshot: &Snapshot) -> Result<Self, SnapshotError> {
        let state_version = snapshot.state_version();
        let state_root = snapshot.root(state_version)?;
        let (mut upgrade, mut number, mut now, mut bytes) = (None, None, None, 0);
        for pair in snapshot.pairs() {
            let pair = pair?;
            bytes += (pair.key.len() + pair.value.len()) as u64;
            let value = &mut pair.value.as_slice();
            if pair.key == LAST_RUNTIME_UPGRADE {
                upgrade = <(Compact<u32>, String)>::decode(value).ok();
            } else if pair.key == NUMBER {
                number = u32::decode(value).ok();
            } else if pair.key == NOW {
                now = u64::decode(value).ok();
            }
        }
        let header = snapshot.header().map(|header| HeaderOverview {
            number: header.number,
            hash: header.hash(),
            state_root: header.state_root,
            matches: header.state_root == state_root,
        });
        Ok(Self {
            format: snapshot.format().to_string(),
            pairs: snapshot.pair_count(),
            bytes,
            child_tries: snapshot.child_tries().count(),
            runtime: upgrade.as_ref().map(|(_, name)| name.clone()),
            spec_version: upgrade.map(|(Compact(version), _)| version),
            block_number: number.or_else(|| snapshot.header().map(|header| header.number)),
            time_ms: now,
            state_version: match state_version {
                StateVersion::V0 => 0,
                StateVersion::V1 => 1,
            },
            state_root,
            block_hash: snapshot.header().map(Header::hash).or_else(|| snapshot.block_hash()),
            header,
        })
    }

    fn text(&self) -> String {
        let unknown = || "not in the snapshot".to_owned();
        let runtime = match (&self.runtime, self.spec_version) {
            // The name is a stranger's text.
            (Some(name), Some(version)) => format!("{} {version}", name.escape_default()),
            _ => unknown(),
        };
        let header = match &self.header {
            None => "none in the snapshot: verify needs --evidence or --header".to_owned(),
            Some(header) if header.matches => format!("of block {}, has this root", header.number),
            Some(header) => format!(
                "of block {}, has the root {}: this is not the whole state of the block",
                header.number, header.state_root
            ),
        };
        let lines = [
            ("format", self.format.clone()),
            ("pairs", format!("{} with {} bytes", self.pairs, self.bytes)),
            ("child tries", self.child_tries.to_string()),
            ("runtime", runtime),
            ("block number", self.block_number.map_or_else(unknown, |number| number.to_string())),
            ("block time", self.time_ms.map_or_else(unknown, |time| format!("{time} ms"))),
            ("state root", format!("{} (state version {})", self.state_root, self.state_version)),
            ("block hash", self.block_hash.map_or_else(unknown, |hash| hash.to_string())),
            ("header", header),
        ];
        lines.iter().map(|(name, value)| format!("{name:<13} {value}\n")).collect()
    }
}
