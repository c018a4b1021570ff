use std::{io::Write as _, path::PathBuf};

use alloy_primitives::B256;
use clap::Args;
use eyre::WrapErr as _;
use phala_genesis_lib::snapshot::{
    Evidence, ProvenState, Snapshot, SnapshotError, StateVersion, load_header, prove,
};
use serde::Serialize;

use crate::snapshot_flags::SnapshotFlags;

/// Flags of `phala-genesis verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyFlags {
    #[command(flatten)]
    pub(crate) snapshot: SnapshotFlags,
    #[command(flatten)]
    evidence: EvidenceFlags,
}

/// What says which block it must be.
#[derive(Args, Debug)]
pub(crate) struct EvidenceFlags {
    /// Bundle with the header, its hash and perhaps the relay chain's finality.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["header", "block_hash"], required_unless_present = "block_hash")]
    evidence: Option<PathBuf>,
    /// Header in SCALE or hex [default: the one in the snapshot].
    #[arg(long, value_name = "FILE", requires = "block_hash")]
    header: Option<PathBuf>,
    /// Hash of the block, as everybody was told it.
    #[arg(long, value_name = "HASH")]
    block_hash: Option<B256>,
    /// Refuse a bundle without the relay chain's finality.
    #[arg(long, requires = "evidence")]
    require_finality: bool,
    /// State version of the chain: 0 for the parachain.
    #[arg(long, value_name = "VERSION", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=1))]
    state_version: u8,
}

/// A state with what proves it.
pub(crate) struct Verified {
    pub(crate) state: ProvenState,
    /// 1: the header has the given hash; 2: the relay chain finalized it.
    pub(crate) evidence_level: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    block_number: u32,
    block_hash: B256,
    state_root: B256,
    state_version: u8,
    pairs: u64,
    evidence_level: u8,
}

/// Prints that a snapshot is proved.
pub(crate) fn verify(flags: &VerifyFlags) -> eyre::Result<()> {
    let Verified { state, evidence_level } = flags.evidence.check(|| flags.snapshot.open())?.1;
    let report = Report {
        block_number: state.header.number,
        block_hash: state.block_hash,
        state_root: state.header.state_root,
        state_version: flags.evidence.state_version,
        pairs: state.pairs,
        evidence_level,
    };
    let text = if flags.snapshot.json {
        serde_json::to_string_pretty(&report)? + "\n"
    } else {
        let finality = match evidence_level {
            2 => "finalized by the relay chain",
            _ => "taken from the block hash given; the relay chain was not asked",
        };
        format!(
            "proved        {} pairs are the whole state of block {}\nblock hash    {}\nstate root    {} (state version {})\nfinality      {finality}\n",
            report.pairs,
            report.block_number,
            report.block_hash,
            report.state_root,
            report.state_version
        )
    };
    std::io::stdout().write_all(text.as_bytes()).wrap_err("cannot write to standard output")
}

impl EvidenceFlags {
    /// Checks the evidence, opens the snapshot, and proves it to be the block's state. What can be
    /// checked before the snapshot is read, which takes longer, is.
    pub(crate) fn check(
        &self,
        open: impl FnOnce() -> Result<Snapshot, SnapshotError>,
    ) -> Result<(Snapshot, Verified), SnapshotError> {
        let mut evidence_level = 1;
        let mut header = None;
        let mut block_hash = self.block_hash;
        if let Some(folder) = &self.evidence {
            let evidence = Evidence::load(folder)?;
            match &evidence.relay {
                Some(relay) => {
                    relay.check(&evidence.header)?;
                    evidence_level = 2;
                }
                None if self.require_finality => {
                    return Err(SnapshotError::Evidence {
                        file: "relay".to_owned(),
                        reason: "missing, and --require-finality is set".to_owned(),
                    });
                }
                None => {}
            }
            block_hash = Some(evidence.block_hash);
            header = Some(evidence.header);
        } else if let Some(path) = &self.header {
            header = Some(load_header(path)?);
        }
        if let (Some(header), Some(hash)) = (&header, block_hash) {
            header.check_hash(hash)?;
        }
        let snapshot = open()?;
        let header =
            header.or_else(|| snapshot.header().cloned()).ok_or(SnapshotError::NoHeader)?;
        let block_hash = block_hash.ok_or(SnapshotError::NoHeader)?;
        let version = if self.state_version == 0 { StateVersion::V0 } else { StateVersion::V1 };
        let state = prove(&snapshot, header, block_hash, version)?;
        Ok((snapshot, Verified { state, evidence_level }))
    }
}
