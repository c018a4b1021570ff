//! Addresses that the protocol fixes.

use alloy_primitives::{Address, address};

/// `L2CrossDomainMessenger` predeploy.
pub const L2_CROSS_DOMAIN_MESSENGER: Address =
    address!("0x4200000000000000000000000000000000000007");

/// `GasPriceOracle` predeploy.
pub const GAS_PRICE_ORACLE: Address = address!("0x420000000000000000000000000000000000000F");

/// `L2StandardBridge` predeploy.
pub const L2_STANDARD_BRIDGE: Address = address!("0x4200000000000000000000000000000000000010");

/// `SequencerFeeVault` predeploy: coinbase of every block, receives priority fees.
pub const SEQUENCER_FEE_VAULT: Address = address!("0x4200000000000000000000000000000000000011");

/// `L1Block` predeploy: what tx 0 of every block says about L1.
pub const L1_BLOCK: Address = address!("0x4200000000000000000000000000000000000015");

/// `L2ToL1MessagePasser` predeploy: its storage root is the header's `withdrawalsRoot` from Isthmus.
pub const L2_TO_L1_MESSAGE_PASSER: Address = address!("0x4200000000000000000000000000000000000016");

/// `ProxyAdmin` predeploy: admin of every proxied predeploy.
pub const PROXY_ADMIN: Address = address!("0x4200000000000000000000000000000000000018");

/// `BaseFeeVault` predeploy: receives base fees, which this chain does not burn.
pub const BASE_FEE_VAULT: Address = address!("0x4200000000000000000000000000000000000019");

/// `L1FeeVault` predeploy: receives L1 data fees.
pub const L1_FEE_VAULT: Address = address!("0x420000000000000000000000000000000000001A");

/// `OperatorFeeVault` predeploy: receives operator fees (Isthmus and later).
pub const OPERATOR_FEE_VAULT: Address = address!("0x420000000000000000000000000000000000001b");

/// Sender of the L1-attributes deposit; no key exists for it.
pub const L1_ATTRIBUTES_DEPOSITOR: Address = address!("0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001");

/// Account that deploys the EIP-4788 contract on chains that did not have it from genesis.
pub const BEACON_ROOTS_DEPLOYER: Address = address!("0x0B799C86a49DEeb90402691F1041aa3AF2d3C875");

/// Account that deploys the EIP-2935 contract on chains that did not have it from genesis.
pub const HISTORY_STORAGE_DEPLOYER: Address =
    address!("0x3462413Af4609098e1E27A490f554f260213D685");

/// The predeploy with these low two bytes.
pub const fn predeploy(low: u16) -> Address {
    with_low(address!("0x4200000000000000000000000000000000000000"), low)
}

/// PHA, an ERC-20; what GPU jobs are paid in unless a chain says otherwise.
pub const PHA: Address = phala_predeploy(0x1000);

/// `MigrationRecord`: whether PHA may move yet.
pub const MIGRATION_RECORD: Address = phala_predeploy(0x1008);

/// `CollateralRegistry`: Intel's newest collateral.
pub const COLLATERAL_REGISTRY: Address = phala_predeploy(0x2000);

/// `AttestationPolicy`: what evidence has to say.
pub const ATTESTATION_POLICY: Address = phala_predeploy(0x2001);

/// `WorkerRegistry`: attested workers and their bonds.
pub const WORKER_REGISTRY: Address = phala_predeploy(0x2002);

/// `GpuJobSettlement`: escrow of GPU jobs.
pub const GPU_JOB_SETTLEMENT: Address = phala_predeploy(0x2003);

/// The predeploy of this chain's own with these low two bytes: "PHA" in front.
pub const fn phala_predeploy(low: u16) -> Address {
    with_low(address!("0x5048410000000000000000000000000000000000"), low)
}

/// Where the implementation behind the proxy of a predeploy is.
pub const fn implementation(low: u16) -> Address {
    with_low(address!("0xc0d3c0d3c0d3c0d3c0d3c0d3c0d3c0d3c0d30000"), low)
}

const fn with_low(mut address: Address, low: u16) -> Address {
    [address.0.0[18], address.0.0[19]] = low.to_be_bytes();
    address
}
