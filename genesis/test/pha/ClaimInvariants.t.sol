// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Claim} from "../../contracts/pha/Claims.sol";
import {ClaimVesting} from "../../contracts/pha/ClaimVesting.sol";
import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {ClaimFixture} from "./ClaimFixture.sol";

/// Claims, releases and transfers at random, by holders that share a few destinations.
contract ClaimActors is ClaimFixture {
    uint256 public constant HOLDERS = 12;
    uint256 public constant DESTINATIONS = 4;

    /// What the actors know to have been paid, apart from the contracts' own books.
    uint256 public paid;
    uint256 public vestingCreated;
    uint256 public vestingReleased;
    mapping(bytes32 => uint256) public claimsOf;
    uint256 public refused;

    function prepare() external {
        for (uint256 i; i < HOLDERS; ++i) {
            uint32 start = uint32(START + 1 days * (i % 3));
            owe(
                Owed(
                    holder(i),
                    uint128(1 ether * i * i),
                    i % 2 == 0 ? uint128(1 ether * i + i) : 0,
                    start,
                    start + uint32(i) * 1 days,
                    stakeRow(uint32(i), uint128(i)),
                    ""
                )
            );
        }
        begin(true);
    }

    function funded() external view returns (uint256) {
        return funding;
    }

    function holder(uint256 i) public pure returns (bytes32) {
        return keccak256(abi.encode("holder", i));
    }

    function destination(uint256 i) public pure returns (address) {
        return account(i == 0 ? "a" : i == 1 ? "b" : i == 2 ? "c" : "d");
    }

    function claim(uint256 seed, uint256 where, uint256 fee) external {
        bytes32 from = holder(seed % HOLDERS);
        Claim memory claim_ = claimOf(from, destination(where % DESTINATIONS));
        claim_.until = type(uint64).max;
        uint256 liquid = claims.entitlement(from).record.liquid;
        claim_.fee = fee % (claims.feeCap(liquid) + 1);
        sign(claim_, from);
        uint256 before = pha.balanceOf(claim_.to) + pha.balanceOf(address(this));
        try claims.claim(claim_) {
            uint256 free = pha.balanceOf(claim_.to) + pha.balanceOf(address(this)) - before - liquid;
            paid += liquid + free;
            vestingCreated += claims.entitlement(from).record.vesting - free;
            ++claimsOf[from];
        } catch {
            ++refused;
        }
    }

    function release(uint256 where, uint256 first, uint256 count) external {
        vestingReleased += claims.release(destination(where % DESTINATIONS), first % 8, count % 8);
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + time % 2 days);
    }

    function transfer(uint256 from, uint256 to, uint256 amount) external {
        address sender = destination(from % DESTINATIONS);
        amount %= pha.balanceOf(sender) + 1;
        vm.prank(sender);
        pha.transfer(destination(to % DESTINATIONS), amount);
    }

    function delegate(uint256 from, uint256 to) external {
        vm.prank(destination(from % DESTINATIONS));
        pha.delegate(to % 5 == 4 ? address(0) : destination(to % 5));
    }
}

/// forge-config: default.invariant.runs = 24
/// forge-config: default.invariant.depth = 80
/// forge-config: default.invariant.fail-on-revert = true
contract ClaimInvariantsTest is ClaimFixture {
    ClaimActors private actors;

    function setUp() public {
        actors = new ClaimActors();
        actors.prepare();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(actors);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](5);
        selectors[0] = ClaimActors.claim.selector;
        selectors[1] = ClaimActors.release.selector;
        selectors[2] = ClaimActors.pass.selector;
        selectors[3] = ClaimActors.transfer.selector;
        selectors[4] = ClaimActors.delegate.selector;
        targets[0] = FuzzSelector(address(actors), selectors);
    }

    function invariant_WhatIsPaidAndWhatIsOwedIsTheFunding() public view {
        uint256 owed;
        for (uint256 i; i < actors.HOLDERS(); ++i) {
            bytes32 from = actors.holder(i);
            vm.assertLe(actors.claimsOf(from), 1, "claims of an account");
            if (claims.claimedTo(from) == address(0)) {
                vm.assertEq(actors.claimsOf(from), 0, "claims of an account");
                owed += claims.entitlement(from).record.liquid;
                owed += claims.entitlement(from).record.vesting;
            } else {
                vm.assertEq(actors.claimsOf(from), 1, "claims of an account");
            }
        }
        uint256 vesting;
        for (uint256 i; i < actors.DESTINATIONS(); ++i) {
            for (uint256 id; id < claims.vestingCount(actors.destination(i)); ++id) {
                (ClaimVesting.Schedule memory schedule,) = claims.vesting(actors.destination(i), id);
                vm.assertLe(uint256(schedule.released), schedule.amount, "released");
                vesting += schedule.amount - schedule.released;
            }
        }
        vm.assertEq(vesting, actors.vestingCreated() - actors.vestingReleased(), "vesting");
        vm.assertEq(pha.balanceOf(address(claims)), owed + vesting, "held");
        vm.assertEq(actors.paid() + actors.vestingReleased() + owed + vesting, actors.funded(), "funding");
    }

    function invariant_VotesAreWhatIsHeldAndVests() public view {
        uint256 votes;
        uint256 units;
        for (uint256 i; i < actors.DESTINATIONS(); ++i) {
            address to = actors.destination(i);
            votes += pha.getVotes(to);
            if (pha.delegates(to) != address(0)) units += pha.balanceOf(to) + pha.vestingVotes(to);
        }
        vm.assertEq(votes, units, "votes");
        uint256 vesting = actors.vestingCreated() - actors.vestingReleased();
        vm.assertEq(pha.getVotes(address(claims)), pha.balanceOf(address(claims)) - vesting, "votes of claims");
        vm.assertEq(pha.getVotesTotalSupply(), pha.totalSupply(), "supply");
    }

    /// So that the invariants say something: a run of this kind reaches claims, refusals and releases.
    function test_ActorsReachEverything() public {
        for (uint256 i; i < 24; ++i) {
            actors.claim(i, i / 2, i);
            actors.pass(1 days + i);
            actors.release(i, 0, 7);
        }
        vm.assertEq(actors.refused(), 12, "refused");
        vm.assertGt(actors.vestingReleased(), 0, "released");
        invariant_WhatIsPaidAndWhatIsOwedIsTheFunding();
        invariant_VotesAreWhatIsHeldAndVests();
    }
}
