//! Data accounts hold the records as the contracts read them.

use alloy_primitives::{B256, address, keccak256};
use phala_genesis_lib::{
    entitlements::{Entitlements, MerkleTree, Table, to_csv, verify},
    ledger::Options,
};

use crate::mini_state::{mini, run};

#[test]
fn data_accounts_are_where_contracts_look_and_full_ones_fit_the_code_limit() {
    assert_eq!(
        Table::Proxies.address(0x0102),
        address!("504841ff00000000000000000000000300000102")
    );
    for table in [Table::Accounts, Table::Stakes, Table::Queue, Table::Proxies] {
        let per_chunk = table.records_per_chunk();
        let records = vec![7; table.record_size() * (per_chunk + 1)];
        let accounts: Vec<_> = table.accounts(&records).collect();
        assert_eq!(accounts.len(), 2);
        assert_eq!(accounts[0].code.len(), 1 + table.record_size() * per_chunk);
        assert!(accounts[0].code.len() <= 24_576);
        assert_eq!(accounts[1].code.len(), 1 + table.record_size());
        assert_eq!(accounts[1].code[0], 0);
        assert_eq!(accounts[1].address, table.address(1));
        assert_eq!(table.accounts(&[]).count(), 0);
    }
}

#[test]
fn the_tables_of_the_state_made_by_hand_have_their_fields() {
    let Some(pairs) = mini() else { return };
    let ledger = run(&pairs, &Options::default()).ledger.unwrap();
    let entitlements = Entitlements::new(&ledger).unwrap();
    let start = u32::try_from(ledger.now_ms / 1000).unwrap().to_be_bytes();
    let records = entitlements.table(Table::Accounts).chunks_exact(96);
    assert_eq!(records.len(), ledger.holders.len());
    let mut vesting = 0;
    for (record, (id, holder)) in records.zip(&ledger.holders) {
        assert_eq!(record[32 + 16..64], (holder.vesting * 1_000_000).to_be_bytes());
        let begins = if holder.vesting == 0 { [0; 4] } else { start };
        vesting += usize::from(holder.vesting > 0);
        assert_eq!(record[64..68], begins);
        assert_eq!(record[68..72], holder.vesting_end.to_be_bytes());
        let row = |at: usize| u32::from_be_bytes(record[at..at + 4].try_into().unwrap()) as usize;
        for (index, (pid, shares)) in holder.stakes.iter().enumerate() {
            let stake = &entitlements.table(Table::Stakes)[24 * (row(72) + index)..][..24];
            assert_eq!(stake[..4], u32::try_from(*pid).unwrap().to_be_bytes());
            assert_eq!(stake[4..20], (shares * 1_000_000).to_be_bytes());
        }
        for (index, request) in holder.requests.iter().enumerate() {
            let entry = &entitlements.table(Table::Queue)[32 * (row(78) + index)..][..32];
            assert_eq!(entry[4..12], request.start.to_be_bytes());
            assert_eq!(entry[12..28], (request.shares * 1_000_000).to_be_bytes());
        }
        let has_proxy = ledger.proxies.iter().any(|(account, _)| account == id);
        assert_eq!(record[84], u8::from(has_proxy));
        assert_eq!(record[85..], [0; 11]);
    }
    assert_eq!(vesting, 1);
    assert_eq!(entitlements.table(Table::Proxies).len(), 64 * ledger.proxies.len());
    assert!(!ledger.proxies.is_empty());
    assert_eq!(to_csv(&ledger).lines().count(), 1 + ledger.holders.len());
}

#[test]
fn trees_of_every_small_size_prove_each_leaf_and_no_other() {
    for size in 0..40_u64 {
        let leaves: Vec<_> = (0..size).map(|leaf| keccak256(leaf.to_be_bytes())).collect();
        let tree = MerkleTree::new(leaves.clone());
        for (index, leaf) in leaves.iter().enumerate() {
            let proof = tree.proof(index).unwrap();
            assert!(verify(*leaf, &proof, tree.root()));
            assert!(!verify(keccak256(leaf), &proof, tree.root()));
        }
        assert!(tree.proof(leaves.len()).is_none());
    }
    assert_eq!(MerkleTree::new(Vec::new()).root(), B256::ZERO);
}

#[test]
fn the_root_is_the_same_for_any_number_of_threads() {
    let leaves: Vec<_> = (0..5000_u64).map(|leaf| keccak256(leaf.to_be_bytes())).collect();
    let root = MerkleTree::new(leaves.clone()).root();
    for threads in [1, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| MerkleTree::new(leaves.clone()).root()), root);
    }
}
