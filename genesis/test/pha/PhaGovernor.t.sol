// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {
    TimelockControllerUpgradeable
} from "@openzeppelin/contracts-upgradeable/governance/TimelockControllerUpgradeable.sol";

import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {PhaGovernor} from "../../contracts/pha/PhaGovernor.sol";
import {Council} from "./Council.sol";

/// The governor as its library initializes it.
contract InitializedGovernor is PhaGovernor {
    function initialize() external initializer {
        __Governor_init("Phala Governor");
        __GovernorSettings_init(1 days, 7 days, 1_000e18);
        __GovernorTimelockControl_init(TimelockControllerUpgradeable(payable(PhaAddresses.TIMELOCK)));
    }
}

contract PhaGovernorTest is Council {
    uint8 private constant AGAINST = 0;
    uint8 private constant FOR = 1;

    address[] private targets;
    uint256[] private values;
    bytes[] private calls;
    bytes32 private constant DESCRIPTION_HASH = keccak256("a better split");

    function setUp() public override {
        super.setUp();
        genesisMint(PhaAddresses.CLAIMS, 10_000_000 * ONE, true);
        vm.prank(alice);
        PHA.delegate(alice);
        vm.prank(bob);
        PHA.delegate(bob);
        targets.push(address(STREAM));
        values.push(0);
        calls.push(abi.encodeCall(STREAM.setSplit, (100_000, 500_000)));
        later(1);
    }

    /// A fifth of what the claims contract was funded with becomes somebody's.
    function claimFifth() private {
        vm.prank(PhaAddresses.CLAIMS);
        PHA.transfer(carol, 2_000_000 * ONE);
    }

    function propose() private returns (uint256) {
        vm.prank(alice);
        return GOVERNOR.propose(targets, values, calls, "a better split");
    }

    function vote(address who, uint256 id, uint8 support) private {
        vm.prank(who);
        GOVERNOR.castVote(id, support);
    }

    function stateOf(uint256 id) private view returns (uint256) {
        return uint256(GOVERNOR.state(id));
    }

    // Genesis.

    function test_the_genesis_writes_what_the_library_would_initialize() public {
        InitializedGovernor library_ = new InitializedGovernor();
        library_.initialize();
        bytes32[6] memory slots = [
            bytes32(0x7c712897014dbe49c045ef1299aa2d5f9e67e48eea4403efa21f1e0f3ac0cb00),
            0xa16a46d94261c7517cc8ff89f61c0ce93598e3c849801011dee649a6a557d102,
            0xa16a46d94261c7517cc8ff89f61c0ce93598e3c849801011dee649a6a557d103,
            0x00d7616c8fe29c6c2fbe1d0c5bc8f2faa4c35b43746e70b24b4d532752affd00,
            0x00d7616c8fe29c6c2fbe1d0c5bc8f2faa4c35b43746e70b24b4d532752affd01,
            0x0d5829787b8befdbc6044ef7457d8a95c2a04bc99235349f1a212c063e59d400
        ];
        for (uint256 i = 0; i < slots.length; i++) {
            vm.assertFalse(vm.load(address(library_), slots[i]) == 0, "a word");
            vm.assertEq(vm.load(address(GOVERNOR), slots[i]), vm.load(address(library_), slots[i]));
        }
        vm.assertEq(GOVERNOR.name(), "Phala Governor");
        vm.assertEq(GOVERNOR.version(), "1");
        vm.assertEq(GOVERNOR.votingDelay(), 1 days);
        vm.assertEq(GOVERNOR.votingPeriod(), 7 days);
        vm.assertEq(GOVERNOR.proposalThreshold(), 1_000 * ONE);
        vm.assertEq(GOVERNOR.timelock(), PhaAddresses.TIMELOCK);
        vm.assertEq(GOVERNOR.CLOCK_MODE(), "mode=timestamp");
        vm.assertEq(GOVERNOR.clock(), block.timestamp);
        vm.assertFalse(GOVERNOR.opened(), "opened");
    }

    // Opening.

    function test_proposals_wait_for_a_fifth_of_the_claims() public {
        bytes memory error =
            abi.encodeWithSelector(PhaGovernor.NotOpen.selector, 10_000_000 * ONE, 10_000_000 * ONE, START + 180 days);
        vm.expectRevert(error);
        propose();
        vm.prank(PhaAddresses.CLAIMS);
        PHA.transfer(carol, 2_000_000 * ONE - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                PhaGovernor.NotOpen.selector, 8_000_000 * ONE + 1, 10_000_000 * ONE, START + 180 days
            )
        );
        GOVERNOR.open();
        vm.prank(PhaAddresses.CLAIMS);
        PHA.transfer(carol, 1);
        GOVERNOR.open();
        vm.assertTrue(GOVERNOR.opened(), "opened");
        propose();
    }

    function test_proposals_wait_for_180_days_at_most() public {
        vm.warp(START + 180 days - 1);
        vm.expectRevert(
            abi.encodeWithSelector(PhaGovernor.NotOpen.selector, 10_000_000 * ONE, 10_000_000 * ONE, START + 180 days)
        );
        propose();
        vm.warp(START + 180 days);
        propose();
    }

    function test_nobody_proposes_before_activation() public {
        claimFifth();
        setActivatedAt(0);
        vm.warp(START + 181 days);
        vm.expectRevert(PhaGovernor.NotActive.selector);
        propose();
    }

    function test_what_is_given_to_the_claims_contract_does_not_close_the_governor() public {
        claimFifth();
        GOVERNOR.open();
        vm.prank(carol);
        PHA.transfer(PhaAddresses.CLAIMS, 1_000_000 * ONE);
        propose();
    }

    // Votes.

    function test_staked_and_held_pha_vote_alike() public {
        uint32 pid = newStakePool(0);
        deposit(alice, pid, 400_000 * ONE);
        later(1);
        vm.assertEq(PHA.getPastVotes(alice, block.timestamp - 1), 600_000 * ONE);
        vm.assertEq(GOVERNOR.getVotes(alice, block.timestamp - 1), 1_000_000 * ONE);
    }

    function test_stake_alone_passes_the_threshold_and_decides() public {
        claimFifth();
        uint32 pid = newStakePool(0);
        deposit(alice, pid, 1_000_000 * ONE);
        later(1);
        uint256 id = propose();
        later(1 days + 1);
        vote(alice, id, FOR);
        (, uint256 ayes,) = GOVERNOR.proposalVotes(id);
        vm.assertEq(ayes, 1_000_000 * ONE);
    }

    function test_below_the_threshold_nobody_proposes() public {
        claimFifth();
        vm.prank(bob);
        PHA.transfer(carol, 999_000 * ONE + 1);
        later(1);
        vm.prank(bob);
        vm.expectRevert(
            abi.encodeWithSelector(
                IGovernor.GovernorInsufficientProposerVotes.selector, bob, 1_000 * ONE - 1, 1_000 * ONE
            )
        );
        GOVERNOR.propose(targets, values, calls, "a better split");
    }

    function test_a_quorum_is_4_percent_of_what_is_in_nobodys_pot() public {
        // Four people with a million each, stake included.
        uint32 pid = newStakePool(0);
        deposit(bob, pid, 500_000 * ONE);
        later(1);
        vm.assertEq(GOVERNOR.quorum(block.timestamp - 1), 160_000 * ONE);
        vm.prank(carol);
        PHA.transfer(PhaAddresses.TREASURY, 500_000 * ONE);
        claimFifth();
        later(1);
        vm.assertEq(GOVERNOR.quorum(block.timestamp - 1), 4 * 5_500_000 * ONE / 100);
        vm.assertEq(GOVERNOR.quorum(block.timestamp - 2), 160_000 * ONE);
    }

    // The way of a proposal.

    function test_a_proposal_waits_a_day_is_voted_on_for_seven_and_done_eight_later() public {
        claimFifth();
        uint256 id = propose();
        uint256 start = block.timestamp;
        vm.assertEq(stateOf(id), uint256(IGovernor.ProposalState.Pending));
        vm.warp(start + 1 days + 1);
        vm.assertEq(stateOf(id), uint256(IGovernor.ProposalState.Active));
        vote(alice, id, FOR);
        vm.warp(start + 8 days + 1);
        vm.assertEq(stateOf(id), uint256(IGovernor.ProposalState.Succeeded));
        vm.assertTrue(GOVERNOR.proposalNeedsQueuing(id), "queue");
        GOVERNOR.queue(targets, values, calls, DESCRIPTION_HASH);
        vm.assertEq(stateOf(id), uint256(IGovernor.ProposalState.Queued));
        vm.warp(start + 16 days);
        vm.expectRevert(
            abi.encodeWithSelector(
                TimelockControllerUpgradeable.TimelockUnexpectedOperationState.selector,
                operationOf(),
                bytes32(uint256(1) << uint8(TimelockControllerUpgradeable.OperationState.Ready))
            )
        );
        GOVERNOR.execute(targets, values, calls, DESCRIPTION_HASH);
        vm.warp(start + 16 days + 1);
        GOVERNOR.execute(targets, values, calls, DESCRIPTION_HASH);
        vm.assertEq(stateOf(id), uint256(IGovernor.ProposalState.Executed));
        vm.assertEq(STREAM.treasuryPpm(), 100_000);
        vm.assertEq(STREAM.stakingPpm(), 500_000);
    }

    /// The timelock's name for the proposal, salted by the governor's address and the description.
    function operationOf() private view returns (bytes32) {
        bytes32 salt = bytes20(address(GOVERNOR)) ^ DESCRIPTION_HASH;
        return TIMELOCK.hashOperationBatch(targets, values, calls, 0, salt);
    }

    function test_the_council_cancels_what_was_decided() public {
        claimFifth();
        uint256 id = propose();
        later(1 days + 1);
        vote(alice, id, FOR);
        later(7 days);
        GOVERNOR.queue(targets, values, calls, DESCRIPTION_HASH);
        seatCouncil(3);
        bytes32 operation = operationOf();
        for (uint256 i = 0; i < 2; i++) {
            vm.prank(member(i));
            TIMELOCK.voteToCancel(operation);
        }
        vm.assertEq(stateOf(id), uint256(IGovernor.ProposalState.Canceled));
    }

    function test_without_a_quorum_or_a_majority_a_proposal_is_defeated() public {
        claimFifth();
        // 6 million are eligible: 240,000 decide.
        vm.prank(alice);
        PHA.transfer(carol, 760_000 * ONE + 1);
        later(1);
        uint256 id = propose();
        later(1 days + 1);
        vote(alice, id, FOR);
        later(7 days);
        vm.assertEq(stateOf(id), uint256(IGovernor.ProposalState.Defeated));

        vm.prank(alice);
        uint256 other = GOVERNOR.propose(targets, values, calls, "again");
        later(1 days + 1);
        vote(alice, other, FOR);
        vote(bob, other, AGAINST);
        later(7 days);
        vm.assertEq(stateOf(other), uint256(IGovernor.ProposalState.Defeated));
    }

    function test_a_proposer_takes_a_proposal_back_before_the_vote() public {
        claimFifth();
        uint256 id = propose();
        vm.prank(alice);
        GOVERNOR.cancel(targets, values, calls, DESCRIPTION_HASH);
        vm.assertEq(stateOf(id), uint256(IGovernor.ProposalState.Canceled));
    }

    function test_only_a_vote_changes_the_governors_settings() public {
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorOnlyExecutor.selector, address(this)));
        GOVERNOR.setVotingDelay(1);
        claimFifth();
        targets[0] = address(GOVERNOR);
        calls[0] = abi.encodeCall(GOVERNOR.setVotingDelay, (2 days));
        uint256 id = propose();
        later(1 days + 1);
        vote(alice, id, FOR);
        later(7 days);
        GOVERNOR.queue(targets, values, calls, DESCRIPTION_HASH);
        later(8 days);
        GOVERNOR.execute(targets, values, calls, DESCRIPTION_HASH);
        vm.assertEq(GOVERNOR.votingDelay(), 2 days);
    }
}
