use alloy_primitives::{Address, B256, Bytes, FixedBytes};
use phala_precompiles::{
    GPU_VERIFY_ADDRESS, TDX_VERIFY_ADDRESS,
    gpu::{self, GpuClaims, GpuInput},
    published::{self, NotEvidence},
    tdx::{self, TdReport, TdxClaims, TdxInput},
};
use serde::Serialize;

/// What a verifying precompile would say of evidence, and why. The reason is not part of consensus.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation<R> {
    /// The verdict.
    pub accepted: bool,
    /// Why not; absent if it is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the evidence says; of a refused one only what can be read, which proves nothing.
    pub reading: R,
    /// The precompile.
    pub to: Address,
    /// What to call it with.
    pub calldata: Bytes,
    /// What the precompile takes for it, without the call itself.
    pub gas: u64,
}

/// What a TDX quote says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TdxReading {
    /// Unix seconds at which it was judged.
    pub at: u64,
    /// What Intel vouches for; absent if the quote is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<PlatformReading>,
    /// The guest; absent if the quote cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest: Option<GuestReading>,
    /// Without the zeros around it, as contracts take it.
    pub quote: Bytes,
    /// The blob `C`, as contracts take it.
    pub collateral: Bytes,
}

/// Claims of an accepted quote about its platform, as in `TdxClaims`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "fields of TdxClaims, which documents them")]
pub struct PlatformReading {
    pub tcb_status: &'static str,
    pub platform_tcb_status: &'static str,
    pub qe_tcb_status: &'static str,
    pub advisories: Vec<String>,
    pub quote_version: u16,
    pub body_type: u16,
    pub tcb_eval_data_number: u32,
    pub tcb_date: u64,
    pub collateral_latest_issue: u64,
    pub collateral_expiry: u64,
    pub fmspc: FixedBytes<6>,
    pub ppid_hash: B256,
    pub quote_id: B256,
}

/// What a TD report says about the guest.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GuestReading {
    /// As contracts know the program.
    pub workload_id: B256,
    /// MRTD.
    pub mr_td: Bytes,
    /// RTMR0 to RTMR3.
    pub rt_mr: Vec<Bytes>,
    /// MRCONFIGID.
    pub mr_config_id: Bytes,
    /// TDATTRIBUTES.
    pub td_attributes: Bytes,
    /// XFAM.
    pub xfam: Bytes,
    /// What the guest had signed.
    pub report_data: Bytes,
}

/// What evidence of a GPU says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GpuReading {
    /// The challenge it had to answer: that of the evidence's JSON, or of the report itself.
    pub nonce: B256,
    /// Absent if the evidence is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceReading>,
    /// DER, leaf first, without NVIDIA's root, as contracts take them.
    pub certificates: Vec<Bytes>,
    /// As contracts take it.
    pub report: Bytes,
}

/// Claims of accepted evidence, as in `GpuClaims`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "fields of GpuClaims, which documents them")]
pub struct DeviceReading {
    pub arch: &'static str,
    pub device_id: B256,
    pub leaf_serial: FixedBytes<20>,
    pub leaf_key: Bytes,
    pub issuer_key_hash: B256,
    pub measurements_hash: B256,
    pub driver_version: String,
    pub vbios_version: FixedBytes<8>,
    pub sku: String,
    pub nvdec0: u8,
    pub ppcie: u8,
    pub opaque_version: u16,
    pub feature_flag: u16,
    pub switch_pdis_hash: B256,
}

/// Judges a quote by this collateral, both in any published form, at this time in unix seconds.
pub fn explain_tdx(
    quote: &[u8],
    collateral: &[u8],
    at: u64,
) -> Result<Explanation<TdxReading>, NotEvidence> {
    let quote = published::quote(quote)?;
    let collateral = published::collateral(collateral)?;
    let blob = collateral.encode();
    let input = TdxInput { now: at, quote, collateral };
    let calldata = input.encode();
    let verdict = tdx::explain(&calldata)?;
    let guest = TdReport::of_quote(&input.quote).ok().map(GuestReading::from);
    Ok(Explanation {
        accepted: verdict.is_ok(),
        reason: verdict.as_ref().err().map(ToString::to_string),
        reading: TdxReading {
            at,
            platform: verdict.ok().map(PlatformReading::from),
            guest,
            quote: input.quote.into(),
            collateral: blob.into(),
        },
        to: TDX_VERIFY_ADDRESS,
        gas: tdx::gas(&calldata),
        calldata: calldata.into(),
    })
}

