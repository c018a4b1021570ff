// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {MigrationRecord} from "../../contracts/pha/MigrationRecord.sol";
import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {PhaToken} from "../../contracts/pha/PhaToken.sol";
import {RewardStream} from "../../contracts/pha/RewardStream.sol";
import {StakePools} from "../../contracts/pha/StakePools.sol";
import {StakePoolsStorage} from "../../contracts/pha/StakePoolsStorage.sol";
import {StakeWords} from "./StakeWords.sol";

/// Which account claimed to which address; the claims contract's own tests are of how.
contract ClaimedAccounts {
    mapping(bytes32 account => address) public claimedTo;

    function claim(bytes32 account, address to) external {
        claimedTo[account] = to;
    }
}

/// A chain with PHA, stake pools and a reward stream, written word by word as the storage is documented.
abstract contract StakeGenesis is StakeWords {
    uint256 internal constant ONE = 1e18;
    uint256 internal constant DUST = 1e9;
    uint256 internal constant START = 1_763_600_000;

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

    /// A stream that pays `rate` a second and has `budget`.
    function writeStream(uint256 rate, uint256 budget) internal {
        writeStream(rate, START + 3650 days, 180 days, 200_000, 400_000);
        genesisMint(address(STREAM), budget, true);
    }

    // Short words for what tests do.

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
}
