// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PhaAddresses} from "./PhaAddresses.sol";
import {PhaToken} from "./PhaToken.sol";
import {TimelockOwned} from "./TimelockOwned.sol";

/// The treasury of the parachain, spent by governance. Before activation it holds the deposit that pays for the
/// whole migration.
///
/// Storage, for those who write a genesis: slot 0 is the number n of earmarks, which are at keccak(0) + 2 i: the
/// account of the parachain the PHA was in, and the word after it: the amount.
contract Treasury is TimelockOwned {
    /// PHA that governance of the parachain had set aside: a bounty, an approved proposal, a pot.
    struct Earmark {
        bytes32 account;
        uint256 amount;
    }

    event Paid(address indexed to, uint256 amount, bytes32 indexed purpose);
    /// Says what part of the treasury is meant for. Nothing enforces it but those who vote.
    event Earmarked(bytes32 indexed purpose, uint256 amount);

    error OnlyMigrationRecord(address caller);

    Earmark[] private earmarks;

    /// Pays out of the treasury. The purpose is what was earmarked, or the hash of a public document.
    function pay(address to, uint256 amount, bytes32 purpose) external {
        requireTimelock();
        requireActive();
        emit Paid(to, amount, purpose);
        PhaToken(PhaAddresses.PHA).transfer(to, amount);
    }

    function earmark(bytes32 purpose, uint256 amount) external {
        requireTimelock();
        emit Earmarked(purpose, amount);
    }

    /// Passes the funding of the other contracts on, at activation, and tells of the earmarks of the parachain.
    function distribute(uint256 claims, uint256 stakePools, uint256 rewardStream, uint256 escrow) external {
        if (msg.sender != PhaAddresses.MIGRATION_RECORD) revert OnlyMigrationRecord(msg.sender);
        for (uint256 i; i < earmarks.length; ++i) {
            emit Earmarked(earmarks[i].account, earmarks[i].amount);
        }
        PhaToken pha = PhaToken(PhaAddresses.PHA);
        pha.transfer(PhaAddresses.CLAIMS, claims);
        pha.transfer(PhaAddresses.STAKE_POOLS, stakePools);
        pha.transfer(PhaAddresses.REWARD_STREAM, rewardStream);
        pha.transfer(PhaAddresses.ESCROW, escrow);
    }

    /// What the genesis has earmarked.
    function earmarkAt(uint256 index) external view returns (Earmark memory) {
        return earmarks[index];
    }

    function earmarkCount() external view returns (uint256) {
        return earmarks.length;
    }
}
