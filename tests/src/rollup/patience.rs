use std::time::{Duration, Instant};

/// Longest wait for what a healthy devnet does within seconds: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// Asks until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
