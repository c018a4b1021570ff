use std::{net::SocketAddr, sync::Arc, time::Duration};

use jsonrpsee::{
    RpcModule,
    server::{Server, ServerConfig, ServerHandle, middleware::http::HostFilterLayer},
    types::{ErrorObjectOwned, Params, error::INVALID_PARAMS_CODE},
};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{BatcherError, PidGains, Throttle, ThrottleKind, ThrottlePolicy, status::Shared};

/// Commands waiting for the driver; a caller waits while it is full.
pub(crate) const COMMANDS_MAX: usize = 16;

/// Longest wait for the driver, which may be waiting for L1.
const ANSWER_SECS_MAX: Duration = Duration::from_secs(30);

/// Connections and request bytes: operators and scripts need little.
const CONNECTIONS_MAX: u32 = 32;
const REQUEST_BYTES_MAX: u32 = 64 * 1_024;

/// Names of this machine. A page whose own name was made to point here (DNS rebinding) sends another.
const LOCAL_HOSTS: [&str; 3] = ["localhost:*", "127.0.0.1:*", "[::1]:*"];

/// A failed call, by the convention of Ethereum clients.
const CALL_FAILED_CODE: i32 = -32_000;

/// What an operator asks of the driver.
#[derive(Debug)]
pub enum AdminCommand {
    /// Post batches; answers whether they were not posted before.
    Start(oneshot::Sender<bool>),
    /// Post nothing new; answers whether batches were posted before.
    Stop(oneshot::Sender<bool>),
    /// Close the open channel; answers whether batches are posted at all.
    Flush(oneshot::Sender<bool>),
}

struct Context {
    commands: mpsc::Sender<AdminCommand>,
    throttle: Arc<Mutex<Throttle>>,
    /// What a reset returns to.
    policy: ThrottlePolicy,
    shared: Arc<Shared>,
}

/// What `admin_getThrottleController` answers; the first fields are op-batcher's.
#[derive(Serialize)]
struct ControllerInfo {
    #[serde(rename = "type")]
    kind: ThrottleKind,
    threshold: u64,
    max_threshold: u64,
    current_load: u64,
    intensity: f64,
    max_tx_size: u64,
    max_block_size: u64,
    policy: ThrottlePolicy,
}

/// Serves the `admin` and `batcher` namespaces.
pub(crate) async fn serve(
    address: SocketAddr,
    commands: mpsc::Sender<AdminCommand>,
    throttle: Arc<Mutex<Throttle>>,
    shared: Arc<Shared>,
) -> Result<(SocketAddr, ServerHandle), BatcherError> {
    let failed = |source| BatcherError::Listen { service: "admin rpc", address, source };
    let limits = ServerConfig::builder()
        .max_connections(CONNECTIONS_MAX)
        .max_request_body_size(REQUEST_BYTES_MAX)
        .http_only()
        .build();
    // On other addresses the operator has chosen to be reached, under names that we do not know.
    let hosts = if address.ip().is_loopback() {
        HostFilterLayer::new(LOCAL_HOSTS).expect("the hosts are well-formed")
    } else {
        HostFilterLayer::disable()
    };
    let server = Server::builder()
        .set_config(limits)
        .set_http_middleware(tower::ServiceBuilder::new().layer(hosts));
    let server = server.build(address).await.map_err(failed)?;
    let bound = server.local_addr().map_err(failed)?;
    let policy = *throttle.lock().policy();
    let module = module(Context { commands, throttle, policy, shared })
        .map_err(|error| BatcherError::DuplicateMethod(error.to_string()))?;
    tracing::info!(address = %bound, "admin rpc started");
    if !bound.ip().is_loopback() {
        tracing::warn!(address = %bound, "admin rpc can be reached from other machines: anyone there can stop the batcher");
    }
    Ok((bound, server.start(module)))
}

