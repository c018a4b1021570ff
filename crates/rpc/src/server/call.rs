use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// One call, read without copying.
///
/// Only what is plainly a single call of version 2.0 with an id; everything else (batches,
/// notifications, damaged requests) is left to the JSON-RPC library, which knows the answers.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// JSON text of the id: a number, a string or `null`.
    pub(crate) id: &'a str,
    pub(crate) method: Cow<'a, str>,
    /// JSON text of the parameters.
    pub(crate) params: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

impl<'a> Call<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let request: Request<'a> = serde_json::from_slice(body).ok()?;
        let id = request.id?.get();
        let is_plain = match id.as_bytes().first()? {
            b'"' => true,
            // Unsigned integers only: the library refuses others.
            b'0'..=b'9' => id.parse::<u64>().is_ok(),
            _ => false,
        };
        (is_plain && request.jsonrpc == "2.0").then_some(Self {
            id,
            method: request.method,
            params: request.params.map(RawValue::get),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use super::*;

    #[test]
    fn reads_plain_calls() {
        let call =
            Call::parse(br#" {"jsonrpc":"2.0","id":1,"method":"eth_x","params":[ 1 ]} "#).unwrap();
        assert_eq!((call.id, &*call.method, call.params), ("1", "eth_x", Some("[ 1 ]")));
        let call = Call::parse(br#"{"method":"eth\u005fx","id":"a\"b","jsonrpc":"2.0"}"#).unwrap();
        assert_eq!((call.id, &*call.method, call.params), (r#""a\"b""#, "eth_x", None));
    }

    #[test]
    fn leaves_everything_else_to_the_library() {
        for other in [
            r#"[{"jsonrpc":"2.0","id":1,"method":"m"}]"#,
            r#"{"jsonrpc":"2.0","method":"m"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":-1,"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m""#,
            "",
        ] {
            assert!(Call::parse(other.as_bytes()).is_none(), "{other}");
        }
        assert!(Call::parse(b"\xff\xfe").is_none());
    }
}
