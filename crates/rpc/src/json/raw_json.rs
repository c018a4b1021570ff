use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::RpcError;

/// A result that is serialised already.
#[derive(Clone, Debug)]
pub(crate) enum Json {
    /// Made for this call.
    Owned(Box<RawValue>),
    /// Kept in a cache and sent to many.
    Shared(Arc<RawValue>),
}

impl Json {
    /// Serialises a value.
    pub(crate) fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, RpcError> {
        to_raw_value(value).map(Self::Owned).map_err(RpcError::internal)
    }

    /// `null`: what was asked for does not exist.
    pub(crate) fn null() -> Self {
        Self::Owned(RawValue::NULL.to_owned())
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Owned(json) => json.get(),
            Self::Shared(json) => json.get(),
        }
    }
}

impl Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Owned(json) => json.serialize(serializer),
            Self::Shared(json) => RawValue::serialize(json, serializer),
        }
    }
}
