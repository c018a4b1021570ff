//! Just enough of an assembler for contracts in tests.

use alloy_primitives::{Address, Bytes, U256};

pub(crate) const STOP: u8 = 0x00;
pub(crate) const ADD: u8 = 0x01;
pub(crate) const SUB: u8 = 0x03;
pub(crate) const CLZ: u8 = 0x1e;
pub(crate) const CALLER: u8 = 0x33;
pub(crate) const CALLVALUE: u8 = 0x34;
pub(crate) const CALLDATALOAD: u8 = 0x35;
pub(crate) const CALLDATASIZE: u8 = 0x36;
pub(crate) const CALLDATACOPY: u8 = 0x37;
pub(crate) const CODECOPY: u8 = 0x39;
pub(crate) const RETURNDATASIZE: u8 = 0x3d;
pub(crate) const EXTCODEHASH: u8 = 0x3f;
pub(crate) const BLOCKHASH: u8 = 0x40;
pub(crate) const COINBASE: u8 = 0x41;
pub(crate) const PREVRANDAO: u8 = 0x44;
pub(crate) const SELFBALANCE: u8 = 0x47;
pub(crate) const BASEFEE: u8 = 0x48;
pub(crate) const BLOBHASH: u8 = 0x49;
pub(crate) const BLOBBASEFEE: u8 = 0x4a;
pub(crate) const POP: u8 = 0x50;
pub(crate) const MSTORE: u8 = 0x52;
pub(crate) const SLOAD: u8 = 0x54;
pub(crate) const SSTORE: u8 = 0x55;
pub(crate) const JUMP: u8 = 0x56;
pub(crate) const GAS: u8 = 0x5a;
pub(crate) const JUMPDEST: u8 = 0x5b;
pub(crate) const TLOAD: u8 = 0x5c;
pub(crate) const TSTORE: u8 = 0x5d;
pub(crate) const DUP1: u8 = 0x80;
pub(crate) const DUP3: u8 = 0x82;
pub(crate) const LOG1: u8 = 0xa1;
pub(crate) const CREATE: u8 = 0xf0;
pub(crate) const CALL: u8 = 0xf1;
pub(crate) const RETURN: u8 = 0xf3;
pub(crate) const DELEGATECALL: u8 = 0xf4;
pub(crate) const CREATE2: u8 = 0xf5;
pub(crate) const STATICCALL: u8 = 0xfa;
pub(crate) const REVERT: u8 = 0xfd;
pub(crate) const INVALID: u8 = 0xfe;
pub(crate) const SELFDESTRUCT: u8 = 0xff;

/// Code being written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asm(Vec<u8>);

impl Asm {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn op(mut self, op: u8) -> Self {
        self.0.push(op);
        self
    }

    pub(crate) fn ops(mut self, ops: &[u8]) -> Self {
        self.0.extend_from_slice(ops);
        self
    }

    pub(crate) fn push(mut self, value: impl TryInto<U256, Error: std::fmt::Debug>) -> Self {
        let value: U256 = value.try_into().expect("fits into a word");
        let bytes = value.to_be_bytes_trimmed_vec();
        self.0.push(0x5f + bytes.len() as u8);
        self.0.extend_from_slice(&bytes);
        self
    }

    pub(crate) fn push_address(mut self, address: Address) -> Self {
        self.0.push(0x5f + 20);
        self.0.extend_from_slice(address.as_slice());
        self
    }

    /// `slot := value`.
    pub(crate) fn store(self, slot: u64, value: u64) -> Self {
        self.push(U256::from(value)).push(U256::from(slot)).op(SSTORE)
    }

    /// `slot := ` what is on top of the stack.
    pub(crate) fn store_top(self, slot: u64) -> Self {
        self.push(U256::from(slot)).op(SSTORE)
    }

    pub(crate) fn bytes(self) -> Bytes {
        self.0.into()
    }
}

/// Init code that deploys `code`.
pub(crate) fn init_code(code: &[u8]) -> Bytes {
    // PUSH2 len DUP1 PUSH1 offset PUSH0 CODECOPY PUSH0 RETURN
    let mut init = vec![0x61, (code.len() >> 8) as u8, code.len() as u8, DUP1, 0x60, 11];
    init.extend([0x5f, CODECOPY, 0x5f, RETURN, STOP]);
    init.extend_from_slice(code);
    init.into()
}

/// Calls the address in the first word of calldata with the rest of it. Slot 0 says if that
/// succeeded (1) or not (2), slot 1 how much came back.
pub(crate) fn forwarder() -> Bytes {
    Asm::new()
        .push(U256::from(32))
        .ops(&[CALLDATASIZE, SUB, DUP1])
        .push(U256::from(32))
        .ops(&[0x5f, CALLDATACOPY, 0x5f, 0x5f, DUP3, 0x5f, 0x5f, CALLDATALOAD, GAS, STATICCALL])
        // 2 - success
        .push(U256::from(2))
        .op(SUB)
        .store_top(0)
        .op(RETURNDATASIZE)
        .store_top(1)
        .op(STOP)
        .bytes()
}
