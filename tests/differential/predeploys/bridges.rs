use alloy_primitives::{Address, B256, Bytes, Log, U256, address, b256, uint};
use phala_chainspec::addresses::{
    L2_CROSS_DOMAIN_MESSENGER, L2_STANDARD_BRIDGE, L2_TO_L1_MESSAGE_PASSER, predeploy,
};

use super::{
    call::{call, call_with},
    pair::{OWNER, Outcome, Pair, SOMEBODY},
};

const MESSAGE_PASSED: B256 =
    b256!("0x02a52367d10742d8032712c1bb8e0144ff1ec5ffda1ed7d70bb05a2744955054");
/// What the old interface calls ether.
const LEGACY_ETHER: Address = address!("0xDeadDeAddeAddEAddeadDEaDDEAdDeaDDeAD0000");
const FIVE: U256 = uint!(5_U256);
const HELLO: &[u8] = b"hello";
const GAS: u64 = 50_000;

/// An outcome without the gas limit that its withdrawal asks for and what depends on it; and that limit.
fn without_gas(mut outcome: Outcome) -> (Outcome, Option<U256>) {
    let mut gas = None;
    for log in &mut outcome.logs {
        if log.address == L2_TO_L1_MESSAGE_PASSER && log.topics()[0] == MESSAGE_PASSED {
            let mut data = log.data.data.to_vec();
            gas = Some(U256::from_be_slice(&data[32..64]));
            // The gas limit, and the hash over it.
            data[32..64].fill(0);
            data[96..128].fill(0);
            *log = Log::new_unchecked(log.address, log.topics().to_vec(), data.into());
        }
    }
    // The message is stored under its hash; every other slot is small.
    outcome
        .storage
        .retain(|(address, slot), _| *address != L2_TO_L1_MESSAGE_PASSER || *slot < U256::from(9));
    (outcome, gas)
}

#[test]
fn the_message_passer_is_told_what_to_pass() {
    let Some(mut pair) = Pair::new() else { return };
    let passer = L2_TO_L1_MESSAGE_PASSER;
    let withdraw = |data: &[u8]| {
        let arguments = [OWNER.into(), 21_000_u64.into(), data.into()];
        call_with("initiateWithdrawal(address,uint256,bytes)", arguments)
    };
    for (value, data) in [
        (FIVE, withdraw(HELLO)),
        (U256::ZERO, withdraw(&[])),
        (U256::ZERO, withdraw(&[7; 1000])),
        (FIVE, Bytes::new()),
        (U256::ZERO, call("messageNonce()")),
        (U256::ZERO, call("MESSAGE_VERSION()")),
        (U256::ZERO, call("burn()")),
        (U256::ZERO, call("burn()")),
    ] {
        assert!(pair.send(SOMEBODY, passer, value, data).success);
    }
    assert!(!pair.send(SOMEBODY, passer, FIVE, call("burn()")).success);
    assert!(!pair.send(SOMEBODY, passer, U256::ZERO, call("unknown()")).success);
}

#[test]
fn messages_and_ether_go_to_l1_with_more_gas_in_newer_versions() {
    let Some(mut pair) = Pair::new() else { return };
    let (messenger, bridge) = (L2_CROSS_DOMAIN_MESSENGER, L2_STANDARD_BRIDGE);
    let send_message = |data: &[u8]| {
        let arguments = [OWNER.into(), data.into(), GAS.into()];
        call_with("sendMessage(address,bytes,uint32)", arguments)
    };
    let to_bridge = [
        (FIVE, call_with("bridgeETH(uint32,bytes)", [GAS.into(), HELLO.into()])),
        (
            FIVE,
            call_with(
                "bridgeETHTo(address,uint32,bytes)",
                [OWNER.into(), GAS.into(), HELLO.into()],
            ),
        ),
        (FIVE, Bytes::new()),
        (
            FIVE,
            call_with(
                "withdraw(address,uint256,uint32,bytes)",
                [LEGACY_ETHER.into(), FIVE.into(), GAS.into(), HELLO.into()],
            ),
        ),
        (
            FIVE,
            call_with(
                "withdrawTo(address,address,uint256,uint32,bytes)",
                [LEGACY_ETHER.into(), OWNER.into(), FIVE.into(), GAS.into(), HELLO.into()],
            ),
        ),
    ];
    let to_messenger = [(FIVE, send_message(HELLO)), (U256::ZERO, send_message(&[0; 500]))];
    let sent = to_bridge
        .into_iter()
        .map(|(value, data)| (bridge, value, data))
        .chain(to_messenger.into_iter().map(|(value, data)| (messenger, value, data)));
    for (to, value, data) in sent {
        let outcomes = pair.send_each(SOMEBODY, to, value, data.clone());
        let [(own, own_gas), (published, published_gas)] = outcomes.map(without_gas);
        assert!(own.success);
        assert_eq!(own, published, "{data}");
        assert!(own_gas > Some(U256::from(GAS)) && own_gas < published_gas, "{data}");
    }
    // A withdrawal of ether that does not send it.
    let wrong = call_with(
        "withdraw(address,uint256,uint32,bytes)",
        [LEGACY_ETHER.into(), FIVE.into(), GAS.into(), HELLO.into()],
    );
    assert!(!pair.send(SOMEBODY, bridge, U256::from(4), wrong).success);
}

