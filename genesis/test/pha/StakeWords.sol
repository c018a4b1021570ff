// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {PhaToken} from "../../contracts/pha/PhaToken.sol";
import {RewardStream} from "../../contracts/pha/RewardStream.sol";
import {StakePools} from "../../contracts/pha/StakePools.sol";
import {Genesis} from "./Genesis.sol";

/// The words of pools and stream as a genesis writes them, by the documented derivations.
abstract contract StakeWords is Genesis {
    PhaToken internal constant PHA = PhaToken(PhaAddresses.PHA);
    StakePools internal constant POOLS = StakePools(PhaAddresses.STAKE_POOLS);
    RewardStream internal constant STREAM = RewardStream(PhaAddresses.REWARD_STREAM);

    uint128 internal constant NO_CAP = type(uint128).max;

    function writeStream(uint256 rate, uint256 nextCut, uint256 interval, uint256 treasuryPpm, uint256 stakingPpm)
        internal
    {
        vm.store(address(STREAM), bytes32(uint256(0)), bytes32(rate | nextCut << 128));
        vm.store(address(STREAM), bytes32(uint256(1)), bytes32(interval | treasuryPpm << 32 | stakingPpm << 64));
    }

    function poolWord(uint32 pid, uint256 offset) internal pure returns (bytes32) {
        return bytes32(uint256(keccak256(abi.encode(pid, 2))) + offset);
    }

    function writeStakePool(uint32 pid, bytes32 poolOwner, uint256 ppm, uint256 value, uint256 shares) internal {
        writePool(pid, 1, poolOwner, ppm, value, shares, NO_CAP);
        uint256 word0 = uint256(vm.load(address(POOLS), 0));
        vm.store(address(POOLS), 0, bytes32(word0 + (value << 128)));
    }

    function writeVault(uint32 pid, bytes32 poolOwner, uint256 ppm, uint256 free, uint256 shares, uint256 checkpoint)
        internal
    {
        writePool(pid, 2, poolOwner, ppm, free, shares, NO_CAP);
        vm.store(address(POOLS), poolWord(pid, 5), bytes32(checkpoint));
    }

    /// Also mints what the pool has.
    function writePool(
        uint32 pid,
        uint256 kind,
        bytes32 poolOwner,
        uint256 ppm,
        uint256 value,
        uint256 shares,
        uint256 cap
    ) internal {
        vm.store(address(POOLS), poolWord(pid, 0), bytes32(value | shares << 128));
        vm.store(address(POOLS), poolWord(pid, 1), bytes32(ppm << 192 | kind << 224));
        vm.store(address(POOLS), poolWord(pid, 2), poolOwner);
        vm.store(address(POOLS), poolWord(pid, 3), bytes32(cap));
        uint256 word1 = uint256(vm.load(address(POOLS), bytes32(uint256(1))));
        if (pid >= word1 >> 192) vm.store(address(POOLS), bytes32(uint256(1)), bytes32(uint256(pid + 1) << 192));
        genesisMint(address(POOLS), PHA.balanceOf(address(POOLS)) + value, value);
    }

    /// `genesisMint` for one that has something already.
    function genesisMint(address holder, uint256 balance, uint256 minted) private {
        genesisMint(holder, minted, false);
        vm.store(address(PHA), balanceSlot(holder), bytes32(balance));
    }

    function nested(uint32 pid, uint256 slot, bytes32 key) internal pure returns (bytes32) {
        return keccak256(abi.encode(key, keccak256(abi.encode(pid, slot))));
    }

    function writePosition(uint32 pid, bytes32 holder, uint256 shares) internal {
        bytes32 slot = nested(pid, 3, holder);
        vm.store(address(POOLS), slot, bytes32(uint256(vm.load(address(POOLS), slot)) + shares));
    }

    /// Shares of somebody who has not claimed.
    function writeUnclaimed(uint32 pid, uint256 shares) internal {
        writePosition(pid, asAccount(PhaAddresses.CLAIMS), shares);
    }

    function writeInvestment(uint32 vault, uint256 index, uint32 target, uint256 shares) internal {
        bytes32 slot = poolWord(vault, 6);
        vm.store(address(POOLS), slot, bytes32(index + 1));
        bytes32 word = bytes32(uint256(keccak256(abi.encode(slot))) + index / 8);
        uint256 others = uint256(vm.load(address(POOLS), word));
        vm.store(address(POOLS), word, bytes32(others | uint256(target) << 32 * (index % 8)));
        writePosition(target, vaultName(vault), shares);
    }

    /// Requests in the order of the queue, of accounts that have not claimed.
    function writeRequests(uint32 pid, bytes32[] memory accounts, uint256[] memory shares, uint256[] memory starts)
        internal
    {
        uint256 sum;
        uint256 count = accounts.length;
        for (uint256 i = 0; i < count; i++) {
            uint256 number = i + 1;
            bytes32 slot = nested(pid, 4, bytes32(number));
            uint256 next = number == count ? 0 : number + 1;
            vm.store(address(POOLS), slot, accounts[i]);
            vm.store(
                address(POOLS),
                bytes32(uint256(slot) + 1),
                bytes32(shares[i] | starts[i] << 128 | (number - 1) << 192 | next << 224)
            );
            vm.store(address(POOLS), nested(pid, 5, accounts[i]), bytes32(number));
            writePosition(pid, accounts[i], shares[i]);
            sum += shares[i];
        }
        vm.store(address(POOLS), poolWord(pid, 4), bytes32(uint256(1) | count << 32 | count << 64 | sum << 96));
    }

    function writeMember(uint32 pid, bytes32 member) internal {
        vm.store(address(POOLS), nested(pid, 6, member), bytes32(uint256(1)));
        bytes32 slot = poolWord(pid, 1);
        vm.store(address(POOLS), slot, bytes32(uint256(vm.load(address(POOLS), slot)) + (1 << 232)));
    }

    function asAccount(address who) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(who)));
    }

    function vaultName(uint32 vault) internal pure returns (bytes32) {
        return bytes32(abi.encodePacked("vault", bytes23(0), vault));
    }

    function near(uint256 left, uint256 right, uint256 wei_, string memory what) internal pure {
        vm.assertLe(left > right ? left - right : right - left, wei_, what);
    }

    function list(bytes32 one) internal pure returns (bytes32[] memory all) {
        all = new bytes32[](1);
        all[0] = one;
    }

    function list(uint256 one) internal pure returns (uint256[] memory all) {
        all = new uint256[](1);
        all[0] = one;
    }
}
