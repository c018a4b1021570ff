// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {StakePools} from "../../contracts/pha/StakePools.sol";
import {StakePoolsQueue} from "../../contracts/pha/StakePoolsQueue.sol";
import {StakePoolsStorage} from "../../contracts/pha/StakePoolsStorage.sol";
import {StakeGenesis} from "./StakeGenesis.sol";

/// What a genesis writes, and how it becomes somebody's.
contract StakePoolsClaimsTest is StakeGenesis {
    uint32 private constant VAULT = 5;

    function claimStake(bytes32 from, address to, uint32 pid, uint256 shares) private {
        vm.prank(PhaAddresses.CLAIMS);
        POOLS.claimStake(from, to, pid, uint128(shares));
    }

    function claimRequest(bytes32 from, address to, uint32 pid) private {
        vm.prank(PhaAddresses.CLAIMS);
        POOLS.claimRequest(from, to, pid);
    }

    /// A vault with nothing free and two requests of accounts that have not claimed.
    function writeQueue() private {
        writeStakePool(4, OWNER, 0, 1_000 * ONE, 1_000 * ONE);
        writeVault(VAULT, OWNER, 0, 0, 1_000 * ONE, 1e18);
        writeInvestment(VAULT, 0, 4, 1_000 * ONE);
        (bytes32[] memory who, uint256[] memory shares, uint256[] memory starts) =
            (new bytes32[](2), new uint256[](2), new uint256[](2));
        (who[0], shares[0], starts[0]) = (ERIN, 300 * ONE, START - 10 days);
        (who[1], shares[1], starts[1]) = (FRANK, 200 * ONE, START - 5 days);
        writeRequests(VAULT, who, shares, starts);
        writeUnclaimed(VAULT, 500 * ONE);
    }

    // Storage.

    function test_words_of_a_genesis_read_as_documented() public {
        writePool(300, 1, OWNER, 123_456, 7 * ONE, 5 * ONE, 9 * ONE);
        vm.store(address(POOLS), poolWord(300, 3), bytes32(9 * ONE | 3 * ONE << 128));
        writeMember(300, ERIN);
        StakePoolsStorage.Pool memory read = pool(300);
        vm.assertEq(read.value, 7 * ONE);
        vm.assertEq(read.totalShares, 5 * ONE);
        vm.assertEq(read.commissionPpm, 123_456);
        vm.assertEq(uint256(read.kind), 1);
        vm.assertEq(read.members, 1);
        vm.assertEq(read.owner, OWNER);
        vm.assertEq(read.cap, 9 * ONE);
        vm.assertEq(read.ownerDue, 3 * ONE);
        vm.assertTrue(POOLS.whitelist(300, ERIN), "member");
        vm.assertEq(POOLS.poolCount(), 301);

        writeVault(301, OWNER, 0, ONE, ONE, 1.25e18);
        for (uint32 i = 0; i < 19; i++) {
            writeInvestment(301, i, 1_000 + i, i + 1);
        }
        read = pool(301);
        vm.assertEq(uint256(read.kind), 2);
        vm.assertEq(read.priceCheckpoint, 1.25e18);
        vm.assertEq(read.investments.length, 19);
        for (uint32 i = 0; i < 19; i++) {
            vm.assertEq(read.investments[i], 1_000 + i);
            vm.assertEq(POOLS.sharesOf(1_000 + i, POOLS.vaultAccount(301)), i + 1);
        }
        vm.assertEq(POOLS.vaultAccount(301), vaultName(301));

        writeQueue();
        vm.assertEq(pool(VAULT).queuedShares, 500 * ONE);
        vm.assertEq(pool(VAULT).firstRequest, 1);
        vm.assertEq(pool(VAULT).lastRequest, 2);
        vm.assertEq(pool(VAULT).requestsEver, 2);
        StakePoolsStorage.Request memory request = POOLS.openRequestOf(VAULT, FRANK);
        vm.assertEq(request.account, FRANK);
        vm.assertEq(request.shares, 200 * ONE);
        vm.assertEq(request.start, START - 5 days);
        vm.assertEq(request.previous, 1);
        vm.assertEq(request.next, 0);
        vm.assertEq(POOLS.requestAt(VAULT, 1).next, 2);
        // 1,000 in pool 4, 7 in 300.
        vm.assertEq(uint256(vm.load(address(POOLS), 0)) >> 128, 1_000 * ONE);
        vm.assertEq(POOLS.staked(), 1_000 * ONE);
    }

    function test_words_that_contracts_write_are_where_documented() public {
        uint32 pid = newStakePool(77);
        deposit(alice, pid, 3 * ONE);
        ask(alice, pid, ONE);
        vm.prank(owner);
        POOLS.setWhitelist(pid, ERIN, true);
        address pools = address(POOLS);
        vm.assertEq(uint256(vm.load(pools, poolWord(pid, 0))), 3 * ONE | 3 * ONE << 128);
        vm.assertEq(uint256(vm.load(pools, poolWord(pid, 1))), uint256(77) << 192 | 1 << 224 | 1 << 232);
        vm.assertEq(vm.load(pools, poolWord(pid, 2)), asAccount(owner));
        vm.assertEq(uint256(vm.load(pools, poolWord(pid, 3))), NO_CAP);
        vm.assertEq(uint256(vm.load(pools, poolWord(pid, 4))), 1 | 1 << 32 | 1 << 64 | ONE << 96);
        vm.assertEq(uint256(vm.load(pools, nested(pid, 3, asAccount(alice)))), 3 * ONE | 3 * ONE << 128);
        bytes32 request = nested(pid, 4, bytes32(uint256(1)));
        vm.assertEq(vm.load(pools, request), asAccount(alice));
        vm.assertEq(uint256(vm.load(pools, bytes32(uint256(request) + 1))), ONE | block.timestamp << 128);
        vm.assertEq(uint256(vm.load(pools, nested(pid, 5, asAccount(alice)))), 1);
        vm.assertEq(uint256(vm.load(pools, nested(pid, 6, ERIN))), 1);
        vm.assertEq(uint256(vm.load(pools, 0)), 3 * ONE << 128);
        vm.assertEq(uint256(vm.load(pools, bytes32(uint256(1)))), uint256(pid + 1) << 192);
    }

    // Shares.

    function test_unclaimed_shares_earn_before_their_owner_comes() public {
        writeStakePool(4, OWNER, 0, 1_000 * ONE, 500 * ONE);
        writeUnclaimed(4, 500 * ONE);
        writeStream(10 * ONE, 1_000_000 * ONE);
        later(999);
        claimStake(ERIN, alice, 4, 200 * ONE);
        vm.assertEq(sharesOf(4, alice), 200 * ONE);
        vm.assertEq(POOLS.sharesOf(4, asAccount(PhaAddresses.CLAIMS)), 300 * ONE);
        // 4 PHA for each of 1,000 s on 1,000 PHA; two fifths of it.
        near(valueOf(4, alice), 400 * ONE + 1_600 * ONE, 10, "value");
    }

    function test_only_the_claims_contract_hands_over() public {
        writeStakePool(4, OWNER, 0, ONE, ONE);
        writeUnclaimed(4, ONE);
        vm.expectRevert(abi.encodeWithSelector(StakePools.OnlyClaims.selector, address(this)));
        POOLS.claimStake(ERIN, alice, 4, 1);
        vm.expectRevert(abi.encodeWithSelector(StakePools.OnlyClaims.selector, address(this)));
        POOLS.claimRequest(ERIN, alice, 4);
    }

    function test_no_more_is_handed_over_than_the_claims_contract_has() public {
        writeStakePool(4, OWNER, 0, ONE, ONE);
        writeUnclaimed(4, ONE);
        vm.prank(PhaAddresses.CLAIMS);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsQueue.NotEnoughShares.selector, ONE, ONE + 1));
        POOLS.claimStake(ERIN, alice, 4, uint128(ONE + 1));
        claimStake(ERIN, alice, 4, ONE);
    }

    function test_nothing_is_handed_to_what_cannot_be_paid() public {
        writeQueue();
        address[3] memory wrong = [address(0), PhaAddresses.PHA, PhaAddresses.STAKE_POOLS];
        for (uint256 i = 0; i < 3; i++) {
            vm.prank(PhaAddresses.CLAIMS);
            vm.expectRevert(abi.encodeWithSelector(StakePools.InvalidRecipient.selector, wrong[i]));
            POOLS.claimStake(ERIN, wrong[i], VAULT, 1);
            vm.prank(PhaAddresses.CLAIMS);
            vm.expectRevert(abi.encodeWithSelector(StakePools.InvalidRecipient.selector, wrong[i]));
            POOLS.claimRequest(ERIN, wrong[i], VAULT);
        }
    }

    function test_shares_claimed_to_the_claims_contract_stay_there() public {
        writeStakePool(4, OWNER, 0, ONE, ONE);
        writeUnclaimed(4, ONE);
        claimStake(ERIN, PhaAddresses.CLAIMS, 4, ONE);
        vm.assertEq(POOLS.sharesOf(4, asAccount(PhaAddresses.CLAIMS)), ONE);
    }

    // Requests.

    function test_a_request_keeps_its_start_through_the_claim_and_is_paid_at_its_time() public {
        writeQueue();
        claimRequest(ERIN, alice, VAULT);
        vm.assertEq(requestOf(VAULT, alice).start, START - 10 days);
        vm.assertEq(sharesOf(VAULT, alice), 300 * ONE);
        vm.assertEq(POOLS.sharesOf(VAULT, ERIN), 0);
        vm.assertEq(POOLS.openRequestOf(VAULT, ERIN).shares, 0);
        vm.warp(START + 11 days);
        uint256 before = PHA.balanceOf(alice);
        POOLS.forceRedeem(VAULT, 1, 1);
        vm.assertEq(PHA.balanceOf(alice) - before, 300 * ONE);
    }

    function test_what_an_account_is_paid_before_it_claims_is_kept_for_it() public {
        writeQueue();
        vm.warp(START + 11 days);
        POOLS.forceRedeem(VAULT, 1, 9);
        vm.assertEq(POOLS.kept(ERIN), 300 * ONE);
        vm.assertEq(POOLS.kept(FRANK), 200 * ONE);
        vm.assertEq(PHA.balanceOf(address(POOLS)), 1_000 * ONE);
        uint256 before = PHA.balanceOf(alice);
        claimRequest(ERIN, alice, VAULT);
        vm.assertEq(PHA.balanceOf(alice) - before, 300 * ONE);
        vm.assertEq(POOLS.kept(ERIN), 0);
        claimRequest(ERIN, alice, VAULT);
        vm.assertEq(PHA.balanceOf(alice) - before, 300 * ONE);
    }

    function test_a_request_paid_in_part_is_handed_over_with_what_was_paid() public {
        writeQueue();
        deposit(bob, VAULT, 100 * ONE);
        vm.assertEq(POOLS.kept(ERIN), 100 * ONE);
        uint256 before = PHA.balanceOf(alice);
        claimRequest(ERIN, alice, VAULT);
        vm.assertEq(PHA.balanceOf(alice) - before, 100 * ONE);
        vm.assertEq(requestOf(VAULT, alice).shares, 200 * ONE);
        vm.assertEq(requestOf(VAULT, alice).start, START - 10 days);
    }

    function test_an_account_that_has_claimed_is_paid_where_it_claimed_to() public {
        writeQueue();
        claim(ERIN, alice);
        uint256 before = PHA.balanceOf(alice);
        deposit(bob, VAULT, 100 * ONE);
        vm.assertEq(PHA.balanceOf(alice) - before, 100 * ONE);
    }

    function test_a_claimed_request_joins_a_later_one_in_its_place() public {
        writeQueue();
        deposit(alice, VAULT, 50 * ONE);
        POOLS.processQueue(VAULT, 9);
        ask(alice, VAULT, 40 * ONE);
        claimRequest(ERIN, alice, VAULT);
        vm.assertEq(requestOf(VAULT, alice).start, block.timestamp);
        vm.assertEq(requestOf(VAULT, alice).shares, 40 * ONE + 250 * ONE);
        vm.assertEq(pool(VAULT).queuedShares, 40 * ONE + 250 * ONE + 200 * ONE);
        vm.assertEq(POOLS.requestAt(VAULT, pool(VAULT).firstRequest).account, FRANK);
    }

    function test_a_claimed_request_takes_an_earlier_one_into_its_place() public {
        writeQueue();
        claimRequest(ERIN, alice, VAULT);
        claimRequest(FRANK, alice, VAULT);
        vm.assertEq(requestOf(VAULT, alice).start, START - 5 days);
        vm.assertEq(requestOf(VAULT, alice).shares, 500 * ONE);
        vm.assertEq(requestOf(VAULT, alice).previous, 0);
        vm.assertEq(pool(VAULT).queuedShares, 500 * ONE);
        vm.assertEq(pool(VAULT).firstRequest, pool(VAULT).lastRequest);
        vm.assertEq(sharesOf(VAULT, alice), 500 * ONE);
    }

    /// The vault of the small synthetic state, its queue and its price.
    function test_the_vault_of_the_synthetic_state_is_worth_and_pays_what_the_state_says() public {
        uint256 unit = 1e6;
        writeStakePool(0, OWNER, 0, 990_000_000_000_007 * unit, 900_000_000_000_000 * unit);
        writeStakePool(1, OWNER, 0, 400_000_000_000_000 * unit, 400_000_000_000_000 * unit);
        writeVault(2, OWNER, 0, 1 * unit, 255_988_023_952_096 * unit, 0);
        writeInvestment(2, 0, 0, 250_000_000_000_000 * unit);
        writeInvestment(2, 1, 1, 10_000_000_000_000 * unit);
        writeRequests(2, list(ERIN), list(5_988_023_952_096 * unit), list(uint256(1_763_500_000)));
        (uint256 value, uint256 shares) = POOLS.worthOf(2);
        vm.assertEq(shares, 255_988_023_952_096 * unit);
        // nav before the queue, less the 49 PHA that went to it: 334 PHA and 1 unit, 33.4 and 15.599999999999.
        near(value, (334_000_000_000_001 - 33_400_000_000_000 - 15_599_999_999_999) * unit, 2 * unit, "nav");
        vm.warp(1_763_500_000 + 21 days);
        POOLS.forceRedeem(2, 2, 1);
        near(POOLS.kept(ERIN), 5_988_023_952_096 * unit * value / shares, unit, "kept");
        vm.assertEq(pool(2).totalShares, (255_988_023_952_096 - 5_988_023_952_096) * unit);
    }
}
