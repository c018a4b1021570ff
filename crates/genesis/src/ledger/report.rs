use std::fmt::Write as _;

use alloy_primitives::{B256, U256, keccak256};
use serde_json::{Map, Value, json};

use super::{AccountId, Bucket, Carry, LedgerError, Options, Reconciliation};

/// From 12 to 18 decimals.
const TO_18: u64 = 1_000_000;

/// What a run found, for people and for the migration record. Says the same for the same pairs on
/// every machine: amounts are decimal text, nothing depends on clock, paths or language.
#[derive(Clone, Debug)]
pub struct Report {
    /// What follows from the pairs and the reviewer's decisions alone.
    state: Value,
    l1: Value,
}

impl Report {
    /// Writes down a run, whether it went well or not. `l1_locked` is what the operator found
    /// locked on Ethereum, 18 decimals.
    pub fn new(run: &Reconciliation, options: &Options, l1_locked: Option<U256>) -> Self {
        let known = &run.known;
        let mut state = Map::new();
        let mut put = |name: &str, value: Value| state.insert(name.into(), value);
        put("pairs", json!(known.pairs));
        put("block_number", json!(known.block_number));
        put("spec_version", json!(known.spec.as_ref().map(|spec| spec.0)));
        put("total_issuance_12", json!(known.issuance.map(|amount| amount.to_string())));
        put("overrides", json!(options.overrides));
        put("extra_spec_versions", json!(options.spec_versions));
        put(
            "tolerances",
            json!({ "shares_per_nft_12": "1000", "top_up_per_pool_12": "1000000000000" }),
        );
        let buckets = known.buckets.iter().map(|(bucket, amount)| {
            (
                bucket.name().into(),
                json!({ "pha_12": amount.to_string(), "pha_18": to_18(*amount) }),
            )
        });
        put("buckets", Value::Object(buckets.collect()));
        let mut required = None;
        match &run.ledger {
            Err(error) => {
                put("result", failure(error));
            }
            Ok(ledger) => {
                required = ledger.funding.total();
                put("result", json!({ "ok": true }));
                put("classes", json!(ledger.classes));
                let funding = &ledger.funding;
                put(
                    "funding_18",
                    json!({
                        "claims": funding.claims.to_string(),
                        "pools": funding.pools.to_string(),
                        "reward_stream": funding.reward_stream.to_string(),
                        "treasury": funding.treasury.to_string(),
                        "escrow": funding.escrow.to_string(),
                    }),
                );
                put("holders", json!(ledger.holders.len()));
                let largest = ledger.largest.iter().map(|(id, class, amount)| {
                    json!({ "account": id.hex(), "ss58": id.ss58(), "class": class,
                            "pha_12": amount.to_string() })
                });
                put("largest_accounts", largest.collect());
                let escrow = ledger.escrow.iter().map(|((class, id), amount)| {
                    json!({ "account": id.hex(), "ss58": id.ss58(), "class": class,
                            "pha_12": amount.to_string() })
                });
                put("escrow", escrow.collect());
                let pools = ledger.pools.values().map(|pool| {
                    let mut entry = json!({ "pid": pool.pid, "owner": pool.owner.hex(),
                        "total_shares_12": pool.total_shares.to_string() });
                    match &pool.carry {
                        Carry::Stake { value, residue, top_up, .. } => {
                            entry["kind"] = json!("stake");
                            entry["value_12"] = json!(value.to_string());
                            entry["residue_12"] = json!(residue.to_string());
                            entry["top_up_12"] = json!(top_up.to_string());
                        }
                        Carry::Vault { free, tracked_value, nav_before_queue, queue, .. } => {
                            entry["kind"] = json!("vault");
                            entry["free_12"] = json!(free.to_string());
                            entry["tracked_value_12"] = json!(tracked_value.to_string());
                            entry["nav_before_queue_12"] = json!(nav_before_queue.to_string());
                            entry["open_requests"] = json!(queue.len());
                        }
                    }
                    entry
                });
                put("pools", pools.collect());
                let payouts = ledger.payouts.iter().map(|payout| {
                    json!({ "pid": payout.pid, "user": payout.user.hex(),
                            "shares_12": payout.shares.to_string(), "paid_12": payout.paid.to_string() })
                });
                put("queue_payouts", payouts.collect());
                put("council", accounts(&ledger.council));
                put("technical_committee", accounts(&ledger.committee));
            }
        }
        let difference = l1_locked.zip(required).map(|(locked, required)| {
            let required = U256::from(required);
            if locked >= required {
                (locked - required).to_string()
            } else {
                format!("-{}", required - locked)
            }
        });
        let l1 = json!({
            "required_18": required.map(|amount| amount.to_string()),
            "locked_18": l1_locked.map(|amount| amount.to_string()),
            "difference_18": difference,
        });
        Self { state: Value::Object(state), l1 }
    }

    /// keccak-256 of the state's part, as compact JSON; goes into the migration record.
    pub fn hash(&self) -> B256 {
        keccak256(self.state.to_string())
    }

    /// Content of reconciliation.json. `input` says how the pairs were read: format, root, proof.
    pub fn to_json(&self, input: &Value) -> Value {
        json!({ "state": self.state, "state_keccak256": self.hash(), "l1": self.l1, "input": input })
    }

    /// One page for people.
    pub fn to_text(&self) -> String {
        let mut text = String::from("Reconciliation of the parachain's state\n\n");
        // Writing to a string cannot fail.
        for name in ["block_number", "spec_version", "pairs", "total_issuance_12", "holders"] {
            let _ = writeln!(text, "{name:<22}{:>32}", plain(&self.state[name]));
        }
        let _ = writeln!(text, "\n{:<22}{:>32}", "bucket", "units of 10^-12 PHA");
        for bucket in Bucket::ALL {
            let amount = &self.state["buckets"][bucket.name()]["pha_12"];
            let _ = writeln!(text, "{:<22}{:>32}", bucket.name(), plain(amount));
        }
        text.push('\n');
        for name in ["required_18", "locked_18", "difference_18"] {
            let _ = writeln!(text, "L1 {name:<19}{:>32}", plain(&self.l1[name]));
        }
        let _ = writeln!(text, "\nkeccak-256 {}", self.hash());
        match self.state["result"]["message"].as_str() {
            None => text.push_str("result: every unit has one owner\n"),
            Some(message) => {
                let code = &self.state["result"]["exit_code"];
                let _ = writeln!(text, "result: refused ({code}): {message}");
            }
        }
        text
    }
}

fn failure(error: &LedgerError) -> Value {
    json!({ "ok": false, "exit_code": error.exit_code(), "message": error.to_string() })
}

fn accounts(ids: &[AccountId]) -> Value {
    ids.iter().map(|id| json!({ "account": id.hex(), "ss58": id.ss58() })).collect()
}

fn to_18(amount: u128) -> String {
    (U256::from(amount) * U256::from(TO_18)).to_string()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "unknown".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
