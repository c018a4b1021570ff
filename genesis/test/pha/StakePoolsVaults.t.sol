// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {StakePoolsOwners} from "../../contracts/pha/StakePoolsOwners.sol";
import {StakePoolsQueue} from "../../contracts/pha/StakePoolsQueue.sol";
import {StakePoolsStorage} from "../../contracts/pha/StakePoolsStorage.sol";
import {StakeGenesis} from "./StakeGenesis.sol";

/// What owners do, and vaults: their price, their commission, their queues and what happens when they do not pay.
contract StakePoolsVaultsTest is StakeGenesis {
    uint32 private first;
    uint32 private second;
    uint32 private vault;

    function setUp() public override {
        super.setUp();
        first = newStakePool(0);
        second = newStakePool(0);
        vault = newVault(0);
    }

    // Price.

    function test_a_vault_is_worth_what_is_free_and_its_shares_of_stake_pools() public {
        writeStakePool(10, OWNER, 0, 330 * ONE, 300 * ONE);
        writeStakePool(11, OWNER, 0, 50 * ONE, 100 * ONE);
        writeVault(12, OWNER, 0, 7 * ONE, 100 * ONE, 0);
        writeInvestment(12, 0, 10, 100 * ONE);
        writeInvestment(12, 1, 11, 20 * ONE);
        // 7 + 100 * 1.1 + 20 * 0.5
        (uint256 value, uint256 shares) = POOLS.worthOf(12);
        vm.assertEq(value, 127 * ONE);
        vm.assertEq(shares, 100 * ONE);
        vm.assertEq(deposit(alice, 12, 127 * ONE), 100 * ONE);
    }

    function test_a_vault_earns_through_its_shares_in_the_same_second() public {
        deposit(alice, vault, 40 * ONE);
        deposit(bob, first, 10 * ONE);
        invest(owner, vault, first, 30 * ONE);
        vm.assertEq(POOLS.sharesOf(first, POOLS.vaultAccount(vault)), 30 * ONE);
        vm.assertEq(pool(vault).value, 10 * ONE);
        writeStream(10 * ONE, 1_000_000 * ONE);
        STREAM.accrue();
        later(1_000);
        // 4 PHA for each of 1,001 s, three quarters of it the vault's.
        near(valueOf(vault, alice), 40 * ONE + 3_003 * ONE, 100, "vault");
        near(valueOf(first, bob), 10 * ONE + 1_001 * ONE, 100, "pool");
    }

    function test_what_comes_into_a_vault_later_gets_nothing_of_what_was_before() public {
        deposit(alice, vault, 40 * ONE);
        invest(owner, vault, first, 40 * ONE);
        writeStream(10 * ONE, 1_000_000 * ONE);
        later(1_000);
        uint256 worth = valueOf(vault, alice);
        deposit(bob, vault, 40 * ONE);
        vm.assertLe(valueOf(vault, bob), 40 * ONE, "bob");
        near(valueOf(vault, alice), worth, 1_000, "alice");
    }

    // Commission.

    function test_commission_makes_shares_for_the_owner_on_gain_above_the_checkpoint() public {
        // Price 1.1 now, commission taken up to 1.05: of the gain of 50 PHA, a tenth is the owner's.
        writeVault(10, OWNER, 100_000, 1_100 * ONE, 1_000 * ONE, 1.05e18);
        writePosition(10, asAccount(alice), 1_000 * ONE);
        claim(OWNER, owner);
        near(valueOf(10, alice), 1_095 * ONE, 1, "seen before");
        POOLS.payOwner(10);
        near(valueOf(10, alice), 1_095 * ONE, 1_000, "alice");
        near(valueOf(10, owner), 5 * ONE, 1_000, "owner");
        // 5 * 1000 / 1095
        near(sharesOf(10, owner), 5 * ONE * 1_000 / 1_095, 1, "shares");
        near(pool(10).priceCheckpoint, 1.095e18, 1, "checkpoint");
        POOLS.payOwner(10);
        near(sharesOf(10, owner), 5 * ONE * 1_000 / 1_095, 1, "only once");
    }

    function test_no_commission_below_the_checkpoint_nor_before_there_is_one() public {
        writeVault(10, OWNER, 100_000, 1_100 * ONE, 1_000 * ONE, 1.2e18);
        writeVault(11, OWNER, 100_000, 1_100 * ONE, 1_000 * ONE, 0);
        POOLS.processQueue(10, 0);
        POOLS.processQueue(11, 0);
        vm.assertEq(pool(10).ownerDue, 0);
        vm.assertEq(pool(10).priceCheckpoint, 1.2e18);
        vm.assertEq(pool(11).ownerDue, 0);
        vm.assertEq(pool(11).priceCheckpoint, 1.1e18);
    }

    function test_a_commission_of_everything_leaves_the_price_at_the_checkpoint() public {
        writeVault(10, OWNER, 1_000_000, 3_000 * ONE, 1_000 * ONE, 1e18);
        writePosition(10, asAccount(alice), 1_000 * ONE);
        POOLS.processQueue(10, 0);
        near(valueOf(10, alice), 1_000 * ONE, 1_000, "alice");
        vm.assertEq(pool(10).ownerDue, 2_000 * ONE);
    }

    function test_commission_is_taken_of_each_gain_once() public {
        uint32 other = newVault(0);
        vm.prank(owner);
        POOLS.setCommission(vault, 100_000);
        deposit(alice, vault, 1_000 * ONE);
        deposit(bob, other, 1_000 * ONE);
        invest(owner, vault, first, 1_000 * ONE);
        invest(owner, other, second, 1_000 * ONE);
        writeStream(ONE, 1_000_000 * ONE);
        for (uint256 i = 0; i < 20; i++) {
            later(100);
            POOLS.payOwner(vault);
        }
        // The value grows by 40 %; in small steps holders get that to the power of nine tenths.
        near(valueOf(vault, alice) + valueOf(vault, owner), valueOf(other, bob), 1e6, "the whole");
        near(valueOf(vault, alice), 1_353.7e18, 1e18, "the rest");
    }

    function test_an_empty_vault_begins_at_price_one() public {
        writeVault(10, OWNER, 100_000, 0, 0, 1.5e18);
        deposit(alice, 10, 10 * ONE);
        vm.assertEq(pool(10).priceCheckpoint, 1e18);
        vm.assertEq(sharesOf(10, alice), 10 * ONE);
    }

    function test_a_few_shares_that_everything_falls_to_do_not_stop_a_vault() public {
        writeVault(10, OWNER, 0, 1e27, 1, 1e18);
        POOLS.processQueue(10, 0);
        vm.assertEq(pool(10).priceCheckpoint, type(uint128).max);
        POOLS.processQueue(10, 0);
    }

    // Requests.

    function test_a_vault_pays_from_free_value_at_once() public {
        deposit(alice, vault, 10 * ONE);
        uint256 before = PHA.balanceOf(alice);
        ask(alice, vault, 4 * ONE);
        vm.assertEq(PHA.balanceOf(alice) - before, 4 * ONE);
        vm.assertEq(requestOf(vault, alice).shares, 0);
    }

    function test_a_vault_pays_in_part_and_the_rest_keeps_its_start() public {
        deposit(alice, vault, 10 * ONE);
        invest(owner, vault, first, 7 * ONE);
        uint256 start = block.timestamp;
        uint256 before = PHA.balanceOf(alice);
        ask(alice, vault, 10 * ONE);
        vm.assertEq(PHA.balanceOf(alice) - before, 3 * ONE);
        vm.assertEq(requestOf(vault, alice).shares, 7 * ONE);
        later(1 days);
        deposit(bob, vault, 2 * ONE);
        vm.assertEq(requestOf(vault, alice).shares, 5 * ONE);
        vm.assertEq(requestOf(vault, alice).start, start);
        vm.assertEq(pool(vault).queuedShares, 5 * ONE);
    }

    /// The figures of the note: s = free * shares / nav, paid s * nav / shares.
    function test_a_part_is_rounded_as_on_the_parachain() public {
        writeStakePool(10, OWNER, 0, 1_000 * ONE, 900 * ONE);
        writeVault(11, OWNER, 0, 17 * ONE + 3, 300 * ONE, 0);
        writeInvestment(11, 0, 10, 281 * ONE + 1);
        writePosition(11, asAccount(alice), 300 * ONE);
        uint256 nav = 17 * ONE + 3 + (281 * ONE + 1) * 1_000 / 900;
        uint256 paidShares = (17 * ONE + 3) * (300 * ONE) / nav;
        uint256 before = PHA.balanceOf(alice);
        ask(alice, 11, 100 * ONE);
        vm.assertEq(requestOf(11, alice).shares, 100 * ONE - paidShares);
        vm.assertEq(PHA.balanceOf(alice) - before, paidShares * nav / (300 * ONE));
    }

    function test_dust_that_a_part_leaves_is_dropped_with_the_request() public {
        deposit(alice, vault, 10 * ONE);
        deposit(bob, vault, 10 * ONE);
        invest(owner, vault, first, 10 * ONE + DUST);
        uint256 before = PHA.balanceOf(alice);
        ask(alice, vault, 10 * ONE);
        vm.assertEq(PHA.balanceOf(alice) - before, 10 * ONE - DUST);
        vm.assertEq(requestOf(vault, alice).shares, 0);
        vm.assertEq(sharesOf(vault, alice), 0);
        vm.assertEq(valueOf(vault, bob), 10 * ONE + DUST);
    }

    function test_free_dust_pays_nobody() public {
        deposit(alice, vault, 10 * ONE);
        invest(owner, vault, first, 10 * ONE - DUST);
        ask(alice, vault, 5 * ONE);
        vm.assertEq(requestOf(vault, alice).shares, 5 * ONE);
        vm.assertEq(POOLS.processQueue(vault, 5), 0);
    }

    function test_a_bankrupt_vault_keeps_its_queue() public {
        writeVault(10, OWNER, 0, 0, 100 * ONE, 0);
        writeRequests(10, list(ERIN), list(100 * ONE), list(START - 30 days));
        vm.assertEq(POOLS.processQueue(10, 5), 0);
        POOLS.forceRedeem(10, 5, 5);
        vm.assertEq(POOLS.openRequestOf(10, ERIN).shares, 100 * ONE);
    }

    // Investing.

    function test_what_a_vault_asks_of_a_stake_pool_becomes_free_after_seven_days() public {
        deposit(alice, vault, 10 * ONE);
        invest(owner, vault, first, 10 * ONE);
        vm.prank(owner);
        POOLS.divest(vault, first, 10 * ONE);
        ask(alice, vault, 6 * ONE);
        later(7 days);
        POOLS.processQueue(first, 5);
        vm.assertEq(pool(vault).value, 10 * ONE);
        vm.assertEq(pool(vault).investments.length, 0);
        uint256 before = PHA.balanceOf(alice);
        POOLS.processQueue(vault, 5);
        vm.assertEq(PHA.balanceOf(alice) - before, 6 * ONE);
    }

    function test_only_the_owner_invests_and_divests_and_only_free_value() public {
        deposit(alice, vault, 10 * ONE);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.NotOwner.selector, vault, alice));
        POOLS.invest(vault, first, ONE);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.NotOwner.selector, vault, alice));
        POOLS.divest(vault, first, ONE);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.NotEnoughFree.selector, 10 * ONE, 10 * ONE + 1));
        POOLS.invest(vault, first, 10 * ONE + 1);
    }

    function test_vaults_invest_in_stake_pools_only() public {
        uint32 other = newVault(0);
        deposit(alice, vault, 10 * ONE);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsStorage.NotAStakePool.selector, other));
        POOLS.invest(vault, other, ONE);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsStorage.NotAVault.selector, first));
        POOLS.invest(first, second, ONE);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsStorage.NotAVault.selector, first));
        POOLS.divest(first, second, ONE);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsStorage.NotAStakePool.selector, other));
        POOLS.divest(vault, other, ONE);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsStorage.NotAVault.selector, first));
        POOLS.isOverdue(first);
    }

    function test_a_vault_invests_nothing_while_anybody_waits() public {
        deposit(alice, vault, 10 * ONE);
        invest(owner, vault, first, 10 * ONE - DUST);
        ask(alice, vault, 5 * ONE);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.RequestsWaiting.selector, vault));
        POOLS.invest(vault, first, 1);
    }

    function test_a_vault_must_be_on_the_whitelist_of_a_stake_pool() public {
        deposit(alice, vault, 10 * ONE);
        vm.prank(owner);
        POOLS.setWhitelist(first, asAccount(alice), true);
        bytes32 name = POOLS.vaultAccount(vault);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.NotWhitelisted.selector, first, name));
        POOLS.invest(vault, first, ONE);
        vm.prank(owner);
        POOLS.setWhitelist(first, name, true);
        invest(owner, vault, first, ONE);
    }

    function test_a_vault_has_shares_of_64_stake_pools_at_most() public {
        deposit(alice, vault, 100 * ONE);
        uint32 pid = first;
        for (uint256 i = 0; i < 64; i++) {
            invest(owner, vault, pid, ONE);
            pid = newStakePool(0);
        }
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.TooManyInvestments.selector, vault));
        POOLS.invest(vault, pid, ONE);
        // More of what it has is no new one.
        invest(owner, vault, first, ONE);
        uint256 gas = gasleft();
        POOLS.valueOf(vault, ONE);
        vm.assertLe(gas - gasleft(), 64 * 9_000 + 60_000, "gas of a price");
    }

    // Overdue.

    function test_anybody_redeems_for_a_request_after_21_days() public {
        deposit(alice, vault, 10 * ONE);
        deposit(bob, vault, 10 * ONE);
        invest(owner, vault, first, 12 * ONE);
        invest(owner, vault, second, 8 * ONE);
        uint256 before = PHA.balanceOf(alice);
        ask(alice, vault, 10 * ONE);
        later(21 days - 1);
        vm.assertFalse(POOLS.isOverdue(vault), "early");
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.NothingOverdue.selector, vault));
        POOLS.forceRedeem(vault, 10, 10);
        later(1);
        vm.assertTrue(POOLS.isOverdue(vault), "overdue");
        POOLS.forceRedeem(vault, 10, 10);
        vm.assertEq(PHA.balanceOf(alice) - before, 10 * ONE);
        // The last investment first, and no more than needed.
        vm.assertEq(POOLS.sharesOf(second, POOLS.vaultAccount(vault)), 0);
        vm.assertEq(POOLS.sharesOf(first, POOLS.vaultAccount(vault)), 10 * ONE);
        vm.assertEq(pool(vault).investments.length, 1);
        vm.assertFalse(POOLS.isOverdue(vault), "paid");
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.NothingOverdue.selector, vault));
        POOLS.forceRedeem(vault, 10, 10);
    }

    function test_redeeming_goes_in_steps_of_any_size() public {
        deposit(alice, vault, 10 * ONE);
        invest(owner, vault, first, 5 * ONE);
        invest(owner, vault, second, 5 * ONE);
        ask(alice, vault, 10 * ONE);
        later(21 days);
        POOLS.forceRedeem(vault, 0, 5);
        vm.assertEq(requestOf(vault, alice).shares, 10 * ONE);
        POOLS.forceRedeem(vault, 1, 0);
        vm.assertEq(pool(vault).value, 5 * ONE);
        POOLS.forceRedeem(vault, 0, 1);
        vm.assertEq(requestOf(vault, alice).shares, 5 * ONE);
        POOLS.forceRedeem(vault, 1, 1);
        vm.assertEq(sharesOf(vault, alice), 0);
    }

    function test_redeeming_passes_by_bankrupt_stake_pools() public {
        writeStakePool(10, OWNER, 0, 0, 100 * ONE);
        deposit(alice, vault, 10 * ONE);
        invest(owner, vault, first, 10 * ONE);
        writeInvestment(vault, 1, 10, 100 * ONE);
        ask(alice, vault, 10 * ONE);
        later(21 days);
        uint256 before = PHA.balanceOf(alice);
        POOLS.forceRedeem(vault, 2, 1);
        vm.assertEq(PHA.balanceOf(alice) - before, 10 * ONE);
        vm.assertEq(POOLS.sharesOf(10, POOLS.vaultAccount(vault)), 100 * ONE);
    }

    function test_redeeming_takes_shares_out_of_the_vaults_own_request() public {
        deposit(alice, vault, 10 * ONE);
        deposit(bob, vault, 10 * ONE);
        invest(owner, vault, first, 20 * ONE);
        ask(alice, vault, 10 * ONE);
        later(21 days);
        vm.prank(owner);
        POOLS.divest(vault, first, 15 * ONE);
        POOLS.forceRedeem(vault, 1, 1);
        bytes32 name = POOLS.vaultAccount(vault);
        vm.assertEq(POOLS.openRequestOf(first, name).shares, 5 * ONE);
        vm.assertEq(pool(first).queuedShares, 5 * ONE);
        vm.assertEq(POOLS.sharesOf(first, name), 10 * ONE);

        ask(bob, vault, 10 * ONE);
        later(21 days);
        POOLS.forceRedeem(vault, 1, 1);
        vm.assertEq(sharesOf(vault, bob), 0);
        vm.assertEq(POOLS.openRequestOf(first, name).shares, 0);
        vm.assertEq(pool(first).queuedShares, 0);
        vm.assertEq(pool(first).totalShares, 0);
    }

    // Owners.

    function test_owners_of_the_parachain_own_once_they_have_claimed() public {
        writeStakePool(10, OWNER, 0, 0, 0);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.NotOwner.selector, 10, owner));
        POOLS.setCommission(10, 1);
        claim(OWNER, owner);
        vm.prank(owner);
        POOLS.setCommission(10, 1);
        vm.assertEq(pool(10).commissionPpm, 1);
    }

    function test_an_owners_part_waits_for_the_claim() public {
        writeStakePool(10, OWNER, 500_000, 10 * ONE, 10 * ONE);
        writeUnclaimed(10, 10 * ONE);
        writeStream(10 * ONE, 1_000_000 * ONE);
        later(1_000);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.OwnerHasNotClaimed.selector, 10, OWNER));
        POOLS.payOwner(10);
        claim(OWNER, carol);
        uint256 before = PHA.balanceOf(carol);
        POOLS.payOwner(10);
        // Half of 4 PHA for each of 1,001 s since the start.
        near(PHA.balanceOf(carol) - before, 2_002 * ONE, 10, "half");
    }

    function test_commission_is_at_most_everything() public {
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.CommissionAboveWhole.selector, 1_000_001));
        POOLS.createVault(1_000_001);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.CommissionAboveWhole.selector, 1_000_001));
        POOLS.createStakePool(1_000_001, 0);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.CommissionAboveWhole.selector, 1_000_001));
        POOLS.setCommission(first, 1_000_001);
        POOLS.createVault(1_000_000);
    }

    function test_pools_are_numbered_on_from_those_of_the_parachain() public {
        writeStakePool(41, OWNER, 0, 0, 0);
        vm.assertEq(newStakePool(0), 42);
        vm.assertEq(newVault(0), 43);
        vm.assertEq(POOLS.poolCount(), 44);
    }

    function test_owners_set_caps_of_stake_pools_not_below_their_value() public {
        deposit(alice, first, 10 * ONE);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.CapBelowValue.selector, 10 * ONE - 1, 10 * ONE));
        POOLS.setCap(first, uint128(10 * ONE - 1));
        vm.prank(owner);
        POOLS.setCap(first, uint128(10 * ONE));
        vm.assertEq(pool(first).cap, 10 * ONE);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.NotOwner.selector, first, alice));
        POOLS.setCap(first, NO_CAP);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsStorage.NotAStakePool.selector, vault));
        POOLS.setCap(vault, NO_CAP);
    }

    function test_a_whitelist_admits_its_members_and_the_owner() public {
        vm.prank(owner);
        POOLS.setWhitelist(first, asAccount(alice), true);
        deposit(alice, first, ONE);
        deposit(owner, first, ONE);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.NotWhitelisted.selector, first, asAccount(bob)));
        POOLS.deposit(first, ONE, 0);
        // Again is nothing new; without the last member all may come.
        vm.prank(owner);
        POOLS.setWhitelist(first, asAccount(alice), true);
        vm.assertEq(pool(first).members, 1);
        vm.prank(owner);
        POOLS.setWhitelist(first, asAccount(alice), false);
        deposit(bob, first, ONE);
    }

    function test_a_whitelist_has_a_hundred_members_and_one_owner() public {
        for (uint160 i = 1; i <= 100; i++) {
            vm.prank(owner);
            POOLS.setWhitelist(first, bytes32(uint256(i)), true);
        }
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.WhitelistFull.selector, first));
        POOLS.setWhitelist(first, asAccount(alice), true);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.NotOwner.selector, first, alice));
        POOLS.setWhitelist(first, bytes32(uint256(1)), false);
    }

    function test_a_member_of_the_parachain_is_admitted_where_it_claimed_to() public {
        writeStakePool(10, OWNER, 0, 0, 0);
        writeMember(10, ERIN);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.NotWhitelisted.selector, 10, ERIN));
        POOLS.admit(10, ERIN);
        claim(ERIN, alice);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.NotWhitelisted.selector, 10, asAccount(alice)));
        POOLS.deposit(10, ONE, 0);
        POOLS.admit(10, ERIN);
        deposit(alice, 10, ONE);
        vm.assertEq(pool(10).members, 1);
        claim(FRANK, bob);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.NotWhitelisted.selector, 10, FRANK));
        POOLS.admit(10, FRANK);
    }

    function test_owners_describe_their_pools_in_the_log() public {
        vm.expectEmit(true, true, true, true, address(POOLS));
        emit StakePoolsOwners.DescriptionSet(first, "no fee");
        vm.prank(owner);
        POOLS.setDescription(first, "no fee");
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(StakePoolsOwners.NotOwner.selector, first, alice));
        POOLS.setDescription(first, "mine");
    }
}
