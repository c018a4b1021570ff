// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IPhaVotes} from "./IPhaVotes.sol";
import {IRewardStream} from "./IRewardStream.sol";
import {MigrationRecord} from "./MigrationRecord.sol";
import {PhaAddresses} from "./PhaAddresses.sol";
import {TimelockOwned} from "./TimelockOwned.sol";

/// What is left of the parachain's reward budget, paid out by the second: a part to the treasury, a part to those
/// who stake, the rest to a reserve for GPU work. The rate is cut by a quarter in fixed intervals. Nothing is
/// promised that is not here: what the stream can no longer pay is not owed later.
///
/// Storage, for those who write a genesis (bit 0 is the lowest of a word; amounts in wei of PHA):
///
///   slot 0   bits 0-127 rate, a second || 128-191 time of the next cut || 192-255 paid until, 0 in a genesis:
///            the stream starts at activation
///   slot 1   bits 0-31 seconds between cuts || 32-63 treasury's part in ppm || 64-95 staking's part in ppm ||
///            96-223 due to staking, 0 in a genesis
///   slot 2   due to the treasury; 0 in a genesis
///   slot 3   the reserve for GPU work; 0 in a genesis
contract RewardStream is IRewardStream, TimelockOwned {
    event Accrued(uint256 toTreasury, uint256 toStaking, uint256 toGpuReserve);
    event RateCut(uint256 rate, uint64 nextCut);
    event ScheduleSet(uint256 rate, uint64 nextCut, uint32 cutInterval);
    event SplitSet(uint32 treasuryPpm, uint32 stakingPpm);
    event GpuReserveSpent(address indexed to, uint256 amount);

    error OnlyStakePools(address caller);
    /// A shorter interval would make the rate vanish by accident.
    error CutIntervalTooShort(uint32 cutInterval);
    error NextCutInThePast(uint64 nextCut);
    error SplitAboveWhole(uint32 treasuryPpm, uint32 stakingPpm);
    error GpuReserveTooSmall(uint256 reserve, uint256 amount);
    error RateTooHigh(uint256 rate);

    IPhaVotes private constant PHA = IPhaVotes(PhaAddresses.PHA);

    uint32 private constant WHOLE_PPM = 1_000_000;
    uint32 private constant MIN_CUT_INTERVAL = 1 days;

    /// All the PHA there is, a second: more can only be a mistake.
    uint256 private constant MAX_RATE = 1e9 * 1e18;

    // Slot 0.
    uint128 public rate;
    uint64 public nextCut;
    uint64 public paidUntil;
    // Slot 1.
    uint32 public cutInterval;
    uint32 public treasuryPpm;
    uint32 public stakingPpm;
    uint128 public stakingDue;
    // Slot 2.
    uint256 public treasuryDue;
    // Slot 3.
    uint256 public gpuReserve;

    /// Books what the time since the last call has brought.
    function accrue() public {
        requireActive();
        Accrual memory accrual = accrued();
        if (accrual.rate != rate) emit RateCut(accrual.rate, accrual.nextCut);
        (rate, nextCut, paidUntil) = (accrual.rate, accrual.nextCut, uint64(block.timestamp));
        if (accrual.amount == 0) return;
        (uint256 toTreasury, uint256 toStaking, uint256 toGpu) = split(accrual.amount);
        // No more than the stream holds, which is below 2^128 as the supply is.
        stakingDue += uint128(toStaking);
        treasuryDue += toTreasury;
        gpuReserve += toGpu;
        emit Accrued(toTreasury, toStaking, toGpu);
    }

    /// Pays staking's part to the pools. With nothing staked it has no owner and returns to the budget.
    function takeStaking(bool anythingStaked) external returns (uint256 amount) {
        if (msg.sender != PhaAddresses.STAKE_POOLS) revert OnlyStakePools(msg.sender);
        accrue();
        uint256 due = stakingDue;
        if (due == 0) return 0;
        stakingDue = 0;
        if (!anythingStaked) return 0;
        PHA.transfer(PhaAddresses.STAKE_POOLS, due);
        return due;
    }

    /// What `takeStaking` would pay now.
    function pendingStaking() external view returns (uint256) {
        if (!migration().active()) return 0;
        (, uint256 toStaking,) = split(accrued().amount);
        return stakingDue + toStaking;
    }

    /// Anybody may send the treasury its part.
    function payTreasury() external returns (uint256 amount) {
        accrue();
        amount = treasuryDue;
        treasuryDue = 0;
        PHA.transfer(PhaAddresses.TREASURY, amount);
    }

    // Governance.

    function setSchedule(uint128 newRate, uint64 newNextCut, uint32 newCutInterval) external {
        requireTimelock();
        accrue();
        if (newRate > MAX_RATE) revert RateTooHigh(newRate);
        if (newCutInterval < MIN_CUT_INTERVAL) revert CutIntervalTooShort(newCutInterval);
        if (newNextCut <= block.timestamp) revert NextCutInThePast(newNextCut);
        (rate, nextCut, cutInterval) = (newRate, newNextCut, newCutInterval);
        emit ScheduleSet(newRate, newNextCut, newCutInterval);
    }

    /// The GPU reserve gets what these two leave.
    function setSplit(uint32 newTreasuryPpm, uint32 newStakingPpm) external {
        requireTimelock();
        accrue();
        if (uint256(newTreasuryPpm) + newStakingPpm > WHOLE_PPM) revert SplitAboveWhole(newTreasuryPpm, newStakingPpm);
        (treasuryPpm, stakingPpm) = (newTreasuryPpm, newStakingPpm);
        emit SplitSet(newTreasuryPpm, newStakingPpm);
    }

    function spendGpuReserve(address to, uint256 amount) external {
        requireTimelock();
        accrue();
        if (amount > gpuReserve) revert GpuReserveTooSmall(gpuReserve, amount);
        gpuReserve -= amount;
        PHA.transfer(to, amount);
        emit GpuReserveSpent(to, amount);
    }

    /// Where the stream stands after some time.
    struct Accrual {
        uint256 amount;
        uint128 rate;
        uint64 nextCut;
    }

    function accrued() private view returns (Accrual memory now_) {
        (now_.rate, now_.nextCut) = (rate, nextCut);
        uint256 from = paidUntil;
        if (from == 0) from = MigrationRecord(PhaAddresses.MIGRATION_RECORD).activatedAt();
        // A cut takes a quarter and never nothing, so that even the highest rate is gone after some 220 cuts.
        while (now_.rate != 0 && now_.nextCut <= block.timestamp) {
            if (now_.nextCut > from) {
                now_.amount += (now_.nextCut - from) * now_.rate;
                from = now_.nextCut;
            }
            now_.rate = uint128(uint256(now_.rate) * 3 / 4);
            now_.nextCut += cutInterval;
        }
        now_.amount += (block.timestamp - from) * now_.rate;
        uint256 owed = stakingDue + treasuryDue + gpuReserve;
        uint256 held = PHA.balanceOf(address(this));
        uint256 budget = held > owed ? held - owed : 0;
        if (now_.amount > budget) now_.amount = budget;
    }

    function split(uint256 amount) private view returns (uint256 toTreasury, uint256 toStaking, uint256 toGpu) {
        toTreasury = amount * treasuryPpm / WHOLE_PPM;
        toStaking = amount * stakingPpm / WHOLE_PPM;
        toGpu = amount - toTreasury - toStaking;
    }
}
