// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// Addresses the PHA contracts know each other, and the chain's own, by.
library PhaAddresses {
    address internal constant SUBSTRATE_VERIFY = 0x5048410000000000000000000000000000000004;

    address internal constant PHA = 0x5048410000000000000000000000000000001000;
    address internal constant CLAIMS = 0x5048410000000000000000000000000000001001;
    address internal constant STAKE_POOLS = 0x5048410000000000000000000000000000001002;
    address internal constant REWARD_STREAM = 0x5048410000000000000000000000000000001003;
    address internal constant GOVERNOR = 0x5048410000000000000000000000000000001004;
    address internal constant TIMELOCK = 0x5048410000000000000000000000000000001005;
    address internal constant TREASURY = 0x5048410000000000000000000000000000001006;
    address internal constant ESCROW = 0x5048410000000000000000000000000000001007;
    address internal constant MIGRATION_RECORD = 0x5048410000000000000000000000000000001008;

    /// The first data account: table 0, chunk 0. The table is added times 2^32, the chunk as it is.
    address internal constant DATA = 0x504841fF00000000000000000000000000000000;

    address internal constant L2_STANDARD_BRIDGE = 0x4200000000000000000000000000000000000010;
    address internal constant PROXY_ADMIN = 0x4200000000000000000000000000000000000018;

    /// PHA on Ethereum.
    address internal constant L1_PHA = 0x6c5bA91642F10282b576d91922Ae6448C9d52f4E;
}
