use alloy_primitives::{Address, Bytes, TxKind, U256, bytes};
use alloy_sol_types::SolCall as _;
use op_alloy_consensus::TxDeposit;
use phala_chainspec::{DepositLog, alias_l1_address, decode_user_deposit};
use phala_genesis::{IOptimismPortal, L1Receipt};

use crate::test_l1::{TestL1, signer};

/// The only deposit of a receipt, as derivation reads it.
fn deposit(receipt: &L1Receipt, portal: Address) -> TxDeposit {
    assert_eq!(receipt.status, 1);
    let logs: Vec<_> = receipt.logs.iter().filter(|log| log.address == portal).collect();
    let [log] = logs[..] else { panic!("{} logs", logs.len()) };
    decode_user_deposit(&DepositLog {
        l1_block: receipt.block_hash,
        log_index: log.log_index,
        topics: &log.topics,
        data: &log.data,
    })
    .expect("a deposit")
}

#[tokio::test]
async fn deposits_are_what_derivation_reads() {
    let (l1, deployment) = TestL1::deployed().await;
    let portal = deployment.addresses.optimism_portal;
    let user = signer(5);

    // Ether, as any wallet sends it.
    let receipt = l1.send(&user, portal, [], U256::from(10)).await;
    let plain = deposit(&receipt, portal);
    assert_eq!((plain.from, plain.to), (user.address(), TxKind::Call(user.address())));
    assert_eq!((plain.mint, plain.value, plain.gas_limit), (10, U256::from(10), 100_000));

    let call = |to, value, is_creation, data: &Bytes| {
        IOptimismPortal::depositTransactionCall {
            to,
            value: U256::from(value),
            gasLimit: 200_000,
            isCreation: is_creation,
            data: data.clone(),
        }
        .abi_encode()
    };
    // Nothing minted, with data of an odd length.
    let to = Address::repeat_byte(9);
    let data = bytes!("0102030405");
    let receipt = l1.send(&user, portal, call(to, 3, false, &data), U256::ZERO).await;
    let other = deposit(&receipt, portal);
    assert_eq!((other.mint, other.value, other.to), (0, U256::from(3), TxKind::Call(to)));
    assert_eq!(other.input, data);
    assert_ne!(other.source_hash, plain.source_hash);

    let input = call(Address::ZERO, 0, true, &data);
    let created = deposit(&l1.send(&user, portal, input, U256::ZERO).await, portal);
    assert_eq!(created.to, TxKind::Create);

    // A contract in between gets an alias. This one hands input and value on to the portal.
    let mut runtime = bytes!("36600060003760006000366000347300000000").to_vec();
    runtime.truncate(runtime.len() - 4);
    runtime.extend_from_slice(portal.as_slice());
    runtime.extend_from_slice(&bytes!("5af150"));
    let len = u8::try_from(runtime.len()).unwrap();
    let mut creation = bytes!("600080600b6000396000f3").to_vec();
    creation[1] = len;
    creation.extend_from_slice(&runtime);
    let nonce = l1.anvil.rpc().nonce(user.address()).await.unwrap();
    let receipt = l1.send(&user, TxKind::Create, &creation, U256::ZERO).await;
    assert_eq!(receipt.status, 1);
    let forwarder = user.address().create(nonce);
    let receipt = l1.send(&user, forwarder, call(to, 1, false, &data), U256::from(1)).await;
    assert_eq!(deposit(&receipt, portal).from, alias_l1_address(forwarder));
}

#[tokio::test]
async fn the_portal_refuses_what_no_block_could_hold() {
    let (l1, deployment) = TestL1::deployed().await;
    let portal = deployment.addresses.optimism_portal;
    let user = signer(5);
    let call = |gas: u64, is_creation, to| {
        IOptimismPortal::depositTransactionCall {
            to,
            value: U256::ZERO,
            gasLimit: gas,
            isCreation: is_creation,
            data: Bytes::new(),
        }
        .abi_encode()
    };
    // More than all deposits of a block may use, less than a transaction costs, and a creation with
    // a target.
    let to = Address::repeat_byte(1);
    for input in [call(20_000_001, false, to), call(20_999, false, to), call(100_000, true, to)] {
        let receipt = l1.send(&user, portal, input, U256::ZERO).await;
        assert_eq!(receipt.status, 0);
        assert!(receipt.logs.is_empty());
    }
}
