use std::{collections::HashMap, sync::Arc, time::Instant};

use jsonrpsee::{
    core::middleware::{Batch, BatchEntry, Notification, RpcServiceT},
    server::{BatchResponseBuilder, MethodResponse},
    types::Request,
};
use metrics::{Counter, Histogram};
use tower::Layer;

/// Counts and times calls by method. The set of labels is the set of methods, and `unknown`.
#[derive(Debug)]
pub(crate) struct Meter {
    methods: HashMap<&'static str, Arc<MethodMeter>>,
    unknown: Arc<MethodMeter>,
}

pub(crate) struct MethodMeter {
    calls: Counter,
    errors: Counter,
    seconds: Histogram,
}

impl Meter {
    pub(crate) fn new(names: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            methods: names.into_iter().map(|name| (name, MethodMeter::new(name))).collect(),
            unknown: MethodMeter::new("unknown"),
        }
    }

    pub(crate) fn method(&self, name: &str) -> &Arc<MethodMeter> {
        self.methods.get(name).unwrap_or(&self.unknown)
    }
}

impl MethodMeter {
    fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self {
            calls: metrics::counter!("phala_rpc_requests_total", "method" => name),
            errors: metrics::counter!("phala_rpc_errors_total", "method" => name),
            seconds: metrics::histogram!("phala_rpc_request_seconds", "method" => name),
        })
    }

    pub(crate) fn record(&self, started: Instant, is_error: bool) {
        self.calls.increment(1);
        if is_error {
            self.errors.increment(1);
        }
        self.seconds.record(started.elapsed());
    }
}

impl std::fmt::Debug for MethodMeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MethodMeter")
    }
}

/// Meters the calls that the JSON-RPC library dispatches, those in batches included.
#[derive(Clone, Debug)]
pub(crate) struct MeterLayer {
    pub(crate) meter: Arc<Meter>,
    pub(crate) response_bytes_max: usize,
}

impl<S> Layer<S> for MeterLayer {
    type Service = Metered<S>;

    fn layer(&self, inner: S) -> Metered<S> {
        Metered { inner, layer: self.clone() }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Metered<S> {
    inner: S,
    layer: MeterLayer,
}

impl<S> RpcServiceT for Metered<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let started = Instant::now();
        let meter = Arc::clone(self.layer.meter.method(&request.method));
        let inner = self.inner.clone();
        async move {
            let response = inner.call(request).await;
            meter.record(started, response.is_error());
            response
        }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let service = self.clone();
        async move {
            let mut answers =
                BatchResponseBuilder::new_with_limit(service.layer.response_bytes_max);
            let mut notified = false;
            for entry in batch {
                let answer = match entry {
                    Ok(BatchEntry::Call(request)) => service.call(request).await,
                    Ok(BatchEntry::Notification(notification)) => {
                        notified = true;
                        service.inner.notification(notification).await;
                        continue;
                    }
                    Err(error) => {
                        let (error, id) = error.into_parts();
                        MethodResponse::error(id, error)
                    }
                };
                if let Err(too_large) = answers.append(answer) {
                    return too_large;
                }
            }
            if answers.is_empty() && notified {
                return MethodResponse::notification();
            }
            MethodResponse::from_batch(answers.finish())
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        let inner = self.inner.clone();
        async move { inner.notification(notification).await }
    }
}
