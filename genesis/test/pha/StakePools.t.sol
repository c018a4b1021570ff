// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Pausable} from "../../contracts/pha/Pausable.sol";
import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {StakePools} from "../../contracts/pha/StakePools.sol";
import {StakePoolsOwners} from "../../contracts/pha/StakePoolsOwners.sol";
import {StakePoolsQueue} from "../../contracts/pha/StakePoolsQueue.sol";
import {StakePoolsStorage} from "../../contracts/pha/StakePoolsStorage.sol";
import {TimelockOwned} from "../../contracts/pha/TimelockOwned.sol";
import {StakeGenesis} from "./StakeGenesis.sol";

/// Deposits, withdrawals and rewards of stake pools.
contract StakePoolsTest is StakeGenesis {
    // Deposits.

    function test_the_first_deposit_buys_a_share_for_each_wei() public {
        uint32 pid = newStakePool(0);
        vm.assertEq(deposit(alice, pid, 5 * ONE), 5 * ONE);
        vm.assertEq(sharesOf(pid, alice), 5 * ONE);
        vm.assertEq(pool(pid).value, 5 * ONE);
        vm.assertEq(POOLS.staked(), 5 * ONE);
        vm.assertEq(PHA.balanceOf(address(POOLS)), 5 * ONE);
    }

    function test_a_deposit_buys_amount_times_shares_by_value() public {
        writeStakePool(7, OWNER, 0, 1_100 * ONE, 1_000 * ONE);
        writeUnclaimed(7, 1_000 * ONE);
        // 33 / 1.1
        vm.assertEq(deposit(alice, 7, 33 * ONE), 30 * ONE);
        // The price is what it was: 7 wei at 1.1 are 6.36 shares.
        vm.assertEq(deposit(alice, 7, 7 * ONE + 7), uint256(7 * ONE + 7) * 10 / 11);
    }

    function test_a_deposit_says_how_few_shares_it_accepts() public {
        uint32 pid = newStakePool(0);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(StakePools.TooFewShares.selector, ONE, ONE + 1));
        POOLS.deposit(pid, ONE, ONE + 1);
        vm.prank(alice);
        POOLS.deposit(pid, ONE, ONE);
    }

    function test_no_deposit_buys_dust() public {
        uint32 pid = newStakePool(0);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsQueue.BelowDust.selector, DUST));
        POOLS.deposit(pid, DUST, 0);
        deposit(alice, pid, DUST + 1);
    }

    function test_a_pool_that_does_not_exist_takes_nothing() public {
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsStorage.NoSuchPool.selector, 3));
        POOLS.deposit(3, ONE, 0);
    }

    function test_a_cap_stops_what_is_above_it() public {
        vm.prank(owner);
        uint32 pid = POOLS.createStakePool(0, uint128(10 * ONE));
        deposit(alice, pid, 9 * ONE);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsQueue.AboveCap.selector, pid, 10 * ONE + 1, 10 * ONE));
        POOLS.deposit(pid, ONE + 1, 0);
        deposit(bob, pid, ONE);
    }

    function test_a_bankrupt_pool_takes_no_deposit_and_keeps_its_shares() public {
        writeStakePool(0, OWNER, 0, 0, 100 * ONE);
        writePosition(0, asAccount(alice), 100 * ONE);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsQueue.PoolBankrupt.selector, 0));
        POOLS.deposit(0, ONE, 0);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsQueue.PoolBankrupt.selector, 0));
        POOLS.requestWithdrawal(0, ONE);
        vm.assertEq(sharesOf(0, alice), 100 * ONE);
        vm.assertEq(valueOf(0, alice), 0);
    }

    function test_value_without_shares_goes_to_the_treasury_not_to_the_next_who_comes() public {
        writeStakePool(0, OWNER, 0, 3 * ONE, 0);
        deposit(alice, 0, 10 * ONE);
        vm.assertEq(PHA.balanceOf(PhaAddresses.TREASURY), 3 * ONE);
        vm.assertEq(valueOf(0, alice), 10 * ONE);
        vm.assertEq(POOLS.staked(), 10 * ONE);
    }

    function test_pha_that_is_sent_to_the_contract_changes_no_price() public {
        uint32 pid = newStakePool(0);
        deposit(alice, pid, ONE);
        vm.prank(bob);
        PHA.transfer(address(POOLS), 1_000 * ONE);
        vm.assertEq(valueOf(pid, alice), ONE);
        vm.assertEq(deposit(carol, pid, ONE), ONE);
    }

    /// The first depositor makes a share dear; who comes next loses less than a billionth or is refused.
    function test_an_inflated_price_takes_nothing_from_the_next_depositor() public {
        uint32 pid = newStakePool(0);
        deposit(alice, pid, DUST + 1);
        writeStream(10 * ONE, 1_000_000 * ONE);
        // All of staking's 40 %, 4 PHA a second, falls to a billion shares.
        later(100_000);
        uint256 price = POOLS.valueOf(pid, ONE);
        vm.assertGt(price, 1e14 * ONE, "dear");
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsQueue.BelowDust.selector, 750_000_000));
        POOLS.deposit(pid, 300_000 * ONE, 0);
        deposit(bob, pid, 800_000 * ONE);
        vm.assertGe(valueOf(pid, bob), 800_000 * ONE - 800_000 * ONE / 1e9, "a billionth");
    }

    // Requests.

    function test_a_request_waits_seven_days_and_is_paid_by_anybody_then() public {
        uint32 pid = newStakePool(0);
        deposit(alice, pid, 10 * ONE);
        ask(alice, pid, 4 * ONE);
        vm.assertEq(requestOf(pid, alice).shares, 4 * ONE);
        vm.assertEq(requestOf(pid, alice).start, block.timestamp);
        later(7 days - 1);
        vm.assertEq(POOLS.processQueue(pid, 10), 0);
        later(1);
        uint256 before = PHA.balanceOf(alice);
        vm.prank(bob);
        vm.assertEq(POOLS.processQueue(pid, 10), 1);
        vm.assertEq(PHA.balanceOf(alice) - before, 4 * ONE);
        vm.assertEq(sharesOf(pid, alice), 6 * ONE);
        vm.assertEq(requestOf(pid, alice).shares, 0);
        vm.assertEq(POOLS.staked(), 6 * ONE);
    }

    function test_a_request_asks_for_what_the_caller_has_and_for_more_than_dust() public {
        uint32 pid = newStakePool(0);
        deposit(alice, pid, 10 * ONE);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsQueue.NotEnoughShares.selector, 10 * ONE, 10 * ONE + 1));
        POOLS.requestWithdrawal(pid, 10 * ONE + 1);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsQueue.BelowDust.selector, DUST));
        POOLS.requestWithdrawal(pid, DUST);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsStorage.NoSuchPool.selector, 9));
        POOLS.requestWithdrawal(9, ONE);
    }

    function test_a_request_takes_the_dust_it_would_leave() public {
        uint32 pid = newStakePool(0);
        deposit(alice, pid, 10 * ONE);
        ask(alice, pid, 10 * ONE - DUST);
        vm.assertEq(requestOf(pid, alice).shares, 10 * ONE);
        ask(alice, pid, 10 * ONE - DUST - 1);
        vm.assertEq(requestOf(pid, alice).shares, 10 * ONE - DUST - 1);
    }

    function test_a_new_request_replaces_the_old_and_waits_anew_behind_the_others() public {
        uint32 pid = newStakePool(0);
        deposit(alice, pid, 10 * ONE);
        deposit(bob, pid, 10 * ONE);
        ask(alice, pid, 4 * ONE);
        later(1 days);
        ask(bob, pid, 5 * ONE);
        later(1 days);
        ask(alice, pid, 6 * ONE);
        vm.assertEq(pool(pid).queuedShares, 11 * ONE);
        vm.assertEq(requestOf(pid, alice).start, block.timestamp);
        later(6 days);
        vm.assertEq(POOLS.processQueue(pid, 10), 1);
        vm.assertEq(sharesOf(pid, bob), 5 * ONE);
        vm.assertEq(sharesOf(pid, alice), 10 * ONE);
        later(1 days);
        vm.assertEq(POOLS.processQueue(pid, 10), 1);
        vm.assertEq(sharesOf(pid, alice), 4 * ONE);
        vm.assertEq(pool(pid).queuedShares, 0);
        vm.assertEq(pool(pid).firstRequest, 0);
        vm.assertEq(pool(pid).lastRequest, 0);
    }

    function test_a_request_leaves_the_queue_from_its_end_and_from_its_middle() public {
        uint32 pid = newStakePool(0);
        address[3] memory people = [alice, bob, carol];
        for (uint256 i = 0; i < 3; i++) {
            deposit(people[i], pid, 10 * ONE);
            ask(people[i], pid, ONE);
        }
        ask(bob, pid, 2 * ONE);
        ask(bob, pid, 3 * ONE);
        vm.assertEq(walk(pid), keccak256(abi.encodePacked(alice, carol, bob)));
        ask(alice, pid, ONE);
        vm.assertEq(walk(pid), keccak256(abi.encodePacked(carol, bob, alice)));
        vm.assertEq(pool(pid).queuedShares, 5 * ONE);
    }

    /// Hash of those who wait, in order; the list must read the same from both ends.
    function walk(uint32 pid) private view returns (bytes32) {
        bytes memory forwards;
        bytes memory backwards;
        for (uint32 at = pool(pid).firstRequest; at != 0; at = POOLS.requestAt(pid, at).next) {
            forwards = bytes.concat(forwards, bytes20(uint160(uint256(POOLS.requestAt(pid, at).account))));
        }
        for (uint32 at = pool(pid).lastRequest; at != 0; at = POOLS.requestAt(pid, at).previous) {
            backwards = bytes.concat(bytes20(uint160(uint256(POOLS.requestAt(pid, at).account))), backwards);
        }
        vm.assertEq(forwards, backwards, "both ways");
        return keccak256(forwards);
    }

    function test_a_queue_is_paid_in_steps_of_any_size() public {
        uint32 pid = newStakePool(0);
        address[3] memory people = [alice, bob, carol];
        for (uint256 i = 0; i < 3; i++) {
            deposit(people[i], pid, 10 * ONE);
            ask(people[i], pid, 10 * ONE);
        }
        later(7 days);
        vm.assertEq(POOLS.processQueue(pid, 0), 0);
        vm.assertEq(POOLS.processQueue(pid, 2), 2);
        vm.assertEq(sharesOf(pid, bob), 0);
        vm.assertEq(sharesOf(pid, carol), 10 * ONE);
        vm.assertEq(POOLS.processQueue(pid, 2), 1);
        vm.assertEq(pool(pid).totalShares, 0);
        vm.assertEq(pool(pid).value, 0);
    }

    function test_a_deposit_pays_four_that_are_due_in_passing() public {
        uint32 pid = newStakePool(0);
        for (uint256 i = 1; i <= 5; i++) {
            address who = address(uint160(0x1000 + i));
            vm.prank(alice);
            PHA.transfer(who, ONE);
            vm.prank(who);
            PHA.approve(address(POOLS), ONE);
            deposit(who, pid, ONE);
            ask(who, pid, ONE);
        }
        later(7 days);
        deposit(bob, pid, ONE);
        vm.assertEq(PHA.balanceOf(address(0x1004)), ONE);
        vm.assertEq(PHA.balanceOf(address(0x1005)), 0);
    }

    function test_shares_earn_until_they_are_paid() public {
        uint32 pid = newStakePool(0);
        deposit(alice, pid, 10 * ONE);
        deposit(bob, pid, 10 * ONE);
        writeStream(10 * ONE, 10_000_000 * ONE);
        STREAM.accrue();
        ask(alice, pid, 10 * ONE);
        later(7 days);
        uint256 before = PHA.balanceOf(alice);
        POOLS.processQueue(pid, 1);
        // Half of 4 PHA a second, for 7 days and the second before.
        near(PHA.balanceOf(alice) - before, 10 * ONE + 2 * (7 days + 1) * ONE, 10, "half");
    }

    function test_an_account_that_empties_a_pool_leaves_nothing() public {
        uint32 pid = newStakePool(0);
        writeStream(ONE, 1_000_000 * ONE);
        deposit(alice, pid, 10 * ONE);
        later(3 days);
        ask(alice, pid, 10 * ONE);
        later(7 days);
        POOLS.processQueue(pid, 1);
        vm.assertEq(pool(pid).value, 0);
        vm.assertEq(pool(pid).totalShares, 0);
        vm.assertEq(POOLS.staked(), 0);
    }

    // Rewards.

    function test_rewards_are_spread_by_value() public {
        uint32 first = newStakePool(0);
        uint32 second = newStakePool(0);
        writeStream(10 * ONE, 1_000_000 * ONE);
        STREAM.accrue();
        deposit(alice, first, 30 * ONE);
        deposit(bob, second, 10 * ONE);
        later(1_000);
        // 4,000 PHA, 3 : 1, seen without anybody's call.
        near(valueOf(first, alice), 3_030 * ONE, 10, "first");
        near(valueOf(second, bob), 1_010 * ONE, 10, "second");
        POOLS.processQueue(first, 0);
        POOLS.processQueue(second, 0);
        near(pool(first).value, 3_030 * ONE, 10, "first, booked");
        near(pool(second).value, 1_010 * ONE, 10, "second, booked");
        vm.assertEq(POOLS.staked(), uint256(pool(first).value) + pool(second).value);
    }

    function test_what_comes_later_gets_nothing_of_what_was_before() public {
        uint32 pid = newStakePool(0);
        writeStream(10 * ONE, 1_000_000 * ONE);
        deposit(alice, pid, 10 * ONE);
        later(1_000);
        uint256 worth = valueOf(pid, alice);
        deposit(bob, pid, 10 * ONE);
        vm.assertLe(valueOf(pid, bob), 10 * ONE, "bob");
        near(valueOf(pid, alice), worth, 1e6, "alice");
    }

    function test_rewards_without_stake_stay_in_the_stream() public {
        writeStream(10 * ONE, 1_000_000 * ONE);
        uint32 pid = newStakePool(0);
        later(1_000);
        deposit(alice, pid, 10 * ONE);
        vm.assertEq(STREAM.stakingDue(), 0);
        vm.assertEq(valueOf(pid, alice), 10 * ONE);
        vm.assertEq(PHA.balanceOf(address(STREAM)), 1_000_000 * ONE);
    }

    function test_commission_is_the_owners_part_of_rewards() public {
        uint32 pid = newStakePool(250_000);
        writeStream(10 * ONE, 1_000_000 * ONE);
        deposit(alice, pid, 10 * ONE);
        uint256 start = block.timestamp;
        later(1_000);
        near(valueOf(pid, alice), 3_010 * ONE, 10, "before");
        uint256 before = PHA.balanceOf(owner);
        POOLS.payOwner(pid);
        near(PHA.balanceOf(owner) - before, 1_000 * ONE, 10, "owner");
        near(valueOf(pid, alice), 3_010 * ONE, 10, "after");
        vm.assertEq(pool(pid).ownerDue, 0);
        vm.assertEq(block.timestamp - start, 1_000);
    }

    function test_a_new_commission_takes_nothing_of_what_was_before() public {
        uint32 pid = newStakePool(0);
        writeStream(10 * ONE, 1_000_000 * ONE);
        deposit(alice, pid, 10 * ONE);
        later(1_000);
        vm.prank(owner);
        POOLS.setCommission(pid, 1_000_000);
        vm.assertEq(pool(pid).ownerDue, 0);
        later(1_000);
        POOLS.processQueue(pid, 0);
        near(pool(pid).ownerDue, 4_000 * ONE, 10, "all of it");
        near(valueOf(pid, alice), 4_010 * ONE, 10, "alice");
    }

    // When nothing moves.

    function test_nothing_moves_before_the_migration_is_active() public {
        uint32 pid = newStakePool(0);
        deposit(alice, pid, ONE);
        setActivatedAt(0);
        bytes4 error = TimelockOwned.NotActive.selector;
        refused(pid, abi.encodePacked(error));
    }

    function test_nothing_moves_in_a_pause_and_everything_after_it() public {
        uint32 pid = newStakePool(0);
        deposit(alice, pid, ONE);
        uint64 until = uint64(block.timestamp + 72 hours);
        vm.prank(PhaAddresses.TIMELOCK);
        POOLS.pause(until);
        refused(pid, abi.encodeWithSelector(Pausable.IsPaused.selector, until));
        vm.warp(until);
        deposit(alice, pid, ONE);
    }

    function test_only_the_timelock_pauses_and_for_72_hours_at_most() public {
        vm.expectRevert(abi.encodeWithSelector(TimelockOwned.OnlyTimelock.selector, address(this)));
        POOLS.pause(uint64(block.timestamp + 1));
        vm.prank(PhaAddresses.TIMELOCK);
        uint64 longest = uint64(block.timestamp + 72 hours);
        vm.expectRevert(abi.encodeWithSelector(Pausable.PauseTooLong.selector, longest + 1, longest));
        POOLS.pause(longest + 1);
    }

    function refused(uint32 pid, bytes memory error) private {
        bytes[13] memory calls = [
            abi.encodeCall(POOLS.deposit, (pid, ONE, 0)),
            abi.encodeCall(POOLS.requestWithdrawal, (pid, ONE)),
            abi.encodeCall(POOLS.processQueue, (pid, 1)),
            abi.encodeCall(POOLS.refreshVotes, (alice, new uint32[](0))),
            abi.encodeCall(POOLS.claimStake, (ERIN, alice, pid, 1)),
            abi.encodeCall(POOLS.claimRequest, (ERIN, alice, pid)),
            abi.encodeCall(POOLS.createStakePool, (0, 0)),
            abi.encodeCall(POOLS.createVault, (0)),
            abi.encodeCall(POOLS.setCommission, (pid, 1)),
            abi.encodeCall(POOLS.payOwner, (pid)),
            abi.encodeCall(POOLS.invest, (pid, pid, 1)),
            abi.encodeCall(POOLS.divest, (pid, pid, 1)),
            abi.encodeCall(POOLS.forceRedeem, (pid, 1, 1))
        ];
        for (uint256 i = 0; i < calls.length; i++) {
            (bool success, bytes memory answer) = address(POOLS).call(calls[i]);
            vm.assertFalse(success, "moved");
            vm.assertEq(answer, error, "why");
        }
        vm.expectRevert(error);
        POOLS.setCap(pid, 0);
    }
}
