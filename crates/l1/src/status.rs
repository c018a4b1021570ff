/// What is known about the endpoints, for display.
#[derive(Clone, Debug)]
pub struct L1Status {
    /// Execution endpoints in configured order.
    pub execution: Vec<EndpointStatus>,
    /// Beacon endpoints in configured order, fallbacks last.
    pub beacon: Vec<EndpointStatus>,
    /// Requests made today.
    pub requests_today: u64,
    /// Requests allowed a day.
    pub requests_per_day_max: Option<u64>,
}

/// What is known about one endpoint.
#[derive(Clone, Debug)]
pub struct EndpointStatus {
    /// Scheme, host and port; the rest of the URL may be secret.
    pub endpoint: String,
    /// Share of recent requests that went well, in percent.
    pub health_percent: u32,
    /// Highest block it has shown.
    pub head: Option<u64>,
    /// Whether it rests after failures.
    pub is_resting: bool,
    /// Failures since the start.
    pub failures: u64,
    /// What went wrong last.
    pub last_failure: Option<String>,
}
