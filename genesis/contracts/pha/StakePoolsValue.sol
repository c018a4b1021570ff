// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IPhaVotes} from "./IPhaVotes.sol";
import {IRewardStream} from "./IRewardStream.sol";
import {PhaAddresses} from "./PhaAddresses.sol";
import {StakePoolsStorage} from "./StakePoolsStorage.sol";

/// What pools are worth: rewards, commission and the price of shares.
///
/// A stake pool is worth its value and the rewards that have come in since its value last changed, less the
/// owner's commission. A vault is worth its free value and its shares of stake pools. The commission of a vault is
/// taken before every use of its price, by making shares for its owner, so no price ever falls by more than the wei
/// that rounding takes.
abstract contract StakePoolsValue is StakePoolsStorage {
    event Rewarded(uint32 indexed pid, uint256 reward, uint256 commission);
    event CommissionTaken(uint32 indexed vault, uint256 shares, uint256 price);

    IPhaVotes internal constant PHA = IPhaVotes(PhaAddresses.PHA);
    IRewardStream private constant STREAM = IRewardStream(PhaAddresses.REWARD_STREAM);

    /// What all shares of a pool are worth, and how many there are.
    struct Worth {
        uint256 value;
        uint256 shares;
    }

    /// What some shares of a pool are worth now.
    function valueOf(uint32 pid, uint256 shares) public view returns (uint256) {
        return priced(shares, worthAt(requirePool(pid), pid, currentIndex()));
    }

    /// What all shares of a pool are worth now, and how many there are (with those a vault's owner is to get).
    function worthOf(uint32 pid) external view returns (uint256 value, uint256 shares) {
        Worth memory worth = worthAt(requirePool(pid), pid, currentIndex());
        return (worth.value, worth.shares);
    }

    function priced(uint256 shares, Worth memory worth) internal pure returns (uint256) {
        return worth.shares == 0 ? 0 : Math.mulDiv(shares, worth.value, worth.shares);
    }

    /// Brings a pool up to now: rewards come in, commission is taken.
    function settle(Pool storage pool, uint32 pid) internal returns (Worth memory worth) {
        collect();
        if (pool.kind == Kind.StakePool) return settleStakePool(pool, pid);
        uint256 commission;
        (worth, commission) = vaultWorth(pool, pid, rewardIndex);
        if (commission != 0) {
            pool.totalShares = SafeCast.toUint128(worth.shares);
            pool.ownerDue += SafeCast.toUint128(commission);
        }
        if (worth.shares == 0) return worth;
        uint256 price = Math.mulDiv(worth.value, PRICE_ONE, worth.shares, Math.Rounding.Ceil);
        if (price > pool.priceCheckpoint) {
            // A few shares that all rewards of the chain fall to may pass 2^128; nothing may stop for that.
            pool.priceCheckpoint = uint128(Math.min(price, type(uint128).max));
        }
        if (commission != 0) emit CommissionTaken(pid, commission, price);
    }

    function settleStakePool(Pool storage pool, uint32 pid) internal returns (Worth memory) {
        (uint256 reward, uint256 commission) = rewards(pool, rewardIndex);
        pool.rewardIndex = rewardIndex;
        if (reward + commission != 0) {
            pool.value += uint128(reward);
            staked += uint128(reward);
            pool.ownerDue += uint128(commission);
            emit Rewarded(pid, reward, commission);
        }
        return Worth(pool.value, pool.totalShares);
    }

    /// Takes staking's part out of the stream and spreads it over all that is staked.
    function collect() internal {
        uint256 amount = STREAM.takeStaking(staked != 0);
        if (amount != 0) rewardIndex += SafeCast.toUint192(Math.mulDiv(amount, INDEX_ONE, staked));
    }

    /// The reward index, with what the stream would pay now.
    function currentIndex() internal view returns (uint256 index) {
        index = rewardIndex;
        if (staked != 0) index += Math.mulDiv(STREAM.pendingStaking(), INDEX_ONE, staked);
    }

    function worthAt(Pool storage pool, uint32 pid, uint256 index) internal view returns (Worth memory worth) {
        if (pool.kind == Kind.StakePool) return stakePoolWorth(pool, index);
        (worth,) = vaultWorth(pool, pid, index);
    }

    function stakePoolWorth(Pool storage pool, uint256 index) private view returns (Worth memory) {
        (uint256 reward,) = rewards(pool, index);
        return Worth(pool.value + reward, pool.totalShares);
    }

    /// What a stake pool has earned since it was last settled, and its owner's part of it.
    function rewards(Pool storage pool, uint256 index) private view returns (uint256 reward, uint256 commission) {
        uint256 all = Math.mulDiv(pool.value, index - pool.rewardIndex, INDEX_ONE);
        commission = all * pool.commissionPpm / WHOLE_PPM;
        reward = all - commission;
    }

    /// A vault's worth after its commission, and the shares that is. The gain is what the value is above that at
    /// the checkpoint; the owner gets shares worth their part of it.
    function vaultWorth(Pool storage pool, uint32 pid, uint256 index)
        private
        view
        returns (Worth memory worth, uint256 commission)
    {
        (uint256 value, uint256 shares) = (pool.value, pool.totalShares);
        bytes32 account = vaultAccount(pid);
        for (uint256 i = pool.investments.length; i > 0; i--) {
            uint32 target = pool.investments[i - 1];
            value += priced(positions[target][account].shares, stakePoolWorth(pools[target], index));
        }
        uint256 ppm = pool.commissionPpm;
        uint256 checkpoint = pool.priceCheckpoint;
        if (ppm != 0 && checkpoint != 0) {
            uint256 base = Math.mulDiv(shares, checkpoint, PRICE_ONE, Math.Rounding.Ceil);
            if (value > base) {
                uint256 part = Math.mulDiv(value - base, ppm, WHOLE_PPM);
                // With all of the gain for the owner and a checkpoint of nothing there would be nobody else's value.
                if (part < value) commission = Math.mulDiv(part, shares, value - part);
            }
        }
        worth = Worth(value, shares + commission);
    }
}
