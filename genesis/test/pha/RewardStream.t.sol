// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {RewardStream} from "../../contracts/pha/RewardStream.sol";
import {TimelockOwned} from "../../contracts/pha/TimelockOwned.sol";
import {StakeGenesis} from "./StakeGenesis.sol";

contract RewardStreamTest is StakeGenesis {
    /// 720,000 PHA a day in wei a second: budget_per_block / 12 of the parachain's launch.
    uint256 private constant LAUNCH_RATE = 720_000 * ONE / uint256(1 days);

    function setUp() public override {
        super.setUp();
        vm.warp(START);
    }

    function take(bool anything) private returns (uint256) {
        vm.prank(PhaAddresses.STAKE_POOLS);
        return STREAM.takeStaking(anything);
    }

    function asTimelock() private {
        vm.prank(PhaAddresses.TIMELOCK);
    }

    // Time.

    function test_a_day_at_the_launch_rate_is_720_000_pha_split_20_40_40() public {
        writeStream(LAUNCH_RATE, 100_000_000 * ONE);
        vm.warp(START + 1 days);
        STREAM.accrue();
        uint256 day = LAUNCH_RATE * 1 days;
        near(day, 720_000 * ONE, 1 days, "a day");
        vm.assertEq(STREAM.treasuryDue(), day / 5);
        vm.assertEq(STREAM.stakingDue(), day * 2 / 5);
        vm.assertEq(STREAM.gpuReserve(), day - day / 5 - day * 2 / 5);
    }

    function test_the_stream_starts_at_activation() public {
        writeStream(ONE, 1_000 * ONE);
        setActivatedAt(0);
        vm.warp(START + 100);
        vm.assertEq(STREAM.pendingStaking(), 0);
        vm.expectRevert(TimelockOwned.NotActive.selector);
        STREAM.accrue();
        setActivatedAt(START + 100);
        vm.warp(START + 150);
        vm.assertEq(STREAM.pendingStaking(), 20 * ONE);
        STREAM.accrue();
        vm.assertEq(STREAM.stakingDue(), 20 * ONE);
        vm.assertEq(STREAM.paidUntil(), START + 150);
    }

    function test_a_cut_takes_a_quarter_of_the_rate() public {
        writeStream(1_000, START + 100, 180 days, 200_000, 400_000);
        genesisMint(address(STREAM), ONE, true);
        vm.warp(START + 99);
        STREAM.accrue();
        vm.assertEq(STREAM.rate(), 1_000);
        vm.warp(START + 110);
        STREAM.accrue();
        vm.assertEq(STREAM.rate(), 750);
        vm.assertEq(STREAM.nextCut(), START + 100 + 180 days);
        vm.assertEq(total(), 100 * 1_000 + 10 * 750);
    }

    function test_several_cuts_in_one_call_are_those_of_many_calls() public {
        writeStream(1e18, START + 1 days, 1 days, 200_000, 400_000);
        genesisMint(address(STREAM), 1e9 * ONE, true);
        vm.warp(START + 10 days + 7);
        uint256 sum;
        uint256 rate = 1e18;
        for (uint256 i = 0; i < 10; i++) {
            sum += rate * 1 days;
            rate = rate * 3 / 4;
        }
        sum += rate * 7;
        vm.assertEq(STREAM.pendingStaking(), sum * 2 / 5);
        STREAM.accrue();
        vm.assertEq(STREAM.rate(), rate);
        vm.assertEq(total(), sum);
    }

    function test_cuts_before_activation_pay_nothing_and_count() public {
        writeStream(1_000, START - 10 days, 4 days, 200_000, 400_000);
        genesisMint(address(STREAM), ONE, true);
        vm.warp(START + 1);
        STREAM.accrue();
        // At -10, -6 and -2 days.
        vm.assertEq(STREAM.rate(), 421);
        vm.assertEq(total(), 421);
    }

    function test_the_highest_rate_ends_in_a_bounded_number_of_cuts() public {
        writeStream(type(uint128).max, 1, 1 days, 200_000, 400_000);
        uint256 gas = gasleft();
        STREAM.accrue();
        vm.assertLe(gas - gasleft(), 300_000, "gas");
        vm.assertEq(STREAM.rate(), 0);
    }

    /// Everything accrued so far.
    function total() private view returns (uint256) {
        return STREAM.treasuryDue() + STREAM.stakingDue() + STREAM.gpuReserve();
    }

    // What it holds.

    function test_no_more_accrues_than_the_stream_holds() public {
        writeStream(ONE, 1_000 * ONE);
        vm.warp(START + 700);
        STREAM.accrue();
        vm.warp(START + 2_000);
        STREAM.accrue();
        vm.assertEq(total(), 1_000 * ONE);
        STREAM.payTreasury();
        take(true);
        vm.assertEq(PHA.balanceOf(address(STREAM)), STREAM.gpuReserve());
        vm.warp(START + 3_000);
        STREAM.accrue();
        vm.assertEq(total(), 400 * ONE);
    }

    function test_what_could_not_be_paid_is_not_owed_when_the_stream_is_filled_again() public {
        writeStream(ONE, 0);
        vm.warp(START + 1_000);
        STREAM.accrue();
        vm.prank(alice);
        PHA.transfer(address(STREAM), 500 * ONE);
        vm.warp(START + 1_010);
        STREAM.accrue();
        vm.assertEq(total(), 10 * ONE);
    }

    // Who gets it.

    function test_the_pools_take_stakings_part_once() public {
        writeStream(ONE, 1_000 * ONE);
        vm.warp(START + 100);
        vm.assertEq(STREAM.pendingStaking(), 40 * ONE);
        vm.assertEq(take(true), 40 * ONE);
        vm.assertEq(PHA.balanceOf(address(POOLS)), 40 * ONE);
        vm.assertEq(take(true), 0);
        vm.assertEq(STREAM.pendingStaking(), 0);
    }

    function test_with_nothing_staked_stakings_part_returns_to_the_budget() public {
        writeStream(ONE, 100 * ONE);
        vm.warp(START + 100);
        vm.assertEq(take(false), 0);
        vm.assertEq(PHA.balanceOf(address(STREAM)), 100 * ONE);
        vm.warp(START + 200);
        // 40 of the 100 were returned; of these the next 100 seconds pay 16 to staking.
        vm.assertEq(take(true), 16 * ONE);
    }

    function test_only_the_pools_take() public {
        vm.expectRevert(abi.encodeWithSelector(RewardStream.OnlyStakePools.selector, address(this)));
        STREAM.takeStaking(true);
    }

    function test_anybody_sends_the_treasury_its_part() public {
        writeStream(ONE, 1_000 * ONE);
        vm.warp(START + 100);
        vm.assertEq(STREAM.payTreasury(), 20 * ONE);
        vm.assertEq(PHA.balanceOf(PhaAddresses.TREASURY), 20 * ONE);
        vm.assertEq(STREAM.payTreasury(), 0);
    }

    function test_the_timelock_spends_the_gpu_reserve_and_no_more() public {
        writeStream(ONE, 1_000 * ONE);
        vm.warp(START + 100);
        asTimelock();
        vm.expectRevert(abi.encodeWithSelector(RewardStream.GpuReserveTooSmall.selector, 40 * ONE, 40 * ONE + 1));
        STREAM.spendGpuReserve(bob, 40 * ONE + 1);
        uint256 before = PHA.balanceOf(bob);
        asTimelock();
        STREAM.spendGpuReserve(bob, 40 * ONE);
        vm.assertEq(PHA.balanceOf(bob) - before, 40 * ONE);
        vm.assertEq(STREAM.gpuReserve(), 0);
    }

    // Governance.

    function test_a_new_schedule_counts_from_now() public {
        writeStream(ONE, 10_000 * ONE);
        vm.warp(START + 100);
        asTimelock();
        STREAM.setSchedule(uint128(2 * ONE), uint64(START + 200), 30 days);
        vm.assertEq(total(), 100 * ONE);
        vm.warp(START + 210);
        STREAM.accrue();
        vm.assertEq(total(), 100 * ONE + 200 * ONE + 15 * ONE);
        vm.assertEq(STREAM.cutInterval(), 30 days);
    }

    function test_a_schedule_has_bounds() public {
        asTimelock();
        vm.expectRevert(abi.encodeWithSelector(RewardStream.RateTooHigh.selector, 1e27 + 1));
        STREAM.setSchedule(1e27 + 1, uint64(START + 1), 1 days);
        asTimelock();
        vm.expectRevert(abi.encodeWithSelector(RewardStream.CutIntervalTooShort.selector, 1 days - 1));
        STREAM.setSchedule(1e27, uint64(START + 1), 1 days - 1);
        asTimelock();
        vm.expectRevert(abi.encodeWithSelector(RewardStream.NextCutInThePast.selector, START));
        STREAM.setSchedule(1e27, uint64(START), 1 days);
        asTimelock();
        STREAM.setSchedule(1e27, uint64(START + 1), 1 days);
    }

    function test_a_new_split_counts_from_now() public {
        writeStream(ONE, 10_000 * ONE);
        vm.warp(START + 100);
        asTimelock();
        STREAM.setSplit(0, 1_000_000);
        vm.warp(START + 200);
        STREAM.accrue();
        vm.assertEq(STREAM.treasuryDue(), 20 * ONE);
        vm.assertEq(STREAM.stakingDue(), 140 * ONE);
        vm.assertEq(STREAM.gpuReserve(), 40 * ONE);
        asTimelock();
        vm.expectRevert(abi.encodeWithSelector(RewardStream.SplitAboveWhole.selector, 1, 1_000_000));
        STREAM.setSplit(1, 1_000_000);
    }

    function test_only_the_timelock_governs() public {
        bytes memory error = abi.encodeWithSelector(TimelockOwned.OnlyTimelock.selector, address(this));
        vm.expectRevert(error);
        STREAM.setSchedule(1, uint64(START + 1), 1 days);
        vm.expectRevert(error);
        STREAM.setSplit(0, 0);
        vm.expectRevert(error);
        STREAM.spendGpuReserve(bob, 0);
    }

    function test_words_of_a_genesis_read_as_documented() public {
        writeStream(7, START + 5, 9, 11, 13);
        vm.assertEq(STREAM.rate(), 7);
        vm.assertEq(STREAM.nextCut(), START + 5);
        vm.assertEq(STREAM.paidUntil(), 0);
        vm.assertEq(STREAM.cutInterval(), 9);
        vm.assertEq(STREAM.treasuryPpm(), 11);
        vm.assertEq(STREAM.stakingPpm(), 13);
        vm.store(address(STREAM), bytes32(uint256(2)), bytes32(uint256(17)));
        vm.store(address(STREAM), bytes32(uint256(3)), bytes32(uint256(19)));
        vm.assertEq(STREAM.treasuryDue(), 17);
        vm.assertEq(STREAM.gpuReserve(), 19);
    }

    function testFuzz_the_stream_never_owes_more_than_it_holds(uint96 rate, uint96 budget, uint32[8] calldata pauses)
        public
    {
        writeStream(rate, START + 1 days, 1 days, 200_000, 400_000);
        genesisMint(address(STREAM), budget, true);
        for (uint256 i = 0; i < pauses.length; i++) {
            later(pauses[i] % 10 days);
            uint256 pending = STREAM.pendingStaking();
            if (pauses[i] % 5 == 0) STREAM.payTreasury();
            if (pauses[i] % 3 == 0) vm.assertEq(take(true), pending);
            STREAM.accrue();
            vm.assertLe(total(), PHA.balanceOf(address(STREAM)), "held");
        }
    }
}
