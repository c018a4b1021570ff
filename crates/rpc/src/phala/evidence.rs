use std::borrow::Cow;

use phala_precompiles::published::{NotEvidence, PUBLISHED_LEN_MAX};

use crate::params::Argument;

/// Evidence as its service wrote it: a JSON string of hex or base64, an array, or an object.
pub(super) struct Published(pub(super) Vec<u8>);

impl Argument for Published {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        // Before it is copied and parsed.
        if text.len() > PUBLISHED_LEN_MAX {
            return Err(NotEvidence::TooLong { len: text.len() }.to_string().into());
        }
        Ok(Self(text.as_bytes().to_vec()))
    }
}
