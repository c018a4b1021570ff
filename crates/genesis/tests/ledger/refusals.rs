use blake2b_simd::Params;
use phala_genesis_lib::{
    Pair,
    ledger::{AccountId, Bucket, Class, LedgerError, Options, Override, reconcile},
};
use twox_hash::XxHash64;

use crate::mini_state::{Pairs, mini, run};

fn twox128(text: &str) -> Vec<u8> {
    [0, 1].iter().flat_map(|seed| XxHash64::oneshot(*seed, text.as_bytes()).to_le_bytes()).collect()
}

fn prefix(pallet: &str, entry: &str) -> Vec<u8> {
    [twox128(pallet), twox128(entry)].concat()
}

/// Keys of an entry, in order.
fn keys(pairs: &Pairs, pallet: &str, entry: &str) -> Vec<Vec<u8>> {
    let prefix = prefix(pallet, entry);
    let keys: Vec<_> = pairs.keys().filter(|key| key.starts_with(&prefix)).cloned().collect();
    assert!(!keys.is_empty(), "{pallet}.{entry}");
    keys
}

fn first(pairs: &Pairs, pallet: &str, entry: &str) -> Vec<u8> {
    keys(pairs, pallet, entry).remove(0)
}

/// Key whose last 32 bytes are `id`.
fn of_account(pairs: &Pairs, pallet: &str, entry: &str, id: &[u8; 32]) -> Vec<u8> {
    keys(pairs, pallet, entry).into_iter().find(|key| key.ends_with(id)).unwrap()
}

fn named(text: &[u8]) -> [u8; 32] {
    let mut id = [0; 32];
    id[..text.len()].copy_from_slice(text);
    id
}

/// Adds to the little-endian `u128` at `at`; the difference may be negative.
fn add(value: &mut [u8], at: usize, difference: i128) {
    let field = &mut value[at..at + 16];
    let amount = u128::from_le_bytes(field.try_into().unwrap());
    let sum = amount.checked_add_signed(difference).unwrap();
    field.copy_from_slice(&sum.to_le_bytes());
}

/// Free balance in the value of System.Account.
const FREE: usize = 16;

/// Whether the state passes untouched, and what it says once it is changed.
fn refusal(change: impl FnOnce(&mut Pairs)) -> Option<LedgerError> {
    let mut pairs = mini()?;
    assert!(run(&pairs, &Options::default()).ledger.is_ok());
    change(&mut pairs);
    Some(run(&pairs, &Options::default()).ledger.unwrap_err())
}

fn code(change: impl FnOnce(&mut Pairs), code: u8) {
    if let Some(error) = refusal(change) {
        assert_eq!(error.exit_code(), code, "{error}");
    }
}

#[test]
fn a_value_with_trailing_bytes_is_refused() {
    code(
        |pairs| {
            let key = first(pairs, "PhalaBasePool", "Pools");
            pairs.get_mut(&key).unwrap().push(0);
        },
        42,
    );
}

#[test]
fn an_account_with_a_byte_more_or_less_is_refused() {
    for length in [79, 81] {
        code(
            |pairs| {
                let key = first(pairs, "System", "Account");
                pairs.get_mut(&key).unwrap().resize(length, 0);
            },
            42,
        );
    }
}

#[test]
fn a_key_whose_hash_is_not_of_what_follows_is_refused() {
    code(
        |pairs| {
            let key = first(pairs, "PhalaBasePool", "Pools");
            let value = pairs.remove(&key).unwrap();
            let mut wrong = key;
            wrong[32] ^= 1;
            pairs.insert(wrong, value);
        },
        41,
    );
}

#[test]
fn an_account_of_an_older_layout_is_refused() {
    for length in [69, 72, 76] {
        code(
            |pairs| {
                let key = first(pairs, "System", "Account");
                pairs.get_mut(&key).unwrap().truncate(length);
            },
            43,
        );
    }
}

