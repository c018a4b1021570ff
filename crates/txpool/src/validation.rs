use alloy_consensus::{Transaction as _, Typed2718};
use alloy_primitives::U256;
use op_revm::{
    OpSpecId,
    revm::{
        context_interface::cfg::gas::{InitialAndFloorGas, calculate_initial_tx_gas},
        primitives::{eip3860::MAX_INITCODE_SIZE, eip7825::TX_GAS_LIMIT_CAP, hardfork::SpecId},
    },
};

use phala_primitives::{RecoveredTx, Transaction};

use crate::{
    PoolConfig, PoolError,
    account_state::{AccountState, SenderCode},
    head_state::HeadState,
    pool_tx::PoolTx,
};

/// Checks that need nothing but the transaction and the configuration.
pub(crate) fn check_form(
    tx: &RecoveredTx,
    chain_id: u64,
    config: &PoolConfig,
) -> Result<(), PoolError> {
    let inner = tx.tx();
    check_type(inner)?;
    check_size(tx.encoded().len(), config)?;
    // A legacy transaction without chain id (before EIP-155) is valid on every chain; the
    // deterministic deployment proxy depends on it.
    if let Some(have) = inner.chain_id().filter(|have| *have != chain_id) {
        return Err(PoolError::InvalidChainId { have, want: chain_id });
    }
    let (tip, fee) = (inner.max_priority_fee_per_gas(), inner.max_fee_per_gas());
    if let Some(tip) = tip.filter(|tip| *tip > fee) {
        return Err(PoolError::TipAboveFeeCap { tip, fee });
    }
    if inner.nonce() == u64::MAX {
        return Err(PoolError::NonceMax { sender: tx.sender(), nonce: inner.nonce() });
    }
    match inner.authorization_list().map(<[_]>::len) {
        Some(0) => Err(PoolError::EmptyAuthorizationList),
        Some(have) if have > config.authorizations_max => {
            Err(PoolError::TooManyAuthorizations { have, limit: config.authorizations_max })
        }
        _ => Ok(()),
    }
}

/// Refuses what is too large, before anything is decoded.
pub(crate) const fn check_size(size: usize, config: &PoolConfig) -> Result<(), PoolError> {
    if size > config.tx_bytes_max {
        return Err(PoolError::OversizedData { size, limit: config.tx_bytes_max });
    }
    Ok(())
}

/// Refuses types that only derivation brings, and those the chain does not have.
pub(crate) fn check_type(tx: &Transaction) -> Result<(), PoolError> {
    match tx {
        Transaction::Legacy(_)
        | Transaction::Eip2930(_)
        | Transaction::Eip1559(_)
        | Transaction::Eip7702(_) => Ok(()),
        Transaction::Deposit(_) | Transaction::PostExec(_) => {
            Err(PoolError::UnsupportedType { ty: tx.ty() })
        }
    }
}

/// Checks against the rules and limits of the next block; no account is involved.
pub(crate) fn check_rules(tx: &PoolTx, head: &HeadState) -> Result<(), PoolError> {
    let inner = tx.tx.tx();
    let spec_id = head.spec_id;
    let spec = spec_id.into_eth_spec();
    if matches!(inner, Transaction::Eip7702(_)) && !spec.is_enabled_in(SpecId::PRAGUE) {
        return Err(PoolError::UnsupportedType { ty: inner.ty() });
    }
    let gas = tx.gas_limit;
    if spec_id.is_enabled_in(OpSpecId::KARST) && gas > TX_GAS_LIMIT_CAP {
        return Err(PoolError::GasLimitTooHigh { gas, cap: TX_GAS_LIMIT_CAP });
    }
    if gas > head.gas_limit {
        return Err(PoolError::ExceedsBlockGasLimit { gas, limit: head.gas_limit });
    }
    let footprint = head.da_footprint(tx);
    if footprint > head.gas_limit {
        return Err(PoolError::ExceedsDaFootprint { footprint, limit: head.gas_limit });
    }
    if inner.is_create()
        && spec.is_enabled_in(SpecId::SHANGHAI)
        && inner.input().len() > MAX_INITCODE_SIZE
    {
        return Err(PoolError::InitCodeTooLarge {
            size: inner.input().len(),
            limit: MAX_INITCODE_SIZE,
        });
    }
    let needed = gas_before_execution(inner, spec);
    if gas < needed.initial_total_gas {
        return Err(PoolError::IntrinsicGasTooLow { gas, needed: needed.initial_total_gas });
    }
    if spec.is_enabled_in(SpecId::PRAGUE) && gas < needed.floor_gas {
        return Err(PoolError::FloorGasTooLow { gas, needed: needed.floor_gas });
    }
    Ok(())
}

fn gas_before_execution(tx: &Transaction, spec: SpecId) -> InitialAndFloorGas {
    let (accounts, slots) = tx.access_list().map_or((0, 0), |list| {
        (list.len() as u64, list.iter().map(|item| item.storage_keys.len() as u64).sum())
    });
    calculate_initial_tx_gas(
        spec,
        tx.input(),
        tx.is_create(),
        accounts,
        slots,
        tx.authorization_list().map_or(0, <[_]>::len) as u64,
    )
}

/// Checks against the sender's account at the head.
pub(crate) fn check_account(
    tx: &PoolTx,
    account: &AccountState,
    head: &HeadState,
) -> Result<(), PoolError> {
    let sender = tx.sender;
    if let SenderCode::Contract(code_hash) = account.code {
        return Err(PoolError::SenderNotEoa { sender, code_hash });
    }
    if tx.nonce < account.nonce {
        return Err(PoolError::NonceTooLow { next: account.nonce, nonce: tx.nonce });
    }
    match head.cost(tx) {
        Some(cost) if cost <= account.balance => Ok(()),
        cost => {
            let cost = cost.unwrap_or(U256::MAX);
            let overshot = cost.saturating_sub(account.balance);
            Err(PoolError::InsufficientFunds { balance: account.balance, cost, overshot })
        }
    }
}