fn module(context: Context) -> Result<RpcModule<Context>, jsonrpsee::core::RegisterMethodError> {
    let mut module = RpcModule::new(context);
    module.register_async_method("admin_startBatcher", |_, context, _| async move {
        let changed = context.ask(AdminCommand::Start).await?;
        changed.then_some(Value::Null).ok_or_else(|| failed("batcher is already running"))
    })?;
    module.register_async_method("admin_stopBatcher", |_, context, _| async move {
        let changed = context.ask(AdminCommand::Stop).await?;
        changed.then_some(Value::Null).ok_or_else(|| failed("batcher is not running"))
    })?;
    module.register_async_method("admin_flushBatcher", |_, context, _| async move {
        let running = context.ask(AdminCommand::Flush).await?;
        running.then_some(Value::Null).ok_or_else(|| failed("batcher is not running"))
    })?;
    module.register_method("admin_getThrottleController", |_, context, _| {
        serde_json::to_value(context.controller()).map_err(|error| failed(&error.to_string()))
    })?;
    module.register_method("admin_setThrottleController", |params, context, _| {
        let policy = parse_policy(&params, *context.throttle.lock().policy())?;
        tracing::info!(?policy, "throttle controller changed by the operator");
        *context.throttle.lock() = Throttle::new(policy);
        Ok::<_, ErrorObjectOwned>(Value::Null)
    })?;
    module.register_method("admin_resetThrottleController", |_, context, _| {
        *context.throttle.lock() = Throttle::new(context.policy);
        Ok::<_, ErrorObjectOwned>(Value::Null)
    })?;
    module.register_method("batcher_status", |_, context, _| {
        serde_json::to_value(context.shared.status()).map_err(|error| failed(&error.to_string()))
    })?;
    Ok(module)
}

impl Context {
    async fn ask(
        &self,
        command: impl FnOnce(oneshot::Sender<bool>) -> AdminCommand,
    ) -> Result<bool, ErrorObjectOwned> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.commands.send(command(reply)).await.ok()?;
            answer.await.ok()
        };
        match timeout(ANSWER_SECS_MAX, asked).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(failed("batcher is stopping")),
            Err(_) => Err(failed("batcher is busy, try again")),
        }
    }

    fn controller(&self) -> ControllerInfo {
        let throttle = self.throttle.lock();
        let (policy, limits) = (*throttle.policy(), throttle.limits());
        ControllerInfo {
            kind: policy.kind,
            threshold: policy.lower_threshold,
            max_threshold: policy.upper_threshold,
            current_load: throttle.load(),
            intensity: throttle.intensity(),
            max_tx_size: limits.tx_bytes,
            max_block_size: limits.block_bytes,
            policy,
        }
    }
}

/// The kind, and for the controller with memory its gains: as an object or as op-batcher has them.
fn parse_policy(
    params: &Params<'_>,
    before: ThrottlePolicy,
) -> Result<ThrottlePolicy, ErrorObjectOwned> {
    let wrong = |text: String| ErrorObjectOwned::owned(INVALID_PARAMS_CODE, text, None::<()>);
    let mut params = params.sequence();
    let name: String = params.next().map_err(|error| wrong(error.to_string()))?;
    let kind: ThrottleKind = serde_json::from_value(json!(name)).map_err(|_| {
        wrong(format!("unknown controller `{name}`: known are step, linear, quadratic, pid"))
    })?;
    let given: Option<Value> = params.optional_next().map_err(|error| wrong(error.to_string()))?;
    let pid = match given {
        None | Some(Value::Null) => before.pid,
        Some(given) => parse_gains(&given).ok_or_else(|| {
            wrong(
                "gains are an object of kp, ki, kd and integral_max, all finite and not negative"
                    .to_owned(),
            )
        })?,
    };
    Ok(ThrottlePolicy { kind, pid, ..before })
}

fn parse_gains(given: &Value) -> Option<PidGains> {
    let defaults = PidGains::default();
    let gain = |names: [&str; 2], default: f64| {
        let value = names.iter().find_map(|name| given.get(name));
        let gain = value.map_or(Some(default), Value::as_f64)?;
        (gain.is_finite() && gain >= 0.0).then_some(gain)
    };
    given.is_object().then_some(())?;
    Some(PidGains {
        kp: gain(["kp", "Kp"], defaults.kp)?,
        ki: gain(["ki", "Ki"], defaults.ki)?,
        kd: gain(["kd", "Kd"], defaults.kd)?,
        integral_max: gain(["integral_max", "IntegralMax"], defaults.integral_max)?,
    })
}

