//! Verifies TDX quotes with dcap-qvl on ring, the backend that is not in the node.
//!
//! Usage: `verify-quotes FILE`; each line of the file is JSON: `root` (DER as hex), `quote` (hex), `collateral` (as
//! collateral services serve it) and `now` (Unix seconds). Prints a line of JSON for each: the claims, or null.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
};

use alloy_primitives::{Bytes, hex, keccak256};
use dcap_qvl::{
    QuoteClaims, QuoteCollateralV3, QuotePolicy, configs::RingConfig, quote::Report,
    verify::QuoteVerifier,
};
use eyre::WrapErr;
use parity_scale_codec::Encode;
use serde::Deserialize;
use serde_json::{Value, json};

/// One question.
#[derive(Deserialize)]
struct Question {
    root: Bytes,
    quote: Bytes,
    collateral: QuoteCollateralV3,
    now: u64,
}

fn main() -> eyre::Result<()> {
    let file = std::env::args().nth(1).ok_or_else(|| eyre::eyre!("usage: verify-quotes FILE"))?;
    let lines = BufReader::new(File::open(&file).wrap_err(file)?).lines();
    let mut out = std::io::stdout().lock();
    for line in lines {
        let question: Question = serde_json::from_str(&line?)?;
        writeln!(out, "{}", answer(&question).map_or(Value::Null, |claims| describe(&claims)))?;
    }
    Ok(())
}

fn answer(question: &Question) -> Option<QuoteClaims> {
    let Question { root, quote, collateral, now } = question;
    QuoteVerifier::<RingConfig>::new_with_config(root.to_vec())
        .verify_with_policy(quote, collateral.clone(), *now, &QuotePolicy::claims_only(*now))
        .ok()
}

fn describe(claims: &QuoteClaims) -> Value {
    let report = match &claims.report {
        Report::SgxEnclave(report) => report.encode(),
        Report::TD10(report) => report.encode(),
        Report::TD15(report) => report.encode(),
        Report::TD15Ex(report) => report.encode(),
    };
    json!({
        "tcbStatus": claims.tcb.status.to_string(),
        "platformTcbStatus": claims.platform.tcb_level.tcb_status.to_string(),
        "qeTcbStatus": claims.qe.tcb_level.tcb_status.to_string(),
        "tcbEvalDataNumber": claims.tcb.eval_data_number,
        "tcbDate": claims.platform.tcb_date_tag,
        "collateralLatestIssue": claims.latest_issue_date,
        "collateralExpiry": claims.earliest_expiration_date,
        "fmspc": hex::encode_prefixed(claims.platform.pck.fmspc),
        "ppidHash": keccak256(&claims.platform.pck.ppid),
        "tdReport": hex::encode_prefixed(report),
        "advisories": claims.tcb.advisory_ids.join(","),
    })
}
