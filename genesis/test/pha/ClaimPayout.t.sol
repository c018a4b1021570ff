// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Claim} from "../../contracts/pha/Claims.sol";
import {ClaimPayout} from "../../contracts/pha/ClaimPayout.sol";
import {ClaimVesting} from "../../contracts/pha/ClaimVesting.sol";
import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {ClaimFixture} from "./ClaimFixture.sol";

/// Vesting, stakes and withdrawal requests of claims.
contract ClaimPayoutTest is ClaimFixture {
    event VestingCreated(
        address indexed holder, uint256 id, uint256 amount, uint256 released, uint32 start, uint32 end
    );
    event VestingReleased(address indexed holder, uint256 amount);

    bytes32 private constant VESTING = keccak256("vesting");
    bytes32 private constant LATER = keccak256("later");
    bytes32 private constant OVER = keccak256("over");
    bytes32 private constant HUGE = keccak256("huge");
    bytes32 private constant STAKER = keccak256("staker");
    bytes32 private constant OTHER_STAKER = keccak256("other staker");
    bytes32 private constant MANY = keccak256("many");
    address private to = account("to");

    function setUp() public {
        uint32 start = uint32(START) - 100;
        owe(Owed(VESTING, 1 ether, 1_000, start, start + 1_100, "", ""));
        owe(Owed(LATER, 0, 700, uint32(START) + 500, uint32(START) + 1_200, "", ""));
        owe(Owed(OVER, 0, 9, start, start, "", ""));
        owe(
            Owed(
                STAKER,
                0,
                0,
                0,
                0,
                bytes.concat(stakeRow(1, 11), stakeRow(7, type(uint128).max)),
                bytes.concat(requestRow(9, START - 5, 3))
            )
        );
        owe(Owed(OTHER_STAKER, 0, 0, 0, 0, stakeRow(2, 5), ""));
        owe(Owed(MANY, 2 ether, 0, 0, 0, many(1_100), requestRow(4_000, START, 1)));
        begin(true);
    }

    /// More stakes than one chunk holds: pools 1 to `count`, with as many shares as the pool's number.
    function many(uint32 count) private pure returns (bytes memory rows) {
        for (uint32 pid = 1; pid <= count; ++pid) {
            rows = bytes.concat(rows, stakeRow(pid, pid));
        }
    }

    function claim(bytes32 from) private {
        claims.claim(signedClaim(from, to));
    }

    function due(uint256 id) private view returns (uint256 amount) {
        (, amount) = claims.vesting(to, id);
    }

    // Vesting.

    function test_ReleasesEvenly() public {
        Claim memory vesting = signedClaim(VESTING, to);
        vm.expectEmit(true, true, true, true, address(claims));
        emit VestingCreated(to, 0, 1_000, 90, uint32(START) - 100, uint32(START) + 1_000);
        claims.claim(vesting);
        vm.assertEq(pha.balanceOf(to), 1 ether + 90, "100 of 1,100 seconds");

        vm.assertEq(claims.release(to, 0, 1), 0, "nothing more");
        vm.warp(START + 450);
        vm.assertEq(due(0), 410, "half");
        vm.expectEmit(true, true, true, true, address(claims));
        emit VestingReleased(to, 410);
        vm.assertEq(claims.release(to, 0, 1), 410);
        vm.warp(START + 999);
        claims.release(to, 0, 1);
        vm.assertEq(pha.balanceOf(to), 1 ether + 999);
        vm.warp(START + 5_000);
        claims.release(to, 0, 1);
        vm.assertEq(pha.balanceOf(to), 1 ether + 1_000);
        vm.assertEq(claims.release(to, 0, 1), 0, "over");
        (ClaimVesting.Schedule memory schedule,) = claims.vesting(to, 0);
        vm.assertEq(uint256(schedule.released), 1_000);
    }

    function test_KeepsSchedulesSideBySide() public {
        claim(VESTING);
        claim(LATER);
        vm.assertEq(claims.vestingCount(to), 2);
        vm.assertEq(due(1), 0, "not begun");
        vm.warp(START + 500);
        vm.assertEq(due(1), 0, "at its start");
        vm.warp(START + 600);
        vm.assertEq(due(1), 100, "a seventh");

        vm.assertEq(claims.release(to, 1, 1), 100, "the second alone");
        vm.assertEq(claims.release(to, 0, type(uint256).max), 636 - 90, "the other");
        vm.assertEq(claims.release(to, 2, 1), 0, "beyond the last");
        vm.assertEq(claims.release(to, type(uint256).max, type(uint256).max), 0, "far beyond");
        vm.warp(START + 2_000);
        vm.assertEq(claims.release(to, 1, 100), 600, "the rest of the second");
        vm.assertEq(claims.release(to, 0, 1), 1_000 - 636, "the rest of the first");
        vm.assertEq(pha.balanceOf(to), 1 ether + 1_000 + 700);
        vm.assertEq(pha.balanceOf(address(claims)), 2 ether + 9);
    }

    function test_PaysWhatHasVestedWithTheClaim() public {
        claim(OVER);
        vm.assertEq(claims.vestingCount(to), 0);
        vm.assertEq(pha.balanceOf(to), 9);
        vm.warp(START + 850);
        claim(LATER);
        vm.assertEq(pha.balanceOf(to), 9 + 350);
        vm.assertEq(pha.vestingVotes(to), 350);
        (ClaimVesting.Schedule memory schedule,) = claims.vesting(to, 0);
        vm.assertEq(uint256(schedule.released), 350);
    }

    function test_VotesWithWhatVests() public {
        claim(VESTING);
        vm.assertEq(pha.getVotes(to), 1 ether + 1_000);
        vm.assertEq(pha.vestingVotes(to), 910);
        vm.assertEq(pha.getVotes(address(claims)), funding - 1 ether - 1_000);
        vm.warp(START + 450);
        claims.release(to, 0, 1);
        vm.assertEq(pha.getVotes(to), 1 ether + 1_000);
        vm.assertEq(pha.vestingVotes(to), 500);
        address friend = account("friend");
        vm.startPrank(to);
        pha.delegate(friend);
        pha.transfer(account("buyer"), 1 ether + 500);
        vm.stopPrank();
        vm.assertEq(pha.getVotes(friend), 500);
    }

    function test_RefusesMoreVestingThanAScheduleHolds() public {
        owe(Owed(HUGE, 0, uint128(1) << 96, 0, type(uint32).max, "", ""));
        begin(true);
        Claim memory huge = signedClaim(HUGE, to);
        vm.expectRevert(abi.encodeWithSelector(ClaimVesting.VestingTooLarge.selector, uint128(1) << 96));
        claims.claim(huge);
    }

    // Stakes and requests.

    function note(uint256 i) private view returns (bytes memory) {
        (bytes32 account_, address to_, uint32 pid, uint128 shares, bool request) = pools.notes(i);
        return abi.encode(account_, to_, pid, shares, request);
    }

    function test_MovesStakesAndRequests() public {
        claim(STAKER);
        vm.assertEq(pools.count(), 3);
        vm.assertEq(note(0), abi.encode(STAKER, to, 1, 11, false));
        vm.assertEq(note(1), abi.encode(STAKER, to, 7, type(uint128).max, false));
        vm.assertEq(note(2), abi.encode(STAKER, to, 9, 0, true));
        vm.assertEq(claims.rowsLeft(STAKER), 0);
        claim(OTHER_STAKER);
        vm.assertEq(note(3), abi.encode(OTHER_STAKER, to, 2, 5, false));
        claims.moveRows(indexOf(STAKER), 5);
        vm.assertEq(pools.count(), 4);
    }

    function test_MovesTheRestOfManyStakesLater() public {
        uint32 index = indexOf(MANY);
        vm.expectRevert(abi.encodeWithSelector(ClaimPayout.NotClaimed.selector, MANY));
        claims.moveRows(index, 1);

        Claim memory first = signedClaim(MANY, to);
        first.rows = 64;
        claims.claim(first);
        vm.assertEq(pha.balanceOf(to), 2 ether);
        vm.assertEq(pools.count(), 64);
        vm.assertEq(claims.rowsLeft(MANY), 1_101 - 64);
        vm.prank(account("somebody"));
        claims.moveRows(index, 1_000);
        vm.assertEq(claims.rowsLeft(MANY), 37);
        claims.moveRows(index, 1_000);
        vm.assertEq(claims.rowsLeft(MANY), 0);
        claims.moveRows(index, 1_000);

        vm.assertEq(pools.count(), 1_101);
        for (uint32 i; i < 1_100; ++i) {
            vm.assertEq(note(i), abi.encode(MANY, to, i + 1, i + 1, false), "stake");
        }
        vm.assertEq(note(1_100), abi.encode(MANY, to, 4_000, 0, true));
    }

    function test_ClaimsWithoutMovingStakes() public {
        Claim memory staker = signedClaim(STAKER, to);
        staker.rows = 0;
        claims.claim(staker);
        vm.assertEq(pools.count(), 0);
        vm.assertEq(claims.rowsLeft(STAKER), 3);
        claims.moveRows(indexOf(STAKER), 2);
        vm.assertEq(note(1), abi.encode(STAKER, to, 7, type(uint128).max, false));
        claims.moveRows(indexOf(STAKER), 1);
        vm.assertEq(note(2), abi.encode(STAKER, to, 9, 0, true));
        vm.assertEq(claims.rowsLeft(STAKER), 0);
    }

    function test_ClaimsNothingIfAPoolRefuses() public {
        Claim memory staker = signedClaim(STAKER, to);
        vm.etch(PhaAddresses.STAKE_POOLS, hex"5f5ffd");
        vm.expectRevert();
        claims.claim(staker);
        vm.assertEq(claims.claimedTo(STAKER), address(0));
    }
}
