use parity_scale_codec::Encode;
use twox_hash::XxHash64;

/// Last 16 bytes of the key under which each pallet keeps the version of its storage.
pub(super) const STORAGE_VERSION_ENTRY: &str = ":__STORAGE_VERSION__:";

/// A storage key: the hashes of pallet and entry, then the keys of a map.
#[derive(Clone, Debug)]
pub(super) struct StorageKey(Vec<u8>);

impl StorageKey {
    pub(super) fn new(pallet: &str, entry: &str) -> Self {
        let mut key = Vec::with_capacity(128);
        key.extend(twox128(pallet));
        key.extend(twox128(entry));
        Self(key)
    }

    /// `Blake2_128Concat`.
    pub(super) fn blake(mut self, key: &impl Encode) -> Self {
        key.using_encoded(|bytes| {
            let hash = blake2b_simd::Params::new().hash_length(16).hash(bytes);
            self.0.extend_from_slice(hash.as_bytes());
            self.0.extend_from_slice(bytes);
        });
        self
    }

    /// `Twox64Concat`.
    pub(super) fn twox(mut self, key: &impl Encode) -> Self {
        key.using_encoded(|bytes| {
            self.0.extend(XxHash64::oneshot(0, bytes).to_le_bytes());
            self.0.extend_from_slice(bytes);
        });
        self
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

fn twox128(name: &str) -> [u8; 16] {
    let mut hash = [0; 16];
    hash[..8].copy_from_slice(&XxHash64::oneshot(0, name.as_bytes()).to_le_bytes());
    hash[8..].copy_from_slice(&XxHash64::oneshot(1, name.as_bytes()).to_le_bytes());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::account_id;

    fn hex(key: StorageKey) -> String {
        alloy_primitives::hex::encode(key.into_bytes())
    }

    /// The two example keys of the design note, and the storage version's.
    #[test]
    fn keys_are_those_of_the_runtime() {
        let treasury = StorageKey::new("System", "Account").blake(&account_id::TREASURY);
        assert_eq!(
            hex(treasury),
            "26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da95ecffd7b6c0f78751baa9d281e0b\
             fa3a6d6f646c70792f74727372790000000000000000000000000000000000000000"
        );
        let stake = StorageKey::new("RmrkCore", "Properties")
            .blake(&10_008_u32)
            .blake(&Some(167_u32))
            .blake(&b"stake-info".to_vec());
        assert_eq!(
            hex(stake),
            "5bef2c5471aa9e955551dc810f5abb39a436740684271e6e2985d7bb452fdf99f045222a46d51953d9fe3927f82f\
             aa8f18270000ddb741ae0307aa025c30e88200de417a01a70000008f7ed11ad1b2c5b807ac20b30335495f287374\
             616b652d696e666f"
        );
        let version = hex(StorageKey::new("PhalaVault", STORAGE_VERSION_ENTRY));
        assert_eq!(&version[32..], "4e7b9012096b41c4eb3aaf947f6ea429");
    }
}
