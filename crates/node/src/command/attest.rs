use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Args;
use phala_precompiles::{
    TdxRefusal,
    published::{self, NotEvidence, PUBLISHED_LEN_MAX},
    tdx::TdReport,
};
use phala_rpc::{
    DeviceReading, Explanation, GpuReading, GuestReading, PlatformReading, TdxReading, explain_gpu,
    explain_tdx,
};
use serde::Serialize;

use crate::NodeError;

/// `attest tdx`.
#[derive(Args, Debug)]
pub(crate) struct TdxFlags {
    /// The quote: raw, hex, base64, or JSON with it (dstack's GetQuote); - is standard input.
    #[arg(value_name = "FILE")]
    quote: PathBuf,
    /// What to judge it by: the JSON of a collateral service, or the blob of CollateralRegistry.
    ///
    /// Without it nothing is judged, and what the quote says of its guest proves nothing.
    #[arg(long, value_name = "FILE")]
    collateral: Option<PathBuf>,
    /// Unix seconds at which to judge it [default: now].
    #[arg(long, value_name = "UNIX")]
    at: Option<u64>,
    /// Print JSON, as phala_explainTdxQuote answers it.
    #[arg(long)]
    json: bool,
}

/// `attest gpu`.
#[derive(Args, Debug)]
pub(crate) struct GpuFlags {
    /// JSON of NVIDIA's SDK or service, or with --certificates a report: raw, hex or base64; - is standard input.
    #[arg(value_name = "FILE")]
    evidence: PathBuf,
    /// The certificate chain of the report (PEM).
    #[arg(long, value_name = "FILE")]
    certificates: Option<PathBuf>,
    /// Print JSON, as phala_explainGpuEvidence answers it.
    #[arg(long)]
    json: bool,
}

/// Judges a quote as `TDX_VERIFY` would, and prints what it says.
pub(crate) fn attest_tdx(flags: &TdxFlags) -> Result<(), NodeError> {
    let quote = read(&flags.quote)?;
    let Some(collateral) = &flags.collateral else { return show_unjudged(flags.json, &quote) };
    let collateral = read(collateral)?;
    let at = flags.at.unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    });
    let explained = explain_tdx(&quote, &collateral, at)?;
    print(flags.json, &explained, |out| write_tdx(out, &explained))?;
    match explained.reason {
        None => Ok(()),
        Some(reason) => Err(NodeError::EvidenceRefused { refused: 1, of: 1, reason }),
    }
}

/// Prints what a quote says without any collateral to judge it by, which is a failure all the same.
fn show_unjudged(json: bool, quote: &[u8]) -> Result<(), NodeError> {
    let quote = published::quote(quote)?;
    let refused = |reason: TdxRefusal| NodeError::EvidenceRefused {
        refused: 1,
        of: 1,
        reason: reason.to_string(),
    };
    let guest = GuestReading::from(TdReport::of_quote(&quote).map_err(refused)?);
    print(json, &guest, |out| write_guest(out, &guest))?;
    Err(NodeError::EvidenceNotJudged)
}

/// Judges evidence of GPUs as `GPU_VERIFY` would, and prints what it says.
pub(crate) fn attest_gpu(flags: &GpuFlags) -> Result<(), NodeError> {
    let evidence = read(&flags.evidence)?;
    let inputs = match &flags.certificates {
        Some(chain) => vec![published::gpu_report(&evidence, &read(chain)?)?],
        None => published::gpu_evidence(&evidence)?,
    };
    let explained = inputs.iter().map(explain_gpu).collect::<Result<Vec<_>, _>>()?;
    print(flags.json, &explained, |out| {
        explained.iter().enumerate().try_for_each(|(index, gpu)| write_gpu(out, index, gpu))
    })?;
    let mut reasons = explained.iter().filter_map(|gpu| gpu.reason.clone());
    let Some(reason) = reasons.next() else { return Ok(()) };
    let (refused, of) = (1 + reasons.count(), explained.len());
    Err(NodeError::EvidenceRefused { refused, of, reason })
}

fn read(path: &Path) -> Result<Vec<u8>, NodeError> {
    let source: io::Result<Box<dyn Read>> = if path == Path::new("-") {
        Ok(Box::new(io::stdin()))
    } else {
        File::open(path).map(|file| Box::new(file) as Box<dyn Read>)
    };
    let mut bytes = Vec::new();
    source
        // One more than may be, so that what is too long is not taken for what is cut off.
        .and_then(|source| source.take(PUBLISHED_LEN_MAX as u64 + 1).read_to_end(&mut bytes))
        .map_err(|source| NodeError::File {
            action: "cannot read",
            path: path.to_owned(),
            source,
        })?;
    if bytes.len() > PUBLISHED_LEN_MAX {
        return Err(NotEvidence::TooLong { len: bytes.len() }.into());
    }
    Ok(bytes)
}

