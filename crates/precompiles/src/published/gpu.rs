use alloy_primitives::{B256, hex};
use serde::Deserialize;

use super::{
    NotEvidence,
    binary::{self, check_len, from_text},
};
use crate::gpu::{Challenge, GpuInput};

/// As many as one machine has.
pub const DEVICES_MAX: usize = 8;

/// A report begins with its request, in which the nonce is.
const NONCE_AT: usize = 4;

/// What NVIDIA's SDK writes for a device: base64 of a report, base64 of a PEM chain.
#[derive(Deserialize)]
struct Device {
    evidence: String,
    certificate: String,
    nonce: Option<String>,
}

/// The shapes around it: the SDK's list, a request to NVIDIA's service, and a device alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Published {
    Devices(Vec<Device>),
    Request { evidence_list: Vec<Device>, nonce: Option<String> },
    Device(Device),
}

/// Evidence of one or more devices in the JSON of NVIDIA's SDK or service, as frames of `GPU_VERIFY`.
///
/// Where no nonce is named, that of the report is taken: it then only says that the report is genuine.
pub fn gpu_evidence(published: &[u8]) -> Result<Vec<GpuInput>, NotEvidence> {
    check_len(published)?;
    let (devices, common) = match serde_json::from_slice(published)? {
        Published::Devices(devices) => (devices, None),
        Published::Request { evidence_list, nonce } => (evidence_list, nonce),
        Published::Device(device) => (vec![device], None),
    };
    if devices.is_empty() || devices.len() > DEVICES_MAX {
        return Err(NotEvidence::Devices(devices.len()));
    }
    let common = common.as_deref();
    let input = |(index, device): (usize, &Device)| {
        let nonce = device.nonce.as_deref().or(common).map(nonce).transpose()?;
        input(index, from_text(&device.evidence)?, &from_text(&device.certificate)?, nonce)
    };
    devices.iter().enumerate().map(input).collect()
}

/// A report (raw, hex or base64) and its chain (PEM) from two files.
pub fn gpu_report(report: &[u8], chain: &[u8]) -> Result<GpuInput, NotEvidence> {
    check_len(chain)?;
    input(0, binary::read(report, "evidence")?, chain, None)
}

fn input(
    index: usize,
    report: Vec<u8>,
    chain: &[u8],
    nonce: Option<B256>,
) -> Result<GpuInput, NotEvidence> {
    let own = report.get(NONCE_AT..).and_then(|rest| rest.first_chunk::<32>());
    let own = B256::from(*own.ok_or(NotEvidence::Report(index))?);
    let challenge = Challenge { nonce: nonce.unwrap_or(own), report };
    GpuInput::from_pem(chain, challenge).ok_or(NotEvidence::Chain(index))
}

fn nonce(text: &str) -> Result<B256, NotEvidence> {
    let mut nonce = B256::ZERO;
    hex::decode_to_slice(text, nonce.as_mut_slice()).map_err(|_| NotEvidence::Nonce)?;
    Ok(nonce)
}
