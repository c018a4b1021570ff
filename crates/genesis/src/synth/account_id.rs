use parity_scale_codec::Encode;

/// 32 bytes: a public key, a hash, or a name padded with zeros.
pub(super) type AccountId = [u8; 32];

/// Everybody's PHA behind W-PHA.
pub(super) const WRAPPED_BACKING: AccountId = padded(b"wpha/");
/// Issuer of share NFTs, and owner of those that wait in a queue.
pub(super) const BASE_POOL: AccountId = padded(b"basepool");
/// The relay chain's sovereign account.
pub(super) const RELAY_CHAIN: AccountId = padded(b"Parent");
/// The account of the treasury pallet.
pub(super) const TREASURY: AccountId = padded(b"modlpy/trsry");

/// Domain of accounts made from a set of signatories, or from a parent and an index.
const UTILITY_DOMAIN: &[u8; 16] = b"modlpy/utilisuba";
/// Domain of pure proxies.
const PURE_PROXY_DOMAIN: &[u8; 16] = b"modlpy/proxy____";

/// `name`, then zeros.
pub(super) const fn padded(name: &[u8]) -> AccountId {
    let mut id = [0; 32];
    let mut at = 0;
    while at < name.len() && at < 32 {
        id[at] = name[at];
        at += 1;
    }
    id
}

/// `tag`, then a number, then zeros: sovereign accounts and bounties.
pub(super) fn numbered(tag: &[u8], number: u32) -> AccountId {
    padded(&[tag, &number.to_le_bytes()].concat())
}

/// An account of a pool: `bp/`, `sl/` or `so/`.
pub(super) fn of_pool(tag: &[u8], pid: u64, owner: &AccountId) -> AccountId {
    tagged_hash(tag, &(pid, owner))
}

/// The account a worker of a pool computes with.
pub(super) fn of_session(pid: u64, worker: &[u8; 32]) -> AccountId {
    tagged_hash(b"spm/", &(pid, worker))
}

/// Where PHA is deposited into a Phat cluster.
pub(super) fn of_cluster(cluster: &[u8; 32]) -> AccountId {
    blake2_256(&[b"cluster:".as_slice(), cluster].concat())
}

/// `signatories` must be sorted.
pub(super) fn multisig(signatories: &[AccountId], threshold: u16) -> AccountId {
    blake2_256(&(UTILITY_DOMAIN, signatories, threshold).encode())
}

/// An account that `parent` uses with `as_derivative`.
pub(super) fn derivative(parent: &AccountId, index: u16) -> AccountId {
    blake2_256(&(UTILITY_DOMAIN, parent, index).encode())
}

/// A keyless account that `creator` made in extrinsic `extrinsic` of block `block`.
pub(super) fn pure_proxy(creator: &AccountId, block: u32, extrinsic: u32, kind: u8) -> AccountId {
    blake2_256(&(PURE_PROXY_DOMAIN, creator, block, extrinsic, kind, 0_u16).encode())
}

pub(super) fn blake2_256(bytes: &[u8]) -> [u8; 32] {
    let hash = blake2b_simd::Params::new().hash_length(32).hash(bytes);
    hash.as_bytes().try_into().expect("32 bytes were asked for")
}

fn tagged_hash(tag: &[u8], hashed: &impl Encode) -> AccountId {
    padded(&[tag, &blake2_256(&hashed.encode())].concat())
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;

    const ALICE: AccountId =
        hex!("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d");
    const BOB: AccountId = hex!("8eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48");
    const CHARLIE: AccountId =
        hex!("90b5ab205c6974c9ea841be688864633dc9ca8a357843eeacf2314649965fe22");

    /// The same accounts were computed elsewhere, by the rules of the pallets.
    #[test]
    fn accounts_are_derived_as_on_the_parachain() {
        assert_eq!(
            multisig(&[BOB, CHARLIE, ALICE], 2),
            hex!("49daa32c7287890f38b7e1a8cd2961723d36d20baa0bf3b82e0c4bdda93b1c0a")
        );
        assert_eq!(
            derivative(&ALICE, 0),
            hex!("799239e4ab0a3de63582363422f344346eb55bee62885a84a0c8aaf5aa564995")
        );
        assert_eq!(
            of_pool(b"bp/", 0, &ALICE),
            hex!("62702f068ebe93d2e0410bbe88f2fff8212326abbe7f178bc6c843dbad78e7ae")
        );
        assert_eq!(
            of_session(0, &[0x40; 32]),
            hex!("73706d2f3db34a51585d32e65591d6087b43d04cbb054677dc87264be28f3557")
        );
        assert_eq!(
            numbered(b"modlpy/trsry\x08bt", 0),
            hex!("6d6f646c70792f74727372790862740000000000000000000000000000000000")
        );
        assert_eq!(
            numbered(b"sibl", 2_034),
            hex!("7369626cf2070000000000000000000000000000000000000000000000000000")
        );
    }
}
