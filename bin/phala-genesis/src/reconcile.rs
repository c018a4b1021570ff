use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use alloy_primitives::U256;
use clap::Args;
use eyre::WrapErr as _;
use phala_genesis_lib::{
    entitlements::{Entitlements, to_csv},
    ledger::{LedgerError, Options, Override, Report, reconcile as reconcile_pairs},
    snapshot::StateVersion,
};
use serde_json::json;

use crate::snapshot_flags::SnapshotFlags;

/// Flags of `phala-genesis reconcile`.
#[derive(Args, Debug)]
pub(crate) struct ReconcileFlags {
    #[command(flatten)]
    pub(crate) snapshot: SnapshotFlags,
    /// Reviewed accounts of another class than their shape says, TOML.
    #[arg(long, value_name = "FILE")]
    overrides: Option<PathBuf>,
    /// Spec version to take besides those that were reviewed; may be repeated.
    #[arg(long, value_name = "VERSION")]
    allow_spec_version: Vec<u32>,
    /// PHA that the bridges hold on Ethereum, in wei: the report says what is missing.
    #[arg(long, value_name = "WEI")]
    l1_locked: Option<U256>,
    /// Folder for the report and the entitlements.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Says what each account is owed. Writes the report even if the state is refused.
pub(crate) fn reconcile(flags: &ReconcileFlags) -> eyre::Result<()> {
    let overrides = match &flags.overrides {
        None => Vec::new(),
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| {
                LedgerError::OverrideFile(format!("cannot read {}: {error}", path.display()))
            })?;
            Override::parse(&text)?
        }
    };
    let options = Options { spec_versions: flags.allow_spec_version.clone(), overrides };
    let snapshot = flags.snapshot.open()?;
    let version = snapshot.state_version();
    let input = json!({
        "format": snapshot.format().to_string(),
        "state_version": match version { StateVersion::V0 => 0, StateVersion::V1 => 1 },
        "state_root": snapshot.root(version)?,
        "evidence_level": 0,
    });
    let run = reconcile_pairs(snapshot.pairs(), &options);
    let report = Report::new(&run, &options, flags.l1_locked);
    fs::create_dir_all(&flags.out)
        .wrap_err_with(|| format!("cannot create {}", flags.out.display()))?;
    let (json, text) = (report.to_json(&input), report.to_text());
    let json = serde_json::to_string_pretty(&json)? + "\n";
    write(&flags.out, "reconciliation.json", json.as_bytes())?;
    write(&flags.out, "reconciliation.txt", text.as_bytes())?;
    let ledger = run.ledger?;
    let entitlements = Entitlements::new(&ledger)?;
    write(&flags.out, "entitlements.bin", &entitlements.to_bytes())?;
    write(&flags.out, "entitlements.csv", to_csv(&ledger).as_bytes())?;
    let shown = if flags.snapshot.json { json } else { text };
    std::io::stdout().write_all(shown.as_bytes()).wrap_err("cannot write to standard output")
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> eyre::Result<()> {
    let path = folder.join(name);
    fs::write(&path, bytes).wrap_err_with(|| format!("cannot write {}", path.display()))
}
