//! Recorded evidence as inputs of the precompiles. The tests of `phala-evm` use this file too.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use alloy_primitives::{B256, hex, keccak256};
use base64::{Engine, engine::general_purpose::STANDARD};
use phala_precompiles::{
    gpu::{Challenge, GpuClaims, GpuInput},
    tdx::{Collateral, TdxClaims, TdxInput},
};
use serde_json::Value;

/// Rows of both files, so that none is lost unseen.
pub(crate) const TDX_ROWS: usize = 116;
pub(crate) const GPU_ROWS: usize = 26;

/// A row of `tdx_vectors.json`.
pub(crate) struct TdxRow {
    pub(crate) name: String,
    pub(crate) input: TdxInput,
    /// Of a TDX-only verifier: genuine SGX quotes are refused.
    pub(crate) accepted: bool,
    expected: Value,
}

/// A row of `gpu_vectors.json`.
pub(crate) struct GpuRow {
    pub(crate) name: String,
    pub(crate) input: GpuInput,
    pub(crate) accepted: bool,
    expected: Value,
}

/// Where the vectors are; says so if they are not.
pub(crate) fn root() -> Option<PathBuf> {
    let root = std::env::var_os("PHALA_VECTORS").map(PathBuf::from);
    if root.is_none() {
        println!("SKIPPED: no vectors");
    }
    root
}

pub(crate) fn tdx_rows() -> Option<Vec<TdxRow>> {
    let folder = root()?.join("attestation");
    let file = json(&folder.join("tdx_vectors.json"));
    let rows: Vec<_> = array(&file["vectors"]).iter().map(|row| tdx_row(&folder, row)).collect();
    assert_eq!(rows.len(), TDX_ROWS);
    Some(rows)
}

pub(crate) fn gpu_rows() -> Option<Vec<GpuRow>> {
    let folder = root()?.join("attestation");
    let file = json(&folder.join("gpu_vectors.json"));
    let rows: Vec<_> = array(&file["vectors"]).iter().map(|row| gpu_row(&folder, row)).collect();
    assert_eq!(rows.len(), GPU_ROWS);
    Some(rows)
}

fn tdx_row(folder: &Path, row: &Value) -> TdxRow {
    let (quote, collateral) = (text(&row["quote"]), text(&row["collateral"]));
    let now = number(&row["now"]);
    TdxRow {
        name: format!("{quote} with {collateral} at {now}"),
        input: TdxInput {
            now,
            quote: tdx_quote(folder, quote),
            collateral: Collateral::from_json(&read(&folder.join(collateral))).unwrap(),
        },
        accepted: row["accepted"] == true && quote != "tdx/sgx_quote",
        expected: row.clone(),
    }
}

/// A quote in whatever form its source keeps it.
pub(crate) fn tdx_quote(folder: &Path, name: &str) -> Vec<u8> {
    let bytes = read(&folder.join(name));
    let from_hex = |text: &str| hex::decode(text.trim()).unwrap();
    if name.ends_with(".json") {
        match serde_json::from_slice(&bytes).unwrap() {
            Value::Array(list) => list.iter().map(|byte| number(byte) as u8).collect(),
            response => from_hex(text(&response["quote"])),
        }
    } else if name.ends_with(".hex") || name.ends_with(".txt") {
        from_hex(std::str::from_utf8(&bytes).unwrap())
    } else {
        bytes
    }
}

fn gpu_row(folder: &Path, row: &Value) -> GpuRow {
    let (report, chain) = (text(&row["report"]), text(&row["chain"]));
    let nonce: B256 = text(&row["nonce"]).parse().unwrap();
    let challenge = Challenge { nonce, report: gpu_report(folder, report) };
    GpuRow {
        name: format!("{report} with {chain}"),
        input: GpuInput::from_pem(&gpu_chain(folder, chain), challenge).unwrap(),
        accepted: row["accepted"] == true,
        expected: row.clone(),
    }
}

/// Hex text, or an entry of a list of evidence after `#`.
fn gpu_report(folder: &Path, name: &str) -> Vec<u8> {
    match name.split_once('#') {
        Some((file, entry)) => base64(&evidence(folder, file, entry)["evidence"]),
        None => hex::decode(String::from_utf8(read(&folder.join(name))).unwrap().trim()).unwrap(),
    }
}

fn gpu_chain(folder: &Path, name: &str) -> Vec<u8> {
    match name.split_once('#') {
        Some((file, entry)) => base64(&evidence(folder, file, entry)["certificate"]),
        None => read(&folder.join(name)),
    }
}

fn evidence(folder: &Path, file: &str, entry: &str) -> Value {
    let file = json(&folder.join(file));
    let list = file.get("evidence_list").unwrap_or(&file);
    list[entry.parse::<usize>().unwrap()].clone()
}

