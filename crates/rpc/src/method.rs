use std::{collections::HashMap, sync::Arc};

use jsonrpsee::{RpcModule, types::ErrorObjectOwned};

use crate::{Context, RpcError, ServerError, json::Json, params::Params};

/// What a method does: parameters in, serialised result out.
pub(crate) type Handler = fn(&Context, Params<'_>) -> Result<Json, RpcError>;

/// What a method does if everything it needs is in memory; `None` sends it to a lane.
pub(crate) type Attempt = fn(&Context, Params<'_>) -> Option<Result<Json, RpcError>>;

/// One method of the public or the authenticated servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) work: Work,
}

/// Where a method runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// At once, on the thread that read the request.
    Light(Handler),
    /// On a thread that may block, one of few at a time.
    Blocking(Lane, Handler),
    /// At once if it can be, else on a thread that may block.
    Either(Attempt, Lane, Handler),
}

/// Which calls wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Executes, searches or reads what may be on disk.
    Read,
    /// Adds to the pool.
    Submit,
    /// Judges evidence.
    Explain,
    /// Drives the engine; reachable by the authenticated client only.
    Engine,
    /// Asks the driver, and waits for its answer.
    Admin,
    /// The same for what anybody may ask, so that it does not keep an operator out.
    Rollup,
}

impl Method {
    /// A method that never waits for anything.
    pub(crate) const fn light(name: &'static str, handler: Handler) -> Self {
        Self { name, work: Work::Light(handler) }
    }

    /// A method that executes or searches.
    pub(crate) const fn heavy(name: &'static str, handler: Handler) -> Self {
        Self { name, work: Work::Blocking(Lane::Read, handler) }
    }

    /// A method that is light while what it reads is in memory.
    pub(crate) const fn either(name: &'static str, attempt: Attempt, handler: Handler) -> Self {
        Self { name, work: Work::Either(attempt, Lane::Read, handler) }
    }

    /// A method with a lane of its own.
    pub(crate) const fn in_lane(name: &'static str, lane: Lane, handler: Handler) -> Self {
        Self { name, work: Work::Blocking(lane, handler) }
    }
}

/// Runs a method to its end. The future does nothing but wait when the method is not light.
pub(crate) async fn run(
    context: &Arc<Context>,
    method: Method,
    params: Option<&str>,
) -> Result<Json, RpcError> {
    let (lane, handler) = match method.work {
        Work::Light(handler) => return handler(context, Params(params)),
        Work::Blocking(lane, handler) => (lane, handler),
        Work::Either(attempt, lane, handler) => {
            if let Some(result) = attempt(context, Params(params)) {
                return result;
            }
            (lane, handler)
        }
    };
    let (params, shared) = (params.map(str::to_owned), Arc::clone(context));
    context.lanes().run(lane, move || handler(&shared, Params(params.as_deref()))).await
}

/// The methods one server answers.
#[derive(Debug)]
pub(crate) struct MethodTable {
    methods: HashMap<&'static str, Method>,
}

impl MethodTable {
    /// Collects methods; each name may occur once.
    pub(crate) fn new(methods: impl IntoIterator<Item = Method>) -> Result<Self, ServerError> {
        let mut table = HashMap::new();
        for method in methods {
            if table.insert(method.name, method).is_some() {
                return Err(ServerError::DuplicateMethod { name: method.name.to_owned() });
            }
        }
        Ok(Self { methods: table })
    }

    pub(crate) fn get(&self, name: &str) -> Option<Method> {
        self.methods.get(name).copied()
    }

    /// The same methods for batches and WebSocket connections.
    pub(crate) fn module(&self, context: &Arc<Context>) -> Result<RpcModule<Context>, ServerError> {
        let mut module = RpcModule::from_arc(Arc::clone(context));
        for method in self.methods.values().copied() {
            let registered = match method.work {
                Work::Light(handler) => {
                    module.register_method(method.name, move |params, context, _| {
                        handler(context, Params(params.as_str())).map_err(ErrorObjectOwned::from)
                    })
                }
                _ => module.register_async_method(
                    method.name,
                    move |params, context, _| async move {
                        run(&context, method, params.as_str()).await.map_err(ErrorObjectOwned::from)
                    },
                ),
            };
            registered
                .map_err(|_| ServerError::DuplicateMethod { name: method.name.to_owned() })?;
        }
        Ok(module)
    }
}
