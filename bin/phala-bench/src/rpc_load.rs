//! Requests per second over keep-alive HTTP connections, one request in flight on each.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use eyre::{WrapErr, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Connections kept busy at once.
pub(crate) const CONNECTIONS: usize = 64;

/// Largest response this client reads.
const RESPONSE_BYTES_MAX: usize = 64 << 20;

/// Sends `bodies` in turn over [`CONNECTIONS`] connections for `duration`; answers requests per second.
///
/// # Errors
/// If a connection fails, or an answer is not a JSON-RPC result.
pub(crate) async fn requests_per_second(
    server: SocketAddr,
    bodies: Arc<Vec<String>>,
    duration: Duration,
) -> eyre::Result<f64> {
    ensure!(!bodies.is_empty(), "no request to send");
    let done = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for connection in 0..CONNECTIONS {
        let (bodies, done) = (Arc::clone(&bodies), Arc::clone(&done));
        tasks.spawn(async move {
            let mut client = Client::connect(server).await?;
            let mut next = connection;
            while start.elapsed() < duration {
                client.request(&bodies[next % bodies.len()]).await?;
                done.fetch_add(1, Ordering::Relaxed);
                next += 1;
            }
            Ok::<_, eyre::Report>(())
        });
    }
    while let Some(result) = tasks.join_next().await {
        result??;
    }
    Ok(done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64())
}

/// One keep-alive connection.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Opens the connection.
    pub(crate) async fn connect(server: SocketAddr) -> eyre::Result<Self> {
        let stream = TcpStream::connect(server).await.wrap_err("connect to the RPC server")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(1 << 16) })
    }

    /// Sends one body and waits for the whole answer, which must be a JSON-RPC result.
    pub(crate) async fn request(&mut self, body: &str) -> eyre::Result<&[u8]> {
        let request = format!(
            "POST / HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        let (head, length) = loop {
            self.fill().await?;
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break (end + 4, content_length(&self.buffer[..end])?);
            }
        };
        while self.buffer.len() < head + length {
            self.fill().await?;
        }
        let answer = &self.buffer[head..head + length];
        // The member comes before the data in every server's answer, or right at its end.
        let (start, end) = (&answer[..length.min(64)], &answer[length.saturating_sub(64)..]);
        if find(start, b"\"result\"").is_none() && find(end, b"\"result\"").is_none() {
            bail!("not a result: {}", String::from_utf8_lossy(&answer[..length.min(300)]));
        }
        Ok(answer)
    }

    async fn fill(&mut self) -> eyre::Result<()> {
        ensure!(self.buffer.len() < RESPONSE_BYTES_MAX, "response is too large");
        ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "server closed the connection");
        Ok(())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn content_length(head: &[u8]) -> eyre::Result<usize> {
    let head = std::str::from_utf8(head)?;
    let line = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned)
        })
        .ok_or_else(|| eyre::eyre!("answer without content-length: {head}"))?;
    Ok(line.trim().parse()?)
}
