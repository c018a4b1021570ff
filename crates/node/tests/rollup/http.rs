use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Calls a JSON-RPC method; the message of the error if there is one. `None` if nobody answers.
pub async fn call(
    url: &str,
    token: Option<&str>,
    method: &str,
    params: Value,
) -> Option<Result<Value, String>> {
    let host = url.strip_prefix("http://").expect("an address of this machine");
    let body = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let body = body.to_string();
    let authorization =
        token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    // Without chunks, as version 1.0 has none.
    let head = format!(
        "POST / HTTP/1.0\r\nhost: {host}\r\ncontent-type: application/json\r\n{authorization}content-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(host).await.ok()?;
    stream.write_all(format!("{head}{body}").as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (_, json) = answer.split_once("\r\n\r\n")?;
    let answer: Value = serde_json::from_str(json).ok()?;
    Some(match answer.get("error") {
        Some(error) => Err(error["message"].as_str().unwrap_or_default().to_owned()),
        None => Ok(answer["result"].clone()),
    })
}
