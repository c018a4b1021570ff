use std::fmt;

use blake2b_simd::Params;
use parity_scale_codec::{Decode, Encode};

/// Account of the parachain: a public key, a hash, or a name that nobody holds a key for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct AccountId(pub [u8; 32]);

/// SS58 prefix of Phala.
const SS58_PREFIX: u8 = 30;

impl AccountId {
    /// `text` followed by zeros; what is longer than an account is cut.
    pub fn named(text: &[u8]) -> Self {
        let mut id = [0; 32];
        for (to, from) in id.iter_mut().zip(text) {
            *to = *from;
        }
        Self(id)
    }

    /// Account `tag` (`bp/`, `sl/` or `so/`) of the pool `pid` of `owner`.
    pub fn of_pool(tag: &[u8; 3], pid: u64, owner: &Self) -> Self {
        let hash = blake2(32, &[&pid.to_le_bytes(), &owner.0]);
        Self::named(&[tag.as_slice(), &hash].concat())
    }

    /// Account of a worker's session in a pool.
    pub fn of_session(pid: u64, worker: &[u8; 32]) -> Self {
        let hash = blake2(32, &[&pid.to_le_bytes(), worker]);
        Self::named(&[b"spm/".as_slice(), &hash].concat())
    }

    /// Account that holds what was deposited into a Phat cluster.
    pub fn of_cluster(cluster: &[u8; 32]) -> Self {
        Self::named(&blake2(32, &[b"cluster:", cluster]))
    }

    /// SS58 form with Phala's prefix.
    pub fn ss58(&self) -> String {
        let mut bytes = vec![SS58_PREFIX];
        bytes.extend_from_slice(&self.0);
        let check = blake2(64, &[b"SS58PRE", &bytes]);
        bytes.extend(check.iter().take(2));
        bs58::encode(bytes).into_string()
    }

    /// Lower-case hex with `0x`.
    pub fn hex(&self) -> String {
        alloy_primitives::hex::encode_prefixed(self.0)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.ss58(), self.hex())
    }
}

/// BLAKE2b of `parts` in a row, `length` bytes.
pub(super) fn blake2(length: usize, parts: &[&[u8]]) -> Vec<u8> {
    let mut state = Params::new().hash_length(length).to_state();
    for part in parts {
        state.update(part);
    }
    state.finalize().as_bytes().to_vec()
}
