// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PhaAddresses} from "./PhaAddresses.sol";
import {PhaToken} from "./PhaToken.sol";
import {Pausable} from "./Pausable.sol";

/// PHA that was claimed and is not free yet. Schedules stand side by side, one for each claim to an address: nobody
/// can change, merge or delay another's. They vote for their holder from the start.
abstract contract ClaimVesting is Pausable {
    /// 96 bits hold 79 times the supply of PHA.
    struct Schedule {
        uint96 amount;
        uint96 released;
        uint32 start;
        uint32 end;
    }

    event VestingCreated(
        address indexed holder, uint256 id, uint256 amount, uint256 released, uint32 start, uint32 end
    );
    event VestingReleased(address indexed holder, uint256 amount);

    error VestingTooLarge(uint128 amount);

    mapping(address holder => Schedule[]) private schedules;

    /// Pays a holder what has become free in `count` schedules from number `first` on. Anybody may call.
    function release(address holder, uint256 first, uint256 count) external returns (uint256 amount) {
        requireRunning();
        Schedule[] storage all = schedules[holder];
        uint256 last = count < all.length - min(first, all.length) ? first + count : all.length;
        for (uint256 id = first; id < last; ++id) {
            uint256 due = releasable(all[id]);
            if (due == 0) continue;
            all[id].released += uint96(due);
            amount += due;
        }
        if (amount == 0) return 0;
        emit VestingReleased(holder, amount);
        PhaToken(PhaAddresses.PHA).revokeVestingVotes(holder, amount);
        PhaToken(PhaAddresses.PHA).transfer(holder, amount);
    }

    function vestingCount(address holder) external view returns (uint256) {
        return schedules[holder].length;
    }

    function vesting(address holder, uint256 id) external view returns (Schedule memory schedule, uint256 due) {
        schedule = schedules[holder][id];
        due = releasable(schedule);
    }

    /// Returns what is free already, which the caller pays.
    function createVesting(address holder, uint128 amount, uint32 start, uint32 end) internal returns (uint256 due) {
        if (amount > type(uint96).max) revert VestingTooLarge(amount);
        Schedule memory schedule = Schedule(uint96(amount), 0, start, end);
        due = releasable(schedule);
        if (due == amount) return due;
        schedule.released = uint96(due);
        emit VestingCreated(holder, schedules[holder].length, amount, due, start, end);
        schedules[holder].push(schedule);
        PhaToken(PhaAddresses.PHA).grantVestingVotes(holder, amount - due);
    }

    /// Evenly from start to end; rounded down, so that the last wei comes at the end.
    function releasable(Schedule memory schedule) private view returns (uint256) {
        if (block.timestamp >= schedule.end) return schedule.amount - schedule.released;
        if (block.timestamp <= schedule.start) return 0;
        uint256 passed = block.timestamp - schedule.start;
        return uint256(schedule.amount) * passed / (schedule.end - schedule.start) - schedule.released;
    }

    function min(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }
}
