// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// What the other PHA contracts ask the claims contract.
interface IClaims {
    /// The address an account of the parachain has claimed to; zero as long as it has not.
    function claimedTo(bytes32 account) external view returns (address);
}
