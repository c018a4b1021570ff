//! The `admin` namespace: what an operator, or a conductor, tells the driver.

use alloy_primitives::B256;
use phala_engine::Engine;

use crate::{
    AdminCommand, AdminError, Context, Reply, RpcError,
    engine::PayloadEnvelope,
    json::Json,
    method::{Handler, Lane, Method},
    params::{Object, Params},
};

pub(crate) const METHODS: &[Method] = &[
    in_lane("admin_startSequencer", start_sequencer),
    in_lane("admin_stopSequencer", |context, params| {
        params.args()?.end()?;
        Json::of(&ask(context, |reply| AdminCommand::StopSequencer { reply })?)
    }),
    in_lane("admin_sequencerActive", |context, params| {
        params.args()?.end()?;
        Json::of(&ask(context, |reply| AdminCommand::SequencerActive { reply })?)
    }),
    in_lane("admin_resetDerivationPipeline", |context, params| {
        params.args()?.end()?;
        ask(context, |reply| AdminCommand::ResetDerivation { reply })?;
        Ok(Json::null())
    }),
    in_lane("admin_setRecoverMode", set_recover_mode),
    in_lane("admin_setLogLevel", set_log_level),
    in_lane("admin_postUnsafePayload", post_unsafe_payload),
    Method::light("admin_conductorEnabled", |_, _| Json::of(&false)),
    Method::light("admin_overrideLeader", |_, _| Err(AdminError::NoConductor.into())),
];

const fn in_lane(name: &'static str, handler: Handler) -> Method {
    Method::in_lane(name, Lane::Admin, handler)
}

/// Gives the driver a command and waits for its answer; only on a thread that may block.
pub(crate) fn ask<T>(
    context: &Context,
    command: impl FnOnce(Reply<T>) -> AdminCommand,
) -> Result<T, RpcError> {
    let (reply, answer) = tokio::sync::oneshot::channel();
    let commands = &context.rollup()?.commands;
    commands.blocking_send(command(reply)).map_err(|_| RpcError::DriverGone)?;
    Ok(answer.blocking_recv().map_err(|_| RpcError::DriverGone)??)
}

fn start_sequencer(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let unsafe_head: B256 = args.required()?;
    args.end()?;
    ask(context, |reply| AdminCommand::StartSequencer { unsafe_head, reply })?;
    Ok(Json::null())
}

fn set_recover_mode(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let on: bool = args.required()?;
    args.end()?;
    ask(context, |reply| AdminCommand::SetRecoverMode { on, reply })?;
    Ok(Json::null())
}

fn set_log_level(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let level: crate::params::Plain<String> = args.required()?;
    args.end()?;
    ask(context, |reply| AdminCommand::SetLogLevel { level: level.0, reply })?;
    Ok(Json::null())
}

fn post_unsafe_payload(context: &Context, params: Params<'_>) -> Result<Json, RpcError> {
    let mut args = params.args()?;
    let envelope: Object<PayloadEnvelope> = args.required()?;
    args.end()?;
    let engine: &Engine = context.engine();
    let payload = Box::new(envelope.0.into_data(engine.spec()));
    ask(context, |reply| AdminCommand::PostUnsafePayload { payload, reply })?;
    Ok(Json::null())
}
