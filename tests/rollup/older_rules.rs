//! Isthmus on L2, Osaka on L1: what came later on either side changes nothing that it should not.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall as _;
use phala_chainspec::Profile;
use phala_devnet::DevnetConfig;
use phala_genesis::ISystemConfig;
use phala_tests::rollup::{Call, Deposit, Testnet, fast_devnet, number_of};

use crate::{
    blocks::{bytes, same_on_both},
    chain_rules, methods, posted,
    system_config::{Shown, operator_fees, update},
};

#[tokio::test(flavor = "multi_thread")]
async fn isthmus_stands_on_osaka() {
    let config = DevnetConfig {
        profile: Some(Profile::Isthmus),
        l1_hardfork: "osaka".to_owned(),
        ..fast_devnet()
    };
    let mut net = Testnet::start(&config).await;
    net.sequencer().wait_for_head("latest", 1).await;
    let shown = Shown::at(&net.sequencer(), 1).await;
    let extra_data = [&[0][..], &250_u32.to_be_bytes(), &6_u32.to_be_bytes()].concat();
    assert_eq!((shown.extra_data, shown.da_footprint_gas_scalar), (extra_data.into(), 0));

    // Parameters of Jovian are on L1 and nowhere else.
    let call = ISystemConfig::setMinBaseFeeCall { minBaseFee: 2_000_000_000 };
    update(&net, call.abi_encode(), |_| ()).await;
    let call = ISystemConfig::setDAFootprintGasScalarCall { scalar: 700 };
    update(&net, call.abi_encode(), |_| ()).await;
    let call = ISystemConfig::setOperatorFeeScalarsCall { scalar: 2_000_000, constant_: 5_000 };
    update(&net, call.abi_encode(), |shown| {
        (shown.operator_fee_scalar, shown.operator_fee_constant) = (2_000_000, 5_000);
    })
    .await;

    let user = net.account("user 1");
    let receipt = user.send_ok(&net.sequencer(), Call::transfer(Address::repeat_byte(9), 1)).await;
    let number = number_of(&receipt["blockNumber"]);
    net.wait_until_safe(number).await;
    let block = net.follower().block(number).await;
    assert_eq!(block["blobGasUsed"], "0x0");
    assert!(number_of(&block["baseFeePerGas"]) < 2_000_000_000);
    let attributes = bytes(&block["transactions"][0]["input"]);
    assert_eq!((&attributes[..4], attributes.len()), (&[0x09, 0x89, 0x99, 0xbe][..], 176));
    // A millionth of the scalar for each gas, before Jovian.
    assert_eq!(operator_fees(&net, number).await, U256::from(21_000 * 2 + 5_000));

    let to = Address::repeat_byte(0xd2);
    let deposit = Deposit::ether(to, 77);
    let portal = net.contracts().optimism_portal;
    let receipt = user.send(&net.l1(), deposit.call(portal)).await;
    let hash = deposit.l2_hash(user.address(), portal, &receipt);
    net.follower().receipt(hash).await;
    same_on_both(&net, hash).await;
    assert_eq!(net.follower().balance(to).await, U256::from(77));

    let last = net.settle().await;
    methods::check(&net, last).await;
    let safe = net.assert_same_chain().await;
    chain_rules::check(&net, safe).await;
    assert!(posted::since(&net, 0).await.iter().all(|tx| tx.is_blob));
    net.stop_and_compare(safe).await;
}
