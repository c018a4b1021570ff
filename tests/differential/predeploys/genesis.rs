use std::time::Instant;

use alloy_primitives::{B256, b256, keccak256};
use phala_chainspec::{ChainSpec, Profile, addresses::L2_TO_L1_MESSAGE_PASSER};
use phala_storage::{Store, StoreConfig};
use phala_tests::assert_verified;

/// Storage root of a message passer that has passed nothing: its proxy's two slots.
const NO_WITHDRAWALS: B256 =
    b256!("0x8ed4baae3a927be3dea54996b4d5899f8c01e7594bf50b17dc1e741388ce3d12");

/// The hash of the development chain's genesis with each profile. It changes with `chainspec/dev.toml`
/// and `genesis/artifacts`, and with nothing else: not with the machine that builds them.
const DEV_GENESIS: [(Profile, B256); 3] = [
    (Profile::Isthmus, b256!("0x375e61dd618cb470739063e306fac78a500a32b0c7284402ce91c5b5b6131ac2")),
    (Profile::Jovian, b256!("0x279ad3b9b9117f4b7fd146a2ff236200c138051bc8434d809d404c012f158387")),
    (Profile::Karst, b256!("0x279ad3b9b9117f4b7fd146a2ff236200c138051bc8434d809d404c012f158387")),
];

#[test]
fn the_genesis_of_the_development_chain_is_reproducible() {
    let started = Instant::now();
    let spec = ChainSpec::dev();
    println!("{} accounts read in {:?}", spec.genesis.alloc.len(), started.elapsed());
    let found = DEV_GENESIS.map(|(profile, _)| {
        let spec = spec.clone().with_profile(profile);
        let store = Store::in_memory(StoreConfig::default()).unwrap();
        store.init_genesis(&spec).unwrap();
        assert_verified(&store);
        let head = store.heads().latest;
        let header = store.header(head.hash).unwrap().unwrap();
        assert_eq!(header.withdrawals_root, Some(NO_WITHDRAWALS));
        let passer = store.latest_view().unwrap().account(&keccak256(L2_TO_L1_MESSAGE_PASSER));
        assert_eq!(passer.unwrap().unwrap().storage_root, NO_WITHDRAWALS);
        (profile, head.hash)
    });
    assert_eq!(found, DEV_GENESIS);
}
