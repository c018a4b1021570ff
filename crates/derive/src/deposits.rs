use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::Bytes;
use phala_chainspec::{DEPOSIT_EVENT, DepositLog, decode_user_deposit};

use crate::{DeriveError, L1Header, L1Log, rollup::Rollup};

/// The deposits users made in an L1 block, as transactions of the first L2 block of its epoch.
///
/// A log of the portal that is no deposit ends derivation: leaving it out could lose a user's money,
/// and a correct contract never writes one.
pub(crate) fn user_deposits(
    rollup: &Rollup,
    header: &L1Header,
    logs: &[L1Log],
) -> Result<Vec<Bytes>, DeriveError> {
    logs.iter()
        .filter(|log| log.address == rollup.deposit_contract)
        .filter(|log| log.topics.first() == Some(&DEPOSIT_EVENT))
        .map(|log| {
            let L1Log { log_index, topics, data, .. } = log;
            let log = DepositLog { l1_block: header.hash, log_index: *log_index, topics, data };
            let deposit = decode_user_deposit(&log).map_err(DeriveError::Deposit)?;
            let mut bytes = Vec::with_capacity(deposit.encode_2718_len());
            deposit.encode_2718(&mut bytes);
            Ok(bytes.into())
        })
        .collect()
}
