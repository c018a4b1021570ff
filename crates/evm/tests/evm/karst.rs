//! Blocks on the published all-forks genesis, executed from a witness and checked against numbers
//! computed another way.

use std::collections::BTreeMap;

use alloy_consensus::{SignableTransaction, TxEip1559, TxReceipt};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B64, B256, Bytes, U256, address, b256, hex, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_trie::{
    HashBuilder, Nibbles, TrieAccount,
    proof::ProofRetainer,
    root::{state_root_unhashed, storage_root_unhashed},
};
use op_alloy_consensus::TxDeposit;
use phala_chainspec::{
    ChainSpec, Fork, GenesisAccount, L1Attributes,
    addresses::{L2_TO_L1_MESSAGE_PASSER, OPERATOR_FEE_VAULT, SEQUENCER_FEE_VAULT},
};
use phala_evm::{
    BlockAttributes,
    witness::{Witness, WitnessBlock, WitnessError},
};
use phala_primitives::{Header, Transaction};

use crate::world::{ETHER, deposit, gain, vector};

/// Accounts of a state, without their storage roots.
type Alloc = BTreeMap<Address, GenesisAccount>;

fn trie_account(account: &GenesisAccount) -> TrieAccount {
    TrieAccount {
        nonce: account.nonce,
        balance: account.balance,
        storage_root: storage_root_unhashed(account.storage.iter().map(|(k, v)| (*k, *v))),
        code_hash: keccak256(&account.code),
    }
}

fn state_root(alloc: &Alloc) -> B256 {
    state_root_unhashed(alloc.iter().map(|(address, account)| (*address, trie_account(account))))
}

/// All nodes of a trie with these leaves.
fn trie_nodes(mut leaves: Vec<(B256, Vec<u8>)>, out: &mut Vec<Bytes>) {
    leaves.sort();
    let keys: Vec<_> = leaves.iter().map(|(key, _)| Nibbles::unpack(*key)).collect();
    let mut builder =
        HashBuilder::default().with_proof_retainer(ProofRetainer::from_iter(keys.clone()));
    for ((_, value), key) in leaves.iter().zip(keys) {
        builder.add_leaf(key, value);
    }
    builder.root();
    out.extend(builder.take_proof_nodes().into_inner().into_values());
}

fn preimages(alloc: &Alloc) -> Vec<Bytes> {
    let mut out = Vec::new();
    let leaf = |(address, account): (&Address, &GenesisAccount)| {
        (keccak256(address), alloy_rlp::encode(trie_account(account)))
    };
    trie_nodes(alloc.iter().map(leaf).collect(), &mut out);
    for account in alloc.values() {
        out.push(account.code.clone());
        let leaf = |(slot, value): (&B256, &U256)| (keccak256(slot), alloy_rlp::encode(value));
        if !account.storage.is_empty() {
            trie_nodes(account.storage.iter().map(leaf).collect(), &mut out);
        }
    }
    out
}

fn apply(alloc: &mut Alloc, block: &WitnessBlock) {
    let changes = &block.output.changes;
    for change in &changes.accounts {
        let Some(after) = change.after else {
            alloc.remove(&change.address);
            continue;
        };
        let account = alloc.entry(change.address).or_default();
        account.nonce = after.nonce;
        account.balance = after.balance;
        if let Some((_, code)) = changes.codes.iter().find(|(hash, _)| *hash == after.code_hash) {
            account.code = code.clone();
        }
        for slot in &change.slots {
            if slot.after.is_zero() {
                account.storage.remove(&B256::from(slot.slot));
            } else {
                account.storage.insert(slot.slot.into(), slot.after);
            }
        }
    }
}

/// A key that everybody knows; the published genesis funds it.
fn known_account() -> PrivateKeySigner {
    let key = b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
    PrivateKeySigner::from_bytes(&key).expect("valid key")
}

fn signed(spec: &ChainSpec, nonce: u64, to: Address, value: u64, input: Bytes) -> Bytes {
    let tx = TxEip1559 {
        chain_id: spec.chain_id,
        nonce,
        gas_limit: 300_000,
        max_fee_per_gas: 10_000_000_000,
        max_priority_fee_per_gas: 5,
        to: to.into(),
        value: U256::from(value),
        access_list: Default::default(),
        input,
    };
    let signature = known_account().sign_hash_sync(&tx.signature_hash()).expect("signs");
    Transaction::Eip1559(tx.into_signed(signature)).encoded_2718().into()
}

/// `initiateWithdrawal(target, 100_000, "")`.
fn withdrawal(target: Address) -> Bytes {
    let mut data = hex!("c2b3e5ac").to_vec();
    data.extend(B256::left_padding_from(target.as_slice()));
    for word in [100_000u64, 0x60, 0] {
        data.extend(B256::from(U256::from(word)));
    }
    data.into()
}

