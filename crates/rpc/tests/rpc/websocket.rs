use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A WebSocket connection, with just enough of RFC 6455 for text messages.
pub struct WebSocket {
    stream: TcpStream,
    next_id: u64,
    /// Notifications that came while an answer was waited for.
    notifications: Vec<Value>,
}

impl WebSocket {
    pub async fn connect(addr: SocketAddr) -> Self {
        Self::connect_with(addr, "").await.unwrap_or_else(|head| panic!("refused: {head}"))
    }

    /// Connects with more headers; a refusal gives the head of the answer.
    pub async fn connect_with(addr: SocketAddr, headers: &str) -> Result<Self, String> {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let request = format!(
            "GET / HTTP/1.1\r\nhost: test\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).await.unwrap() == 0 {
                break;
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        if !head.starts_with("HTTP/1.1 101") {
            return Err(head);
        }
        Ok(Self { stream, next_id: 1, notifications: Vec::new() })
    }

    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.ask(method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    pub async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.send(&request.to_string()).await;
        loop {
            let message = self.receive().await.expect("connection stays open");
            if message.get("method").is_none() {
                assert_eq!(message["id"], json!(id), "{message}");
                return message;
            }
            self.notifications.push(message);
        }
    }

    /// Subscribes and returns the id.
    pub async fn subscribe(&mut self, params: Value) -> String {
        self.call("eth_subscribe", params).await.as_str().unwrap().to_owned()
    }

    /// The next notification of a subscription.
    pub async fn notification(&mut self, subscription: &str) -> Value {
        let is_for = |message: &Value| message["params"]["subscription"] == subscription;
        let waiting = self.notifications.iter().position(is_for);
        let mut message = match waiting {
            Some(place) => self.notifications.remove(place),
            None => loop {
                let message = self.receive().await.expect("connection stays open");
                if is_for(&message) {
                    break message;
                }
                self.notifications.push(message);
            },
        };
        assert_eq!(message["method"], "eth_subscription");
        message["params"]["result"].take()
    }

    /// Whether nothing comes for a while.
    pub async fn is_silent(&mut self) -> bool {
        self.notifications.is_empty()
            && tokio::time::timeout(Duration::from_millis(200), self.receive()).await.is_err()
    }

    pub async fn send(&mut self, text: &str) {
        let mut frame = vec![0x81];
        match text.len() {
            len @ 0..=125 => frame.push(0x80 | len as u8),
            len @ 126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend((len as u16).to_be_bytes());
            }
            len => {
                frame.push(0x80 | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        // A mask of zeros leaves the text as it is.
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.stream.write_all(&frame).await.unwrap();
    }

    /// The next text message; `None` once the server says goodbye.
    pub async fn receive(&mut self) -> Option<Value> {
        loop {
            let mut head = [0; 2];
            self.stream.read_exact(&mut head).await.ok()?;
            let len = match head[1] & 0x7f {
                126 => u64::from(self.stream.read_u16().await.ok()?),
                127 => self.stream.read_u64().await.ok()?,
                len => u64::from(len),
            };
            let mut payload = vec![0; usize::try_from(len).unwrap()];
            self.stream.read_exact(&mut payload).await.ok()?;
            match head[0] & 0xf {
                1 => return Some(serde_json::from_slice(&payload).unwrap()),
                8 => return None,
                _ => {}
            }
        }
    }
}
