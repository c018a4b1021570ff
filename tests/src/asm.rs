//! An assembler of contracts for tests.

use alloy_primitives::{Address, Bytes, U256};

/// Opcodes by the names the yellow paper gives them.
pub mod op {
    #![allow(missing_docs, reason = "the names say it")]

    pub const STOP: u8 = 0x00;
    pub const ADD: u8 = 0x01;
    pub const SUB: u8 = 0x03;
    pub const MULMOD: u8 = 0x09;
    pub const EXP: u8 = 0x0a;
    pub const EQ: u8 = 0x14;
    pub const OR: u8 = 0x17;
    pub const SHL: u8 = 0x1b;
    pub const SHR: u8 = 0x1c;
    pub const CLZ: u8 = 0x1e;
    pub const KECCAK256: u8 = 0x20;
    pub const ADDRESS: u8 = 0x30;
    pub const BALANCE: u8 = 0x31;
    pub const ORIGIN: u8 = 0x32;
    pub const CALLER: u8 = 0x33;
    pub const CALLVALUE: u8 = 0x34;
    pub const CALLDATALOAD: u8 = 0x35;
    pub const CALLDATASIZE: u8 = 0x36;
    pub const CODESIZE: u8 = 0x38;
    pub const CODECOPY: u8 = 0x39;
    pub const GASPRICE: u8 = 0x3a;
    pub const EXTCODESIZE: u8 = 0x3b;
    pub const RETURNDATASIZE: u8 = 0x3d;
    pub const EXTCODEHASH: u8 = 0x3f;
    pub const BLOCKHASH: u8 = 0x40;
    pub const COINBASE: u8 = 0x41;
    pub const TIMESTAMP: u8 = 0x42;
    pub const NUMBER: u8 = 0x43;
    pub const PREVRANDAO: u8 = 0x44;
    pub const GASLIMIT: u8 = 0x45;
    pub const CHAINID: u8 = 0x46;
    pub const SELFBALANCE: u8 = 0x47;
    pub const BASEFEE: u8 = 0x48;
    pub const BLOBHASH: u8 = 0x49;
    pub const BLOBBASEFEE: u8 = 0x4a;
    pub const MSTORE: u8 = 0x52;
    pub const SLOAD: u8 = 0x54;
    pub const SSTORE: u8 = 0x55;
    pub const JUMP: u8 = 0x56;
    pub const JUMPI: u8 = 0x57;
    pub const MSIZE: u8 = 0x59;
    pub const GAS: u8 = 0x5a;
    pub const JUMPDEST: u8 = 0x5b;
    pub const TLOAD: u8 = 0x5c;
    pub const TSTORE: u8 = 0x5d;
    pub const MCOPY: u8 = 0x5e;
    pub const PUSH0: u8 = 0x5f;
    pub const DUP1: u8 = 0x80;
    pub const LOG0: u8 = 0xa0;
    pub const CREATE: u8 = 0xf0;
    pub const CALL: u8 = 0xf1;
    pub const CALLCODE: u8 = 0xf2;
    pub const RETURN: u8 = 0xf3;
    pub const DELEGATECALL: u8 = 0xf4;
    pub const CREATE2: u8 = 0xf5;
    pub const STATICCALL: u8 = 0xfa;
    pub const REVERT: u8 = 0xfd;
    pub const INVALID: u8 = 0xfe;
    pub const SELFDESTRUCT: u8 = 0xff;
}

/// Code being written.
#[derive(Clone, Debug, Default)]
pub struct Asm(Vec<u8>);

impl Asm {
    /// No code.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends opcodes.
    pub fn ops(mut self, ops: &[u8]) -> Self {
        self.0.extend_from_slice(ops);
        self
    }

    /// Pushes a number in as few bytes as it takes.
    pub fn push(self, value: u64) -> Self {
        self.push_word(U256::from(value))
    }

    /// Pushes a word in as few bytes as it takes.
    pub fn push_word(mut self, value: U256) -> Self {
        let bytes = value.to_be_bytes_trimmed_vec();
        self.0.push(op::PUSH0 + u8::try_from(bytes.len()).expect("at most 32"));
        self.0.extend_from_slice(&bytes);
        self
    }

    /// Pushes an address.
    pub fn push_address(self, address: Address) -> Self {
        self.push_word(U256::from_be_bytes(address.into_word().0))
    }

    /// `slot := ` top of the stack.
    pub fn store_top(self, slot: u64) -> Self {
        self.push(slot).ops(&[op::SSTORE])
    }

    /// Length so far.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was appended.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The code.
    pub fn bytes(self) -> Bytes {
        self.0.into()
    }
}

/// Init code that runs `before` and deploys `code`.
pub fn init_code(before: &[u8], code: &[u8]) -> Bytes {
    let len = u16::try_from(code.len()).expect("short code").to_be_bytes();
    let offset = u16::try_from(before.len() + 12).expect("short code").to_be_bytes();
    let mut init = before.to_vec();
    // PUSH2 len DUP1 PUSH2 offset PUSH0 CODECOPY PUSH0 RETURN
    init.extend([0x61, len[0], len[1], op::DUP1, 0x61, offset[0], offset[1]]);
    init.extend([op::PUSH0, op::CODECOPY, op::PUSH0, op::RETURN, op::STOP]);
    init.extend_from_slice(code);
    init.into()
}