const ATTRIBUTES: L1Attributes = L1Attributes {
    number: 100,
    timestamp: 1_700_000_000,
    base_fee: U256::from_limbs([7_000_000_000, 0, 0, 0]),
    blob_base_fee: U256::from_limbs([3, 0, 0, 0]),
    hash: B256::repeat_byte(0x11),
    sequence_number: 0,
    batcher_hash: B256::ZERO,
    base_fee_scalar: 1_368,
    blob_base_fee_scalar: 810_949,
    operator_fee_scalar: 20_000,
    operator_fee_constant: 500,
    da_footprint_gas_scalar: 400,
    l1_fee_overhead: U256::ZERO,
    l1_fee_scalar: U256::ZERO,
};

fn block(spec: &ChainSpec, alloc: &Alloc, parent: &Header, more: Vec<Bytes>) -> Witness {
    let info = ATTRIBUTES.to_deposit(Fork::Karst).encoded_2718().into();
    Witness {
        spec: spec.clone(),
        parent: parent.clone(),
        attributes: BlockAttributes {
            timestamp: parent.timestamp + 2,
            prev_randao: B256::repeat_byte(3),
            fee_recipient: SEQUENCER_FEE_VAULT,
            gas_limit: 60_000_000,
            parent_beacon_block_root: Some(B256::repeat_byte(4)),
            eip1559_params: Some(B64::ZERO),
            min_base_fee: Some(2_000_000_000),
        },
        transactions: [vec![info], more].concat(),
        expected_hash: B256::ZERO,
        preimages: preimages(alloc),
    }
}

#[test]
fn karst_blocks_on_the_published_genesis() {
    let Some(genesis) = vector("genesis/sepolia-devnet-2.genesis.json.gz") else { return };
    let spec = ChainSpec::from_genesis_json(genesis.as_slice()).expect("genesis");
    let mut alloc = spec.genesis.alloc.clone();
    let passer = |alloc: &Alloc| trie_account(&alloc[&L2_TO_L1_MESSAGE_PASSER]).storage_root;
    let parent = spec.genesis_header(state_root(&alloc), passer(&alloc));
    let genesis_hash = b256!("782e7ef559d86bd85ca14b3b51bcd64b2a5abba5bf3017d83d34e666d8dc0a57");
    assert_eq!(parent.hash_slow(), genesis_hash);
    let old_passer = passer(&alloc);

    let sender = known_account().address();
    let bob = address!("00000000000000000000000000000000000b0b01");
    let minted = deposit(TxDeposit {
        from: sender,
        to: L2_TO_L1_MESSAGE_PASSER.into(),
        mint: ETHER,
        value: U256::from(7),
        gas_limit: 20_000_000,
        input: withdrawal(bob),
        ..Default::default()
    });
    let sends = [
        // The deposit took nonce 0.
        signed(&spec, 1, bob, 12_345, Bytes::new()),
        signed(&spec, 2, L2_TO_L1_MESSAGE_PASSER, 9, withdrawal(sender)),
    ];
    let more = [vec![minted.2], sends.to_vec()].concat();
    let witness = block(&spec, &alloc, &parent, more);
    let first = witness.execute().expect("executes");
    let header = &first.header;
    let statuses: Vec<_> = first.output.receipts.iter().map(TxReceipt::status).collect();
    assert_eq!(statuses, [true; 4]);
    apply(&mut alloc, &first);
    assert_eq!(header.state_root, state_root(&alloc));
    assert_eq!(header.withdrawals_root, Some(passer(&alloc)));
    assert_ne!(passer(&alloc), old_passer);
    // 100 and some more bytes of estimated size, 400 each; deposits count nothing.
    let footprint: u64 = sends.iter().map(|tx| phala_evm::da_usage(tx) * 400).sum();
    assert!(footprint >= 80_000);
    assert_eq!(header.blob_gas_used, Some(footprint));
    assert_eq!(header.excess_blob_gas, Some(0));
    assert_eq!(header.extra_data.as_ref(), hex!("01000000fa000000060000000077359400"));
    assert_eq!(header.base_fee_per_gas, Some(996_000_000));
    assert_eq!(
        header.requests_hash,
        Some(b256!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))
    );
    // Operator fee, Jovian's formula, of the two transactions that pay one.
    let gas: u64 = first.output.receipts[1..]
        .windows(2)
        .map(|pair| pair[1].cumulative_gas_used() - pair[0].cumulative_gas_used())
        .sum();
    let operator = U256::from(gas) * U256::from(20_000 * 100) + U256::from(2 * 500);
    assert_eq!(gain(&first.output, OPERATOR_FEE_VAULT), operator);
    assert_eq!(gain(&first.output, bob), 12_345);

    // The next block: the base fee is at the floor its parent set.
    let witness = block(&spec, &alloc, header, vec![signed(&spec, 3, bob, 1, Bytes::new())]);
    let second = witness.execute().expect("executes");
    assert_eq!(second.header.base_fee_per_gas, Some(2_000_000_000));
    assert_eq!(second.header.parent_hash, first.hash);
    apply(&mut alloc, &second);
    assert_eq!(second.header.state_root, state_root(&alloc));

    let mut lacking = witness;
    lacking.preimages.clear();
    assert!(matches!(lacking.execute(), Err(WitnessError::Execution(_))));
}
