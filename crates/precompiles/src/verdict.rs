use alloy_primitives::{Bytes, U256};
use alloy_sol_types::SolValue;

/// The status of evidence that was accepted; claims follow.
pub const ACCEPTED: u8 = 0;

/// The status of evidence that was refused; nothing follows.
pub const REJECTED: u8 = 1;

/// `abi.encode(uint256 status, bytes payload)` with the claims, or without when there are none.
pub(crate) fn encode(claims: Option<Vec<u8>>) -> Vec<u8> {
    let status = if claims.is_some() { ACCEPTED } else { REJECTED };
    (U256::from(status), Bytes::from(claims.unwrap_or_default())).abi_encode_params()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_three_words() {
        let mut expected = [0; 96];
        expected[31] = 1;
        expected[63] = 64;
        assert_eq!(encode(None), expected);
    }

    #[test]
    fn an_acceptance_carries_its_payload() {
        let output = encode(Some(vec![7; 33]));
        assert_eq!(output.len(), 96 + 64);
        assert_eq!((output[31], output[63], output[95]), (0, 64, 33));
        assert_eq!(output[96..129], [7; 33]);
        assert_eq!(output[129..], [0; 31]);
    }
}