/// The address that a contract on L1 calls from.
fn aliased(address: Address) -> Address {
    let offset = uint!(0x1111000000000000000000000000000000001111_U256);
    let sum = U256::from_be_slice(address.as_slice()) + offset;
    Address::from_slice(&sum.to_be_bytes::<32>()[12..])
}

fn other(pair: &mut Pair, contract: Address, getter: &str) -> Address {
    Address::from_word(pair.view(contract, call(getter)).word().into())
}

#[test]
fn messages_from_l1_are_relayed() {
    let Some(mut pair) = Pair::new() else { return };
    let messenger = L2_CROSS_DOMAIN_MESSENGER;
    let l1_messenger = aliased(other(&mut pair, messenger, "OTHER_MESSENGER()"));
    let l1_bridge = other(&mut pair, L2_STANDARD_BRIDGE, "OTHER_BRIDGE()");
    assert_ne!(l1_bridge, Address::ZERO);
    pair.fund(l1_messenger, U256::from(1_000));
    let refuses = address!("0x00000000000000000000000000000000000bad01");
    pair.deploy(refuses, &[0x5f, 0x5f, 0xfd]);
    let mut nonce: U256 = U256::from(1) << 240;
    let mut relay = |sender: Address, target: Address, value: U256, data: &[u8]| {
        nonce += U256::from(1);
        call_with(
            "relayMessage(uint256,address,address,uint256,uint256,bytes)",
            [
                nonce.into(),
                sender.into(),
                target.into(),
                value.into(),
                U256::from(100_000).into(),
                data.into(),
            ],
        )
    };
    let finalize = call_with(
        "finalizeBridgeETH(address,address,uint256,bytes)",
        [
            OWNER.into(),
            address!("0x0000000000000000000000000000000000000b0b").into(),
            FIVE.into(),
            HELLO.into(),
        ],
    );
    let hello = relay(OWNER, SOMEBODY, FIVE, HELLO);
    let bridged = relay(l1_bridge, L2_STANDARD_BRIDGE, FIVE, &finalize);
    let failing = relay(OWNER, refuses, FIVE, HELLO);
    for (from, value, data, succeeds, what) in [
        (l1_messenger, FIVE, &hello, true, "delivers"),
        (l1_messenger, FIVE, &hello, false, "once"),
        (SOMEBODY, U256::ZERO, &hello, false, "for everybody"),
        (l1_messenger, FIVE, &bridged, true, "bridges ether"),
        (SOMEBODY, FIVE, &relay(l1_bridge, L2_STANDARD_BRIDGE, FIVE, &finalize), false, "from L1"),
        (
            l1_messenger,
            FIVE,
            &relay(OWNER, L2_STANDARD_BRIDGE, FIVE, &finalize),
            true,
            "fails inside",
        ),
        (
            l1_messenger,
            U256::from(4),
            &relay(OWNER, SOMEBODY, FIVE, HELLO),
            false,
            "with its value",
        ),
        (l1_messenger, FIVE, &failing, true, "fails inside and is kept"),
        (SOMEBODY, U256::ZERO, &failing, true, "fails again"),
        (
            l1_messenger,
            U256::ZERO,
            &relay(OWNER, messenger, U256::ZERO, HELLO),
            false,
            "not to itself",
        ),
        (
            l1_messenger,
            U256::ZERO,
            &relay(OWNER, L2_TO_L1_MESSAGE_PASSER, U256::ZERO, HELLO),
            false,
            "not to the passer",
        ),
    ] {
        let outcome = pair.send(from, messenger, value, data.clone());
        assert_eq!(outcome.success, succeeds, "{what}");
    }
    let bob = address!("0x0000000000000000000000000000000000000b0b");
    let direct = pair.send(SOMEBODY, L2_STANDARD_BRIDGE, FIVE, finalize);
    assert!(!direct.success);
    assert!(pair.send(bob, SOMEBODY, FIVE, Bytes::new()).success, "bob has the ether");
}

