// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {StakePoolsStorage} from "../../contracts/pha/StakePoolsStorage.sol";
import {StakeGenesis} from "./StakeGenesis.sol";
import {StakePoolsHandler} from "./StakePoolsHandler.sol";

/// What must hold whatever people do.
/// forge-config: default.invariant.runs = 16
/// forge-config: default.invariant.depth = 120
/// forge-config: default.invariant.fail-on-revert = true
contract StakePoolsInvariantsTest is StakeGenesis {
    StakePoolsHandler private handler;

    function setUp() public override {
        super.setUp();
        writeStakePool(0, OWNER, 0, 1_100 * ONE + 7, 1_000 * ONE);
        writeStakePool(1, asAccount(owner), 200_000, 900 * ONE, 1_000 * ONE + 3);
        writeVault(2, OWNER, 100_000, 5 * ONE, 700 * ONE, 1.01e18);
        writeVault(3, asAccount(owner), 0, 0, 0, 0);
        writeInvestment(2, 0, 0, 400 * ONE + 1);
        writeInvestment(2, 1, 1, 300 * ONE);
        writePosition(0, asAccount(alice), 600 * ONE - 1);
        writePosition(1, asAccount(bob), 700 * ONE + 3);
        writeUnclaimed(2, 450 * ONE);
        (bytes32[] memory who, uint256[] memory shares, uint256[] memory starts) =
            (new bytes32[](2), new uint256[](2), new uint256[](2));
        (who[0], shares[0], starts[0]) = (ERIN, 150 * ONE, START - 10 days);
        (who[1], shares[1], starts[1]) = (FRANK, 100 * ONE, START - 5 days);
        writeRequests(2, who, shares, starts);
        writeStream(ONE / 10, START + 30 days, 30 days, 200_000, 400_000);
        genesisMint(address(STREAM), 100_000 * ONE, true);
        claim(OWNER, owner);
        handler = new StakePoolsHandler();
    }

    function targetContracts() external view returns (address[] memory all) {
        all = new address[](1);
        all[0] = address(handler);
    }

    /// Whoever may have shares.
    function holders() private view returns (bytes32[9] memory) {
        return [
            asAccount(alice),
            asAccount(bob),
            asAccount(carol),
            asAccount(owner),
            asAccount(PhaAddresses.CLAIMS),
            ERIN,
            FRANK,
            vaultName(2),
            vaultName(3)
        ];
    }

    /// One walk for all of them.
    function invariant_books_queues_votes_and_stream_are_right() public {
        thePoolsHoldWhatTheyOwe();
        positionsAddUpToAllShares();
        everybodysValueIsNoMoreThanThePools();
        queuesAreListsOfWhatPeopleHave();
        vaultsListWhatTheyHave();
        theStreamHoldsWhatItOwes();
        stakeVotesOnceAndForNoMoreThanItIsWorth();
    }

    function thePoolsHoldWhatTheyOwe() private {
        uint256 owed = POOLS.kept(ERIN) + POOLS.kept(FRANK);
        uint256 staked;
        for (uint32 pid = 0; pid < 4; pid++) {
            POOLS.processQueue(pid, 0);
            StakePoolsStorage.Pool memory read = pool(pid);
            owed += read.value;
            if (pid < 2) {
                owed += read.ownerDue;
                staked += read.value;
            }
        }
        vm.assertLe(owed, PHA.balanceOf(address(POOLS)), "owed");
        vm.assertEq(POOLS.staked(), staked);
    }

    function positionsAddUpToAllShares() private view {
        bytes32[9] memory all = holders();
        for (uint32 pid = 0; pid < 4; pid++) {
            StakePoolsStorage.Pool memory read = pool(pid);
            uint256 sum = pid < 2 ? 0 : read.ownerDue;
            for (uint256 i = 0; i < all.length; i++) {
                sum += POOLS.sharesOf(pid, all[i]);
            }
            vm.assertEq(sum, read.totalShares);
        }
    }

    function everybodysValueIsNoMoreThanThePools() private view {
        bytes32[9] memory all = holders();
        for (uint32 pid = 0; pid < 4; pid++) {
            (uint256 value,) = POOLS.worthOf(pid);
            uint256 sum;
            for (uint256 i = 0; i < all.length; i++) {
                sum += POOLS.valueOf(pid, POOLS.sharesOf(pid, all[i]));
            }
            vm.assertLe(sum, value, "sum");
        }
    }

    function queuesAreListsOfWhatPeopleHave() private view {
        for (uint32 pid = 0; pid < 4; pid++) {
            StakePoolsStorage.Pool memory read = pool(pid);
            (uint256 sum, uint32 before, uint64 start) = (0, 0, 0);
            for (uint32 at = read.firstRequest; at != 0;) {
                StakePoolsStorage.Request memory request = POOLS.requestAt(pid, at);
                vm.assertEq(request.previous, before);
                vm.assertLe(start, request.start, "oldest first");
                vm.assertLe(request.shares, POOLS.sharesOf(pid, request.account), "owned");
                vm.assertEq(POOLS.openRequestOf(pid, request.account).start, request.start);
                vm.assertGt(request.shares, DUST, "no dust");
                sum += request.shares;
                (before, start, at) = (at, request.start, request.next);
            }
            vm.assertEq(read.lastRequest, before);
            vm.assertEq(read.queuedShares, sum);
        }
    }

    function vaultsListWhatTheyHave() private view {
        for (uint32 vault = 2; vault < 4; vault++) {
            uint32[] memory investments = pool(vault).investments;
            uint256 count;
            for (uint32 pid = 0; pid < 2; pid++) {
                if (POOLS.sharesOf(pid, vaultName(vault)) != 0) count++;
            }
            vm.assertEq(investments.length, count);
            for (uint256 i = 0; i < count; i++) {
                vm.assertGt(POOLS.sharesOf(investments[i], vaultName(vault)), 0, "listed");
            }
        }
    }

    function theStreamHoldsWhatItOwes() private view {
        uint256 owed = STREAM.stakingDue() + STREAM.treasuryDue() + STREAM.gpuReserve();
        vm.assertLe(owed, PHA.balanceOf(address(STREAM)), "owed");
    }

    function stakeVotesOnceAndForNoMoreThanItIsWorth() private view {
        address[4] memory people = [alice, bob, carol, owner];
        (uint256 recorded, uint256 votes) = (0, 0);
        for (uint256 i = 0; i < 4; i++) {
            uint256 sum;
            for (uint32 pid = 0; pid < 4; pid++) {
                uint256 counted = POOLS.positionOf(pid, people[i]).votes;
                sum += counted;
                // Rounding takes wei of a vault with each of its investments.
                vm.assertLe(counted, valueOf(pid, people[i]) + (pid < 2 ? 0 : 1e6), "worth");
            }
            StakePoolsStorage.Voter memory voter = POOLS.voterOf(people[i]);
            vm.assertEq(voter.votes, sum);
            if (voter.delegatee != address(0)) recorded += sum;
            votes += POOLS.getVotes(people[i]);
        }
        vm.assertEq(votes, recorded);
        vm.assertLe(votes, PHA.balanceOf(address(POOLS)) + 4e6, "no more than there is");
    }

    /// That the walk goes everywhere: run once by hand with what it does.
    function test_the_walk_can_do_everything() public {
        handler.deposit(0, 3, 50 * ONE);
        handler.invest(1, 0, 40 * ONE);
        handler.ask(0, 3, 2);
        handler.claimStake(1, 5 * ONE);
        handler.claimRequest(2, false);
        handler.delegate(0, 1);
        handler.refreshVotes(0, 3);
        handler.setCommission(2, 5);
        handler.give(1, ONE, true);
        handler.governStream(ONE, 1, 2);
        handler.divest(1, 0, 3 * ONE);
        handler.wait(14 days, true);
        handler.wait(14 days, true);
        handler.forceRedeem(1, 2, 3);
        handler.process(0, 4);
        handler.payOwner(2);
        vm.assertEq(sharesOf(3, alice), 0);
        vm.assertEq(sharesOf(2, carol), 150 * ONE);
    }
}
