//! Evidence in the forms in which services hand it out: raw, hex, base64, JSON.
//!
//! For tools. Nothing here is part of consensus: what comes out is what the frames are made of, and the
//! precompiles judge that as strictly as ever.

mod binary;
mod error;
mod gpu;

pub use error::NotEvidence;
pub use gpu::{DEVICES_MAX, gpu_evidence, gpu_report};

use crate::tdx::{Collateral, trim_quote};

/// Longest file or text that is read: collateral as JSON has 24 KB, evidence of eight GPUs 100 KB.
pub const PUBLISHED_LEN_MAX: usize = 1 << 20;

/// A quote without the zeros services append: raw, hex, base64, a JSON string of either, a JSON array of
/// bytes, or a JSON object that has one of these as `quote`.
pub fn quote(published: &[u8]) -> Result<Vec<u8>, NotEvidence> {
    Ok(trim_quote(&binary::read(published, "quote")?).to_vec())
}

/// Collateral: the JSON object of a collateral service, or the blob `C` raw, as hex or as base64.
pub fn collateral(published: &[u8]) -> Result<Collateral, NotEvidence> {
    if binary::is_json_object(published) {
        binary::check_len(published)?;
        return Ok(Collateral::from_json(published)?);
    }
    Ok(Collateral::from_blob(&binary::read(published, "collateral")?)?)
}

#[cfg(test)]
mod tests;
