use std::collections::BTreeMap;

use alloy_primitives::{Bytes, U256};
use phala_chainspec::{
    ChainSpec, GenesisAccount,
    addresses::{L1_ATTRIBUTES_DEPOSITOR, L1_BLOCK, L2_TO_L1_MESSAGE_PASSER},
};

use crate::asm::{Asm, op};

/// `L1Block` as far as consensus sees it: packed attributes from the depositor go to the slots the
/// execution engine reads (Ecotone, Isthmus and Jovian formats alike).
fn l1_block() -> Bytes {
    let only_depositor = Asm::new()
        .ops(&[op::CALLER])
        .push_address(L1_ATTRIBUTES_DEPOSITOR)
        .ops(&[op::EQ])
        .push(30)
        .ops(&[op::JUMPI, op::PUSH0, op::PUSH0, op::REVERT, op::STOP, op::JUMPDEST]);
    assert_eq!(only_depositor.len(), 31, "the jump leads to its destination");
    // Fields that are narrower than a word are shifted down from where they start.
    let field = |code: Asm, from: u64, shift: u64, slot: u64| {
        code.push(from).ops(&[op::CALLDATALOAD]).push(shift).ops(&[op::SHR]).store_top(slot)
    };
    let code = field(only_depositor, 4, 128, 3);
    let code = field(code, 20, 128, 0);
    let code = [(36, 1), (68, 7), (100, 2), (132, 4)]
        .into_iter()
        .fold(code, |code, (from, slot)| code.push(from).ops(&[op::CALLDATALOAD]).store_top(slot));
    // Operator fee, and above it the DA footprint scalar, which is zero in shorter formats.
    code.push(164)
        .ops(&[op::CALLDATALOAD])
        .push(160)
        .ops(&[op::SHR])
        .push(176)
        .ops(&[op::CALLDATALOAD])
        .push(240)
        .ops(&[op::SHR])
        .push(96)
        .ops(&[op::SHL, op::OR])
        .store_top(8)
        .ops(&[op::STOP])
        .bytes()
}

/// A message passer that sets the slot named by the first word of its calldata to 1, and logs it.
fn message_passer() -> Bytes {
    Asm::new()
        .push(1)
        .ops(&[op::PUSH0, op::CALLDATALOAD, op::SSTORE])
        .ops(&[op::PUSH0, op::CALLDATALOAD, op::PUSH0, op::PUSH0, op::LOG0 + 1, op::STOP])
        .bytes()
}

/// The development chain with the two predeploys consensus looks at. The message passer has a slot,
/// so that its storage root is never the empty one.
pub fn with_predeploys(mut spec: ChainSpec) -> ChainSpec {
    let account = |code| GenesisAccount { nonce: 1, code, ..Default::default() };
    let storage = BTreeMap::from([(alloy_primitives::B256::ZERO, U256::from(7))]);
    let passer = GenesisAccount { storage, ..account(message_passer()) };
    spec.genesis.alloc.insert(L1_BLOCK, account(l1_block()));
    spec.genesis.alloc.insert(L2_TO_L1_MESSAGE_PASSER, passer);
    spec
}
