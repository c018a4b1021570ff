use alloy_primitives::{Address, B256, Bytes, U256, address, hex};
use phala_chainspec::addresses::{PROXY_ADMIN, predeploy};

use super::{
    call::{call, call_with},
    pair::{OWNER, Pair, SOMEBODY},
};

#[test]
fn small_predeploys_answer_as_published() {
    let Some(mut pair) = Pair::new() else { return };
    let (weth, number, schemas, eas) =
        (predeploy(0x06), predeploy(0x13), predeploy(0x20), predeploy(0x21));
    let five = U256::from(5);
    let amount = |function: &str, amount: u64| call_with(function, [OWNER.into(), amount.into()]);
    let word = |function: &str, word: u64| call_with(function, [word.into()]);
    for (to, value, data, succeeds) in [
        (weth, five, call("deposit()"), true),
        (weth, five, Bytes::new(), true),
        (weth, U256::ZERO, word("withdraw(uint256)", 3), true),
        (weth, U256::ZERO, word("withdraw(uint256)", 30), false),
        (weth, U256::ZERO, amount("transfer(address,uint256)", 1), true),
        (weth, U256::ZERO, amount("transfer(address,uint256)", 100), false),
        (weth, U256::ZERO, amount("approve(address,uint256)", 1), true),
        (weth, U256::ZERO, call("totalSupply()"), true),
        (weth, U256::ZERO, call("name()"), true),
        (weth, U256::ZERO, call("symbol()"), true),
        (weth, U256::ZERO, call("decimals()"), true),
        (number, U256::ZERO, call("getL1BlockNumber()"), true),
        (number, U256::ZERO, Bytes::new(), true),
        (number, five, Bytes::new(), true),
        (
            predeploy(0x00),
            U256::ZERO,
            call_with("passMessageToL1(bytes)", [b"x".as_slice().into()]),
            true,
        ),
        (
            predeploy(0x02),
            U256::ZERO,
            call_with("isDeployerAllowed(address)", [OWNER.into()]),
            true,
        ),
        (predeploy(0x02), U256::ZERO, call_with("setOwner(address)", [OWNER.into()]), false),
        (eas, U256::ZERO, call("getDomainSeparator()"), true),
        (eas, U256::ZERO, call("getName()"), true),
        (eas, U256::ZERO, call("getSchemaRegistry()"), true),
        (eas, U256::ZERO, call("getAttestTypeHash()"), true),
        (eas, U256::ZERO, word("timestamp(bytes32)", 7), true),
        (eas, U256::ZERO, word("timestamp(bytes32)", 7), false),
        // A proxy without an implementation.
        (predeploy(0x07ff), U256::ZERO, call("anything()"), false),
    ] {
        let outcome = pair.send(SOMEBODY, to, value, data.clone());
        assert_eq!(outcome.success, succeeds, "{to} {data}");
    }
    let register = call_with(
        "register(string,address,bool)",
        [b"uint256 x".as_slice().into(), Address::ZERO.into(), 1_u64.into()],
    );
    assert!(pair.send(SOMEBODY, schemas, U256::ZERO, register.clone()).success);
    assert!(!pair.send(SOMEBODY, schemas, U256::ZERO, register).success);
}

#[test]
fn the_owner_of_the_admin_upgrades_predeploys() {
    let Some(mut pair) = Pair::new() else { return };
    let (empty, target) = (predeploy(0x05), predeploy(0x15));
    let upgrade =
        |proxy: Address| call_with("upgrade(address,address)", [proxy.into(), target.into()]);
    let asked = |function: &str| call_with(function, [empty.into()]);
    for (from, data, succeeds) in [
        (SOMEBODY, call("owner()"), true),
        (SOMEBODY, upgrade(empty), false),
        (SOMEBODY, asked("getProxyImplementation(address)"), true),
        (OWNER, upgrade(empty), true),
        (SOMEBODY, asked("getProxyImplementation(address)"), true),
        (SOMEBODY, asked("getProxyAdmin(address)"), true),
        // Which upgrades itself as well.
        (OWNER, upgrade(predeploy(0x18)), true),
        (OWNER, call("owner()"), false),
    ] {
        let outcome = pair.send(from, PROXY_ADMIN, U256::ZERO, data.clone());
        assert_eq!(outcome.success, succeeds, "{from} {data}");
    }
    let direct = call_with("upgradeTo(address)", [target.into()]);
    assert!(!pair.send(SOMEBODY, target, U256::ZERO, direct).success);
}

#[test]
fn preinstalls_work_at_once() {
    let Some(mut pair) = Pair::new() else { return };
    // Creation code that returns one byte of code, STOP; and its CREATE2 address.
    let deployer = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");
    let creation = hex!("60015ff3");
    let salt = B256::repeat_byte(7);
    let expected = deployer.create2_from_code(salt, creation);
    let data: Bytes = [salt.as_slice(), &creation].concat().into();
    let outcome = pair.send(SOMEBODY, deployer, U256::ZERO, data.clone());
    assert_eq!(outcome.output, expected.to_vec());
    assert!(!pair.send(SOMEBODY, deployer, U256::ZERO, data).success, "there already");

    let multicall = address!("0xcA11bde05977b3631167028862bE2a173976CA11");
    assert_eq!(pair.view(multicall, call("getBlockNumber()")).word(), U256::from(77));
    let permit2 = address!("0x000000000022D473030F116dDEE9F6B43aC78BA3");
    assert!(pair.view(permit2, call("DOMAIN_SEPARATOR()")).success);
    for safe in [
        address!("0x69f4D1788e39c87893C980c06EdF4b7f686e2938"),
        address!("0xfb1bffC9d739B8D520DaF37dF666da4C687191EA"),
    ] {
        assert!(pair.view(safe, call("VERSION()")).success);
    }
}