#[test]
fn another_chain_and_an_unknown_runtime_are_refused_until_it_is_allowed() {
    let runtime = |version: u32, name: &str| {
        // Compact of a number from 64 to 16,383.
        let compact = (version << 2 | 1) as u16;
        [compact.to_le_bytes().as_slice(), &[(name.len() as u8) << 2], name.as_bytes()].concat()
    };
    let key = prefix("System", "LastRuntimeUpgrade");
    code(|pairs| drop(pairs.insert(key.clone(), runtime(1291, "khala"))), 44);
    code(|pairs| drop(pairs.insert(key.clone(), runtime(1090, "phala"))), 45);
    code(|pairs| drop(pairs.insert(key.clone(), runtime(1292, "phala"))), 45);
    code(|pairs| drop(pairs.remove(&key)), 47);
    let Some(mut pairs) = mini() else { return };
    pairs.insert(key, runtime(1292, "phala"));
    let options = Options { spec_versions: vec![1292], ..Options::default() };
    assert!(run(&pairs, &options).ledger.is_ok());
}

#[test]
fn storage_of_another_version_or_without_one_is_refused() {
    for pallet in [
        "PhalaComputation",
        "PhalaStakePoolv2",
        "PhalaVault",
        "PhalaWrappedBalances",
        "PhalaBasePool",
    ] {
        let key = prefix(pallet, ":__STORAGE_VERSION__:");
        code(|pairs| drop(pairs.insert(key.clone(), vec![6, 0])), 46);
        code(|pairs| drop(pairs.remove(&key).unwrap()), 46);
    }
    for pallet in ["PhalaMq", "PhalaRegistry", "PhalaStakePool", "PhalaPhatContracts"] {
        let key = prefix(pallet, ":__STORAGE_VERSION__:");
        code(|pairs| drop(pairs.insert(key.clone(), vec![6, 0])), 46);
        let Some(mut pairs) = mini() else { return };
        pairs.insert(key, vec![7, 0]);
        assert!(run(&pairs, &Options::default()).ledger.is_ok());
    }
}

#[test]
fn an_issuance_that_accounts_do_not_hold_is_refused() {
    for difference in [1, -1] {
        code(
            |pairs| {
                add(pairs.get_mut(&prefix("Balances", "TotalIssuance")).unwrap(), 0, difference)
            },
            49,
        );
    }
}

#[test]
fn wrapped_supply_above_its_backing_is_refused() {
    code(
        |pairs| {
            // The native PHA leaves the backing for the treasury.
            let backing = of_account(pairs, "System", "Account", &named(b"wpha/"));
            let treasury = of_account(pairs, "System", "Account", &named(b"modlpy/trsry"));
            let supply = &pairs[&first(pairs, "Assets", "Asset")][128..144];
            let supply = u128::from_le_bytes(supply.try_into().unwrap());
            let held = &pairs[&backing][FREE..FREE + 16];
            let held = u128::from_le_bytes(held.try_into().unwrap());
            let moved = (held - supply) as i128 + 1;
            add(pairs.get_mut(&backing).unwrap(), FREE, -moved);
            add(pairs.get_mut(&treasury).unwrap(), FREE, moved);
        },
        50,
    );
}

#[test]
fn wrapped_balances_that_are_not_the_supply_are_refused() {
    for difference in [1, -1] {
        code(
            |pairs| {
                let key = first(pairs, "Assets", "Account");
                add(pairs.get_mut(&key).unwrap(), 0, difference);
            },
            51,
        );
    }
}

#[test]
fn a_pool_account_that_is_not_derived_from_its_owner_is_refused() {
    code(
        |pairs| {
            let key = first(pairs, "PhalaBasePool", "Pools");
            // The owner, after kind and pid.
            pairs.get_mut(&key).unwrap()[9] ^= 1;
        },
        52,
    );
}

#[test]
fn shares_may_lack_dust_but_no_more() {
    let shift = |difference: i128| {
        move |pairs: &mut Pairs| {
            for key in keys(pairs, "PhalaBasePool", "Pools") {
                let value = pairs.get_mut(&key).unwrap();
                if value[0] == 1 {
                    add(value, 41, difference);
                }
            }
        }
    };
    code(shift(1_000_000), 57);
    code(shift(-1_000_000), 57);
    let Some(mut pairs) = mini() else { return };
    shift(1000)(&mut pairs);
    assert!(run(&pairs, &Options::default()).ledger.is_ok());
}

