//! Genesis states of other chains and of an older runtime are refused.

use std::{fs::File, io::Read as _, path::PathBuf};

use alloy_primitives::hex;
use flate2::read::GzDecoder;
use phala_genesis_lib::ledger::{Options, Report};
use serde_json::Value;

use crate::mini_state::{Pairs, run};

fn spec(chain: &str) -> Option<Pairs> {
    let Some(vectors) = std::env::var_os("PHALA_VECTORS") else {
        eprintln!("SKIPPED: no vectors");
        return None;
    };
    let path = PathBuf::from(vectors).join(format!("parachain/chainspec/{chain}.json.gz"));
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let spec: Value = serde_json::from_str(&text).unwrap();
    let raw = &spec["genesis"]["raw"];
    // Old specs have a list of the top trie and its children.
    let top = raw.get("top").unwrap_or(&raw[0]).as_object().unwrap();
    let bytes = |text: &str| hex::decode(text).unwrap();
    Some(top.iter().map(|(k, v)| (bytes(k), bytes(v.as_str().unwrap()))).collect())
}

#[test]
fn states_of_other_layouts_are_refused_with_the_reason_in_the_report() {
    for (chain, codes) in
        [("kusama", [44, 47]), ("westend", [43, 43]), ("phala", [45, 47]), ("khala", [44, 47])]
    {
        let Some(pairs) = spec(chain) else { return };
        let outcome = run(&pairs, &Options::default());
        let report = Report::new(&outcome, &Options::default(), None);
        let error = outcome.ledger.unwrap_err();
        assert!(codes.contains(&error.exit_code()), "{chain}: {error}");
        let json = report.to_json(&Value::Null);
        assert_eq!(json["state"]["result"]["exit_code"], error.exit_code());
        assert!(report.to_text().contains(&error.to_string()));
    }
}
