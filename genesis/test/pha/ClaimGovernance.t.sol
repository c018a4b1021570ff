// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ClaimGovernance} from "../../contracts/pha/ClaimGovernance.sol";
import {ClaimPayout} from "../../contracts/pha/ClaimPayout.sol";
import {Pausable} from "../../contracts/pha/Pausable.sol";
import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {TimelockOwned} from "../../contracts/pha/TimelockOwned.sol";
import {ClaimFixture} from "./ClaimFixture.sol";

/// What governance may do with claims, and what it may not.
contract ClaimGovernanceTest is ClaimFixture {
    event ClaimProposed(uint32 indexed index, bytes32 indexed account, address to, bytes32 evidence, uint64 due);
    event ClaimProposalCancelled(uint32 indexed index);
    event Paused(uint64 until);

    bytes32 private constant LOST = keccak256("lost");
    bytes32 private constant EVIDENCE = keccak256("evidence");
    uint64 private constant DELAY = 14 days;
    address private to = account("to");

    function setUp() public {
        owe(Owed(LOST, 10 ether, 5 ether, uint32(START), uint32(START) + 28 days, stakeRow(1, 2), ""));
        begin(true);
    }

    function propose(address to_) private {
        vm.prank(PhaAddresses.TIMELOCK);
        claims.proposeClaim(0, to_, EVIDENCE);
    }

    // Claims by governance.

    function test_PaysWhatGovernanceProposedTwoWeeksAgo() public {
        vm.expectEmit(true, true, true, true, address(claims));
        emit ClaimProposed(0, LOST, to, EVIDENCE, START + DELAY);
        propose(to);
        (address to_, uint64 due, bytes32 evidence) = claims.proposals(0);
        vm.assertEq(abi.encode(to_, due, evidence), abi.encode(to, START + DELAY, EVIDENCE));
        vm.warp(START + DELAY - 1);
        vm.expectRevert(abi.encodeWithSelector(ClaimGovernance.NotDue.selector, START + DELAY));
        claims.executeProposal(0, 1);
        vm.warp(START + DELAY);
        vm.prank(account("somebody"));
        claims.executeProposal(0, 1);
        vm.assertEq(claims.claimedTo(LOST), to);
        vm.assertEq(pha.balanceOf(to), 12.5 ether);
        vm.assertEq(claims.vestingCount(to), 1);
        vm.assertEq(pools.count(), 1);
        vm.expectRevert(abi.encodeWithSelector(ClaimGovernance.NoProposal.selector, 0));
        claims.executeProposal(0, 1);
    }

    function test_LetsTheOwnerClaimFirst() public {
        propose(to);
        address owner = account("owner");
        claims.claim(signedClaim(LOST, owner));
        vm.warp(START + DELAY);
        vm.expectRevert(abi.encodeWithSelector(ClaimPayout.AlreadyClaimed.selector, LOST, owner));
        claims.executeProposal(0, 1);
        vm.expectRevert(abi.encodeWithSelector(ClaimPayout.AlreadyClaimed.selector, LOST, owner));
        propose(to);
    }

    function test_StartsTheDelayAnewWithANewProposal() public {
        propose(account("mistake"));
        vm.warp(START + 10 days);
        propose(to);
        vm.warp(START + DELAY);
        vm.expectRevert(abi.encodeWithSelector(ClaimGovernance.NotDue.selector, START + 10 days + DELAY));
        claims.executeProposal(0, 1);
        vm.warp(START + 10 days + DELAY);
        claims.executeProposal(0, 1);
        vm.assertEq(claims.claimedTo(LOST), to);
    }

    function test_CancelsAProposal() public {
        propose(to);
        vm.expectEmit(true, true, true, true, address(claims));
        emit ClaimProposalCancelled(0);
        vm.prank(PhaAddresses.TIMELOCK);
        claims.cancelProposal(0);
        vm.warp(START + DELAY);
        vm.expectRevert(abi.encodeWithSelector(ClaimGovernance.NoProposal.selector, 0));
        claims.executeProposal(0, 1);
        vm.expectRevert(abi.encodeWithSelector(ClaimGovernance.NoProposal.selector, 0));
        vm.prank(PhaAddresses.TIMELOCK);
        claims.cancelProposal(0);
    }

    function test_WantsEvidenceAndADestination() public {
        vm.startPrank(PhaAddresses.TIMELOCK);
        vm.expectRevert(ClaimGovernance.NoEvidence.selector);
        claims.proposeClaim(0, to, 0);
        vm.expectRevert(abi.encodeWithSelector(ClaimPayout.InvalidDestination.selector, address(0)));
        claims.proposeClaim(0, address(0), EVIDENCE);
        vm.stopPrank();
    }

    function testFuzz_HearsNobodyButTheTimelock(address other) public {
        vm.assume(other != PhaAddresses.TIMELOCK && other != PhaAddresses.PROXY_ADMIN);
        bytes memory reason = abi.encodeWithSelector(TimelockOwned.OnlyTimelock.selector, other);
        vm.startPrank(other);
        vm.expectRevert(reason);
        claims.proposeClaim(0, to, EVIDENCE);
        vm.expectRevert(reason);
        claims.cancelProposal(0);
        vm.expectRevert(reason);
        claims.pause(START + 1);
        vm.stopPrank();
    }

    // The pause.

    function pause(uint64 until) private {
        vm.prank(PhaAddresses.TIMELOCK);
        claims.pause(until);
    }

    function test_PausesForThreeDaysAtMost() public {
        vm.expectRevert(abi.encodeWithSelector(Pausable.PauseTooLong.selector, START + 72 hours + 1, START + 72 hours));
        pause(START + 72 hours + 1);
        vm.expectEmit(true, true, true, true, address(claims));
        emit Paused(START + 72 hours);
        pause(START + 72 hours);
        vm.assertEq(uint256(claims.pausedUntil()), START + 72 hours);
        vm.warp(START + 72 hours - 1);
        vm.expectRevert(abi.encodeWithSelector(Pausable.IsPaused.selector, START + 72 hours));
        claims.release(to, 0, 1);
        vm.warp(START + 72 hours);
        claims.release(to, 0, 1);
    }

    function test_ShortensAndLengthensAPauseWithinItsThreeDays() public {
        pause(START + 1 hours);
        vm.warp(START + 30 minutes);
        pause(0);
        claims.release(to, 0, 1);
        vm.warp(START + 71 hours);
        pause(START + 72 hours);
        vm.expectRevert(abi.encodeWithSelector(Pausable.PauseTooLong.selector, START + 73 hours, START + 72 hours));
        pause(START + 73 hours);
    }

    function test_RestsBetweenPauses() public {
        pause(START + 1 hours);
        for (uint64 hour = 72; hour < 144; hour += 71) {
            vm.warp(START + hour * 1 hours);
            vm.expectRevert(abi.encodeWithSelector(Pausable.PauseTooSoon.selector, START + 144 hours));
            pause(START + 144 hours);
            // Ending one that has ended is no pause.
            pause(uint64(block.timestamp));
        }
        vm.warp(START + 144 hours);
        pause(START + 216 hours);
        vm.expectRevert(abi.encodeWithSelector(Pausable.IsPaused.selector, START + 216 hours));
        claims.release(to, 0, 1);
    }
}
