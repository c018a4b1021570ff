// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {MigrationRecord} from "../../contracts/pha/MigrationRecord.sol";
import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {PhaToken} from "../../contracts/pha/PhaToken.sol";
import {RewardStream} from "../../contracts/pha/RewardStream.sol";
import {StakePools} from "../../contracts/pha/StakePools.sol";
import {StakePoolsStorage} from "../../contracts/pha/StakePoolsStorage.sol";
import {Genesis} from "./Genesis.sol";

/// Which account claimed to which address; the claims contract's own tests are of how.
contract ClaimedAccounts {
    mapping(bytes32 account => address) public claimedTo;

    function claim(bytes32 account, address to) external {
        claimedTo[account] = to;
    }
}

/// A chain with PHA, stake pools and a reward stream, written word by word as the storage is documented.
abstract contract StakeGenesis is Genesis {
    uint256 internal constant ONE = 1e18;
    uint256 internal constant DUST = 1e9;
    uint128 internal constant NO_CAP = type(uint128).max;
    uint256 internal constant START = 1_763_600_000;

    PhaToken internal constant PHA = PhaToken(PhaAddresses.PHA);
    StakePools internal constant POOLS = StakePools(PhaAddresses.STAKE_POOLS);
    RewardStream internal constant STREAM = RewardStream(PhaAddresses.REWARD_STREAM);

    address internal immutable alice = account("alice");
    address internal immutable bob = account("bob");
    address internal immutable carol = account("carol");
    address internal immutable owner = account("owner");

    /// Accounts of the parachain.
    bytes32 internal constant ERIN = keccak256("erin");
    bytes32 internal constant FRANK = keccak256("frank");
    bytes32 internal constant OWNER = keccak256("owner of the parachain");

    function setUp() public virtual {
        vm.warp(START);
        place(PhaAddresses.PHA, type(PhaToken).runtimeCode);
        place(PhaAddresses.MIGRATION_RECORD, type(MigrationRecord).runtimeCode);
        place(PhaAddresses.STAKE_POOLS, type(StakePools).runtimeCode);
        place(PhaAddresses.REWARD_STREAM, type(RewardStream).runtimeCode);
        placeClaims();
        setActivatedAt(START);
        giveAll();
        vm.warp(START + 1);
    }

    /// Tests that need other contracts there say so.
    function placeClaims() internal virtual {
        vm.etch(PhaAddresses.CLAIMS, type(ClaimedAccounts).runtimeCode);
    }

    function giveAll() private {
        address[4] memory people = [alice, bob, carol, owner];
        for (uint256 i = 0; i < people.length; i++) {
            genesisMint(people[i], 1_000_000 * ONE, false);
            vm.prank(people[i]);
            PHA.approve(address(POOLS), type(uint256).max);
        }
    }

    function setActivatedAt(uint256 time) internal {
        vm.store(PhaAddresses.MIGRATION_RECORD, 0, bytes32(time << 112));
    }

    function claim(bytes32 from, address to) internal virtual {
        ClaimedAccounts(PhaAddresses.CLAIMS).claim(from, to);
    }

    // The words of a genesis.

    /// A stream that pays `rate` a second and has `budget`.
    function writeStream(uint256 rate, uint256 budget) internal {
        writeStream(rate, START + 3650 days, 180 days, 200_000, 400_000);
        genesisMint(address(STREAM), budget, true);
    }

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

    // Short words for what tests do.

    function asAccount(address who) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(who)));
    }

    function vaultName(uint32 vault) internal pure returns (bytes32) {
        return bytes32(abi.encodePacked("vault", bytes23(0), vault));
    }

    function deposit(address who, uint32 pid, uint256 amount) internal returns (uint256) {
        vm.prank(who);
        return POOLS.deposit(pid, amount, 0);
    }

    function ask(address who, uint32 pid, uint256 shares) internal {
        vm.prank(who);
        POOLS.requestWithdrawal(pid, shares);
    }

    function invest(address who, uint32 vault, uint32 pid, uint256 amount) internal returns (uint256) {
        vm.prank(who);
        return POOLS.invest(vault, pid, amount);
    }

    function newStakePool(uint32 ppm) internal returns (uint32) {
        vm.prank(owner);
        return POOLS.createStakePool(ppm, NO_CAP);
    }

    function newVault(uint32 ppm) internal returns (uint32) {
        vm.prank(owner);
        return POOLS.createVault(ppm);
    }

    function sharesOf(uint32 pid, address who) internal view returns (uint256) {
        return POOLS.sharesOf(pid, asAccount(who));
    }

    function valueOf(uint32 pid, address who) internal view returns (uint256) {
        return POOLS.valueOf(pid, sharesOf(pid, who));
    }

    function pool(uint32 pid) internal view returns (StakePoolsStorage.Pool memory) {
        return POOLS.poolOf(pid);
    }

    function requestOf(uint32 pid, address who) internal view returns (StakePoolsStorage.Request memory) {
        return POOLS.openRequestOf(pid, asAccount(who));
    }

    function later(uint256 time) internal {
        vm.warp(block.timestamp + time);
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
