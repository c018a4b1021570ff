//! PHA on a development chain: minted in the genesis, where other chains take it over from the parachain.

use alloy_primitives::{Address, B256, U256, keccak256};

use super::{
    add_pair,
    storage::{Storage, of_implemented_proxy},
};
use crate::GenesisAccount;

const PHA_TOKEN: u16 = 0x1000;
const MIGRATION_RECORD: u16 = 0x1008;

/// Where `PhaToken` keeps its supply; this and the next two are solady's.
const SUPPLY_SLOT: u128 = 0x0005_345c_df77_eb68_f44c;
/// What a balance's slot is hashed from, after the holder.
const BALANCE_SEED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0x87, 0xa2, 0x11, 0xa2];
/// The only checkpoint of the supply. As no holder has a delegate yet, nobody has votes.
const SUPPLY_CHECKPOINT_SLOT: u128 = 0xff46_6c9f_0000_0000_0000_0000_0000_0000;

/// Bits of `MigrationRecord`'s first word below `activatedAt`.
const ACTIVATED_AT_SHIFT: usize = 112;

/// Hands out the token, with the same amount for each holder, and the record without which nothing moves.
pub(crate) fn add_pha<E>(
    holders: &[Address],
    amount: U256,
    timestamp: u64,
    add: &mut dyn FnMut(Address, GenesisAccount) -> Result<(), E>,
) -> Result<(), E> {
    add_pair((PHA_TOKEN, "PhaToken"), token(holders, amount, timestamp), add)?;
    let active = U256::from(timestamp) << ACTIVATED_AT_SHIFT;
    let record = of_implemented_proxy(MIGRATION_RECORD).slot(0, active);
    add_pair((MIGRATION_RECORD, "MigrationRecord"), record, add)
}

fn token(holders: &[Address], amount: U256, timestamp: u64) -> Storage {
    let supply = amount * U256::from(holders.len());
    // Amount, number of checkpoints, time.
    let checkpoint = supply << 96 | U256::from(1) << 48 | U256::from(timestamp);
    let storage = of_implemented_proxy(PHA_TOKEN)
        .with(U256::from(SUPPLY_SLOT).into(), supply)
        .with(U256::from(SUPPLY_CHECKPOINT_SLOT).into(), checkpoint);
    holders.iter().fold(storage, |storage, holder| storage.with(balance_slot(*holder), amount))
}

fn balance_slot(holder: Address) -> B256 {
    keccak256([holder.as_slice(), &BALANCE_SEED].concat())
}

#[cfg(test)]
mod tests {
    use alloy_primitives::b256;

    use super::*;
    use crate::{
        ChainSpec,
        addresses::{MIGRATION_RECORD, PHA},
    };

    #[test]
    fn words_are_where_the_token_looks_for_them() {
        let spec = ChainSpec::dev();
        let token = &spec.genesis.alloc[&PHA].storage;
        let million = U256::from(1_000_000) * U256::from(10).pow(U256::from(18));
        // Two words of the proxy, supply, its checkpoint, ten balances.
        assert_eq!(token.len(), 14);
        let supply = b256!("0x000000000000000000000000000000000000000000000005345cdf77eb68f44c");
        assert_eq!(token[&supply], million * U256::from(10));
        let checkpoint =
            b256!("0x00000000000000000000000000000000ff466c9f000000000000000000000000");
        assert_eq!(
            token[&checkpoint],
            (million * U256::from(10)) << 96 | U256::from((1_u128 << 48) + 1_767_225_600)
        );
        for account in &spec.dev_accounts {
            assert_eq!(token[&balance_slot(account.address)], million);
        }
        let record = &spec.genesis.alloc[&MIGRATION_RECORD].storage;
        assert_eq!(record[&B256::ZERO], U256::from(1_767_225_600) << 112);
    }
}
