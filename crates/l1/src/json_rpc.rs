use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};

use crate::fault::{Fault, shortened};

/// Codes some endpoints give instead of null for a block they do not have.
const UNKNOWN_BLOCK: [i64; 2] = [-39001, -32001];

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) params: Value,
}

impl Call {
    pub(crate) const fn new(method: &'static str, params: Value) -> Self {
        Self { method, params }
    }

    fn json(&self, id: usize) -> Value {
        json!({ "jsonrpc": "2.0", "id": id, "method": self.method, "params": self.params })
    }

    /// The body of a request with this call alone.
    pub(crate) fn body(&self) -> Vec<u8> {
        self.json(1).to_string().into_bytes()
    }
}

/// The body of a request with several calls.
pub(crate) fn batch_body(calls: &[Call]) -> Vec<u8> {
    let calls: Vec<Value> = calls.iter().enumerate().map(|(id, call)| call.json(id)).collect();
    Value::Array(calls).to_string().into_bytes()
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default)]
    id: Option<Value>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<RpcError>,
}

#[derive(Deserialize)]
struct RpcError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Option<Value>,
}

impl RpcError {
    fn fault(self) -> Fault {
        let data = self.data.map(|data| format!(": {data}")).unwrap_or_default();
        Fault::Rpc { code: self.code, message: shortened(&format!("{}{data}", self.message)) }
    }
}

/// The result in an answer; [`Fault::Null`] if it is null or absent.
pub(crate) fn result(body: &[u8]) -> Result<&RawValue, Fault> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(garbage)?;
    result_of(answer)
}

fn result_of(answer: Answer<'_>) -> Result<&RawValue, Fault> {
    match (answer.result, answer.error) {
        (_, Some(error)) if UNKNOWN_BLOCK.contains(&error.code) => Err(Fault::Null),
        (_, Some(error)) => Err(error.fault()),
        (Some(result), None) if result.get() != "null" => Ok(result),
        _ => Err(Fault::Null),
    }
}

/// The results in the answer to a batch, in the order of the calls whatever the order of answers.
pub(crate) fn batch_results(body: &[u8], calls: usize) -> Result<Vec<&RawValue>, Fault> {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        // An error for the batch as a whole.
        let alone = result(body).err().unwrap_or(Fault::Null);
        return Err(if matches!(alone, Fault::Null) {
            Fault::Garbage("no batch".into())
        } else {
            alone
        });
    }
    let answers: Vec<Answer<'_>> = serde_json::from_slice(body).map_err(garbage)?;
    let mut results = vec![None; calls];
    for answer in answers {
        let id = answer.id.as_ref().and_then(Value::as_u64).and_then(|id| usize::try_from(id).ok());
        let slot = id.and_then(|id| results.get_mut(id));
        *slot.ok_or_else(|| Fault::Garbage("answer to a call that was not made".into()))? =
            Some(result_of(answer)?);
    }
    let complete: Option<Vec<&RawValue>> = results.into_iter().collect();
    complete.ok_or_else(|| Fault::Garbage("answers of the batch are missing".into()))
}

/// Reads a value out of a result.
pub(crate) fn read<T: DeserializeOwned>(json: &RawValue) -> Result<T, Fault> {
    serde_json::from_str(json.get()).map_err(garbage)
}

/// The elements of a list in a result.
pub(crate) fn elements(json: &RawValue) -> Result<Vec<&RawValue>, Fault> {
    serde_json::from_str(json.get()).map_err(garbage)
}

pub(crate) fn garbage(error: serde_json::Error) -> Fault {
    Fault::Garbage(shortened(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_errors_are_told_apart() {
        assert_eq!(result(br#"{"id":1,"result":"0x1"}"#).unwrap().get(), "\"0x1\"");
        for null in [&br#"{"id":1,"result":null}"#[..], br#"{"id":1}"#, br#"{"error":null}"#] {
            assert!(matches!(result(null), Err(Fault::Null)));
        }
        let refused = result(br#"{"error":{"code":-32601,"message":"nope"}}"#).unwrap_err();
        assert!(refused.is_method_missing());
        for garbage in [&b""[..], b"<html>", b"{\"result\":\"0x", b"1", b"\xff\xfe"] {
            assert!(matches!(result(garbage), Err(Fault::Garbage(_))), "{garbage:?}");
        }
    }

    #[test]
    fn batch_is_put_in_order_and_must_be_complete() {
        let body = br#" [{"id":1,"result":"b"},{"id":0,"result":"a"}]"#;
        let results = batch_results(body, 2).unwrap();
        assert_eq!((results[0].get(), results[1].get()), ("\"a\"", "\"b\""));
        for wrong in [
            &br#"[{"id":0,"result":"a"}]"#[..],
            br#"[{"id":0,"result":"a"},{"id":7,"result":"b"}]"#,
            br#"[{"id":0,"result":"a"},{"id":1,"result":null}]"#,
            br#"{"id":0,"result":"a"}"#,
            br#"{"error":{"code":1,"message":"no batches"}}"#,
            b"[",
        ] {
            assert!(batch_results(wrong, 2).is_err());
        }
    }

    #[test]
    fn changed_answers_do_not_panic() {
        use rand::{Rng, SeedableRng, rngs::StdRng};
        let seed = std::env::var("PHALA_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
        println!("PHALA_SEED={seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let answer = br#"[{"jsonrpc":"2.0","id":1,"result":{"a":[1,"0x2"]}},{"id":0,"error":{"code":-32000,"message":"m","data":"0x"}}]"#;
        for _ in 0..20_000 {
            let mut changed = answer.to_vec();
            for _ in 0..rng.random_range(1..6) {
                let at = rng.random_range(0..changed.len());
                changed[at] = rng.random();
            }
            changed.truncate(rng.random_range(0..=changed.len() * 2));
            let (_, _) = (result(&changed).is_ok(), batch_results(&changed, 2).is_ok());
        }
    }
}
