//! The contracts of the workload: a token, a constant-product pair and a writer of fresh storage.
//!
//! They do what their mainnet relatives do (dispatch, checks, mappings by hash, events, nested
//! calls), so that a block's cost has the same shape: hashing, cold slots, logs, call frames.

use alloy_primitives::{Address, B256, U256, address, keccak256};

use crate::assembler::assemble;

/// First token of the pair.
pub(crate) const TOKEN_A: Address = address!("00000000000000000000000000000000000a0001");
/// Second token of the pair.
pub(crate) const TOKEN_B: Address = address!("00000000000000000000000000000000000a0002");
/// The pair.
pub(crate) const PAIR: Address = address!("00000000000000000000000000000000000a0003");
/// The writer of fresh storage.
pub(crate) const WRITER: Address = address!("00000000000000000000000000000000000a0004");

/// Mapping of balances in a token.
const BALANCES_SLOT: u64 = 0;
/// Mapping of allowances (owner, then spender) in a token.
const ALLOWANCES_SLOT: u64 = 1;

/// ERC-20 `transfer`, `transferFrom` and `balanceOf`, with balance and allowance checks and the event.
pub(crate) fn token() -> Vec<u8> {
    assemble(
        "
        0 CALLDATALOAD 0xe0 SHR
        DUP1 0xa9059cbb EQ @transfer JUMPI
        DUP1 0x23b872dd EQ @transfer_from JUMPI
        DUP1 0x70a08231 EQ @balance_of JUMPI
        0 0 REVERT

        balance_of: POP                     ; balanceOf(owner)
        4 CALLDATALOAD 0 MSTORE 64 0 KECCAK256 SLOAD
        0 MSTORE 32 0 RETURN

        transfer: POP                       ; transfer(to, amount)
        68 CALLDATASIZE LT @fail JUMPI
        CALLER 4 CALLDATALOAD 36 CALLDATALOAD   ; from to amount
        @move JUMP

        transfer_from: POP                  ; transferFrom(from, to, amount)
        100 CALLDATASIZE LT @fail JUMPI
        4 CALLDATALOAD 0 MSTORE 1 32 MSTORE
        64 0 KECCAK256 32 MSTORE CALLER 0 MSTORE
        64 0 KECCAK256                      ; allowance slot
        DUP1 SLOAD                          ; slot allowance
        68 CALLDATALOAD                     ; slot allowance amount
        DUP1 DUP3 LT @fail JUMPI
        SWAP1 SUB SWAP1 SSTORE
        4 CALLDATALOAD 36 CALLDATALOAD 68 CALLDATALOAD
        @move JUMP

        move:                               ; from to amount
        0 32 MSTORE
        DUP3 0 MSTORE 64 0 KECCAK256        ; from to amount slot
        DUP1 SLOAD                          ; from to amount slot balance
        DUP3 DUP2 LT @fail JUMPI
        DUP3 SWAP1 SUB SWAP1 SSTORE         ; from to amount
        DUP2 0 MSTORE 64 0 KECCAK256
        DUP1 SLOAD DUP3 ADD SWAP1 SSTORE    ; from to amount
        0 MSTORE                            ; from to
        SWAP1
        0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef
        32 0 LOG3
        1 0 MSTORE 32 0 RETURN
        fail: 0 0 REVERT
        ",
    )
}

/// `swap(uint256 amountIn)`: takes token A from the caller, gives token B at the constant product
/// less 0.3 %, keeps both reserves in one slot, logs.
pub(crate) fn pair() -> Vec<u8> {
    let (token_a, token_b) = (format!("{TOKEN_A:#x}"), format!("{TOKEN_B:#x}"));
    assemble(&format!(
        "
        0 CALLDATALOAD 0xe0 SHR 0x94b918de EQ @swap JUMPI
        fail: 0 0 REVERT

        swap:
        36 CALLDATASIZE LT @fail JUMPI
        0x23b872dd 0xe0 SHL 0 MSTORE CALLER 4 MSTORE ADDRESS 36 MSTORE 4 CALLDATALOAD 68 MSTORE
        32 0 100 0 0 {token_a} GAS CALL ISZERO @fail JUMPI
        0 SLOAD DUP1 128 SHR                ; packed reserve_a
        SWAP1 128 SHL 128 SHR               ; reserve_a reserve_b
        4 CALLDATALOAD 997 MUL              ; ra rb in997
        DUP1 DUP3 MUL                       ; ra rb in997 in997*rb
        SWAP1 DUP4 1000 MUL ADD             ; ra rb in997*rb (ra*1000+in997)
        SWAP1 DIV                           ; ra rb out
        DUP1 ISZERO @fail JUMPI
        SWAP2 4 CALLDATALOAD ADD            ; out rb ra'
        SWAP1 DUP3 SWAP1 SUB                ; out ra' rb'
        SWAP1 128 SHL ADD 0 SSTORE          ; out
        0xa9059cbb 0xe0 SHL 0 MSTORE CALLER 4 MSTORE DUP1 36 MSTORE
        32 0 68 0 0 {token_b} GAS CALL ISZERO @fail JUMPI
        4 CALLDATALOAD 0 MSTORE DUP1 32 MSTORE
        CALLER 0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822
        64 0 LOG2
        0 MSTORE 32 0 RETURN
        "
    ))
}

/// `write(uint256 n)`: fills `n` slots never used before and moves its cursor.
pub(crate) fn writer() -> Vec<u8> {
    assemble(
        "
        0 CALLDATALOAD                      ; n
        0 SLOAD                             ; n cursor
        loop:
        DUP2 ISZERO @done JUMPI
        1 ADD                               ; n cursor+1
        DUP1 DUP1 0 MSTORE 32 0 KECCAK256 SSTORE
        SWAP1 1 SWAP1 SUB SWAP1             ; n-1 cursor+1
        @loop JUMP
        done:
        0 SSTORE POP STOP
        ",
    )
}

/// Storage slot of `owner`'s balance in a token.
pub(crate) fn balance_slot(owner: Address) -> B256 {
    mapping(owner, B256::from(U256::from(BALANCES_SLOT)))
}

/// Storage slot of what `spender` may take from `owner` in a token.
pub(crate) fn allowance_slot(owner: Address, spender: Address) -> B256 {
    mapping(spender, mapping(owner, B256::from(U256::from(ALLOWANCES_SLOT))))
}

/// The pair's only slot: reserve A in the high half, reserve B in the low half.
pub(crate) fn reserves(reserve_a: u128, reserve_b: u128) -> U256 {
    (U256::from(reserve_a) << 128) | U256::from(reserve_b)
}

fn mapping(key: Address, slot: B256) -> B256 {
    let mut preimage = [0u8; 64];
    preimage[12..32].copy_from_slice(key.as_slice());
    preimage[32..].copy_from_slice(slot.as_slice());
    keccak256(preimage)
}
