use std::path::{Path, PathBuf};

use alloy_primitives::{B256, b256, hex};
use eyre::{OptionExt, WrapErr};
use phala_precompiles::{
    gpu::{Challenge, GpuInput},
    tdx::{Collateral, TdxInput},
};

/// A time at which the collateral of the quote is good.
const QUOTE_TIME: u64 = 1_750_329_147;

/// The nonce of the report.
const NONCE: B256 = b256!("5bb22e377702d4e1e8215a903ba094826b9ac7f731dee1fe8102958bf2840aca");

/// Evidence of real hardware, from the recorded vectors.
pub(crate) struct Recorded {
    /// A version 4 quote with its collateral.
    pub(crate) quote: TdxInput,
    /// An H100 with driver 580.
    pub(crate) gpu: GpuInput,
}

impl Recorded {
    /// From `$PHALA_VECTORS`; `None` without it.
    pub(crate) fn open() -> eyre::Result<Option<Self>> {
        let Some(root) = std::env::var_os("PHALA_VECTORS") else { return Ok(None) };
        let folder = PathBuf::from(root).join("attestation");
        let quote = TdxInput {
            now: QUOTE_TIME,
            quote: read(&folder, "tdx/tdx_quote")?,
            collateral: Collateral::from_json(&read(&folder, "tdx/tdx_quote_collateral.json")?)?,
        };
        let report = String::from_utf8(read(&folder, "gpu/hopper_580/report.txt")?)?;
        let challenge = Challenge { nonce: NONCE, report: hex::decode(report.trim())? };
        let chain = read(&folder, "gpu/hopper_580/chain.txt")?;
        let gpu = GpuInput::from_pem(&chain, challenge).ok_or_eyre("not a chain of NVIDIA's")?;
        Ok(Some(Self { quote, gpu }))
    }
}

fn read(folder: &Path, name: &str) -> eyre::Result<Vec<u8>> {
    let path = folder.join(name);
    std::fs::read(&path).wrap_err_with(|| path.display().to_string())
}
