// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Claim} from "../../contracts/pha/Claims.sol";
import {RewardStream} from "../../contracts/pha/RewardStream.sol";
import {StakePools} from "../../contracts/pha/StakePools.sol";
import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {ClaimFixture} from "./ClaimFixture.sol";
import {StakeWords} from "./StakeWords.sol";

/// Claims and stake pools together: one signature brings an account its PHA, its stakes and its place in a queue.
contract StakeClaimsTest is ClaimFixture, StakeWords {
    bytes32 private constant ERIN = keccak256("erin");
    bytes32 private constant FRANK = keccak256("frank");
    uint256 private constant ONE = 1e18;
    address private to = account("to");

    function setUp() public {
        bytes memory stakes = bytes.concat(stakeRow(0, uint128(60 * ONE)), stakeRow(1, uint128(40 * ONE)));
        bytes memory requests = requestRow(1, START - 5 days, uint128(10 * ONE));
        owe(Owed(ERIN, uint128(7 * ONE), 0, 0, 0, stakes, requests));
        owe(Owed(FRANK, 0, 0, 0, 0, "", requestRow(1, START - 4 days, uint128(20 * ONE))));
        begin(true);
        place(PhaAddresses.STAKE_POOLS, type(StakePools).runtimeCode);
        place(PhaAddresses.REWARD_STREAM, type(RewardStream).runtimeCode);
        writeStakePool(0, ERIN, 100_000, 130 * ONE, 130 * ONE);
        writeVault(1, FRANK, 0, 0, 70 * ONE, 1e18);
        writeInvestment(1, 0, 0, 70 * ONE);
        writeUnclaimed(0, 60 * ONE);
        writeUnclaimed(1, 40 * ONE);
        (bytes32[] memory who, uint256[] memory shares, uint256[] memory starts) =
            (new bytes32[](2), new uint256[](2), new uint256[](2));
        (who[0], shares[0], starts[0]) = (ERIN, 10 * ONE, START - 5 days);
        (who[1], shares[1], starts[1]) = (FRANK, 20 * ONE, START - 4 days);
        writeRequests(1, who, shares, starts);
        writeStream(ONE, START + 3650 days, 180 days, 200_000, 400_000);
        genesisMint(address(STREAM), 1_000_000 * ONE, true);
    }

    function test_a_claim_brings_pha_stakes_requests_and_votes() public {
        vm.warp(START + 100);
        claims.claim(signedClaim(ERIN, to));
        vm.assertEq(PHA.balanceOf(to), 7 * ONE);
        vm.assertEq(POOLS.sharesOf(0, asAccount(to)), 60 * ONE);
        vm.assertEq(POOLS.sharesOf(1, asAccount(to)), 50 * ONE);
        vm.assertEq(POOLS.openRequestOf(1, asAccount(to)).shares, 10 * ONE);
        vm.assertEq(POOLS.openRequestOf(1, asAccount(to)).start, START - 5 days);
        vm.assertEq(POOLS.sharesOf(0, asAccount(PhaAddresses.CLAIMS)), 0);
        vm.assertEq(POOLS.getVotes(to), 110 * ONE);
        // 40 PHA came in; a tenth is the pool owner's, who is the same account.
        near(POOLS.valueOf(0, 60 * ONE), 60 * ONE + 36 * ONE * 60 / 130, 10, "earned before the claim");
        POOLS.payOwner(0);
        near(PHA.balanceOf(to), 11 * ONE, 10, "commission");
    }

    function test_a_withdrawal_that_is_open_pays_at_its_time_claimed_or_not() public {
        vm.warp(START + 1);
        claims.claim(signedClaim(FRANK, to));
        vm.warp(START + 16 days);
        POOLS.forceRedeem(1, 1, 2);
        uint256 kept = POOLS.kept(ERIN);
        vm.assertGt(kept, 10 * ONE, "with rewards");
        near(PHA.balanceOf(to), 2 * kept, 10, "frank");
        address other = account("other");
        vm.warp(START + 16 days);
        claims.claim(signedClaimAt(ERIN, other));
        vm.assertEq(PHA.balanceOf(other), 7 * ONE + kept);
        vm.assertEq(POOLS.kept(ERIN), 0);
    }

    function signedClaimAt(bytes32 from, address destination) private returns (Claim memory claim) {
        claim = claimOf(from, destination);
        claim.until = uint64(block.timestamp + 1);
        sign(claim, from);
    }
}
