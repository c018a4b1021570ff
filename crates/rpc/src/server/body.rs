use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use jsonrpsee::{core::BoxError, server::HttpBody};
use serde_json::value::RawValue;

use crate::json::Json;

/// Results longer than this are sent from where they are instead of being copied.
const COPY_BYTES_MAX: usize = 16 << 10;

/// The body of a response.
pub(crate) enum ResponseBody {
    /// Pieces that follow one another; the last is at the front.
    Pieces(Vec<Bytes>),
    /// Made by the JSON-RPC library.
    Library(HttpBody),
}

impl ResponseBody {
    /// Text of this server.
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        Self::Pieces(vec![text.into()])
    }

    /// A successful answer. `id` is JSON text.
    pub(crate) fn result(id: &str, result: Json) -> Self {
        let json = result.as_str();
        let mut start = Vec::with_capacity(
            48 + id.len() + if json.len() <= COPY_BYTES_MAX { json.len() } else { 0 },
        );
        start.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
        start.extend_from_slice(id.as_bytes());
        start.extend_from_slice(br#","result":"#);
        if json.len() <= COPY_BYTES_MAX {
            start.extend_from_slice(json.as_bytes());
            start.push(b'}');
            return Self::Pieces(vec![start.into()]);
        }
        let result = match result {
            Json::Owned(json) => Bytes::from(String::from(Box::<str>::from(json))),
            Json::Shared(json) => Bytes::from_owner(SharedText(json)),
        };
        Self::Pieces(vec![Bytes::from_static(b"}"), result, start.into()])
    }

    fn len(&self) -> Option<u64> {
        match self {
            Self::Pieces(pieces) => Some(pieces.iter().map(|piece| piece.len() as u64).sum()),
            Self::Library(_) => None,
        }
    }
}

/// Lets a socket send a cached text without copying it.
struct SharedText(Arc<RawValue>);

impl AsRef<[u8]> for SharedText {
    fn as_ref(&self) -> &[u8] {
        self.0.get().as_bytes()
    }
}

impl Default for ResponseBody {
    fn default() -> Self {
        Self::Pieces(Vec::new())
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Pieces(pieces) => Poll::Ready(pieces.pop().map(|piece| Ok(Frame::data(piece)))),
            Self::Library(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Pieces(pieces) => pieces.is_empty(),
            Self::Library(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (self.len(), self) {
            (Some(len), _) => SizeHint::with_exact(len),
            (None, Self::Library(body)) => body.size_hint(),
            (None, Self::Pieces(_)) => SizeHint::new(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn long_results_arrive_whole_and_with_their_length() {
        for len in [0, 10, COPY_BYTES_MAX - 2, COPY_BYTES_MAX - 1, 1 << 20] {
            let text = "a".repeat(len);
            let owned = Json::of(&text).unwrap();
            let Json::Owned(raw) = owned.clone() else { unreachable!("made for this call") };
            for json in [owned, Json::Shared(raw.into())] {
                let body = ResponseBody::result("7", json);
                let hint = body.size_hint().exact().unwrap();
                let bytes = body.collect().await.unwrap().to_bytes();
                assert_eq!(hint, bytes.len() as u64);
                let answer: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                assert_eq!(answer, serde_json::json!({"jsonrpc": "2.0", "id": 7, "result": text}));
            }
        }
    }
}
