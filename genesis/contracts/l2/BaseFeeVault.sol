// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {FeeVault} from "./FeeVault.sol";

/// Collects base fees, which are not burnt.
contract BaseFeeVault is FeeVault {
    string public constant version = "1.6.1+phala";
}
