// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// What staking and governance ask the PHA token. It reverts where it fails, so nothing here looks at a `bool`.
interface IPhaVotes {
    function balanceOf(address holder) external view returns (uint256);
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);

    function delegates(address holder) external view returns (address);
    function getVotes(address delegatee) external view returns (uint256);
    function getPastVotes(address delegatee, uint256 timepoint) external view returns (uint256);
    function getPastEligibleSupply(uint256 timepoint) external view returns (uint256);
}
