use alloy_primitives::{Bytes, U256};

use crate::RpcError;

/// Selector of `Error(string)`.
const ERROR: [u8; 4] = [0x08, 0xc3, 0x79, 0xa0];

/// Selector of `Panic(uint256)`.
const PANIC: [u8; 4] = [0x4e, 0x48, 0x7b, 0x71];

/// The error for a call that reverted, with its reason in words where Solidity gave one.
pub(super) fn reverted(data: Bytes) -> RpcError {
    RpcError::Reverted { reason: reason(&data), data }
}

fn reason(data: &[u8]) -> Option<String> {
    let (selector, words) = data.split_first_chunk::<4>()?;
    match *selector {
        ERROR => {
            let offset = word(words, 0)?;
            let len = word(words, offset)?;
            let start = offset.checked_add(32)?;
            let text = words.get(start..start.checked_add(len)?)?;
            String::from_utf8(text.to_vec()).ok()
        }
        PANIC => {
            let code = U256::from_be_slice(words.get(..32)?);
            Some(panic_reason(code))
        }
        _ => None,
    }
}

/// The word at a byte offset, as an offset or length.
fn word(words: &[u8], at: usize) -> Option<usize> {
    let word = words.get(at..at.checked_add(32)?)?;
    U256::from_be_slice(word).try_into().ok()
}

fn panic_reason(code: U256) -> String {
    let known = match u8::try_from(code) {
        Ok(0x00) => "generic panic",
        Ok(0x01) => "assert(false)",
        Ok(0x11) => "arithmetic underflow or overflow",
        Ok(0x12) => "division or modulo by zero",
        Ok(0x21) => "enum overflow",
        Ok(0x22) => "invalid encoded storage byte array accessed",
        Ok(0x31) => "out-of-bounds array access; popping on an empty array",
        Ok(0x32) => "out-of-bounds access of an array or bytesN",
        Ok(0x41) => "out of memory",
        Ok(0x51) => "uninitialized function",
        _ => return format!("unknown panic code: {code:#x}"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;

    #[test]
    fn reads_solidity_errors_and_panics() {
        let error = hex!(
            "08c379a0"
            "0000000000000000000000000000000000000000000000000000000000000020"
            "000000000000000000000000000000000000000000000000000000000000000a"
            "75736572206572726f7200000000000000000000000000000000000000000000"
        );
        assert_eq!(reason(&error).as_deref(), Some("user error"));
        // Without the padding at the end, as assembly leaves it.
        assert_eq!(reason(&error[..4 + 64 + 10]).as_deref(), Some("user error"));
        let mut panic = [0; 36];
        panic[..4].copy_from_slice(&PANIC);
        panic[35] = 0x01;
        assert_eq!(reason(&panic).as_deref(), Some("assert(false)"));
        panic[34] = 0x01;
        assert_eq!(reason(&panic).as_deref(), Some("unknown panic code: 0x101"));
    }

    #[test]
    fn anything_else_has_no_reason() {
        let mut overlong = ERROR.to_vec();
        overlong.extend([0xff; 64]);
        for data in [&[][..], &ERROR, &PANIC, b"wrong-calldatasize", &overlong] {
            assert_eq!(reason(data), None);
        }
    }
}
