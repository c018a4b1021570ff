//! Each parameter on L1 changes the bytes of L2 blocks it should, and nothing else.

use alloy_primitives::{Address, B256, Bytes, U256, address};
use alloy_sol_types::SolCall as _;
use phala_devnet::{DaType, DevnetConfig, DevnetError};
use phala_genesis::ISystemConfig;
use phala_tests::rollup::{Call, ChainRpc, Testnet, eventually, fast_devnet, number_of};
use serde_json::json;

use crate::{
    blocks::{bytes, first_of_epoch, l1_attributes, same_on_both},
    posted,
};

const OPERATOR_FEE_VAULT: Address = address!("420000000000000000000000000000000000001B");

/// What a block shows of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) gas_limit: u64,
    pub(crate) extra_data: Bytes,
    pub(crate) base_fee_scalar: u32,
    pub(crate) blob_base_fee_scalar: u32,
    pub(crate) batcher: B256,
    pub(crate) operator_fee_scalar: u32,
    pub(crate) operator_fee_constant: u64,
    pub(crate) da_footprint_gas_scalar: u16,
}

impl Shown {
    pub(crate) async fn at(chain: &ChainRpc, number: u64) -> Self {
        let block = chain.block(number).await;
        let l1 = l1_attributes(&block);
        Self {
            gas_limit: number_of(&block["gasLimit"]),
            extra_data: bytes(&block["extraData"]),
            base_fee_scalar: l1.base_fee_scalar,
            blob_base_fee_scalar: l1.blob_base_fee_scalar,
            batcher: l1.batcher_hash,
            operator_fee_scalar: l1.operator_fee_scalar,
            operator_fee_constant: l1.operator_fee_constant,
            da_footprint_gas_scalar: l1.da_footprint_gas_scalar,
        }
    }
}

/// Header bytes of Jovian: version, denominator, elasticity, minimum base fee.
fn extra_data(denominator: u32, elasticity: u32, min_base_fee: u64) -> Bytes {
    let parts: [&[u8]; 4] =
        [&[1], &denominator.to_be_bytes(), &elasticity.to_be_bytes(), &min_base_fee.to_be_bytes()];
    parts.concat().into()
}

/// Calls the contract as its owner, and asserts that the first block of the epoch shows what it
/// should where the block before did not. The L1 block.
pub(crate) async fn update(net: &Testnet, input: Vec<u8>, change: impl Fn(&mut Shown)) -> u64 {
    let contract = net.contracts().system_config;
    let receipt = net.account("owner").send_ok(&net.l1(), Call::function(contract, input)).await;
    let l1_number = number_of(&receipt["blockNumber"]);
    let first = first_of_epoch(net, l1_number).await;
    let before = Shown::at(&net.sequencer(), first - 1).await;
    let mut expected = before.clone();
    change(&mut expected);
    assert_eq!(Shown::at(&net.sequencer(), first).await, expected, "was {before:?}");
    l1_number
}

#[tokio::test(flavor = "multi_thread")]
async fn each_update_changes_the_bytes_it_should() {
    let config = DevnetConfig { da_type: DaType::Calldata, ..fast_devnet() };
    let mut net = Testnet::start(&config).await;
    net.sequencer().wait_for_head("latest", 1).await;
    let initial = Shown {
        gas_limit: 60_000_000,
        extra_data: extra_data(250, 6, 0),
        base_fee_scalar: 1_368,
        blob_base_fee_scalar: 810_949,
        batcher: net.account("batcher").address().into_word(),
        operator_fee_scalar: 0,
        operator_fee_constant: 0,
        da_footprint_gas_scalar: 400,
    };
    assert_eq!(Shown::at(&net.sequencer(), 1).await, initial);

    update_each(&net).await;
    fees_follow(&net).await;
    net.settle().await;
    rotate_batcher(&mut net).await;
    let safe = net.assert_same_chain().await;
    net.stop_and_compare(safe).await;
}

async fn update_each(net: &Testnet) {
    let call = ISystemConfig::setGasLimitCall { gasLimit: 40_000_000 };
    update(net, call.abi_encode(), |shown| shown.gas_limit = 40_000_000).await;

    let call =
        ISystemConfig::setGasConfigEcotoneCall { basefeeScalar: 2_000, blobbasefeeScalar: 900_000 };
    update(net, call.abi_encode(), |shown| {
        (shown.base_fee_scalar, shown.blob_base_fee_scalar) = (2_000, 900_000);
    })
    .await;

    let call = ISystemConfig::setEIP1559ParamsCall { denominator: 100, elasticity: 3 };
    update(net, call.abi_encode(), |shown| shown.extra_data = extra_data(100, 3, 0)).await;

    let call = ISystemConfig::setOperatorFeeScalarsCall { scalar: 1_000, constant_: 5_000 };
    update(net, call.abi_encode(), |shown| {
        (shown.operator_fee_scalar, shown.operator_fee_constant) = (1_000, 5_000);
    })
    .await;

    let call = ISystemConfig::setMinBaseFeeCall { minBaseFee: 2_000_000_000 };
    update(net, call.abi_encode(), |shown| shown.extra_data = extra_data(100, 3, 2_000_000_000))
        .await;

    let call = ISystemConfig::setDAFootprintGasScalarCall { scalar: 700 };
    update(net, call.abi_encode(), |shown| shown.da_footprint_gas_scalar = 700).await;

    // No block shows who signs the gossip.
    let call = ISystemConfig::setUnsafeBlockSignerCall { signer: Address::repeat_byte(0xbe) };
    update(net, call.abi_encode(), |_| ()).await;
}

