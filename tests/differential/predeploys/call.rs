//! Call data, by hand.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};

/// An argument of a function.
#[derive(Clone, Debug)]
pub(super) enum Argument {
    Word(B256),
    Bytes(Vec<u8>),
}

impl From<U256> for Argument {
    fn from(value: U256) -> Self {
        Self::Word(value.into())
    }
}

impl From<u64> for Argument {
    fn from(value: u64) -> Self {
        U256::from(value).into()
    }
}

impl From<B256> for Argument {
    fn from(value: B256) -> Self {
        Self::Word(value)
    }
}

impl From<Address> for Argument {
    fn from(value: Address) -> Self {
        Self::Word(value.into_word())
    }
}

impl From<&[u8]> for Argument {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

/// The first four bytes of the hash of a signature.
pub(super) fn selector(signature: &str) -> [u8; 4] {
    let hash = keccak256(signature);
    [hash[0], hash[1], hash[2], hash[3]]
}

/// A call without arguments.
pub(super) fn call(signature: &str) -> Bytes {
    call_with(signature, [])
}

/// A call in the standard encoding.
pub(super) fn call_with<const N: usize>(signature: &str, arguments: [Argument; N]) -> Bytes {
    let mut data = selector(signature).to_vec();
    let mut tail = Vec::new();
    for argument in arguments {
        match argument {
            Argument::Word(word) => data.extend_from_slice(word.as_slice()),
            Argument::Bytes(bytes) => {
                data.extend_from_slice(&U256::from(32 * N + tail.len()).to_be_bytes::<32>());
                tail.extend_from_slice(&U256::from(bytes.len()).to_be_bytes::<32>());
                tail.extend_from_slice(&bytes);
                tail.resize(tail.len().next_multiple_of(32), 0);
            }
        }
    }
    data.extend(tail);
    data.into()
}
