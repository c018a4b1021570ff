// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// What the claims contract asks the stake pools.
interface IStakePools {
    /// Moves shares the claims contract holds for `account` to `to`.
    function claimStake(bytes32 account, address to, uint32 pid, uint128 shares) external;

    /// Makes an open withdrawal request of `account` one of `to`, and pays out what it was paid meanwhile.
    function claimRequest(bytes32 account, address to, uint32 pid) external;
}
