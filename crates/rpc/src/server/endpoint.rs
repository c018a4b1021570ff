use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::{Duration, Instant},
};

use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use jsonrpsee::{
    server::{HttpBody, MethodResponse, TowerService, http as library, ws::is_upgrade_request},
    types::{ErrorObjectOwned, Id},
};
use tower::{
    Service,
    layer::util::{Identity, Stack},
};

use super::{
    body::ResponseBody,
    call::Call,
    meter::{Meter, MeterLayer},
    origins::Origins,
};
use crate::{
    Context, JwtSecret, RpcError, eth,
    json::Json,
    method::{self, Method as RpcMethod, MethodTable},
};

/// A request whose body does not arrive in this time is given up.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The JSON-RPC library's part of a connection: batches, odd requests, WebSocket.
pub(crate) type Library = TowerService<Stack<MeterLayer, Identity>, Identity>;

/// What a listener does with the requests of one connection.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) shared: Arc<EndpointConfig>,
    pub(crate) library: Arc<Library>,
}

/// The same for all connections of a listener.
pub(crate) struct EndpointConfig {
    pub(crate) context: Arc<Context>,
    pub(crate) methods: MethodTable,
    pub(crate) meter: Arc<Meter>,
    pub(crate) serves_http: bool,
    /// Origins that may upgrade to WebSocket; `None` if none is served.
    pub(crate) websocket: Option<Origins>,
    /// Set for the Engine API.
    pub(crate) jwt_secret: Option<JwtSecret>,
    pub(crate) request_bytes_max: u32,
    pub(crate) response_bytes_max: u32,
}

impl Service<Request<Incoming>> for Endpoint {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { Ok(this.respond(request).await) })
    }
}

impl Endpoint {
    async fn respond(self, request: Request<Incoming>) -> Response<ResponseBody> {
        if let Some(secret) = &self.shared.jwt_secret
            && let Err(reason) = secret.authorize(request.headers())
        {
            metrics::counter!("phala_rpc_unauthorized_total").increment(1);
            return text(StatusCode::UNAUTHORIZED, reason.to_string());
        }
        if is_upgrade_request(&request) {
            return match &self.shared.websocket {
                Some(origins) if origins.admits(request.headers()) => self.forward(request).await,
                Some(_) => text(StatusCode::FORBIDDEN, "origin is not allowed"),
                None => text(StatusCode::FORBIDDEN, "websocket is not served here"),
            };
        }
        if !self.shared.serves_http {
            return text(StatusCode::FORBIDDEN, "only websocket is served here");
        }
        if request.method() != Method::POST {
            return text(StatusCode::METHOD_NOT_ALLOWED, "POST is required");
        }
        if !library::is_json(request.headers().get(CONTENT_TYPE)) {
            return text(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "content-type application/json is required",
            );
        }
        self.answer(request).await
    }

    /// Answers a POST.
    async fn answer(self, request: Request<Incoming>) -> Response<ResponseBody> {
        let (parts, body) = request.into_parts();
        let limit = self.shared.request_bytes_max;
        let body = Limited::new(body, limit as usize).collect();
        let body = match tokio::time::timeout(BODY_TIMEOUT, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return library::response::too_large(limit).map(ResponseBody::Library);
            }
            Ok(Err(_)) => return library::response::malformed().map(ResponseBody::Library),
            Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "request body took too long"),
        };
        if let Some(call) = Call::parse(&body) {
            if let Some(method) = self.shared.methods.get(&call.method) {
                return self.run(method, &call).await;
            }
            if eth::SUBSCRIPTION_METHODS.contains(&&*call.method) {
                return json(error_body(call.id, RpcError::NoNotifications));
            }
        }
        self.forward(Request::from_parts(parts, HttpBody::from(Vec::from(body)))).await
    }

    /// Answers a single call of a method in the table.
    async fn run(&self, method: RpcMethod, call: &Call<'_>) -> Response<ResponseBody> {
        let started = Instant::now();
        let limit = self.shared.response_bytes_max;
        let result = method::run(&self.shared.context, method, call.params).await;
        let result = result.and_then(|json: Json| {
            let fits = json.as_str().len() <= limit as usize;
            if fits { Ok(json) } else { Err(RpcError::ResponseTooBig(limit)) }
        });
        self.shared.meter.method(method.name).record(started, result.is_err());
        json(match result {
            Ok(result) => ResponseBody::result(call.id, result),
            Err(error) => error_body(call.id, error),
        })
    }

    async fn forward<B>(self, request: Request<B>) -> Response<ResponseBody>
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<jsonrpsee::core::BoxError>,
    {
        match Library::clone(&self.library).call(request).await {
            Ok(response) => response.map(ResponseBody::Library),
            Err(error) => {
                tracing::warn!(%error, "rpc request failed in the library");
                text(StatusCode::INTERNAL_SERVER_ERROR, "internal error")
            }
        }
    }
}

fn error_body(id: &str, error: RpcError) -> ResponseBody {
    let id: Id<'_> = serde_json::from_str(id).unwrap_or(Id::Null);
    let response = MethodResponse::error(id, ErrorObjectOwned::from(error));
    ResponseBody::text(String::from(Box::<str>::from(response.into_json())))
}

fn json(body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn text(status: StatusCode, reason: impl Into<Bytes>) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::text(reason));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}
