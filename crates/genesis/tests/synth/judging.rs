//! The ledger, judged by states whose makers knew what is owed in them.

use std::{fs, path::Path};

use alloy_primitives::hex;
use phala_genesis_lib::{
    ledger::{AccountId, Ledger, LedgerError, Options, reconcile},
    snapshot::{OpenOptions, open},
    synth::{BreakCase, Profile},
};
use serde_json::Value;

use crate::generation::make;

fn ledger(folder: &Path) -> Result<Ledger, LedgerError> {
    let snapshot = open(&folder.join("state.v4.snap"), &OpenOptions::default()).unwrap();
    reconcile(snapshot.pairs(), &Options::default()).ledger
}

fn amount(value: &Value) -> u128 {
    value.as_str().unwrap().parse().unwrap()
}

fn account(value: &Value) -> AccountId {
    AccountId(hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap())
}

#[test]
fn the_ledger_comes_to_what_the_generator_put_there_to_the_last_unit() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let states = (0..6).map(|seed| (seed, Profile::TINY)).chain([(9, Profile::scaled_down(50))]);
    for (seed, profile) in states {
        let made = make(out, seed, profile, None);
        let expected: Value =
            serde_json::from_slice(&fs::read(out.join("expected.json")).unwrap()).unwrap();
        let ledger = ledger(out).unwrap();
        assert_eq!(usize::try_from(ledger.pairs).unwrap(), made.keys);
        assert_eq!(ledger.issuance, amount(&expected["total_issuance"]));
        let buckets = expected["buckets"].as_object().unwrap();
        for (bucket, held) in &ledger.buckets {
            let wanted = buckets.get(bucket.name()).map(amount).unwrap_or_default();
            assert_eq!(*held, wanted, "{} of seed {seed}", bucket.name());
        }
        for (name, wanted) in buckets {
            let known = ledger.buckets.keys().any(|bucket| bucket.name() == name);
            assert!(known || amount(wanted) == 0, "{name} of seed {seed}");
        }
        let holders = expected["holders"].as_array().unwrap();
        assert_eq!(ledger.holders.len(), holders.len(), "seed {seed}");
        for wanted in holders {
            let holder = &ledger.holders[&account(&wanted["account"])];
            let stakes = wanted["stakes"].as_object().unwrap();
            assert_eq!(holder.liquid, amount(&wanted["liquid"]), "{wanted}");
            assert_eq!(holder.vesting, amount(&wanted["vesting"]), "{wanted}");
            assert_eq!(Some(holder.vesting_end.into()), wanted["vesting_end"].as_u64(), "{wanted}");
            assert_eq!(holder.stakes.len(), stakes.len(), "{wanted}");
            for (pid, shares) in stakes {
                assert_eq!(holder.stakes[&pid.parse().unwrap()], amount(shares), "{wanted}");
            }
        }
        let payouts = expected["queue_payouts"].as_array().unwrap();
        assert_eq!(ledger.payouts.len(), payouts.len(), "seed {seed}");
        for (payout, wanted) in ledger.payouts.iter().zip(payouts) {
            assert_eq!(Some(payout.pid), wanted["pid"].as_u64());
            assert_eq!(payout.user, account(&wanted["user"]));
            assert_eq!(payout.shares, amount(&wanted["shares"]));
            assert_eq!(payout.paid, amount(&wanted["paid"]));
        }
    }
}

#[test]
fn every_fault_of_a_state_is_refused_with_its_own_code() {
    let folder = tempfile::tempdir().unwrap();
    for (case, code) in [
        (BreakCase::TrailingBytes, 42),
        (BreakCase::UnknownSpecVersion, 45),
        (BreakCase::StorageVersion6, 46),
        (BreakCase::IssuanceMismatch, 49),
        (BreakCase::WrappedAboveBacking, 50),
        (BreakCase::PoolAccountMismatch, 52),
        (BreakCase::DeficitAboveTolerance, 56),
        (BreakCase::SharesDoNotAddUp, 57),
        (BreakCase::OwnersDiffer, 58),
        (BreakCase::QueueWithoutNft, 59),
        (BreakCase::RewardsAboveSubsidy, 62),
    ] {
        make(folder.path(), 5, Profile::TINY, Some(case));
        let refused = ledger(folder.path()).unwrap_err();
        assert_eq!(refused.exit_code(), code, "{case:?}: {refused}");
    }
}