/// A transaction pays as the new parameters say.
async fn fees_follow(net: &Testnet) {
    let l2 = net.sequencer();
    let receipt =
        net.account("user 1").send_ok(&l2, Call::transfer(Address::repeat_byte(9), 1)).await;
    let number = number_of(&receipt["blockNumber"]);
    net.wait_until_safe(number).await;
    same_on_both(net, crate::blocks::hash(&receipt["transactionHash"])).await;
    for (field, value) in [
        ("l1BaseFeeScalar", 2_000),
        ("l1BlobBaseFeeScalar", 900_000),
        ("operatorFeeScalar", 1_000),
        ("operatorFeeConstant", 5_000),
        ("daFootprintGasScalar", 700),
        // A hundred bytes at least, by the rule for estimates.
        ("blobGasUsed", 100 * 700),
    ] {
        assert_eq!(number_of(&receipt[field]), value, "{field}: {receipt}");
    }
    let follower = net.follower();
    let block = follower.block(number).await;
    assert_eq!(number_of(&block["blobGasUsed"]), 100 * 700);
    assert!(number_of(&block["baseFeePerGas"]) >= 2_000_000_000, "{}", block["baseFeePerGas"]);
    let fee = operator_fees(net, number).await;
    assert_eq!(fee, U256::from(21_000_u64 * 1_000 * 100 + 5_000));
}

/// Operator fees of a block.
pub(crate) async fn operator_fees(net: &Testnet, number: u64) -> U256 {
    let follower = net.follower();
    let vault = async |number: u64| {
        let params = json!([OPERATOR_FEE_VAULT, format!("{number:#x}")]);
        follower.quantity("eth_getBalance", params).await
    };
    vault(number).await - vault(number - 1).await
}

/// The batches of an old key count for nothing, from the L1 block on that names the new one.
async fn rotate_batcher(net: &mut Testnet) {
    let (old, new) = (net.account("batcher"), net.account("user 5"));
    let batcher_hash = new.address().into_word();
    let call = ISystemConfig::setBatcherHashCall { batcherHash: batcher_hash };
    let rotated = update(net, call.abi_encode(), |shown| shown.batcher = batcher_hash).await;

    // The old batcher does not know, and goes on until derivation drops what it posts.
    let service = &mut net.devnet.batcher;
    let last_lines =
        eventually("the old batcher gives up", async || match service.ensure_alive() {
            Err(DevnetError::Died { last_lines, .. }) => Some(last_lines),
            _ => None,
        })
        .await;
    let addresses = [old.address(), new.address()].map(|address| address.to_string());
    assert!(addresses.iter().all(|address| last_lines.contains(address)), "{last_lines}");
    net.devnet.batcher.stop();
    let ignored = posted::since(net, rotated).await;
    assert!(ignored.iter().all(|tx| tx.from == old.address()));
    let last_ignored = ignored.last().expect("it posted after the rotation").l1_number;
    let status = eventually("the follower has read them", async || {
        let status = net.follower().sync_status().await;
        (status["current_l1"]["number"].as_u64() > Some(last_ignored)).then_some(status)
    })
    .await;
    let before = json!([format!("{:#x}", rotated - 1)]);
    let before = net.follower().call("optimism_safeHeadAtL1Block", before).await;
    assert_eq!(status["safe_l2"]["number"], before["safeHead"]["number"]);
    assert_eq!(status["safe_l2"]["hash"], before["safeHead"]["hash"]);

    let folder = net.devnet.folder().join("batcher");
    std::fs::write(folder.join("key"), format!("{:x}\n", new.key())).expect("written");
    let arguments = &mut net.devnet.batcher.arguments;
    arguments.retain(|argument| !argument.starts_with("--journal="));
    arguments.push(format!("--journal={}", folder.join("journal-of-new-key").display()));
    let since = net.l1().block_number().await;
    net.devnet.batcher.start().await.expect("a new batcher");
    net.settle().await;
    let posted = posted::since(net, since + 1).await;
    assert!(posted.iter().any(|tx| tx.from == new.address()));
}
