// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {MigrationRecord} from "../../contracts/pha/MigrationRecord.sol";
import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {PhaToken} from "../../contracts/pha/PhaToken.sol";
import {TimelockOwned} from "../../contracts/pha/TimelockOwned.sol";
import {Treasury} from "../../contracts/pha/Treasury.sol";
import {Genesis} from "./Genesis.sol";

/// The record, and the treasury it pays from.
contract MigrationRecordTest is Genesis {
    event Activated(uint256 claims, uint256 stakePools, uint256 rewardStream, uint256 treasury, uint256 escrow);
    event Earmarked(bytes32 indexed purpose, uint256 amount);
    event Paid(address indexed to, uint256 amount, bytes32 indexed purpose);

    PhaToken private constant pha = PhaToken(PhaAddresses.PHA);
    MigrationRecord private constant record = MigrationRecord(PhaAddresses.MIGRATION_RECORD);
    Treasury private constant treasury = Treasury(PhaAddresses.TREASURY);

    bytes32 private constant BOUNTY = "a bounty";
    bytes32 private constant POT = "a pot";
    uint256 private constant OWED = 111 ether;

    function setUp() public {
        vm.warp(1_800_000_000);
        place(address(pha), type(PhaToken).runtimeCode);
        place(address(record), type(MigrationRecord).runtimeCode);
        place(address(treasury), type(Treasury).runtimeCode);

        set(0, 2035 | 9_064_613 << 32 | 1 << 64 | 2 << 72 | 77_777 << 80);
        for (uint256 slot = 1; slot < 7; ++slot) {
            set(slot, 1_000 + slot);
        }
        set(7, OWED);
        uint256[5] memory parts = [uint256(50 ether), 30 ether, 20 ether, 6 ether, 5 ether];
        for (uint256 i; i < 5; ++i) {
            set(8 + i, parts[i]);
        }

        // Two earmarks.
        bytes32 slot_ = keccak256(abi.encode(0));
        vm.store(address(treasury), 0, bytes32(uint256(2)));
        bytes32[4] memory words = [BOUNTY, bytes32(uint256(1 ether)), POT, bytes32(uint256(2 ether))];
        for (uint256 i; i < 4; ++i) {
            vm.store(address(treasury), bytes32(uint256(slot_) + i), words[i]);
        }
    }

    function set(uint256 slot, uint256 value) private {
        vm.store(address(record), bytes32(slot), bytes32(value));
    }

    function deposit(uint256 amount) private {
        vm.prank(PhaAddresses.L2_STANDARD_BRIDGE);
        pha.mint(address(treasury), amount);
    }

    function test_ReadsWhatAGenesisWrote() public {
        vm.assertEq(uint256(record.paraId()), 2035);
        vm.assertEq(uint256(record.snapshotBlock()), 9_064_613);
        vm.assertEq(uint256(record.stateVersion()), 1);
        vm.assertEq(uint256(record.evidenceLevel()), 2);
        vm.assertEq(uint256(record.accounts()), 77_777);
        vm.assertEq(uint256(record.activatedAt()), 0);
        vm.assertFalse(record.active(), "active");
        vm.assertEq(uint256(record.blockHash()), 1_001);
        vm.assertEq(uint256(record.stateRoot()), 1_002);
        vm.assertEq(uint256(record.entitlementsRoot()), 1_003);
        vm.assertEq(uint256(record.reportHash()), 1_004);
        vm.assertEq(record.pairsCount(), 1_005);
        vm.assertEq(record.totalIssuance12(), 1_006);
        vm.assertEq(record.l2Issuance18(), OWED);
        vm.assertEq(record.claimsFunding(), 50 ether);
        vm.assertEq(record.stakePoolsFunding(), 30 ether);
        vm.assertEq(record.rewardStreamFunding(), 20 ether);
        vm.assertEq(record.treasuryFunding(), 6 ether);
        vm.assertEq(record.escrowFunding(), 5 ether);

        // A genesis that mints says since when.
        set(0, uint256(vm.load(address(record), 0)) | 1_700_000_000 << 112);
        vm.assertTrue(record.active(), "active");
        vm.assertEq(uint256(record.activatedAt()), 1_700_000_000);
        vm.assertEq(uint256(record.accounts()), 77_777);
    }

    function test_PaysEverybodyWhenItIsFunded() public {
        deposit(OWED);
        vm.expectEmit(true, true, true, true, address(record));
        emit Activated(50 ether, 30 ether, 20 ether, 6 ether, 5 ether);
        vm.expectEmit(true, true, true, true, address(treasury));
        emit Earmarked(BOUNTY, 1 ether);
        vm.expectEmit(true, true, true, true, address(treasury));
        emit Earmarked(POT, 2 ether);
        vm.prank(account("somebody"));
        record.activate();

        vm.assertTrue(record.active(), "active");
        vm.assertEq(uint256(record.activatedAt()), block.timestamp);
        vm.assertEq(pha.balanceOf(PhaAddresses.CLAIMS), 50 ether);
        vm.assertEq(pha.balanceOf(PhaAddresses.STAKE_POOLS), 30 ether);
        vm.assertEq(pha.balanceOf(PhaAddresses.REWARD_STREAM), 20 ether);
        vm.assertEq(pha.balanceOf(address(treasury)), 6 ether);
        vm.assertEq(pha.balanceOf(PhaAddresses.ESCROW), 5 ether);
        vm.assertEq(pha.totalSupply(), OWED);
        vm.warp(block.timestamp + 1);
        vm.assertEq(pha.getPastEligibleSupply(block.timestamp - 1), 30 ether);
    }

    function test_ActivatesOnce() public {
        deposit(OWED * 2);
        record.activate();
        vm.expectRevert(abi.encodeWithSelector(MigrationRecord.AlreadyActive.selector, block.timestamp));
        record.activate();
        vm.assertEq(pha.balanceOf(address(treasury)), OWED + 6 ether, "what was too much stays");
    }

    function test_WaitsForTheWholeDeposit() public {
        deposit(OWED - 1);
        vm.expectRevert(abi.encodeWithSelector(MigrationRecord.NotFunded.selector, OWED - 1, OWED));
        record.activate();
        deposit(1);
        record.activate();
        vm.assertTrue(record.active(), "active");
    }

    function test_RefusesWithoutASnapshot() public {
        set(1, 0);
        deposit(OWED);
        vm.expectRevert(MigrationRecord.NoSnapshot.selector);
        record.activate();
    }

    function test_RefusesAGenesisThatOwesMoreThanItAskedFor() public {
        set(8, OWED);
        deposit(OWED);
        vm.expectRevert(bytes4(keccak256("InsufficientBalance()")));
        record.activate();
        vm.assertFalse(record.active(), "active");
    }

    // The treasury.

    function test_PaysWhatGovernanceSays() public {
        deposit(OWED);
        address to = account("to");
        vm.startPrank(PhaAddresses.TIMELOCK);
        vm.expectRevert(TimelockOwned.NotActive.selector);
        treasury.pay(to, 1, BOUNTY);
        vm.stopPrank();
        record.activate();

        vm.startPrank(PhaAddresses.TIMELOCK);
        vm.expectEmit(true, true, true, true, address(treasury));
        emit Paid(to, 6 ether, BOUNTY);
        treasury.pay(to, 6 ether, BOUNTY);
        vm.expectRevert(bytes4(keccak256("InsufficientBalance()")));
        treasury.pay(to, 1, BOUNTY);
        vm.expectRevert(abi.encodeWithSelector(PhaToken.InvalidRecipient.selector, address(0)));
        treasury.pay(address(0), 0, BOUNTY);
        vm.stopPrank();
        vm.assertEq(pha.balanceOf(to), 6 ether);
    }

    function test_Earmarks() public {
        vm.assertEq(treasury.earmarkCount(), 2);
        vm.assertEq(treasury.earmarkAt(0).account, BOUNTY);
        vm.assertEq(treasury.earmarkAt(1).amount, 2 ether);
        vm.expectEmit(true, true, true, true, address(treasury));
        emit Earmarked("roads", 3);
        vm.prank(PhaAddresses.TIMELOCK);
        treasury.earmark("roads", 3);
    }

    function testFuzz_HearsNobodyElse(address other) public {
        vm.assume(other != PhaAddresses.PROXY_ADMIN && other != PhaAddresses.MIGRATION_RECORD);
        deposit(OWED);
        vm.expectRevert(abi.encodeWithSelector(Treasury.OnlyMigrationRecord.selector, other));
        vm.prank(other);
        treasury.distribute(1, 1, 1, 1);
        record.activate();
        vm.assume(other != PhaAddresses.TIMELOCK);
        vm.startPrank(other);
        vm.expectRevert(abi.encodeWithSelector(TimelockOwned.OnlyTimelock.selector, other));
        treasury.pay(other, 1, BOUNTY);
        vm.expectRevert(abi.encodeWithSelector(TimelockOwned.OnlyTimelock.selector, other));
        treasury.earmark(BOUNTY, 1);
        vm.expectRevert(abi.encodeWithSelector(Treasury.OnlyMigrationRecord.selector, other));
        treasury.distribute(1, 1, 1, 1);
        vm.stopPrank();
    }
}