#[test]
fn a_deficit_is_topped_up_to_one_pha_and_refused_above() {
    let shift = |difference: i128| {
        move |pairs: &mut Pairs| {
            for key in keys(pairs, "PhalaBasePool", "Pools") {
                let value = pairs.get_mut(&key).unwrap();
                if value[..9] == [0, 1, 0, 0, 0, 0, 0, 0, 0] {
                    // The value, after the shares; this pool has neither residue nor deficit.
                    add(value, 57, difference);
                }
            }
        }
    };
    code(shift(1_000_000_000_001), 56);
    let Some(mut pairs) = mini() else { return };
    let before = run(&pairs, &Options::default()).ledger.unwrap();
    shift(1_000_000_000_000)(&mut pairs);
    let after = run(&pairs, &Options::default()).ledger.unwrap();
    assert_eq!(after.funding.reward_stream + 10_u128.pow(18), before.funding.reward_stream);
}

#[test]
fn an_nft_with_two_owners_is_refused() {
    code(
        |pairs| {
            let key = first(pairs, "Uniques", "Asset");
            pairs.get_mut(&key).unwrap()[0] ^= 1;
        },
        58,
    );
}

#[test]
fn a_queued_request_without_its_nft_is_refused() {
    code(
        |pairs| {
            // All that is known of the NFT goes, so that only the queue still names it.
            let base_pool = named(b"basepool");
            let key = keys(pairs, "Uniques", "Asset")
                .into_iter()
                .find(|key| pairs[key].starts_with(&base_pool))
                .unwrap();
            let item = key[key.len() - 4..].to_vec();
            let collection = key[48..52].to_vec();
            for (pallet, entry) in [
                ("Uniques", "Asset"),
                ("Uniques", "Account"),
                ("RmrkCore", "Nfts"),
                ("RmrkCore", "Properties"),
            ] {
                let at = prefix(pallet, entry);
                pairs.retain(|key, _| {
                    let has = |part: &[u8]| key.windows(part.len()).any(|window| window == part);
                    !(key.starts_with(&at) && has(&collection) && has(&item))
                });
            }
        },
        59,
    );
}

#[test]
fn pending_rewards_above_the_subsidy_pool_are_refused() {
    code(
        |pairs| {
            let key = first(pairs, "PhalaStakePoolv2", "LegacyRewards");
            add(pairs.get_mut(&key).unwrap(), 0, 10_i128.pow(20));
        },
        62,
    );
}

#[test]
fn phat_stakes_above_what_is_held_for_them_are_refused() {
    code(
        |pairs| {
            let key = first(pairs, "PhalaPhatTokenomic", "ContractUserStakes");
            add(pairs.get_mut(&key).unwrap(), 0, 10_i128.pow(20));
        },
        63,
    );
}

#[test]
fn stakes_left_in_the_first_stake_pool_pallet_are_refused() {
    code(
        |pairs| {
            let key = [prefix("PhalaStakePool", "StakeLedger"), vec![0; 40]].concat();
            pairs.insert(key, vec![0; 16]);
        },
        68,
    );
}

#[test]
fn an_override_moves_an_account_it_knows_and_no_other() {
    let Some(pairs) = mini() else { return };
    let over = |account: &[u8; 32], class| Options {
        overrides: vec![Override {
            account: alloy_primitives::hex::encode_prefixed(account),
            class,
            reason: "test".into(),
        }],
        ..Options::default()
    };
    let key = first(&pairs, "Proxy", "Proxies");
    let pure: [u8; 32] = key[40..72].try_into().unwrap();
    let ledger = run(&pairs, &over(&pure, Class::Treasury)).ledger.unwrap();
    assert!(!ledger.holders.contains_key(&AccountId(pure)));
    let unknown = run(&pairs, &over(&[7; 32], Class::Treasury)).ledger.unwrap_err();
    assert_eq!(unknown.exit_code(), 65);
    let reserve = named(b"modlphala/bg");
    let forbidden = run(&pairs, &over(&reserve, Class::Keyed)).ledger.unwrap_err();
    assert_eq!(forbidden.exit_code(), 67);
}

