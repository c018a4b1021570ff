// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {StakePools} from "../../contracts/pha/StakePools.sol";
import {StakePoolsVotes} from "../../contracts/pha/StakePoolsVotes.sol";
import {StakeGenesis} from "./StakeGenesis.sol";

/// Votes of stake, and that nobody has them twice.
contract StakePoolsVotesTest is StakeGenesis {
    uint32 private pid;

    function setUp() public override {
        super.setUp();
        pid = newStakePool(0);
        delegate(alice, alice);
        delegate(bob, bob);
    }

    function delegate(address who, address to) private {
        vm.prank(who);
        PHA.delegate(to);
    }

    function refresh(address who) private {
        uint32[] memory pids = new uint32[](1);
        pids[0] = pid;
        POOLS.refreshVotes(who, pids);
    }

    function test_stake_votes_at_its_value_and_leaves_the_votes_of_the_token() public {
        deposit(alice, pid, 100 * ONE);
        vm.assertEq(POOLS.getVotes(alice), 100 * ONE);
        vm.assertEq(PHA.getVotes(alice), 999_900 * ONE);
    }

    function test_votes_of_the_past_are_those_of_then() public {
        uint256 start = block.timestamp;
        deposit(alice, pid, 100 * ONE);
        later(10);
        deposit(alice, pid, 50 * ONE);
        later(10);
        vm.assertEq(POOLS.getPastVotes(alice, start - 1), 0);
        vm.assertEq(POOLS.getPastVotes(alice, start), 100 * ONE);
        vm.assertEq(POOLS.getPastVotes(alice, start + 9), 100 * ONE);
        vm.assertEq(POOLS.getPastVotes(alice, start + 10), 150 * ONE);
        vm.expectRevert(
            abi.encodeWithSelector(StakePoolsVotes.FutureLookup.selector, block.timestamp, uint48(block.timestamp))
        );
        POOLS.getPastVotes(alice, block.timestamp);
        vm.assertEq(POOLS.clock(), block.timestamp);
        vm.assertEq(POOLS.CLOCK_MODE(), "mode=timestamp");
    }

    function test_paid_shares_vote_no_more() public {
        deposit(alice, pid, 100 * ONE);
        ask(alice, pid, 60 * ONE);
        vm.assertEq(POOLS.getVotes(alice), 100 * ONE);
        later(7 days);
        POOLS.processQueue(pid, 1);
        vm.assertEq(POOLS.getVotes(alice), 40 * ONE);
        vm.assertEq(PHA.getVotes(alice), 999_960 * ONE);
    }

    function test_rewards_vote_once_somebody_counts_them() public {
        deposit(alice, pid, 100 * ONE);
        writeStream(10 * ONE, 1_000_000 * ONE);
        later(1_000);
        vm.assertEq(POOLS.getVotes(alice), 100 * ONE);
        vm.prank(carol);
        refresh(alice);
        vm.assertEq(POOLS.getVotes(alice), valueOf(pid, alice));
        vm.assertGt(POOLS.getVotes(alice), 4_000 * ONE, "rewards");
        vm.assertLe(POOLS.getVotes(alice), PHA.balanceOf(address(POOLS)), "no more than there is");
    }

    function test_stake_follows_the_delegate_of_the_token_when_it_is_counted() public {
        deposit(alice, pid, 100 * ONE);
        delegate(alice, bob);
        vm.assertEq(POOLS.getVotes(alice), 100 * ONE);
        vm.assertEq(POOLS.getVotes(bob), 0);
        POOLS.refreshVotes(alice, new uint32[](0));
        vm.assertEq(POOLS.getVotes(alice), 0);
        vm.assertEq(POOLS.getVotes(bob), 100 * ONE);
        vm.assertEq(POOLS.voterOf(alice).delegatee, bob);
        deposit(bob, pid, ONE);
        deposit(alice, pid, ONE);
        vm.assertEq(POOLS.getVotes(bob), 102 * ONE);
        delegate(alice, address(0));
        refresh(alice);
        vm.assertEq(POOLS.getVotes(bob), ONE);
        vm.assertEq(POOLS.voterOf(alice).votes, 101 * ONE);
    }

    function test_stake_without_a_delegate_votes_for_nobody() public {
        deposit(carol, pid, 100 * ONE);
        vm.assertEq(POOLS.getVotes(carol), 0);
        delegate(carol, bob);
        refresh(carol);
        vm.assertEq(POOLS.getVotes(bob), 100 * ONE);
    }

    function test_votes_of_several_pools_add_up() public {
        uint32 other = newVault(0);
        deposit(alice, pid, 100 * ONE);
        deposit(alice, other, 50 * ONE);
        vm.assertEq(POOLS.getVotes(alice), 150 * ONE);
        vm.assertEq(POOLS.positionOf(other, alice).votes, 50 * ONE);
        ask(alice, other, 20 * ONE);
        vm.assertEq(POOLS.getVotes(alice), 130 * ONE);
    }

    function test_neither_a_vaults_stake_nor_unclaimed_stake_votes_as_such() public {
        uint32 vault = newVault(0);
        deposit(alice, vault, 50 * ONE);
        invest(owner, vault, pid, 50 * ONE);
        vm.assertEq(POOLS.getVotes(alice), 50 * ONE);
        writeStakePool(9, OWNER, 0, 10 * ONE, 10 * ONE);
        writeUnclaimed(9, 10 * ONE);
        uint32[] memory pids = new uint32[](1);
        pids[0] = 9;
        POOLS.refreshVotes(PhaAddresses.CLAIMS, pids);
        vm.assertEq(POOLS.getVotes(PhaAddresses.CLAIMS), 0);
        vm.prank(PhaAddresses.CLAIMS);
        POOLS.claimStake(ERIN, bob, 9, uint128(4 * ONE));
        vm.assertEq(POOLS.getVotes(bob), 4 * ONE);
    }

    function test_owners_vote_with_the_shares_of_their_commission() public {
        delegate(owner, owner);
        writeVault(9, asAccount(owner), 500_000, 200 * ONE, 100 * ONE, 1e18);
        writePosition(9, asAccount(alice), 100 * ONE);
        POOLS.payOwner(9);
        near(POOLS.getVotes(owner), 50 * ONE, 100, "half of the gain");
    }

    /// A claim prices a vault of up to 8 stake pools; a larger one votes after `refreshVotes`.
    function test_claimed_shares_of_a_large_vault_vote_once_counted() public {
        for (uint32 size = 8; size <= 9; size++) {
            uint32 vault = 100 * size;
            writeVault(vault, OWNER, 0, 10 * ONE, 10 * ONE, 0);
            writeUnclaimed(vault, 10 * ONE);
            for (uint32 i = 0; i < size; i++) {
                writeStakePool(vault + 1 + i, OWNER, 0, ONE, ONE);
                writeInvestment(vault, i, vault + 1 + i, ONE);
            }
        }
        vm.prank(PhaAddresses.CLAIMS);
        POOLS.claimStake(ERIN, alice, 800, uint128(10 * ONE));
        vm.assertEq(POOLS.getVotes(alice), 18 * ONE);
        vm.prank(PhaAddresses.CLAIMS);
        POOLS.claimStake(FRANK, alice, 900, uint128(10 * ONE));
        vm.assertEq(POOLS.getVotes(alice), 18 * ONE);
        pid = 900;
        refresh(alice);
        vm.assertEq(POOLS.getVotes(alice), 37 * ONE);
    }

    function test_one_call_counts_64_pools_at_most() public {
        vm.expectRevert(abi.encodeWithSelector(StakePools.TooManyPools.selector, 65));
        POOLS.refreshVotes(alice, new uint32[](65));
        vm.assertEq(pid, 0);
        POOLS.refreshVotes(alice, new uint32[](64));
    }
}