impl TdxRow {
    pub(crate) fn check_claims(&self, claims: &TdxClaims) {
        let row = &self.expected;
        let field = |name: &str| number(&row[name]);
        assert_eq!(claims.tcbStatus, status(&row["tcb_status"]), "{}", self.name);
        assert_eq!(claims.platformTcbStatus, status(&row["platform_tcb_status"]));
        assert_eq!(claims.qeTcbStatus, status(&row["qe_tcb_status"]));
        assert_eq!(u64::from(claims.quoteVersion), field("quote_version"));
        assert_eq!(u64::from(claims.bodyType), field("body_type"));
        assert_eq!(u64::from(claims.tcbEvalDataNumber), field("tcb_eval_data_number"));
        assert_eq!(claims.tcbDate, field("tcb_date"));
        assert_eq!(claims.collateralLatestIssue, field("latest_issue_date"));
        assert_eq!(claims.collateralExpiry, field("earliest_expiration_date"));
        assert_eq!(claims.fmspc.to_vec(), bytes(&row["fmspc"]));
        assert_eq!(claims.ppidHash, keccak256(bytes(&row["ppid"])));
        let advisories: Vec<_> = array(&row["advisory_ids"]).iter().map(text).collect();
        assert_eq!(claims.advisories, advisories.join(","));

        let report = &claims.tdReport;
        assert_eq!(report[136..184], bytes(&row["mrtd"]));
        for (register, value) in array(&row["rtmr"]).iter().enumerate() {
            assert_eq!(report[328 + 48 * register..][..48], bytes(value));
        }
        assert_eq!(report[520..584], bytes(&row["report_data"]));
        let descriptor = if claims.quoteVersion == 5 { 6 } else { 0 };
        let signed = &self.input.quote[..48 + descriptor + report.len()];
        assert!(signed.ends_with(report));
        assert_eq!(claims.quoteId, keccak256(signed));
    }
}

impl GpuRow {
    pub(crate) fn check_claims(&self, claims: &GpuClaims) {
        let row = &self.expected;
        let ascii = |value: &str| B256::right_padding_from(value.as_bytes());
        assert_eq!(claims.leafKey.len(), 97, "{}", self.name);
        assert_eq!(claims.leafSerial.to_vec(), bytes(&row["leaf_serial"]));
        assert!(!claims.deviceId.is_zero() && !claims.issuerKeyHash.is_zero());
        let device = text(&row["subjects"][1]);
        let arch =
            if device.contains("CN=GH100") { 1 } else { 2 * u8::from(device.contains("CN=GB100")) };
        assert_eq!(claims.arch, arch);
        assert_eq!(claims.measurementsHash.to_vec(), bytes(&row["measurements_keccak256"]));
        assert_eq!(claims.driverVersion, row["driver_version"].as_str().map_or(B256::ZERO, ascii));
        let vbios = row["vbios_version_field"].as_str().map(|text| hex::decode(text).unwrap());
        let vbios = vbios.filter(|version| version.len() == 8).unwrap_or_else(|| vec![0; 8]);
        assert_eq!(claims.vbiosVersion.to_vec(), vbios);
        let sku = row["project"].as_str().map(|project| {
            format!("{project}_{}_{}", text(&row["project_sku"]), text(&row["chip_sku"]))
        });
        assert_eq!(claims.sku, sku.map_or(B256::ZERO, |sku| ascii(&sku)));
        assert_eq!(claims.nvdec0, little(&row["nvdec0_status"]) as u8);
        assert_eq!(claims.ppcie, little(&row["protected_pcie_status"]) as u8);
        assert_eq!(u64::from(claims.opaqueVersion), little(&row["opaque_data_version"]));
        assert_eq!(u64::from(claims.featureFlag), little(&row["feature_flag"]));
        let has_pdis = array(&row["opaque_types"]).contains(&Value::from(22));
        assert_eq!(claims.switchPdisHash.is_zero(), !has_pdis);
    }

    /// The device certificate's serial number: which GPU it is.
    pub(crate) fn device(&self) -> &str {
        text(&self.expected["device_cert_serial"])
    }

    pub(crate) fn is_switch(&self) -> bool {
        self.expected["blocks"] == 31
    }
}

/// The rows with the first acceptance of each quote: enough where each call is slow or changed.
pub(crate) fn one_of_each(rows: Vec<TdxRow>) -> Vec<TdxRow> {
    let mut seen = BTreeSet::new();
    rows.into_iter().filter(|row| row.accepted && seen.insert(row.input.quote.clone())).collect()
}

/// Automata's numbering.
fn status(name: &Value) -> u8 {
    match text(name) {
        "UpToDate" => 0,
        "SWHardeningNeeded" => 1,
        "ConfigurationAndSWHardeningNeeded" => 2,
        "ConfigurationNeeded" => 3,
        "OutOfDate" => 4,
        "OutOfDateConfigurationNeeded" => 5,
        "TDRelaunchAdvised" => 8,
        "TDRelaunchAdvisedConfigurationNeeded" => 9,
        other => panic!("status {other}"),
    }
}

/// Hex of a little-endian integer; 0 if there is none.
fn little(value: &Value) -> u64 {
    let bytes = value.as_str().map(|text| hex::decode(text).unwrap()).unwrap_or_default();
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

pub(crate) fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_slice(&read(path)).unwrap()
}

pub(crate) fn array(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(text(value)).unwrap()
}

fn base64(value: &Value) -> Vec<u8> {
    STANDARD.decode(text(value)).unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}
