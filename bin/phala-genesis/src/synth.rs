use std::{io::Write as _, path::PathBuf};

use clap::Args;
use phala_genesis_lib::synth::{BreakCase, Profile, SynthOptions, SynthSummary, generate};

/// Flags of `phala-genesis synth`.
#[derive(Args, Debug)]
pub(crate) struct SynthFlags {
    /// Decides everything that is random: the same seed gives the same bytes.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// How large: tiny, real, large or stress.
    #[arg(long, value_name = "PROFILE", default_value = "tiny")]
    profile: Profile,
    /// Folder for the dumps, the header and the report to expect.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Make one thing wrong that must be refused; an unknown name lists them all.
    #[arg(long = "break", value_name = "CASE")]
    break_case: Option<BreakCase>,
}

/// Makes a snapshot up and says what it is.
pub(crate) fn synth(flags: SynthFlags) -> eyre::Result<()> {
    let SynthFlags { seed, profile, out, break_case } = flags;
    let options = SynthOptions { seed, profile, out, break_case };
    let SynthSummary { keys, state_root, block_hash, total_issuance } = generate(&options)?;
    writeln!(
        std::io::stdout(),
        "{keys} keys in {}\nstate root {state_root}\nblock hash {block_hash}\nissuance {total_issuance}",
        options.out.display()
    )?;
    Ok(())
}
