// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {
    TimelockControllerUpgradeable
} from "@openzeppelin/contracts-upgradeable/governance/TimelockControllerUpgradeable.sol";

import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {PhaTimelock} from "../../contracts/pha/PhaTimelock.sol";
import {Council} from "./Council.sol";

/// A timelock as its library initializes it.
contract InitializedTimelock is TimelockControllerUpgradeable {}

contract PhaTimelockTest is Council {
    bytes private constant NOTHING = "";

    /// An operation that calls the governor's account, which accepts anything here.
    function schedule(bytes32 salt) private returns (bytes32 operation) {
        operation = TIMELOCK.hashOperation(alice, 0, NOTHING, 0, salt);
        vm.prank(PhaAddresses.GOVERNOR);
        TIMELOCK.schedule(alice, 0, NOTHING, 0, salt, 8 days);
    }

    function voteToCancel(uint256 i, bytes32 operation) private {
        vm.prank(member(i));
        TIMELOCK.voteToCancel(operation);
    }

    function voteToPause(uint256 i, address target, uint64 until) private {
        vm.prank(member(i));
        TIMELOCK.voteToPause(target, until);
    }

    // Genesis.

    function test_the_genesis_writes_what_the_library_would_initialize() public {
        InitializedTimelock library_ = new InitializedTimelock();
        address[] memory governor = new address[](1);
        address[] memory anybody = new address[](1);
        governor[0] = PhaAddresses.GOVERNOR;
        library_.initialize(8 days, governor, anybody, address(0));
        vm.assertEq(TIMELOCK.getMinDelay(), library_.getMinDelay());
        bytes32[4] memory roles =
            [bytes32(0), keccak256("PROPOSER_ROLE"), keccak256("CANCELLER_ROLE"), keccak256("EXECUTOR_ROLE")];
        for (uint256 i = 0; i < 4; i++) {
            vm.assertEq(
                TIMELOCK.hasRole(roles[i], PhaAddresses.GOVERNOR), library_.hasRole(roles[i], PhaAddresses.GOVERNOR)
            );
            vm.assertEq(TIMELOCK.hasRole(roles[i], address(0)), library_.hasRole(roles[i], address(0)));
            // The council cancels through the timelock itself; the library gives itself nothing but administration.
            bool itself = library_.hasRole(roles[i], address(library_)) || i == 2;
            vm.assertEq(TIMELOCK.hasRole(roles[i], PhaAddresses.TIMELOCK), itself);
            vm.assertFalse(TIMELOCK.hasRole(roles[i], alice), "nobody else");
        }
        vm.assertEq(TIMELOCK.councilSeats().length, 6);
        vm.assertEq(TIMELOCK.councilSeats()[5], councillor(5));
        vm.assertEq(TIMELOCK.committeeSeats().length, 4);
        vm.assertEq(TIMELOCK.committeeSeats()[3], technician(3));
    }

    /// The words themselves: of the library's contract, at the slots the genesis writes.
    function test_the_library_keeps_its_words_where_the_genesis_writes_them() public {
        InitializedTimelock library_ = new InitializedTimelock();
        address[] memory governor = new address[](1);
        governor[0] = PhaAddresses.GOVERNOR;
        library_.initialize(8 days, governor, new address[](1), address(0));
        bytes32 delay = 0x9a37c2aa9d186a0969ff8a8267bf4e07e864c2f2768f5040949e28a624fb3601;
        bytes32 roles = 0x02dd7bc7dec4dceedda775e58dd541e08a116c6c53815c0bd028192f7b626800;
        vm.assertEq(uint256(vm.load(address(library_), delay)), 691_200);
        vm.assertEq(uint256(vm.load(address(library_), role(roles, 0, address(library_)))), 1);
        vm.assertEq(uint256(vm.load(address(library_), named(roles, "PROPOSER_ROLE", PhaAddresses.GOVERNOR))), 1);
        vm.assertEq(uint256(vm.load(address(library_), named(roles, "CANCELLER_ROLE", PhaAddresses.GOVERNOR))), 1);
        vm.assertEq(uint256(vm.load(address(library_), named(roles, "EXECUTOR_ROLE", address(0)))), 1);
    }

    function named(bytes32 roles, string memory name, address who) private pure returns (bytes32) {
        return role(roles, keccak256(bytes(name)), who);
    }

    function role(bytes32 roles, bytes32 id, address who) private pure returns (bytes32) {
        return keccak256(abi.encode(who, keccak256(abi.encode(id, roles))));
    }

    function test_nobody_initializes_it_again() public {
        vm.expectRevert(PhaTimelock.WrittenByGenesis.selector);
        TIMELOCK.initialize(0, new address[](0), new address[](0), address(this));
    }

    // Council.

    function test_two_thirds_of_the_active_council_cancel() public {
        seatCouncil(5);
        bytes32 operation = schedule(0);
        // 4 of 5: 3 are less than two thirds.
        for (uint256 i = 0; i < 3; i++) {
            voteToCancel(i, operation);
        }
        voteToCancel(2, operation);
        vm.assertTrue(TIMELOCK.isOperationPending(operation), "pending");
        voteToCancel(4, operation);
        vm.assertFalse(TIMELOCK.isOperation(operation), "cancelled");
    }

    function test_two_of_three_active_seats_cancel() public {
        seatCouncil(3);
        bytes32 operation = schedule(0);
        voteToCancel(0, operation);
        vm.assertTrue(TIMELOCK.isOperationPending(operation), "one");
        voteToCancel(1, operation);
        vm.assertFalse(TIMELOCK.isOperation(operation), "two");
    }

    function test_a_council_of_fewer_than_three_cancels_nothing() public {
        seatCouncil(2);
        bytes32 operation = schedule(0);
        vm.prank(member(0));
        vm.expectRevert(abi.encodeWithSelector(PhaTimelock.TooFewActive.selector, 2, 3));
        TIMELOCK.voteToCancel(operation);
    }

    function test_only_claimed_seats_vote() public {
        seatCouncil(3);
        bytes32 operation = schedule(0);
        vm.prank(member(3));
        vm.expectRevert(abi.encodeWithSelector(PhaTimelock.NoSeat.selector, member(3)));
        TIMELOCK.voteToCancel(operation);
        vm.prank(address(0));
        vm.expectRevert(abi.encodeWithSelector(PhaTimelock.NoSeat.selector, address(0)));
        TIMELOCK.voteToCancel(operation);
    }

    function test_who_claimed_two_seats_to_one_address_votes_with_both() public {
        seatCouncil(3);
        claim(councillor(3), member(0));
        claim(councillor(4), member(0));
        bytes32 operation = schedule(0);
        voteToCancel(1, operation);
        vm.assertTrue(TIMELOCK.isOperationPending(operation), "1 of 5");
        voteToCancel(0, operation);
        vm.assertFalse(TIMELOCK.isOperation(operation), "4 of 5");
    }

    function test_seats_that_become_active_raise_the_bar() public {
        seatCouncil(3);
        bytes32 operation = schedule(0);
        voteToCancel(0, operation);
        seatCouncil(6);
        voteToCancel(1, operation);
        voteToCancel(2, operation);
        vm.assertTrue(TIMELOCK.isOperationPending(operation), "3 of 6");
        voteToCancel(3, operation);
        vm.assertFalse(TIMELOCK.isOperation(operation), "4 of 6");
    }

    function test_the_council_votes_on_what_is_pending_only() public {
        seatCouncil(3);
        bytes32 operation = schedule(0);
        vm.prank(member(0));
        vm.expectRevert(abi.encodeWithSelector(PhaTimelock.NotPending.selector, keccak256("no")));
        TIMELOCK.voteToCancel(keccak256("no"));
        later(8 days);
        TIMELOCK.execute(alice, 0, NOTHING, 0, 0);
        vm.prank(member(0));
        vm.expectRevert(abi.encodeWithSelector(PhaTimelock.NotPending.selector, operation));
        TIMELOCK.voteToCancel(operation);
    }

    function test_what_is_scheduled_again_needs_votes_again() public {
        seatCouncil(3);
        bytes32 operation = schedule(0);
        voteToCancel(0, operation);
        voteToCancel(1, operation);
        schedule(0);
        voteToCancel(2, operation);
        vm.assertTrue(TIMELOCK.isOperationPending(operation), "1 of 3");
    }

    function test_votes_of_a_former_council_do_not_count() public {
        seatCouncil(3);
        bytes32 operation = schedule(0);
        voteToCancel(0, operation);
        bytes32[] memory seats = new bytes32[](3);
        for (uint256 i = 0; i < 3; i++) {
            seats[i] = bytes32(uint256(uint160(member(10 + i))));
        }
        vm.prank(PhaAddresses.TIMELOCK);
        TIMELOCK.setCouncil(seats);
        voteToCancel(11, operation);
        vm.assertTrue(TIMELOCK.isOperationPending(operation), "1 of 3");
        voteToCancel(12, operation);
        vm.assertFalse(TIMELOCK.isOperation(operation), "2 of 3");
    }

    // Committee.

    function test_two_thirds_of_the_active_committee_pause() public {
        seatCommittee(3);
        uint64 until = uint64(block.timestamp + 72 hours);
        voteToPause(0, PhaAddresses.STAKE_POOLS, until);
        vm.assertEq(POOLS.pausedUntil(), 0);
        // Another time is another vote.
        voteToPause(1, PhaAddresses.STAKE_POOLS, until - 1);
        vm.assertEq(POOLS.pausedUntil(), 0);
        voteToPause(1, PhaAddresses.STAKE_POOLS, until);
        vm.assertEq(POOLS.pausedUntil(), until);
    }

    function test_a_committee_of_one_pauses_nothing() public {
        seatCommittee(1);
        vm.prank(member(0));
        vm.expectRevert(abi.encodeWithSelector(PhaTimelock.TooFewActive.selector, 1, 2));
        TIMELOCK.voteToPause(PhaAddresses.STAKE_POOLS, uint64(block.timestamp + 1));
        seatCommittee(2);
        uint64 until = uint64(block.timestamp + 1);
        voteToPause(0, PhaAddresses.STAKE_POOLS, until);
        vm.assertEq(POOLS.pausedUntil(), 0);
        voteToPause(1, PhaAddresses.STAKE_POOLS, until);
        vm.assertEq(POOLS.pausedUntil(), until);
    }

    function test_a_pause_is_of_claims_or_pools_and_of_72_hours_at_most() public {
        seatCommittee(2);
        vm.prank(member(0));
        vm.expectRevert(abi.encodeWithSelector(PhaTimelock.NotPausable.selector, PhaAddresses.PHA));
        TIMELOCK.voteToPause(PhaAddresses.PHA, uint64(block.timestamp + 1));
        uint64 late = uint64(block.timestamp + 72 hours + 1);
        vm.prank(member(0));
        vm.expectRevert(abi.encodeWithSelector(PhaTimelock.PauseOutOfBounds.selector, late));
        TIMELOCK.voteToPause(PhaAddresses.CLAIMS, late);
        vm.prank(member(0));
        vm.expectRevert(abi.encodeWithSelector(PhaTimelock.PauseOutOfBounds.selector, uint64(block.timestamp)));
        TIMELOCK.voteToPause(PhaAddresses.CLAIMS, uint64(block.timestamp));
        vm.prank(member(5));
        vm.expectRevert(abi.encodeWithSelector(PhaTimelock.NoSeat.selector, member(5)));
        TIMELOCK.voteToPause(PhaAddresses.CLAIMS, uint64(block.timestamp + 1));
    }

    function test_the_next_pause_comes_sixteen_days_after_the_end_of_one() public {
        seatCommittee(2);
        uint64 until = uint64(block.timestamp + 1 hours);
        voteToPause(0, PhaAddresses.STAKE_POOLS, until);
        voteToPause(1, PhaAddresses.STAKE_POOLS, until);
        vm.warp(until + 16 days - 1);
        vm.prank(member(0));
        vm.expectRevert(
            abi.encodeWithSelector(PhaTimelock.PausedLately.selector, PhaAddresses.STAKE_POOLS, until + 16 days)
        );
        TIMELOCK.voteToPause(PhaAddresses.STAKE_POOLS, until + 17 days);
        vm.warp(until + 16 days);
        voteToPause(0, PhaAddresses.STAKE_POOLS, until + 17 days);
        voteToPause(1, PhaAddresses.STAKE_POOLS, until + 17 days);
        vm.assertEq(POOLS.pausedUntil(), until + 17 days);
    }

    // Seats.

    function test_only_governance_changes_the_seats() public {
        bytes memory error =
            abi.encodeWithSelector(TimelockControllerUpgradeable.TimelockUnauthorizedCaller.selector, address(this));
        vm.expectRevert(error);
        TIMELOCK.setCouncil(new bytes32[](1));
        vm.expectRevert(error);
        TIMELOCK.setCommittee(new bytes32[](1));
        vm.prank(PhaAddresses.TIMELOCK);
        TIMELOCK.setCommittee(new bytes32[](32));
        vm.assertEq(TIMELOCK.committeeSeats().length, 32);
        vm.prank(PhaAddresses.TIMELOCK);
        vm.expectRevert(abi.encodeWithSelector(PhaTimelock.TooManySeats.selector, 33));
        TIMELOCK.setCouncil(new bytes32[](33));
    }
}