#[test]
fn bridges_are_initialized_and_trust_the_same() {
    let Some(mut pair) = Pair::new() else { return };
    for (contract, views) in [
        (
            L2_CROSS_DOMAIN_MESSENGER,
            &[
                "OTHER_MESSENGER()",
                "otherMessenger()",
                "l1CrossDomainMessenger()",
                "messageNonce()",
                "paused()",
            ][..],
        ),
        (
            L2_STANDARD_BRIDGE,
            &[
                "MESSENGER()",
                "messenger()",
                "OTHER_BRIDGE()",
                "otherBridge()",
                "l1TokenBridge()",
                "paused()",
            ],
        ),
        (
            predeploy(0x14),
            &["MESSENGER()", "messenger()", "OTHER_BRIDGE()", "otherBridge()", "paused()"],
        ),
        (predeploy(0x12), &["BRIDGE()", "bridge()"]),
        (predeploy(0x17), &["BRIDGE()", "REMOTE_CHAIN_ID()"]),
    ] {
        for view in views {
            assert!(pair.view(contract, call(view)).success, "{contract} {view}");
        }
        let initialize = call_with("initialize(address)", [OWNER.into()]);
        for from in [SOMEBODY, OWNER] {
            let outcomes = pair.send_each(from, contract, U256::ZERO, initialize.clone());
            assert!(outcomes.iter().all(|outcome| !outcome.success), "{contract}");
        }
    }
    // Nobody is in a message.
    assert!(!pair.view(L2_CROSS_DOMAIN_MESSENGER, call("xDomainMessageSender()")).success);
}

#[test]
fn factories_create_tokens_of_their_own_version() {
    let Some(mut pair) = Pair::new() else { return };
    // A token by the old name of the function has another remote token, thus another address.
    let strings =
        |remote: Address| [remote.into(), b"A Token".as_slice().into(), b"TOK".as_slice().into()];
    for (factory, function, views) in [
        (
            predeploy(0x12),
            "createOptimismMintableERC20(address,string,string)",
            &[
                "name()",
                "symbol()",
                "decimals()",
                "REMOTE_TOKEN()",
                "BRIDGE()",
                "l1Token()",
                "l2Bridge()",
            ][..],
        ),
        (
            predeploy(0x12),
            "createStandardL2Token(address,string,string)",
            &["remoteToken()", "bridge()"],
        ),
        (
            predeploy(0x17),
            "createOptimismMintableERC721(address,string,string)",
            &[
                "name()",
                "symbol()",
                "REMOTE_TOKEN()",
                "REMOTE_CHAIN_ID()",
                "BRIDGE()",
                "baseTokenURI()",
            ],
        ),
    ] {
        let remote = if function.contains("Standard") { SOMEBODY } else { OWNER };
        let data = call_with(function, strings(remote));
        let outcomes = pair.send_each(SOMEBODY, factory, U256::ZERO, data.clone());
        // The address covers the code, which differs.
        let [own, published] = outcomes.each_ref().map(|outcome| {
            assert!(outcome.success, "{function}");
            Address::from_word(outcome.word().into())
        });
        assert_eq!(outcomes[0].logs.len(), outcomes[1].logs.len());
        for view in views {
            let own = pair.own.send(SOMEBODY, own, U256::ZERO, call(view));
            let published = pair.published.send(SOMEBODY, published, U256::ZERO, call(view));
            assert!(own.success, "{function} {view}");
            assert_eq!(own.output, published.output, "{function} {view}");
        }
        let again = pair.send_each(SOMEBODY, factory, U256::ZERO, data);
        assert!(again.iter().all(|outcome| !outcome.success), "{function} twice");
    }
}
