// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Escrow} from "../../contracts/pha/Escrow.sol";
import {MigrationRecord} from "../../contracts/pha/MigrationRecord.sol";
import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {PhaToken} from "../../contracts/pha/PhaToken.sol";
import {TimelockOwned} from "../../contracts/pha/TimelockOwned.sol";
import {Genesis} from "./Genesis.sol";

contract EscrowTest is Genesis {
    event ReleaseProposed(
        uint256 indexed number, bytes32 indexed id, address to, uint256 amount, bytes32 evidence, uint64 due
    );
    event ReleaseCancelled(uint256 indexed number);
    event Released(uint256 indexed number, bytes32 indexed id, address indexed to, uint256 amount, bytes32 evidence);

    PhaToken private constant pha = PhaToken(PhaAddresses.PHA);
    Escrow private constant escrow = Escrow(PhaAddresses.ESCROW);
    uint64 private constant START = 1_800_000_000;
    uint64 private constant DUE = START + 14 days;
    bytes32 private constant HYDRATION = 0x7369626cf2070000000000000000000000000000000000000000000000000000;
    bytes32 private constant STRANDED = keccak256("stranded");
    bytes32 private constant EVIDENCE = keccak256("evidence");
    address private to = account("to");

    function setUp() public {
        vm.warp(START);
        place(address(pha), type(PhaToken).runtimeCode);
        place(address(escrow), type(Escrow).runtimeCode);
        place(PhaAddresses.MIGRATION_RECORD, type(MigrationRecord).runtimeCode);
        activate(true);
        genesisMint(address(escrow), 15 ether, true);
        vm.store(address(escrow), keccak256(abi.encode(HYDRATION, 0)), bytes32(uint256(10 ether)));
        vm.store(address(escrow), keccak256(abi.encode(STRANDED, 0)), bytes32(uint256(5 ether)));
    }

    function activate(bool on) private {
        vm.store(PhaAddresses.MIGRATION_RECORD, 0, bytes32(on ? uint256(START) << 112 : 0));
    }

    function propose(bytes32 id, uint256 amount) private returns (uint256) {
        vm.prank(PhaAddresses.TIMELOCK);
        return escrow.proposeRelease(id, to, amount, EVIDENCE);
    }

    function test_HoldsSubAccounts() public view {
        vm.assertEq(escrow.held(HYDRATION), 10 ether);
        vm.assertEq(escrow.held(STRANDED), 5 ether);
        vm.assertEq(escrow.held(EVIDENCE), 0);
    }

    function test_ReleasesAfterTwoWeeks() public {
        vm.expectEmit(true, true, true, true, address(escrow));
        emit ReleaseProposed(0, HYDRATION, to, 4 ether, EVIDENCE, DUE);
        vm.assertEq(propose(HYDRATION, 4 ether), 0);
        vm.assertEq(escrow.releaseCount(), 1);
        Escrow.Release memory proposed = escrow.releaseAt(0);
        vm.assertEq(
            abi.encode(proposed.id, proposed.to, proposed.due, proposed.amount, proposed.evidence),
            abi.encode(HYDRATION, to, DUE, 4 ether, EVIDENCE)
        );

        vm.warp(DUE - 1);
        vm.expectRevert(abi.encodeWithSelector(Escrow.NotDue.selector, DUE));
        escrow.release(0);
        vm.warp(DUE);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit Released(0, HYDRATION, to, 4 ether, EVIDENCE);
        vm.prank(account("somebody"));
        escrow.release(0);
        vm.assertEq(pha.balanceOf(to), 4 ether);
        vm.assertEq(escrow.held(HYDRATION), 6 ether);
        vm.assertEq(escrow.held(STRANDED), 5 ether);
        vm.expectRevert(abi.encodeWithSelector(Escrow.NoRelease.selector, 0));
        escrow.release(0);
    }

    function test_ReleasesNoMoreThanASubAccountHolds() public {
        vm.expectRevert(abi.encodeWithSelector(Escrow.NotHeld.selector, STRANDED, 5 ether, 5 ether + 1));
        propose(STRANDED, 5 ether + 1);
        propose(STRANDED, 5 ether);
        propose(STRANDED, 1);
        vm.warp(DUE);
        escrow.release(0);
        vm.expectRevert(abi.encodeWithSelector(Escrow.NotHeld.selector, STRANDED, 0, 1));
        escrow.release(1);
        vm.assertEq(pha.balanceOf(address(escrow)), 10 ether);
    }

    function test_CancelsARelease() public {
        propose(HYDRATION, 1);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit ReleaseCancelled(0);
        vm.prank(PhaAddresses.TIMELOCK);
        escrow.cancelRelease(0);
        vm.warp(DUE);
        vm.expectRevert(abi.encodeWithSelector(Escrow.NoRelease.selector, 0));
        escrow.release(0);
        vm.expectRevert(abi.encodeWithSelector(Escrow.NoRelease.selector, 0));
        vm.prank(PhaAddresses.TIMELOCK);
        escrow.cancelRelease(0);
        vm.expectRevert(abi.encodeWithSelector(Escrow.NoRelease.selector, 1));
        escrow.release(1);
    }

    function test_WantsEvidenceAndARecipient() public {
        vm.startPrank(PhaAddresses.TIMELOCK);
        vm.expectRevert(Escrow.NoEvidence.selector);
        escrow.proposeRelease(HYDRATION, to, 1, 0);
        vm.expectRevert(Escrow.NoRecipient.selector);
        escrow.proposeRelease(HYDRATION, address(0), 1, EVIDENCE);
        vm.stopPrank();
    }

    function test_WaitsForActivation() public {
        activate(false);
        propose(HYDRATION, 1);
        vm.warp(DUE);
        vm.expectRevert(TimelockOwned.NotActive.selector);
        escrow.release(0);
        activate(true);
        escrow.release(0);
        vm.assertEq(pha.balanceOf(to), 1);
    }

    function testFuzz_HearsNobodyButTheTimelock(address other) public {
        vm.assume(other != PhaAddresses.TIMELOCK && other != PhaAddresses.PROXY_ADMIN);
        bytes memory reason = abi.encodeWithSelector(TimelockOwned.OnlyTimelock.selector, other);
        vm.startPrank(other);
        vm.expectRevert(reason);
        escrow.proposeRelease(HYDRATION, other, 1, EVIDENCE);
        vm.expectRevert(reason);
        escrow.cancelRelease(0);
        vm.stopPrank();
    }
}
