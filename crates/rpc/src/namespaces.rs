//! Which methods each namespace has, and each server offers.

use crate::{
    Namespace, NamespaceSet, admin, debug, engine, eth, method::Method, miner, net, optimism,
    phala, txpool, web3,
};

/// Methods of the namespaces an operator chose. Those of a rollup node are there only if this is one.
pub(crate) fn public_methods(api: &NamespaceSet, is_rollup_node: bool) -> Vec<Method> {
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
            Namespace::Phala => methods.extend(phala::METHODS),
            Namespace::Optimism if is_rollup_node => methods.extend(optimism::METHODS),
            Namespace::Admin if is_rollup_node => methods.extend(admin::METHODS),
            Namespace::Optimism | Namespace::Admin => {}
        }
    }
    methods
}

/// The Engine API, what a consensus client reads beside it, and what an operator asks a rollup node.
pub(crate) fn auth_methods(is_rollup_node: bool) -> Vec<Method> {
    let eth = eth::methods().filter(|method| eth::FOR_CONSENSUS_CLIENTS.contains(&method.name));
    let rollup = is_rollup_node.then(|| optimism::METHODS.iter().chain(admin::METHODS));
    let rollup = rollup.into_iter().flatten();
    engine::METHODS.iter().chain(miner::METHODS).chain(rollup).copied().chain(eth).collect()
}
