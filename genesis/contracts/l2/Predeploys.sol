// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// Addresses the protocol fixes.
library Predeploys {
    address internal constant L1_BLOCK = 0x4200000000000000000000000000000000000015;
    address internal constant L2_TO_L1_MESSAGE_PASSER = 0x4200000000000000000000000000000000000016;

    /// Sender of the L1-attributes deposit; no key exists for it.
    address internal constant DEPOSITOR = 0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001;
}

interface IL2ToL1MessagePasser {
    function initiateWithdrawal(address target, uint256 gasLimit, bytes calldata data) external payable;
}

interface IOwned {
    function owner() external view returns (address);
}