fn print<T: Serialize>(
    json: bool,
    explained: &T,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), NodeError> {
    let mut out = io::stdout().lock();
    let written = if json {
        serde_json::to_writer_pretty(&mut out, explained)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        write(&mut out)
    };
    written.map_err(NodeError::Output)
}

/// The long lines first, so that the verdict is what a terminal still shows.
fn write_frame<R>(out: &mut dyn Write, explained: &Explanation<R>) -> io::Result<()> {
    writeln!(out, "calldata     {}", explained.calldata)?;
    writeln!(out, "to           {}", explained.to)?;
    writeln!(out, "gas          {}\n", explained.gas)
}

fn write_verdict<R>(out: &mut dyn Write, explained: &Explanation<R>) -> io::Result<()> {
    match &explained.reason {
        None => writeln!(out, "verdict      accepted"),
        Some(reason) => writeln!(out, "verdict      refused: {reason}"),
    }
}

fn write_tdx(out: &mut dyn Write, explained: &Explanation<TdxReading>) -> io::Result<()> {
    let reading = &explained.reading;
    writeln!(out, "quote        {}", reading.quote)?;
    writeln!(out, "collateral   {}", reading.collateral)?;
    write_frame(out, explained)?;
    write_verdict(out, explained)?;
    writeln!(out, "at           {}", reading.at)?;
    if let Some(platform) = &reading.platform {
        write_platform(out, platform)?;
    }
    match (&reading.guest, explained.accepted) {
        (None, _) => Ok(()),
        (Some(guest), true) => write_guest(out, guest),
        (Some(guest), false) => {
            writeln!(out, "\nwhat the quote says, which proves nothing:")?;
            write_guest(out, guest)
        }
    }
}

fn write_platform(out: &mut dyn Write, platform: &PlatformReading) -> io::Result<()> {
    let advisories = platform.advisories.join(", ");
    writeln!(out, "tcb status   {}", platform.tcb_status)?;
    writeln!(out, "  platform   {}", platform.platform_tcb_status)?;
    writeln!(out, "  enclave    {}", platform.qe_tcb_status)?;
    writeln!(out, "advisories   {}", if advisories.is_empty() { "none" } else { &advisories })?;
    writeln!(out, "tcb date     {}", platform.tcb_date)?;
    writeln!(
        out,
        "evaluation   {}, issued {}, good to {}",
        platform.tcb_eval_data_number, platform.collateral_latest_issue, platform.collateral_expiry
    )?;
    writeln!(out, "version      {}, body type {}", platform.quote_version, platform.body_type)?;
    writeln!(out, "fmspc        {}", platform.fmspc)?;
    writeln!(out, "ppid hash    {}", platform.ppid_hash)?;
    writeln!(out, "quote id     {}", platform.quote_id)
}

fn write_guest(out: &mut dyn Write, guest: &GuestReading) -> io::Result<()> {
    writeln!(out, "workload id  {}", guest.workload_id)?;
    writeln!(out, "mrtd         {}", guest.mr_td)?;
    for (index, register) in guest.rt_mr.iter().enumerate() {
        writeln!(out, "rtmr{index}        {register}")?;
    }
    writeln!(out, "mrconfigid   {}", guest.mr_config_id)?;
    writeln!(out, "attributes   {}", guest.td_attributes)?;
    writeln!(out, "xfam         {}", guest.xfam)?;
    writeln!(out, "report data  {}", guest.report_data)
}

fn write_gpu(
    out: &mut dyn Write,
    index: usize,
    explained: &Explanation<GpuReading>,
) -> io::Result<()> {
    if index > 0 {
        writeln!(out)?;
    }
    writeln!(out, "device       {index}")?;
    write_frame(out, explained)?;
    write_verdict(out, explained)?;
    writeln!(out, "nonce        {}", explained.reading.nonce)?;
    explained.reading.device.as_ref().map_or(Ok(()), |device| write_device(out, device))
}

fn write_device(out: &mut dyn Write, device: &DeviceReading) -> io::Result<()> {
    writeln!(out, "chip         {}", device.arch)?;
    writeln!(out, "sku          {}", device.sku)?;
    writeln!(out, "driver       {}", device.driver_version)?;
    writeln!(out, "vbios        {}", device.vbios_version)?;
    writeln!(out, "device id    {}", device.device_id)?;
    writeln!(out, "leaf serial  {}", device.leaf_serial)?;
    writeln!(out, "issuer key   {}", device.issuer_key_hash)?;
    writeln!(out, "measurements {}", device.measurements_hash)
}
