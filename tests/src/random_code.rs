use alloy_primitives::{Address, Bytes, U256};
use rand::{Rng as _, rngs::StdRng, seq::IndexedRandom as _};

use crate::asm::{Asm, init_code, op};

/// Opcodes that push one word without taking any.
const SOURCES: &[u8] = &[
    op::ADDRESS,
    op::ORIGIN,
    op::CALLER,
    op::CALLVALUE,
    op::CALLDATASIZE,
    op::CODESIZE,
    op::GASPRICE,
    op::RETURNDATASIZE,
    op::COINBASE,
    op::TIMESTAMP,
    op::NUMBER,
    op::PREVRANDAO,
    op::GASLIMIT,
    op::CHAINID,
    op::SELFBALANCE,
    op::BASEFEE,
    op::BLOBBASEFEE,
    op::MSIZE,
    op::GAS,
];

/// Opcodes that turn an address into a word.
const OF_ADDRESS: &[u8] = &[op::BALANCE, op::EXTCODESIZE, op::EXTCODEHASH];

/// Input lengths around those that precompiles expect.
const INPUT_LENGTHS: &[u64] = &[0, 1, 31, 32, 64, 96, 127, 128, 160, 192, 213, 256, 384];

/// Writes contracts that do a little of everything a block can observe. Whatever they do, they end:
/// there are no loops, and gas bounds recursion.
#[derive(Debug)]
pub(crate) struct RandomCode<'a> {
    rng: &'a mut StdRng,
    addresses: &'a [Address],
}

impl<'a> RandomCode<'a> {
    /// Code that knows these addresses.
    pub(crate) fn new(rng: &'a mut StdRng, addresses: &'a [Address]) -> Self {
        assert!(!addresses.is_empty(), "code without anybody to call is dull");
        Self { rng, addresses }
    }

    /// Init code with a constructor.
    pub(crate) fn init_code(&mut self) -> Bytes {
        let constructor = if self.rng.random_bool(0.5) { self.statements(3) } else { Asm::new() };
        let runtime = self.runtime();
        init_code(&constructor.bytes(), &runtime)
    }

    /// Runtime code.
    pub(crate) fn runtime(&mut self) -> Bytes {
        let count = self.rng.random_range(1..12);
        let code = self.statements(count);
        self.end(code).bytes()
    }

    fn statements(&mut self, count: usize) -> Asm {
        (0..count).fold(Asm::new(), |code, _| self.statement(code))
    }

    fn address(&mut self) -> Address {
        if self.rng.random_bool(0.1) {
            return Address::from(self.rng.random::<[u8; 20]>());
        }
        *self.addresses.choose(self.rng).expect("not empty")
    }

    fn slot(&mut self) -> u64 {
        self.rng.random_range(0..12)
    }

    fn small(&mut self) -> u64 {
        self.rng.random_range(0..4)
    }

    fn statement(&mut self, code: Asm) -> Asm {
        let slot = self.slot();
        match self.rng.random_range(0..20) {
            0..3 => {
                let value = if self.rng.random_bool(0.4) { U256::ZERO } else { self.word() };
                code.push_word(value).store_top(slot)
            }
            3 => code.push(slot).ops(&[op::SLOAD]).push(1).ops(&[op::ADD]).store_top(slot),
            4..6 => {
                let source = *SOURCES.choose(self.rng).expect("not empty");
                code.ops(&[source]).store_top(slot)
            }
            6 => {
                let back = self.rng.random_range(0..300);
                code.push(back).ops(&[op::NUMBER, op::SUB, op::BLOCKHASH]).store_top(slot)
            }
            7 => {
                let of = *OF_ADDRESS.choose(self.rng).expect("not empty");
                code.push_address(self.address()).ops(&[of]).store_top(slot)
            }
            8..10 => self.log(code),
            10..14 => self.call(code).store_top(slot),
            14..16 => self.create(code).store_top(slot),
            16 => {
                let key = self.small();
                let code = if self.rng.random() {
                    code.push(self.small()).push(key).ops(&[op::TSTORE])
                } else {
                    code
                };
                code.push(key).ops(&[op::TLOAD]).store_top(slot)
            }
            17 => self.precompile(code).store_top(slot),
            18 => code.push_word(self.word()).push(32 * self.small()).ops(&[op::MSTORE]),
            _ => self.computation(code).store_top(slot),
        }
    }

    fn word(&mut self) -> U256 {
        if self.rng.random() {
            U256::from(self.small())
        } else {
            U256::from_limbs(self.rng.random())
        }
    }

