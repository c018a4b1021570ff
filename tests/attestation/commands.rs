//! `phala-node attest` on evidence as services emit it.

use std::{env, fs, path::PathBuf};

use phala_tests::{Finished, run_node};
use serde_json::Value;

fn folder() -> Option<PathBuf> {
    let Some(vectors) = env::var_os("PHALA_VECTORS") else {
        println!("SKIPPED: no vectors");
        return None;
    };
    Some(PathBuf::from(vectors).join("attestation"))
}

fn attest(arguments: &[&str]) -> Finished {
    run_node(["attest"].iter().chain(arguments).copied())
}

/// A line of the readable output, without its name.
fn line<'a>(output: &'a Finished, name: &str) -> &'a str {
    let found = output.stdout.lines().find_map(|line| line.strip_prefix(name));
    found.unwrap_or_else(|| panic!("no {name} in {}", output.stdout)).trim()
}

#[test]
fn quotes_in_every_published_form_have_their_verdict() {
    let Some(folder) = folder() else { return };
    // Quote, collateral, time, status; from the recorded verdicts.
    let rows = [
        ("tdx/tdx_quote", "tdx/tdx_quote_collateral.json", 1_751_624_191, "UpToDate"),
        ("tdx/tdx_quote_td15ex", "tdx/tdx_quote_td15ex_collateral.json", 1_792_714_008, "UpToDate"),
        (
            "tdx/near_gas_quote_hex.txt",
            "tdx/near_gas_quote_collateral.json",
            1_758_093_775,
            "UpToDate",
        ),
        ("tdx/near_mpc_quote.json", "tdx/near_mpc_collateral.json", 1_787_894_484, "UpToDate"),
        (
            "tdx/dstack_quote_report.json",
            "tdx/tdx_quote_outdated_collateral.json",
            1_772_707_803,
            "UpToDate",
        ),
        (
            "bound/node_8xgpu_tdx_quote.hex",
            "tdx/tdx_quote_outdated_collateral.json",
            1_772_707_803,
            "OutOfDate",
        ),
    ];
    for (quote, collateral, at, status) in rows {
        let path = |name| folder.join(name).display().to_string();
        let (quote, collateral) = (path(quote), format!("--collateral={}", path(collateral)));
        let at = format!("--at={at}");
        let told = attest(&["tdx", &quote, &collateral, &at]).success();
        assert_eq!(line(&told, "verdict"), "accepted", "{quote}");
        assert_eq!(line(&told, "tcb status"), status, "{quote}");
        let json = attest(&["tdx", &quote, &collateral, &at, "--json"]).success();
        let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
        assert_eq!(json["reading"]["platform"]["tcbStatus"], status);
        assert_eq!(line(&told, "calldata"), json["calldata"].as_str().expect("hex"));
        assert!(json["gas"].as_u64().expect("gas") <= 270_000);
        // A day before any collateral was issued.
        let refused = attest(&["tdx", &quote, &collateral, "--at=1700000000"])
            .failure(1, "evidence of 1 of 1 devices is refused");
        assert!(line(&refused, "verdict").starts_with("refused: "));
        assert!(refused.stdout.contains("proves nothing"));
    }
    println!("{} pairs of quote and collateral read", rows.len());
}

#[test]
fn refusals_say_why_and_fail() {
    let Some(folder) = folder() else { return };
    let path = |name: &str| folder.join(name).display().to_string();
    let collateral = format!("--collateral={}", path("tdx/tdx_quote_collateral.json"));
    let at = "--at=1751624191";
    for (quote, reason) in [
        ("tdx/sgx_quote", "quote version is 0x3"),
        ("tdx/tdx-quote.hex", "No matching TCB level found"),
        ("tdx/automata_quotev4.hex", "mspc"),
    ] {
        attest(&["tdx", &path(quote), &collateral, at]).failure(1, reason);
    }
    // Without collateral nothing is judged.
    let alone = attest(&["tdx", &path("tdx/tdx_quote")]).failure(1, "give --collateral");
    assert!(line(&alone, "mrtd").starts_with("0x"));
    // What is no evidence is another failure.
    let file = path("MANIFEST.md");
    attest(&["tdx", &file, &collateral]).failure(2, "neither hex nor base64");
    attest(&["gpu", &file]).failure(2, "json is not evidence");
    attest(&["tdx", "/nowhere", &collateral]).failure(1, "cannot read /nowhere");
}

#[test]
fn gpus_of_every_generation_are_accepted() {
    let Some(folder) = folder() else { return };
    let path = |name: &str| folder.join(name).display().to_string();
    for (file, devices, driver) in [
        ("gpu/hopper_590/evidence.json", 1, "590.12"),
        ("gpu/hopper_590_multi/evidence.json", 4, "590.12"),
        ("gpu/hopper_570_cert_hold/evidence.json", 1, "570.86.10"),
        ("bound/node_8xgpu_nvidia_payload.json", 8, "570.133.20"),
    ] {
        let told = attest(&["gpu", &path(file)]).success();
        assert_eq!(told.stdout.matches("verdict      accepted").count(), devices, "{file}");
        assert_eq!(line(&told, "driver"), driver);
        let json = attest(&["gpu", &path(file), "--json"]).success();
        let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
        let list = json.as_array().expect("a list");
        assert_eq!(list.len(), devices);
        let same = &list[0]["reading"]["device"]["measurementsHash"];
        assert!(list.iter().all(|gpu| gpu["reading"]["device"]["measurementsHash"] == *same));
    }
    for (name, chip, driver) in [
        ("hopper_535", "GH100", "535.86.09"),
        ("hopper_550", "GH100", "550.90.07"),
        ("hopper_580", "GH100", "580.159.03"),
        ("blackwell_575", "GB100", "575.32"),
        ("switch_ls10", "other", ""),
    ] {
        let report = path(&format!("gpu/{name}/report.txt"));
        let chain = format!("--certificates={}", path(&format!("gpu/{name}/chain.txt")));
        let told = attest(&["gpu", &report, &chain]).success();
        assert_eq!(line(&told, "chip"), chip, "{name}");
        if !driver.is_empty() {
            assert_eq!(line(&told, "driver"), driver, "{name}");
        }
    }
    let chain = format!("--certificates={}", path("gpu/hopper_535/chain.txt"));
    let report = path("gpu/negative/hopper_invalid_signature_report.txt");
    attest(&["gpu", &report, &chain]).failure(1, "evidence of 1 of 1 devices is refused");
    // One altered device among four.
    let text = fs::read_to_string(path("gpu/hopper_590_multi/evidence.json")).expect("read");
    let mut devices: Value = serde_json::from_str(&text).expect("JSON");
    devices[2]["nonce"] = "00".repeat(32).into();
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), devices.to_string()).expect("written");
    let told = attest(&["gpu", file.path().to_str().expect("text")])
        .failure(1, "evidence of 1 of 4 devices is refused: report answers another nonce");
    assert_eq!(told.stdout.matches("verdict      accepted").count(), 3);
}
