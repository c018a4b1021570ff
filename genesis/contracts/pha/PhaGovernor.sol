// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {GovernorUpgradeable} from "@openzeppelin/contracts-upgradeable/governance/GovernorUpgradeable.sol";
import {
    GovernorCountingSimpleUpgradeable
} from "@openzeppelin/contracts-upgradeable/governance/extensions/GovernorCountingSimpleUpgradeable.sol";
import {
    GovernorSettingsUpgradeable
} from "@openzeppelin/contracts-upgradeable/governance/extensions/GovernorSettingsUpgradeable.sol";
import {
    GovernorTimelockControlUpgradeable
} from "@openzeppelin/contracts-upgradeable/governance/extensions/GovernorTimelockControlUpgradeable.sol";

import {IPhaVotes} from "./IPhaVotes.sol";
import {MigrationRecord} from "./MigrationRecord.sol";
import {PhaAddresses} from "./PhaAddresses.sol";

/// What the governor asks the stake pools.
interface IStakeVotes {
    function getPastVotes(address delegatee, uint256 timepoint) external view returns (uint256);
}

/// Decides by votes of PHA: what an account holds or vests, and what it has staked (see `StakePoolsVotes`).
///
/// A quorum is 4 % of the eligible supply at the time of the vote's snapshot: all PHA but that in claims, treasury,
/// reward stream and escrow, of which the token keeps checkpoints. Stake counts as eligible, claimed or not.
///
/// Proposals are taken once a fifth of the holders' PHA in the claims contract has been claimed, or 180 days after
/// activation, so that the first to claim do not decide alone.
///
/// Storage, for those who write a genesis. There is no initializer, so nothing is left to lock. Words of text hold
/// it in their high bytes and twice its length in the lowest:
///
///   slot 0   bit 0: open; 0 in a genesis
///   0x7c712897014dbe49c045ef1299aa2d5f9e67e48eea4403efa21f1e0f3ac0cb00       "Phala Governor", the name
///   0xa16a46d94261c7517cc8ff89f61c0ce93598e3c849801011dee649a6a557d100 + 2   "Phala Governor", of EIP-712's domain
///   0xa16a46d94261c7517cc8ff89f61c0ce93598e3c849801011dee649a6a557d100 + 3   "1", of EIP-712's domain
///   0x00d7616c8fe29c6c2fbe1d0c5bc8f2faa4c35b43746e70b24b4d532752affd00       1,000 * 10^18: threshold, wei of votes
///   the same + 1   bits 0-47 86,400: seconds before a vote || 48-79 604,800: seconds of a vote
///   0x0d5829787b8befdbc6044ef7457d8a95c2a04bc99235349f1a212c063e59d400       TIMELOCK
contract PhaGovernor is
    GovernorUpgradeable,
    GovernorSettingsUpgradeable,
    GovernorCountingSimpleUpgradeable,
    GovernorTimelockControlUpgradeable
{
    event Opened();

    /// See `MigrationRecord.activate`.
    error NotActive();
    /// Too little is claimed, and it is too early to decide without.
    error NotOpen(uint256 unclaimed, uint256 funding, uint256 opensAt);

    uint256 private constant QUORUM_PERCENT = 4;
    uint256 private constant CLAIMED_PERCENT = 20;
    uint256 private constant LONGEST_WAIT = 180 days;

    /// Once open, always open: whoever gives PHA to the claims contract cannot close it.
    bool public opened;

    /// Takes proposals from now on, if enough is claimed or the time has come. Anybody may call.
    function open() public {
        if (opened) return;
        MigrationRecord record = MigrationRecord(PhaAddresses.MIGRATION_RECORD);
        uint256 activatedAt = record.activatedAt();
        if (activatedAt == 0) revert NotActive();
        uint256 funding = record.claimsFunding();
        // PHA that vests has left these votes with its claim.
        uint256 unclaimed = IPhaVotes(PhaAddresses.PHA).getVotes(PhaAddresses.CLAIMS);
        bool isClaimed = unclaimed * 100 <= funding * (100 - CLAIMED_PERCENT);
        uint256 opensAt = activatedAt + LONGEST_WAIT;
        if (!isClaimed && block.timestamp < opensAt) revert NotOpen(unclaimed, funding, opensAt);
        opened = true;
        emit Opened();
    }

    function propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description
    ) public override returns (uint256) {
        open();
        return super.propose(targets, values, calldatas, description);
    }

    function quorum(uint256 timepoint) public view override returns (uint256) {
        return IPhaVotes(PhaAddresses.PHA).getPastEligibleSupply(timepoint) * QUORUM_PERCENT / 100;
    }

    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// Votes of PHA that is held, and of PHA that is staked.
    function _getVotes(address account, uint256 timepoint, bytes memory) internal view override returns (uint256) {
        return IPhaVotes(PhaAddresses.PHA).getPastVotes(account, timepoint)
            + IStakeVotes(PhaAddresses.STAKE_POOLS).getPastVotes(account, timepoint);
    }

    // Which of two parents answers.

    function state(uint256 proposalId)
        public
        view
        override(GovernorUpgradeable, GovernorTimelockControlUpgradeable)
        returns (ProposalState)
    {
        return super.state(proposalId);
    }

    function proposalNeedsQueuing(uint256 proposalId)
        public
        view
        override(GovernorUpgradeable, GovernorTimelockControlUpgradeable)
        returns (bool)
    {
        return super.proposalNeedsQueuing(proposalId);
    }

    function proposalThreshold()
        public
        view
        override(GovernorUpgradeable, GovernorSettingsUpgradeable)
        returns (uint256)
    {
        return super.proposalThreshold();
    }

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(GovernorUpgradeable, GovernorTimelockControlUpgradeable) returns (uint48) {
        return super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(GovernorUpgradeable, GovernorTimelockControlUpgradeable) {
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(GovernorUpgradeable, GovernorTimelockControlUpgradeable) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor()
        internal
        view
        override(GovernorUpgradeable, GovernorTimelockControlUpgradeable)
        returns (address)
    {
        return super._executor();
    }
}
