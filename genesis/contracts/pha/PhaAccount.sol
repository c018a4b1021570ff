// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IClaims} from "./IClaims.sol";
import {PhaAddresses} from "./PhaAddresses.sol";

/// Names whoever owns something in 32 bytes: an address behind 12 zero bytes, or an account of the parachain
/// (its AccountId as it is), which stands for the address it claims to. Nobody has the key of an AccountId that
/// starts with 12 zero bytes.
library PhaAccount {
    function fromAddress(address who) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(who)));
    }

    function isAddress(bytes32 account) internal pure returns (bool) {
        return uint256(account) >> 160 == 0;
    }

    /// The address an account stands for; zero for one that has not claimed.
    function resolve(bytes32 account) internal view returns (address) {
        if (isAddress(account)) return address(uint160(uint256(account)));
        return IClaims(PhaAddresses.CLAIMS).claimedTo(account);
    }
}
