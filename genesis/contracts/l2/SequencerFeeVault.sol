// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {FeeVault} from "./FeeVault.sol";

/// Collects priority fees: it is the coinbase of every block.
contract SequencerFeeVault is FeeVault {
    string public constant version = "1.6.1+phala";

    /// The recipient, as the first vault called it.
    function l1FeeWallet() external view returns (address) {
        return recipient;
    }
}