fn failed(message: &str) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(CALL_FAILED_CODE, message, None::<()>)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;

    fn rpc() -> (RpcModule<Context>, mpsc::Receiver<AdminCommand>) {
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let policy = ThrottlePolicy::default();
        let context = Context {
            commands,
            throttle: Arc::new(Mutex::new(Throttle::new(policy))),
            policy,
            shared: Arc::new(Shared::new(Address::ZERO, Address::ZERO)),
        };
        (module(context).expect("module"), receiver)
    }

    #[tokio::test]
    async fn the_controller_can_be_read_set_and_reset() {
        let (rpc, _receiver) = rpc();
        let get = || async {
            rpc.call::<_, Value>("admin_getThrottleController", [0; 0]).await.expect("answers")
        };
        assert_eq!(get().await["type"], "quadratic");
        assert_eq!(get().await["max_block_size"], 130_000);
        let set = |params: Value| {
            let rpc = rpc.clone();
            async move {
                let params = params.as_array().cloned().expect("array");
                rpc.call::<_, Value>("admin_setThrottleController", params).await
            }
        };
        set(json!(["linear"])).await.expect("sets");
        assert_eq!(get().await["type"], "linear");
        set(json!(["pid", {"kp": 0.5}])).await.expect("sets");
        assert_eq!(get().await["policy"]["pid"]["kp"], 0.5);
        for wrong in [json!(["fast"]), json!([]), json!(["pid", {"kp": -1}]), json!(["pid", 7])] {
            set(wrong.clone()).await.expect_err(&wrong.to_string());
        }
        rpc.call::<_, Value>("admin_resetThrottleController", [0; 0]).await.expect("resets");
        assert_eq!(get().await["type"], "quadratic");
    }

    #[tokio::test]
    async fn a_page_under_a_foreign_name_is_refused() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (commands, _receiver) = mpsc::channel(COMMANDS_MAX);
        let throttle = Arc::new(Mutex::new(Throttle::new(ThrottlePolicy::default())));
        let shared = Arc::new(Shared::new(Address::ZERO, Address::ZERO));
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let (bound, handle) = serve(address, commands, throttle, shared).await.expect("serves");
        let ask = |host: String| async move {
            let body = json!({"jsonrpc": "2.0", "id": 1, "method": "batcher_status", "params": []});
            let request = reqwest::Client::new().post(format!("http://{bound}/")).json(&body);
            request.header("host", host).send().await.expect("answers").status().as_u16()
        };
        let port = bound.port();
        assert_eq!(ask(format!("127.0.0.1:{port}")).await, 200);
        assert_eq!(ask(format!("localhost:{port}")).await, 200);
        assert_eq!(ask(format!("rebound.example.org:{port}")).await, 403);
        handle.stop().expect("runs");
    }

    #[tokio::test]
    async fn start_and_stop_say_when_nothing_changes() {
        let (rpc, mut receiver) = rpc();
        tokio::spawn(async move {
            let mut running = true;
            while let Some(command) = receiver.recv().await {
                let _ = match command {
                    AdminCommand::Start(reply) => {
                        reply.send(!std::mem::replace(&mut running, true))
                    }
                    AdminCommand::Stop(reply) => reply.send(std::mem::replace(&mut running, false)),
                    AdminCommand::Flush(reply) => reply.send(running),
                };
            }
        });
        let call = |method: &'static str| {
            let rpc = rpc.clone();
            async move { rpc.call::<_, Value>(method, [0; 0]).await }
        };
        call("admin_startBatcher").await.expect_err("is running");
        call("admin_flushBatcher").await.expect("is running");
        call("admin_stopBatcher").await.expect("was running");
        call("admin_stopBatcher").await.expect_err("is stopped");
        call("admin_flushBatcher").await.expect_err("is stopped");
        call("admin_startBatcher").await.expect("was stopped");
        let status = call("batcher_status").await.expect("answers");
        assert_eq!(status["address"], json!(Address::ZERO));
    }
}
