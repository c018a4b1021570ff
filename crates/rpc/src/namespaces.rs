//! Which methods each namespace has, and each server offers.

use crate::{
    Namespace, NamespaceSet, debug, engine, eth, method::Method, miner, net, txpool, web3,
};

/// Methods of the namespaces an operator chose.
pub(crate) fn public_methods(api: &NamespaceSet) -> Vec<Method> {
    let mut methods = Vec::new();
    for namespace in Namespace::ALL {
        if !api.contains(namespace) {
            continue;
        }
        match namespace {
            Namespace::Eth => methods.extend(eth::methods()),
            Namespace::Net => methods.extend(net::METHODS),
            Namespace::Web3 => methods.extend(web3::METHODS),
            Namespace::TxPool => methods.extend(txpool::METHODS),
            Namespace::Debug => methods.extend(debug::methods()),
            Namespace::Miner => methods.extend(miner::METHODS),
            // The node has nothing to administer yet.
            Namespace::Admin => {}
        }
    }
    methods
}

/// The Engine API, and what a consensus client reads beside it.
pub(crate) fn auth_methods() -> Vec<Method> {
    let eth = eth::methods().filter(|method| eth::FOR_CONSENSUS_CLIENTS.contains(&method.name));
    engine::METHODS.iter().chain(miner::METHODS).copied().chain(eth).collect()
}
