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

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::vectors;

    #[test]
    fn no_log_breaks_the_decoder() {
        let rollup = vectors::rollup(2, 10);
        let mut good = vec![0; 64 + 96];
        (good[31], good[63]) = (32, 73);
        let mut outcomes = [0, 0];
        for seed in 0..2000 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut data = good.clone();
            for _ in 0..rng.random_range(0..4) {
                let at = rng.random_range(0..data.len());
                data[at] = rng.random();
            }
            if rng.random_range(0..4) == 0 {
                data.truncate(rng.random_range(0..=data.len()));
            }
            let mut topics =
                vec![DEPOSIT_EVENT, B256::from(rng.random::<[u8; 32]>()), B256::ZERO, B256::ZERO];
            if rng.random_range(0..10) == 0 {
                topics.truncate(rng.random_range(1..4));
            }
            let address = rollup.deposit_contract;
            let log = L1Log { address, topics, data: data.into(), log_index: seed };
            match user_deposits(&rollup, &L1Header::default(), &[log]) {
                Ok(deposits) => {
                    assert_eq!((deposits.len(), deposits[0][0]), (1, 0x7e));
                    outcomes[0] += 1;
                }
                Err(error) => {
                    assert!(matches!(error, DeriveError::Deposit(_)), "{error}");
                    outcomes[1] += 1;
                }
            }
        }
        assert!(outcomes.iter().all(|count| *count > 100), "{outcomes:?}");
    }
}