#[test]
fn a_pool_whose_collection_is_of_another_pool_is_refused() {
    code(
        |pairs| {
            let key = first(pairs, "PhalaBasePool", "PoolCollections");
            pairs.get_mut(&key).unwrap()[0] ^= 0x40;
        },
        53,
    );
}

#[test]
fn a_session_of_another_pool_is_refused() {
    code(
        |pairs| {
            let key = first(pairs, "PhalaStakePoolv2", "SubAccountPreimages");
            pairs.get_mut(&key).unwrap()[0] ^= 1;
        },
        54,
    );
}

#[test]
fn sessions_with_more_stake_than_their_pool_has_locked_are_refused() {
    code(
        |pairs| {
            let key = first(pairs, "PhalaComputation", "Stakes");
            add(pairs.get_mut(&key).unwrap(), 0, 10_i128.pow(20));
        },
        55,
    );
}

#[test]
fn an_nft_without_its_shares_is_refused() {
    code(
        |pairs| {
            let key = first(pairs, "RmrkCore", "Properties");
            pairs.remove(&key);
        },
        60,
    );
}

#[test]
fn an_nft_of_the_base_pool_that_no_queue_names_is_refused() {
    code(
        |pairs| {
            // An owned NFT goes to the base pool in all three maps.
            let base_pool = named(b"basepool");
            let key = keys(pairs, "Uniques", "Asset")
                .into_iter()
                .find(|key| !pairs[key].starts_with(&base_pool))
                .unwrap();
            let owner = pairs[&key][..32].to_vec();
            let (collection, item) = (key[48..52].to_vec(), key[key.len() - 4..].to_vec());
            pairs.get_mut(&key).unwrap()[..32].copy_from_slice(&base_pool);
            let nft = keys(pairs, "RmrkCore", "Nfts")
                .into_iter()
                .find(|key| key[40..44] == collection && key.ends_with(&item))
                .unwrap();
            pairs.get_mut(&nft).unwrap()[1..33].copy_from_slice(&base_pool);
            let index = keys(pairs, "Uniques", "Account")
                .into_iter()
                .find(|key| {
                    key[48..80] == owner && key[96..100] == collection && key.ends_with(&item)
                })
                .unwrap();
            pairs.remove(&index).unwrap();
            let hash = Params::new().hash_length(16).hash(&base_pool);
            let moved = [&index[..32], hash.as_bytes(), &base_pool, &index[80..]].concat();
            pairs.insert(moved, Vec::new());
        },
        61,
    );
}

#[test]
fn more_unmintable_dust_than_surplus_is_refused() {
    code(
        |pairs| {
            let key = first(pairs, "PhalaWrappedBalances", "UnmintableDust");
            add(pairs.get_mut(&key).unwrap(), 0, 10_i128.pow(20));
        },
        64,
    );
}

#[test]
fn pairs_that_cannot_be_read_or_do_not_ascend_are_refused() {
    let pair = |key: u8| Pair { key: vec![key], value: Vec::new() };
    let run = |pairs: Vec<Result<Pair, &str>>| {
        reconcile(pairs.into_iter(), &Options::default()).ledger.unwrap_err()
    };
    assert_eq!(run(vec![Ok(pair(1)), Err("disk")]).exit_code(), 40);
    assert_eq!(run(vec![Ok(pair(2)), Ok(pair(1))]).exit_code(), 48);
    assert_eq!(run(vec![Ok(pair(1)), Ok(pair(1))]).exit_code(), 48);
    assert_eq!(run(vec![Ok(pair(1)), Ok(pair(2))]).exit_code(), 47);
}

#[test]
fn an_override_file_that_says_something_else_is_refused() {
    let good = "[[override]]\naccount = \"0x00\"\nclass = \"keyed\"\nreason = \"r\"\n";
    assert_eq!(Override::parse(good).unwrap().len(), 1);
    assert!(Override::parse("").unwrap().is_empty());
    for bad in
        ["x", "[[override]]\naccount = 1", &good.replace("keyed", "mine"), &format!("{good}b = 1")]
    {
        assert_eq!(Override::parse(bad).unwrap_err().exit_code(), 66, "{bad}");
    }
    let Some(pairs) = mini() else { return };
    let options = Options { overrides: Override::parse(good).unwrap(), ..Options::default() };
    assert_eq!(run(&pairs, &options).ledger.unwrap_err().exit_code(), 66);
}

