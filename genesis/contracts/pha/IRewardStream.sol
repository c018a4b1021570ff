// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// What the stake pools ask the reward stream.
interface IRewardStream {
    /// Pays staking's part to the pools, the caller. With nothing staked it returns to the budget.
    function takeStaking(bool anythingStaked) external returns (uint256 amount);

    /// What `takeStaking` would pay now.
    function pendingStaking() external view returns (uint256);
}
