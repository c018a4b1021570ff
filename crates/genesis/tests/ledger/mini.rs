use alloy_primitives::{hex, keccak256};
use phala_genesis_lib::{
    entitlements::{Entitlements, verify},
    ledger::{AccountId, Carry, Options},
};

use crate::mini_state::{json, mini, run};

fn account(text: &str) -> AccountId {
    AccountId(hex::decode(text).unwrap().try_into().unwrap())
}

fn number(value: &serde_json::Value) -> u128 {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn the_state_made_by_hand_is_owed_to_the_last_unit() {
    let (Some(pairs), Some(expected)) = (mini(), json("synthetic/mini-expected.json")) else {
        return;
    };
    let ledger = run(&pairs, &Options::default()).ledger.unwrap();
    assert_eq!(u128::from(ledger.pairs), u128::from(expected["keys"].as_u64().unwrap()));
    assert_eq!(ledger.issuance, number(&expected["total_issuance"]));
    assert_eq!(
        Some(ledger.funding.total().unwrap()),
        number(&expected["l2_issuance_12"]).checked_mul(1_000_000)
    );
    let wanted = expected["buckets"].as_object().unwrap();
    for (bucket, amount) in &ledger.buckets {
        let want = wanted.get(bucket.name()).map(number).unwrap_or_default();
        assert_eq!(*amount, want, "{}", bucket.name());
    }
    let holders = expected["holders"].as_object().unwrap();
    assert_eq!(ledger.holders.len(), holders.len());
    for (name, want) in holders {
        let holder = &ledger.holders[&account(want["account"].as_str().unwrap())];
        assert_eq!(holder.liquid, number(&want["liquid"]), "{name}");
        assert_eq!(holder.vesting, number(&want["vesting"]), "{name}");
        let stakes: Vec<_> = holder.stakes.iter().map(|(p, s)| (p.to_string(), *s)).collect();
        let mut wanted: Vec<_> = want["stakes"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(p, s)| (p.clone(), number(s)))
            .collect();
        wanted.sort();
        assert_eq!(stakes, wanted, "{name}");
    }
}

#[test]
fn pools_and_queues_of_the_state_made_by_hand_go_on_as_worked_out() {
    let (Some(pairs), Some(expected)) = (mini(), json("synthetic/mini-expected.json")) else {
        return;
    };
    let ledger = run(&pairs, &Options::default()).ledger.unwrap();
    for want in expected["pools"].as_array().unwrap() {
        let pool = &ledger.pools[&want["pid"].as_u64().unwrap()];
        assert_eq!(pool.total_shares, number(&want["shares"]));
        match &pool.carry {
            Carry::Stake { value, residue, .. } => {
                assert_eq!(*value, number(&want["value"]));
                assert_eq!(*residue, number(&want["residue"]));
            }
            Carry::Vault { free, tracked_value, nav_before_queue, holds, queue, .. } => {
                assert_eq!(*free, number(&want["free"]));
                assert_eq!(*tracked_value, number(&want["tracked_value_on_parachain"]));
                assert_eq!(*nav_before_queue, number(&want["nav_before_queue"]));
                for (pid, shares) in holds {
                    assert_eq!(*shares, number(&want["holds"][pid.to_string()]));
                }
                let left = want["queue_left"].as_array().unwrap();
                assert_eq!(queue.len(), left.len());
                for (request, want) in queue.iter().zip(left) {
                    assert_eq!(request.user, account(want["user"].as_str().unwrap()));
                    assert_eq!(Some(request.start), want["start"].as_u64());
                    assert_eq!(request.shares, number(&want["shares"]));
                }
            }
        }
    }
    let payouts = expected["queue_payouts"].as_array().unwrap();
    assert_eq!(ledger.payouts.len(), payouts.len());
    for (payout, want) in ledger.payouts.iter().zip(payouts) {
        assert_eq!(Some(payout.pid), want["pid"].as_u64());
        assert_eq!(payout.user, account(want["user"].as_str().unwrap()));
        assert_eq!(payout.shares, number(&want["shares"]));
        assert_eq!(payout.paid, number(&want["paid"]));
    }
}

#[test]
fn every_record_of_the_state_made_by_hand_proves_to_the_root() {
    let Some(pairs) = mini() else { return };
    let ledger = run(&pairs, &Options::default()).ledger.unwrap();
    let entitlements = Entitlements::new(&ledger).unwrap();
    assert_eq!(entitlements.len(), ledger.holders.len());
    let bytes = entitlements.to_bytes();
    let (mut stakes, mut queue) = (0, 0);
    let stakes_at = 96 * entitlements.len();
    let queue_at = stakes_at + 24 * ledger.holders.values().map(|h| h.stakes.len()).sum::<usize>();
    for (index, (id, holder)) in ledger.holders.iter().enumerate() {
        let record = &bytes[96 * index..96 * (index + 1)];
        assert_eq!(record[..32], id.0);
        assert_eq!(record[32..48], (holder.liquid * 1_000_000).to_be_bytes());
        let s = &bytes[stakes_at + 24 * stakes..][..24 * holder.stakes.len()];
        let q = &bytes[queue_at + 32 * queue..][..32 * holder.requests.len()];
        stakes += holder.stakes.len();
        queue += holder.requests.len();
        let leaf = keccak256(keccak256([record, s, q].concat()));
        let proof = entitlements.tree().proof(index).unwrap();
        assert!(verify(leaf, &proof, entitlements.root()));
        assert!(!verify(keccak256(leaf), &proof, entitlements.root()));
    }
}
