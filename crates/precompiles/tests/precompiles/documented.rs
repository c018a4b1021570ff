//! The worked example of `docs/precompiles.md`.

use alloy_primitives::{hex, keccak256};
use phala_precompiles::{gpu, tdx};

use crate::vectors::{gpu_rows, tdx_rows};

const DOCS: &str = include_str!("../../../../docs/precompiles.md");

fn documented(rows: &[(&str, String)]) {
    let missing: Vec<_> = rows
        .iter()
        .map(|(name, value)| format!("| {name} | {value} |"))
        .filter(|row| !DOCS.contains(row.as_str()))
        .collect();
    assert!(missing.is_empty(), "docs/precompiles.md lacks:\n{}", missing.join("\n"));
}

fn code(bytes: impl AsRef<[u8]>) -> String {
    format!("`{}`", hex::encode_prefixed(bytes))
}

#[test]
fn the_quote_of_the_documentation_claims_what_is_written_there() {
    let Some(rows) = tdx_rows() else { return };
    let name = "tdx/tdx_quote with tdx/tdx_quote_collateral.json at 1750329147";
    let row = rows.into_iter().find(|row| row.name == name).unwrap();
    let input = row.input.encode();
    let claims = tdx::explain(&input).unwrap().unwrap();
    documented(&[
        ("calldata", format!("{} bytes, beginning {}", input.len(), code(&input[..16]))),
        ("keccak256 of it", code(keccak256(&input))),
        ("gas", tdx::gas(&input).to_string()),
        ("output", format!("{} bytes", tdx::verify(&input).unwrap().len())),
        ("`tcbStatus`", format!("{} (UpToDate)", claims.tcbStatus)),
        ("`quoteVersion`, `bodyType`", format!("{}, {}", claims.quoteVersion, claims.bodyType)),
        ("`tcbEvalDataNumber`", claims.tcbEvalDataNumber.to_string()),
        ("`collateralLatestIssue`", claims.collateralLatestIssue.to_string()),
        ("`collateralExpiry`", claims.collateralExpiry.to_string()),
        ("`fmspc`", code(claims.fmspc)),
        ("`ppidHash`", code(claims.ppidHash)),
        ("`quoteId`", code(claims.quoteId)),
        ("MRTD", code(&claims.tdReport[136..184])),
    ]);
    let mut late = row.input;
    late.now = claims.collateralExpiry;
    assert!(tdx::explain(&late.encode()).unwrap().is_err());
    late.now -= 1;
    late.quote = tdx::trim_quote(&late.quote).to_vec();
    assert_eq!(tdx::explain(&late.encode()).unwrap(), Ok(claims));
}

#[test]
fn the_gpu_of_the_documentation_claims_what_is_written_there() {
    let Some(rows) = gpu_rows() else { return };
    let name = "gpu/hopper_580/report.txt with gpu/hopper_580/chain.txt";
    let row = rows.into_iter().find(|row| row.name == name).unwrap();
    let input = row.input.encode();
    let claims = gpu::explain(&input).unwrap().unwrap();
    let text = |word: &[u8]| {
        let text: String =
            word.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
        format!("`{text}`")
    };
    documented(&[
        ("calldata", format!("{} bytes, beginning {}", input.len(), code(&input[..36]))),
        ("keccak256 of it", code(keccak256(&input))),
        ("gas", gpu::gas(&input).unwrap().to_string()),
        ("output", format!("{} bytes", gpu::verify(&input).unwrap().len())),
        ("`leafSerial`", code(claims.leafSerial)),
        ("`deviceId`", code(claims.deviceId)),
        ("`arch`", format!("{} (GH100)", claims.arch)),
        ("`measurementsHash`", code(claims.measurementsHash)),
        ("`driverVersion`", text(claims.driverVersion.as_slice())),
        ("`sku`", text(claims.sku.as_slice())),
    ]);
}