/// A deposit of inDEX that waits: sender, an asset at `location`, amount, recipient and task.
fn deposit(sender: [u8; 32], location: &[u8], amount: u128) -> Vec<u8> {
    [&sender, &[0_u8][..], location, &amount.to_le_bytes(), &[0, 0]].concat()
}

#[test]
fn deposits_of_pha_that_wait_in_index_are_their_senders_and_no_more_than_is_held() {
    let Some(mut pairs) = mini() else { return };
    let before = run(&pairs, &Options::default()).ledger.unwrap();
    let index = named(b"modlindex/ac");
    let hash = Params::new().hash_length(16).hash(&index);
    let account = [&prefix("System", "Account"), hash.as_bytes(), &index].concat();
    let treasury = of_account(&pairs, "System", "Account", &named(b"modlpy/trsry"));
    let value = pairs.entry(account).or_insert_with(|| vec![0; 80]);
    let held = u128::from_le_bytes(value[FREE..FREE + 16].try_into().unwrap());
    add(value, FREE, 1000);
    add(pairs.get_mut(&treasury).unwrap(), FREE, -1000);
    let key = |id: [u8; 32]| {
        let hash = XxHash64::oneshot(0, &id).to_le_bytes();
        [&prefix("PalletIndex", "DepositRecords"), &hash[..], &id].concat()
    };
    // Seen from here, seen from a sibling (2035 as a compact), and another chain's asset.
    let sibling = [1, 1, 0, 0xcd, 0x1f];
    let foreign = [1, 1, 0, 0x41, 0x1f];
    pairs.insert(key([1; 32]), deposit([7; 32], &[0, 0], 300));
    pairs.insert(key([2; 32]), deposit([7; 32], &sibling, 100));
    pairs.insert(key([3; 32]), deposit([8; 32], &foreign, 5000));
    let ledger = run(&pairs, &Options::default()).ledger.unwrap();
    assert_eq!(ledger.bucket(Bucket::IndexInflight), 400);
    let rest = ledger.bucket(Bucket::GovernancePots) - before.bucket(Bucket::GovernancePots);
    assert_eq!(rest, 600);
    assert_eq!(ledger.escrow[&(Class::IndexInflight, AccountId([7; 32]))], 400);
    assert!(!ledger.escrow.contains_key(&(Class::IndexInflight, AccountId([8; 32]))));

    let too_much = deposit([9; 32], &[0, 0], held + 601);
    pairs.insert(key([4; 32]), too_much);
    assert_eq!(run(&pairs, &Options::default()).ledger.unwrap_err().exit_code(), 75);
    pairs.insert(key([4; 32]), deposit([9; 32], &[0, 9], 1));
    assert_eq!(run(&pairs, &Options::default()).ledger.unwrap_err().exit_code(), 42);
}

#[test]
fn mutated_values_never_panic() {
    let Some(pairs) = mini() else { return };
    let keys: Vec<_> = pairs.keys().filter(|key| key.len() > 32).cloned().collect();
    for round in 0_u64..3000 {
        let hash = Params::new().hash_length(16).hash(&round.to_le_bytes());
        let draw = u128::from_le_bytes(hash.as_bytes().try_into().unwrap());
        let key = &keys[(draw as usize) % keys.len()];
        let mut changed = pairs.clone();
        let mut value = changed.remove(key).unwrap();
        let at = ((draw >> 64) as usize) % value.len().max(1);
        match draw >> 126 {
            0 => value.truncate(at),
            1 => value.insert(at, (draw >> 100) as u8),
            _ => {
                if let Some(byte) = value.get_mut(at) {
                    *byte ^= (draw >> 100) as u8 | 1;
                }
            }
        }
        let mut key = key.clone();
        if draw >> 120 & 7 == 0 {
            let last = key.len() - 1;
            key[last] ^= 1;
        }
        changed.insert(key, value);
        if let Ok(ledger) = run(&changed, &Options::default()).ledger {
            let sum: u128 = ledger.buckets.values().sum();
            assert_eq!(sum, ledger.issuance);
        }
    }
}