    fn log(&mut self, mut code: Asm) -> Asm {
        let topics = self.rng.random_range(0..5_u8);
        for _ in 0..topics {
            code = code.push_word(self.word());
        }
        code.push(self.rng.random_range(0..70)).push(self.small()).ops(&[op::LOG0 + topics])
    }

    /// A call of any kind to a known address; leaves whether it succeeded.
    fn call(&mut self, code: Asm) -> Asm {
        let kinds = [op::CALL, op::CALL, op::CALLCODE, op::DELEGATECALL, op::STATICCALL];
        let kind = *kinds.choose(self.rng).expect("not empty");
        let code = code.push(32).push(0).push(32 * self.small()).push(0);
        let has_value = kind == op::CALL || kind == op::CALLCODE;
        let value = if self.rng.random_bool(0.7) { 0 } else { self.rng.random_range(0..1000) };
        let code = if has_value { code.push(value) } else { code };
        let gas = self.rng.random_range(0..150_000);
        code.push_address(self.address()).push(gas).ops(&[kind])
    }

    /// A contract of at most 32 bytes of init code; leaves its address.
    fn create(&mut self, code: Asm) -> Asm {
        let beneficiary = if self.rng.random() { op::CALLER } else { op::ADDRESS };
        let choices: [&[u8]; 6] = [
            // Nothing deployed.
            &[op::STOP],
            // Destroys itself while it is created, with storage.
            &[0x60, 1, op::DUP1, op::SSTORE, beneficiary, op::SELFDESTRUCT],
            // Deploys code that destroys itself when called.
            &[
                0x61,
                op::CALLER,
                op::SELFDESTRUCT,
                op::PUSH0,
                op::MSTORE,
                0x60,
                2,
                0x60,
                30,
                op::RETURN,
            ],
            // Deploys one byte, which halts.
            &[0x60, op::INVALID, op::PUSH0, 0x53, 0x60, 1, op::PUSH0, op::RETURN],
            // Deploys code that starts with 0xef, which EIP-3541 forbids.
            &[0x60, 0xef, op::PUSH0, 0x53, 0x60, 1, op::PUSH0, op::RETURN],
            &[op::PUSH0, op::PUSH0, op::REVERT],
        ];
        let init = *choices.choose(self.rng).expect("not empty");
        let mut word = [0; 32];
        word[..init.len()].copy_from_slice(init);
        let code = code.push_word(U256::from_be_bytes(word)).push(0).ops(&[op::MSTORE]);
        let value = if self.rng.random_bool(0.8) { 0 } else { self.small() };
        let len = init.len() as u64;
        if self.rng.random() {
            code.push(self.small()).push(len).push(0).push(value).ops(&[op::CREATE2])
        } else {
            code.push(len).push(0).push(value).ops(&[op::CREATE])
        }
    }

    fn precompile(&mut self, code: Asm) -> Asm {
        let number = if self.rng.random_bool(0.2) { 0x100 } else { self.rng.random_range(1..0x12) };
        let len = *INPUT_LENGTHS.choose(self.rng).expect("not empty");
        code.push(64).push(0).push(len).push(0).push(number).push(100_000).ops(&[op::STATICCALL])
    }

    fn computation(&mut self, code: Asm) -> Asm {
        match self.rng.random_range(0..5) {
            0 => code.push(64).push(self.small()).ops(&[op::KECCAK256]),
            1 => code.push_word(self.word()).push(self.small()).ops(&[op::EXP]),
            2 => {
                let code = code.push_word(self.word()).push_word(self.word());
                code.push_word(self.word()).ops(&[op::MULMOD])
            }
            3 => {
                let code = code.push(40).push(self.small()).push(self.small()).ops(&[op::MCOPY]);
                code.push(0).ops(&[op::BLOBHASH])
            }
            // An opcode of Karst, a halt before.
            _ if self.rng.random_bool(0.2) => code.push_word(self.word()).ops(&[op::CLZ]),
            _ => code.push(self.small()).ops(&[op::CALLDATALOAD]),
        }
    }

    fn end(&mut self, code: Asm) -> Asm {
        match self.rng.random_range(0..12) {
            0 => code.push(33).push(0).ops(&[op::REVERT]),
            1 => code.ops(&[op::INVALID]),
            2 => code.push_address(self.address()).ops(&[op::SELFDESTRUCT]),
            3 => code.ops(&[op::PUSH0, op::JUMP]),
            4..6 => code.push(40).push(0).ops(&[op::RETURN]),
            _ => code.ops(&[op::STOP]),
        }
    }
}
