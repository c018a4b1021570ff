use alloy_eips::eip4844::{Blob, kzg_to_versioned_hash};
use alloy_primitives::B256;

use crate::L1Error;

/// Bases that are multiplied ahead; with none the setup loads fastest and takes the least memory,
/// and a commitment, the only thing computed here, does not use them.
const PRECOMPUTE: u64 = 0;

/// Versioned hash of a blob, from its KZG commitment computed here; `None` if the bytes are not field
/// elements, so no blob. The first call loads the trusted setup, which takes a moment.
pub fn versioned_hash(blob: &Blob) -> Option<B256> {
    let settings = c_kzg::ethereum_kzg_settings(PRECOMPUTE);
    let blob = c_kzg::Blob::from_bytes(&blob[..]).ok()?;
    let commitment = settings.blob_to_kzg_commitment(&blob).ok()?;
    Some(kzg_to_versioned_hash(commitment.to_bytes().as_slice()))
}

/// As [`versioned_hash`] for several blobs, on a thread that may work for long.
pub(crate) async fn versioned_hashes(
    blobs: Vec<Box<Blob>>,
) -> Result<Vec<(Option<B256>, Box<Blob>)>, L1Error> {
    let hash = move || blobs.into_iter().map(|blob| (versioned_hash(&blob), blob)).collect();
    tokio::task::spawn_blocking(hash).await.map_err(|_| L1Error::Task("kzg commitment"))
}