/// Judges the evidence of one device.
pub fn explain_gpu(input: &GpuInput) -> Result<Explanation<GpuReading>, NotEvidence> {
    let calldata = input.encode();
    let gas = gpu::gas(&calldata)?;
    let verdict = gpu::explain(&calldata)?;
    let (nonce, report) = input
        .challenge
        .as_ref()
        .map(|challenge| (challenge.nonce, Bytes::copy_from_slice(&challenge.report)))
        .unwrap_or_default();
    Ok(Explanation {
        accepted: verdict.is_ok(),
        reason: verdict.as_ref().err().map(ToString::to_string),
        reading: GpuReading {
            nonce,
            device: verdict.ok().map(DeviceReading::from),
            certificates: input.certificates.iter().map(|der| der.clone().into()).collect(),
            report,
        },
        to: GPU_VERIFY_ADDRESS,
        gas,
        calldata: calldata.into(),
    })
}

impl From<TdxClaims> for PlatformReading {
    fn from(claims: TdxClaims) -> Self {
        Self {
            tcb_status: status(claims.tcbStatus),
            platform_tcb_status: status(claims.platformTcbStatus),
            qe_tcb_status: status(claims.qeTcbStatus),
            advisories: claims.advisories.split_terminator(',').map(str::to_owned).collect(),
            quote_version: claims.quoteVersion,
            body_type: claims.bodyType,
            tcb_eval_data_number: claims.tcbEvalDataNumber,
            tcb_date: claims.tcbDate,
            collateral_latest_issue: claims.collateralLatestIssue,
            collateral_expiry: claims.collateralExpiry,
            fmspc: claims.fmspc,
            ppid_hash: claims.ppidHash,
            quote_id: claims.quoteId,
        }
    }
}

impl From<TdReport<'_>> for GuestReading {
    fn from(report: TdReport<'_>) -> Self {
        Self {
            workload_id: report.workload_id(),
            mr_td: Bytes::copy_from_slice(report.mr_td()),
            rt_mr: report.rt_mr().map(Bytes::copy_from_slice).collect(),
            mr_config_id: Bytes::copy_from_slice(report.mr_config_id()),
            td_attributes: Bytes::copy_from_slice(report.attributes()),
            xfam: Bytes::copy_from_slice(report.xfam()),
            report_data: Bytes::copy_from_slice(report.report_data()),
        }
    }
}

impl From<GpuClaims> for DeviceReading {
    fn from(claims: GpuClaims) -> Self {
        Self {
            arch: match claims.arch {
                1 => "GH100",
                2 => "GB100",
                _ => "other",
            },
            device_id: claims.deviceId,
            leaf_serial: claims.leafSerial,
            leaf_key: claims.leafKey,
            issuer_key_hash: claims.issuerKeyHash,
            measurements_hash: claims.measurementsHash,
            driver_version: text(claims.driverVersion),
            vbios_version: claims.vbiosVersion,
            sku: text(claims.sku),
            nvdec0: claims.nvdec0,
            ppcie: claims.ppcie,
            opaque_version: claims.opaqueVersion,
            feature_flag: claims.featureFlag,
            switch_pdis_hash: claims.switchPdisHash,
        }
    }
}

/// ASCII with zeros after it, as the precompile has checked.
fn text(word: B256) -> String {
    word.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect()
}

/// Intel's name of a status, by its number in `TdxClaims`.
const fn status(number: u8) -> &'static str {
    match number {
        0 => "UpToDate",
        1 => "SWHardeningNeeded",
        2 => "ConfigurationAndSWHardeningNeeded",
        3 => "ConfigurationNeeded",
        4 => "OutOfDate",
        5 => "OutOfDateConfigurationNeeded",
        8 => "TDRelaunchAdvised",
        9 => "TDRelaunchAdvisedConfigurationNeeded",
        _ => "Revoked",
    }
}
