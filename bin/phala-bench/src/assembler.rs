//! Just enough of an assembler for the workload's contracts to be readable.

use std::collections::HashMap;

/// Assembles `source`: opcode names, `0x…` or decimal numbers (shortest PUSH), `name:` for a jump
/// target and `@name` for its address; `;` starts a comment.
///
/// # Panics
/// On an unknown word or label: the sources are constants of this program.
pub(crate) fn assemble(source: &str) -> Vec<u8> {
    let mut code = Vec::new();
    let mut labels = HashMap::new();
    let mut uses = Vec::new();
    for word in
        source.lines().flat_map(|line| line.split(';').next().unwrap_or("").split_whitespace())
    {
        if let Some(label) = word.strip_suffix(':') {
            labels.insert(label, code.len());
            code.push(0x5b);
        } else if let Some(label) = word.strip_prefix('@') {
            code.push(0x61);
            uses.push((code.len(), label));
            code.extend([0, 0]);
        } else if let Some(opcode) = opcode(word) {
            code.push(opcode);
        } else {
            push_number(&mut code, word);
        }
    }
    for (at, label) in uses {
        let target = *labels.get(label).unwrap_or_else(|| panic!("no label {label}"));
        let target = u16::try_from(target).expect("contracts here are short");
        code[at..at + 2].copy_from_slice(&target.to_be_bytes());
    }
    code
}

fn push_number(code: &mut Vec<u8>, word: &str) {
    let digits = match word.strip_prefix("0x") {
        Some(hex) => hex.to_owned(),
        None => {
            let number: u64 = word.parse().unwrap_or_else(|_| panic!("unknown word {word}"));
            format!("{number:x}")
        }
    };
    let digits = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits };
    let bytes =
        alloy_primitives::hex::decode(&digits).unwrap_or_else(|_| panic!("bad number {word}"));
    code.push(0x5f + u8::try_from(bytes.len()).expect("at most 32 bytes"));
    code.extend(bytes);
}

fn opcode(word: &str) -> Option<u8> {
    Some(match word {
        "STOP" => 0x00,
        "ADD" => 0x01,
        "MUL" => 0x02,
        "SUB" => 0x03,
        "DIV" => 0x04,
        "LT" => 0x10,
        "GT" => 0x11,
        "EQ" => 0x14,
        "ISZERO" => 0x15,
        "SHL" => 0x1b,
        "SHR" => 0x1c,
        "KECCAK256" => 0x20,
        "ADDRESS" => 0x30,
        "CALLER" => 0x33,
        "CALLDATALOAD" => 0x35,
        "CALLDATASIZE" => 0x36,
        "POP" => 0x50,
        "CODECOPY" => 0x39,
        "MLOAD" => 0x51,
        "MSTORE" => 0x52,
        "SLOAD" => 0x54,
        "SSTORE" => 0x55,
        "JUMP" => 0x56,
        "JUMPI" => 0x57,
        "GAS" => 0x5a,
        "PUSH0" => 0x5f,
        "DUP1" => 0x80,
        "DUP2" => 0x81,
        "DUP3" => 0x82,
        "DUP4" => 0x83,
        "DUP5" => 0x84,
        "SWAP1" => 0x90,
        "SWAP2" => 0x91,
        "SWAP3" => 0x92,
        "LOG2" => 0xa2,
        "LOG3" => 0xa3,
        "CALL" => 0xf1,
        "RETURN" => 0xf3,
        "STATICCALL" => 0xfa,
        "REVERT" => 0xfd,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_labels_and_comments() {
        assert_eq!(assemble("1 256 0xff ; nothing"), [0x60, 1, 0x61, 1, 0, 0x60, 0xff]);
        assert_eq!(assemble("@end JUMP\nend: STOP"), [0x61, 0, 4, 0x56, 0x5b, 0x00]);
    }
}
