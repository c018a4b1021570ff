// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Claim, Claims, Signature} from "../../contracts/pha/Claims.sol";
import {ClaimPayout} from "../../contracts/pha/ClaimPayout.sol";
import {DataAccounts} from "../../contracts/pha/DataAccounts.sol";
import {Pausable} from "../../contracts/pha/Pausable.sol";
import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {TimelockOwned} from "../../contracts/pha/TimelockOwned.sol";
import {ClaimFixture} from "./ClaimFixture.sol";

contract ClaimsTest is ClaimFixture {
    event Claimed(
        bytes32 indexed account, address indexed to, uint256 liquid, uint256 vesting, uint256 fee, address submitter
    );

    bytes32 private constant ALICE = keccak256("alice");
    bytes32 private constant BOB = keccak256("bob");
    bytes32 private constant WHALE = keccak256("whale");
    bytes32 private constant EMPTY = keccak256("empty");
    /// Vests, and has stakes.
    bytes32 private constant SAVER = keccak256("saver");
    address private to = account("to");
    address private relayer = account("relayer");

    function setUp() public {
        owe(ALICE, 100 ether);
        owe(BOB, 3 ether);
        owe(WHALE, 2_000 ether);
        owe(EMPTY, 0);
        owe(Owed(SAVER, 0, 10, uint32(START) - 4, uint32(START) + 4, new bytes(4 * 24), ""));
        begin(true);
    }

    function refuse(Claim memory claim, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(relayer);
        claims.claim(claim);
    }

    function badSignature(bytes32 signer) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Claims.InvalidSignature.selector, signer);
    }

    function test_PaysWhoeverHasTheKey() public {
        for (uint8 scheme; scheme < 2; ++scheme) {
            bytes32 from = scheme == 0 ? ALICE : BOB;
            Claim memory claim = claimOf(from, to);
            claim.wrapped = scheme == 0;
            claim.signatures = new Signature[](1);
            claim.signatures[0].data = curve25519(scheme, from, payloadOf(claim, from));
            vm.expectEmit(true, true, true, true, address(claims));
            emit Claimed(from, to, scheme == 0 ? 100 ether : 3 ether, 0, 0, relayer);
            vm.prank(relayer);
            claims.claim(claim);
            vm.assertEq(claims.claimedTo(from), to, "claimed to");
        }
        vm.assertEq(pha.balanceOf(to), 103 ether);
        vm.assertEq(pha.delegates(to), to);
        vm.assertEq(pha.getVotes(to), 103 ether);
        vm.assertEq(pha.balanceOf(address(claims)), funding - 103 ether);
    }

    function test_PaysOnce() public {
        Claim memory claim = signedClaim(ALICE, to);
        claims.claim(claim);
        refuse(claim, abi.encodeWithSelector(ClaimPayout.AlreadyClaimed.selector, ALICE, to));
        claim = signedClaim(ALICE, relayer);
        refuse(claim, abi.encodeWithSelector(ClaimPayout.AlreadyClaimed.selector, ALICE, to));
        refuse(signedClaim(ALICE, to), abi.encodeWithSelector(ClaimPayout.AlreadyClaimed.selector, ALICE, to));
        vm.assertEq(pha.balanceOf(to), 100 ether);
    }

    function test_ClosesAnAccountThatIsOwedNothing() public {
        claims.claim(signedClaim(EMPTY, to));
        vm.assertEq(claims.claimedTo(EMPTY), to);
        vm.assertEq(pha.balanceOf(to), 0);
    }

    function test_ClaimsToAContract() public {
        claims.claim(signedClaim(ALICE, address(this)));
        vm.assertEq(pha.balanceOf(address(this)), 100 ether);
    }

    function test_RefusesDestinationsThatCannotMoveIt() public {
        address[6] memory lost = [
            address(0),
            address(claims),
            address(pha),
            PhaAddresses.STAKE_POOLS,
            PhaAddresses.MIGRATION_RECORD,
            0x5048410000000000000000000000000000001fFF
        ];
        for (uint256 i; i < 6; ++i) {
            refuse(
                signedClaim(ALICE, lost[i]), abi.encodeWithSelector(ClaimPayout.InvalidDestination.selector, lost[i])
            );
        }
    }

    function test_ClaimsToTheNeighboursOfItsContracts() public {
        claims.claim(signedClaim(ALICE, 0x5048410000000000000000000000000000002000));
        claims.claim(signedClaim(BOB, 0x5048410000000000000000000000000000000FFF));
        vm.assertEq(claims.claimedTo(BOB), 0x5048410000000000000000000000000000000FFF);
    }

    // What is signed cannot be changed.

    function test_RefusesWhatWasNotSigned() public {
        Claim memory claim = signedClaim(ALICE, to);
        claim.to = relayer;
        refuse(claim, badSignature(ALICE));
        claim.to = to;
        claim.fee = 1;
        refuse(claim, badSignature(ALICE));
        claim.fee = 0;
        claim.until += 1;
        refuse(claim, badSignature(ALICE));
        claim.until -= 1;
        claim.wrapped = false;
        refuse(claim, badSignature(ALICE));
        claim.wrapped = true;
        claim.index = indexOf(BOB);
        refuse(claim, badSignature(BOB));
        claim.index = indexOf(ALICE);
        claim.signatures[0].data[0] = 0x00;
        refuse(claim, badSignature(ALICE));
        claim.signatures[0].data[0] = 0x01;
        claims.claim(claim);
    }

    function test_RefusesAnotherChainContractOrSnapshot() public {
        Claim memory claim = signedClaim(ALICE, to);
        uint256 chain = block.chainid;
        vm.chainId(chain + 1);
        refuse(claim, badSignature(ALICE));
        vm.chainId(chain);

        bytes32 facts = vm.load(address(record), 0);
        vm.store(address(record), 0, bytes32(uint256(facts) + (1 << 32)));
        refuse(claim, badSignature(ALICE));
        vm.store(address(record), 0, facts);

        address elsewhere = account("another contract");
        place(elsewhere, type(Claims).runtimeCode);
        vm.expectRevert(badSignature(ALICE));
        Claims(elsewhere).claim(claim);
        claims.claim(claim);
    }

    function testFuzz_RefusesMalformedSignatures(bytes memory data, bytes1 scheme) public {
        Claim memory claim = claimOf(ALICE, to);
        claim.signatures = new Signature[](1);
        claim.signatures[0].data = data;
        refuse(claim, badSignature(ALICE));
        // Whatever the precompile says to it, a scheme it does not have is none.
        vm.assume(scheme != 0x00 && scheme != 0x01);
        claim.signatures[0].data = curve25519(uint8(scheme), ALICE, payloadOf(claim, ALICE));
        refuse(claim, badSignature(ALICE));
    }

    function test_RefusesWithoutThePrecompile() public {
        Claim memory claim = signedClaim(ALICE, to);
        vm.etch(PhaAddresses.SUBSTRATE_VERIFY, "");
        refuse(claim, badSignature(ALICE));
        // One that reverts, and one that answers two words.
        vm.etch(PhaAddresses.SUBSTRATE_VERIFY, hex"5f5ffd");
        refuse(claim, badSignature(ALICE));
        vm.etch(PhaAddresses.SUBSTRATE_VERIFY, hex"60015f5260405ff3");
        refuse(claim, badSignature(ALICE));
        vm.etch(PhaAddresses.SUBSTRATE_VERIFY, hex"60025f5260205ff3");
        refuse(claim, badSignature(ALICE));
        vm.etch(PhaAddresses.SUBSTRATE_VERIFY, hex"60015f5260205ff3");
        claims.claim(claim);
    }

    function test_WantsExactlyOneSignatureOfAKey() public {
        Claim memory claim = claimOf(ALICE, to);
        refuse(claim, abi.encodeWithSelector(Claims.NotEnoughSigners.selector, 0, 1));
        sign(claim, ALICE);
        claim.signatures[0].signatory = 1;
        refuse(claim, abi.encodeWithSelector(Claims.NoSuchSignatory.selector, 1));
        claim.signatures[0].signatory = 0;
        Signature memory only = claim.signatures[0];
        claim.signatures = new Signature[](2);
        (claim.signatures[0], claim.signatures[1]) = (only, only);
        refuse(claim, abi.encodeWithSelector(Claims.NotAscending.selector, 0));
    }

    function test_EndsWhenItSays() public {
        Claim memory claim = signedClaim(ALICE, to);
        vm.warp(claim.until + 1);
        refuse(claim, abi.encodeWithSelector(Claims.Expired.selector, claim.until));
        vm.warp(claim.until);
        claims.claim(claim);
    }

    function test_RefusesAnIndexWithoutRecord() public {
        Claim memory claim = signedClaim(ALICE, to);
        uint32[3] memory beyond = [uint32(5), 255, type(uint32).max];
        for (uint256 i; i < 3; ++i) {
            claim.index = beyond[i];
            refuse(claim, abi.encodeWithSelector(DataAccounts.NoRow.selector, 0, beyond[i]));
        }
    }

    // The fee.

    function test_PaysTheFeeToWhoeverSubmits() public {
        Claim memory claim = claimOf(ALICE, to);
        claim.fee = 5 ether;
        sign(claim, ALICE);
        vm.prank(relayer);
        claims.claim(claim);
        vm.assertEq(pha.balanceOf(relayer), 5 ether);
        vm.assertEq(pha.balanceOf(to), 95 ether);
    }

    function test_CapsTheFee() public {
        bytes32[4] memory from = [ALICE, BOB, WHALE, EMPTY];
        uint256[4] memory cap = [uint256(5 ether), 3 ether, 10 ether, 0];
        for (uint256 i; i < 4; ++i) {
            Claim memory claim = claimOf(from[i], to);
            claim.fee = cap[i] + 1;
            sign(claim, from[i]);
            refuse(claim, abi.encodeWithSelector(Claims.FeeAboveCap.selector, claim.fee, cap[i]));
            claim.fee = cap[i];
            sign(claim, from[i]);
            vm.prank(relayer);
            claims.claim(claim);
        }
        vm.assertEq(pha.balanceOf(relayer), 18 ether);
        vm.assertEq(pha.balanceOf(to), 2_103 ether - 18 ether);
    }

    // Many at once.

    function test_ClaimsManyAndLeavesOutWhatIsClaimed() public {
        Claim[] memory batch = new Claim[](3);
        batch[0] = signedClaim(ALICE, to);
        batch[1] = signedClaim(BOB, relayer);
        batch[2] = signedClaim(ALICE, to);
        claims.claim(signedClaim(BOB, to));
        claims.claimMany(batch);
        vm.assertEq(pha.balanceOf(to), 103 ether);
        vm.assertEq(pha.balanceOf(relayer), 0);
        vm.assertEq(claims.claimedTo(BOB), to);
        claims.claimMany(new Claim[](0));

        batch[0] = signedClaim(WHALE, to);
        batch[0].fee = 1;
        vm.expectRevert(badSignature(WHALE));
        claims.claimMany(batch);
    }

    function test_ClaimsFiftyAtMost() public {
        Claim[] memory batch = new Claim[](51);
        vm.expectRevert(abi.encodeWithSelector(Claims.TooManyClaims.selector, 51));
        claims.claimMany(batch);
        batch = new Claim[](50);
        for (uint256 i; i < 50; ++i) {
            batch[i] = signedClaim(ALICE, to);
        }
        claims.claimMany(batch);
        vm.assertEq(pha.balanceOf(to), 100 ether);
    }

    // Delegation.

    function test_LeavesADelegationAsItIs() public {
        vm.prank(to);
        pha.delegate(relayer);
        claims.claim(signedClaim(ALICE, to));
        vm.assertEq(pha.delegates(to), relayer);
        vm.assertEq(pha.getVotes(relayer), 100 ether);
    }

    // Storage.

    function test_WritesWhereItsLayoutSays() public {
        address self = address(claims);
        Claim memory claim = signedClaim(ALICE, to);
        claims.approve(ALICE, to, 0, claim.until, ALICE, true, claim.signatures[0].data);
        claims.claim(claim);
        claim = signedClaim(SAVER, to);
        claim.rows = 1;
        claims.claim(claim);
        vm.startPrank(PhaAddresses.TIMELOCK);
        claims.proposeClaim(indexOf(BOB), relayer, "evidence");
        claims.pause(START + 5);
        vm.stopPrank();

        vm.assertEq(vm.load(self, keccak256(abi.encode(ALICE, 0))), word(to), "claimedTo");
        vm.assertEq(uint256(vm.load(self, bytes32(uint256(1)))), START + 5 | uint256(START) << 64, "pause");
        bytes32 slot = keccak256(abi.encode(to, 2));
        vm.assertEq(uint256(vm.load(self, slot)), 1, "schedules");
        uint256 schedule = 10 | 5 << 96 | (uint256(START) - 4) << 192 | (uint256(START) + 4) << 224;
        vm.assertEq(uint256(vm.load(self, keccak256(abi.encode(slot)))), schedule, "schedule");
        vm.assertEq(uint256(vm.load(self, keccak256(abi.encode(SAVER, 3)))), 3, "rowsLeft");
        slot = keccak256(abi.encode(indexOf(BOB), 4));
        uint256 proposal = uint256(uint160(relayer)) | (uint256(START) + 14 days) << 160;
        vm.assertEq(uint256(vm.load(self, slot)), proposal, "proposal");
        vm.assertEq(vm.load(self, bytes32(uint256(slot) + 1)), "evidence", "evidence");
        slot = keccak256(abi.encode(keccak256(bytes(sentence(ALICE, to, 0, claim.until))), 5));
        vm.assertEq(uint256(vm.load(self, keccak256(abi.encode(ALICE, slot)))), 1, "approval");
    }

    // When nothing goes.

    function test_WaitsForActivation() public {
        writeRecord(0);
        Claim memory claim = signedClaim(ALICE, to);
        Claim[] memory batch = new Claim[](1);
        batch[0] = claim;
        bytes4 reason = TimelockOwned.NotActive.selector;
        vm.expectRevert(reason);
        claims.claim(claim);
        vm.expectRevert(reason);
        claims.claimMany(batch);
        vm.expectRevert(reason);
        claims.execute(claim);
        vm.expectRevert(reason);
        claims.approve(ALICE, to, 0, claim.until, ALICE, true, claim.signatures[0].data);
        vm.expectRevert(reason);
        claims.executeProposal(0, 1);
        vm.expectRevert(reason);
        claims.moveRows(0, 1);
        writeRecord(1);
        claims.claim(claim);
    }

    function test_StopsWhilePaused() public {
        Claim memory claim = signedClaim(ALICE, to);
        uint64 until = START + 1 hours;
        vm.prank(PhaAddresses.TIMELOCK);
        claims.pause(until);
        bytes memory reason = abi.encodeWithSelector(Pausable.IsPaused.selector, until);
        refuse(claim, reason);
        vm.expectRevert(reason);
        claims.claimMany(new Claim[](0));
        vm.expectRevert(reason);
        claims.execute(claim);
        vm.expectRevert(reason);
        claims.approve(ALICE, to, 0, claim.until, ALICE, true, claim.signatures[0].data);
        vm.expectRevert(reason);
        claims.executeProposal(0, 1);
        vm.expectRevert(reason);
        claims.moveRows(0, 1);
        vm.expectRevert(reason);
        claims.release(to, 0, 1);
        vm.warp(until);
        claims.claim(claim);
    }
}
