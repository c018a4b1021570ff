// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {FeeVault} from "./FeeVault.sol";

/// Collects operator fees.
contract OperatorFeeVault is FeeVault {
    string public constant version = "1.1.1+phala";
}
