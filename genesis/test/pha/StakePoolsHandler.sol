// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {StakePoolsStorage} from "../../contracts/pha/StakePoolsStorage.sol";
import {ClaimedAccounts} from "./StakeGenesis.sol";
import {StakeWords} from "./StakeWords.sol";

/// Does at random what people do with two stake pools and two vaults, and looks at prices before and after.
/// Nothing it does may revert: what would be refused is left out, so what remains must always work.
contract StakePoolsHandler is StakeWords {
    uint32 private constant POOL_COUNT = 4;
    uint256 private constant DUST = 1e9;
    bytes32 public constant ERIN = keccak256("erin");
    bytes32 public constant FRANK = keccak256("frank");
    bytes32 public constant OWNER = keccak256("owner of the parachain");

    address[4] public people = [account("alice"), account("bob"), account("carol"), account("owner")];
    address private immutable owner = account("owner");

    /// What has been claimed of ERIN's shares.
    uint256 private claimed;
    mapping(string name => uint256) public calls;

    struct Price {
        uint256 value;
        uint256 shares;
    }

    modifier priced(string memory name) {
        Price[] memory before = prices();
        _;
        Price[] memory afterwards = prices();
        for (uint32 pid = 0; pid < POOL_COUNT; pid++) {
            (Price memory a, Price memory b) = (before[pid], afterwards[pid]);
            if (a.shares == 0 || b.shares == 0) continue;
            vm.assertGe((b.value + rounding(pid)) * a.shares, a.value * b.shares, "price fell");
        }
        calls[name]++;
    }

    /// Wei that a vault may lose when it buys or sells shares: one of those shares for each of its stake pools, and
    /// two of value.
    function rounding(uint32 pid) private view returns (uint256 sum) {
        if (pid < 2) return 0;
        for (uint32 target = 0; target < 2; target++) {
            (uint256 value, uint256 shares) = POOLS.worthOf(target);
            if (shares != 0) sum += value / shares + 3;
        }
    }

    /// Settles all pools, so that commission is not taken for a falling price.
    function prices() private returns (Price[] memory all) {
        all = new Price[](POOL_COUNT);
        for (uint32 pid = 0; pid < POOL_COUNT; pid++) {
            POOLS.processQueue(pid, 0);
            (all[pid].value, all[pid].shares) = POOLS.worthOf(pid);
        }
    }

    function deposit(uint256 who, uint256 where, uint256 amount) external priced("deposit") {
        (address person, uint32 pid) = (people[who % 4], uint32(where % POOL_COUNT));
        (uint256 value, uint256 shares) = POOLS.worthOf(pid);
        uint256 balance = PHA.balanceOf(person);
        amount = balance == 0 ? 0 : amount % balance + 1;
        if (shares != 0 && value == 0) return;
        uint256 bought = shares == 0 ? amount : amount * shares / value;
        if (bought <= DUST || amount > balance) return;
        vm.prank(person);
        POOLS.deposit(pid, amount, bought);
    }

    function ask(uint256 who, uint256 where, uint256 part) external priced("ask") {
        (address person, uint32 pid) = (people[who % 4], uint32(where % POOL_COUNT));
        uint256 owned = POOLS.sharesOf(pid, asAccount(person));
        (uint256 value,) = POOLS.worthOf(pid);
        if (owned <= DUST || value == 0) return;
        // All of it as often as not.
        uint256 asked = part % 2 == 0 ? owned : DUST + 1 + part % (owned - DUST);
        vm.prank(person);
        POOLS.requestWithdrawal(pid, asked > owned ? owned : asked);
    }

    function process(uint256 where, uint256 max) external priced("process") {
        POOLS.processQueue(uint32(where % POOL_COUNT), max % 5);
    }

    function invest(uint256 which, uint256 where, uint256 part) external priced("invest") {
        (uint32 vault, uint32 pid) = (uint32(2 + which % 2), uint32(where % 2));
        POOLS.processQueue(vault, 10);
        StakePoolsStorage.Pool memory pool = POOLS.poolOf(vault);
        (uint256 value, uint256 shares) = POOLS.worthOf(pid);
        if (pool.firstRequest != 0 || pool.value == 0 || value == 0 && shares != 0) return;
        uint256 amount = part % pool.value + 1;
        if ((shares == 0 ? amount : amount * shares / value) <= DUST) return;
        vm.prank(owner);
        POOLS.invest(vault, pid, amount);
    }

    function divest(uint256 which, uint256 where, uint256 part) external priced("divest") {
        (uint32 vault, uint32 pid) = (uint32(2 + which % 2), uint32(where % 2));
        uint256 owned = POOLS.sharesOf(pid, vaultName(vault));
        (uint256 value,) = POOLS.worthOf(pid);
        if (owned <= DUST || value == 0) return;
        uint256 asked = DUST + 1 + part % (owned - DUST);
        vm.prank(owner);
        POOLS.divest(vault, pid, asked > owned ? owned : asked);
    }

    function forceRedeem(uint256 which, uint256 maxPools, uint256 maxRequests) external priced("forceRedeem") {
        uint32 vault = uint32(2 + which % 2);
        if (!POOLS.isOverdue(vault)) return;
        POOLS.forceRedeem(vault, maxPools % 3, maxRequests % 5);
    }

    function payOwner(uint256 where) external priced("payOwner") {
        POOLS.payOwner(uint32(where % POOL_COUNT));
    }

    function setCommission(uint256 where, uint32 ppm) external priced("setCommission") {
        vm.prank(owner);
        POOLS.setCommission(uint32(where % POOL_COUNT), ppm % 1_000_001);
    }

    function claimStake(uint256 who, uint256 part) external priced("claimStake") {
        uint256 left = POOLS.sharesOf(2, asAccount(PhaAddresses.CLAIMS));
        vm.prank(PhaAddresses.CLAIMS);
        POOLS.claimStake(ERIN, people[who % 4], 2, uint128(left == 0 ? 0 : part % left + 1));
    }

    function claimRequest(uint256 who, bool frank) external priced("claimRequest") {
        bytes32 account_ = frank ? FRANK : ERIN;
        if (ClaimedAccounts(PhaAddresses.CLAIMS).claimedTo(account_) != address(0)) return;
        ClaimedAccounts(PhaAddresses.CLAIMS).claim(account_, people[who % 4]);
        vm.prank(PhaAddresses.CLAIMS);
        POOLS.claimRequest(account_, people[who % 4], 2);
    }

    function delegate(uint256 who, uint256 to) external {
        vm.prank(people[who % 4]);
        PHA.delegate(to % 5 == 4 ? address(0) : people[to % 5]);
        calls["delegate"]++;
    }

    function refreshVotes(uint256 who, uint32 where) external priced("refreshVotes") {
        uint32[] memory pids = new uint32[](1);
        pids[0] = where % POOL_COUNT;
        POOLS.refreshVotes(people[who % 4], pids);
    }

    function give(uint256 who, uint256 amount, bool stream) external priced("give") {
        address person = people[who % 4];
        amount %= PHA.balanceOf(person) / 100 + 1;
        vm.prank(person);
        PHA.transfer(stream ? address(STREAM) : address(POOLS), amount);
    }

    function governStream(uint256 rate, uint256 treasury, uint256 staking) external priced("governStream") {
        vm.startPrank(PhaAddresses.TIMELOCK);
        STREAM.setSchedule(uint128(rate % 10e18), uint64(block.timestamp + 1 + rate % 100 days), 30 days);
        treasury %= 1_000_001;
        STREAM.setSplit(uint32(treasury), uint32(staking % (1_000_001 - treasury)));
        STREAM.spendGpuReserve(people[0], STREAM.gpuReserve() / 2);
        vm.stopPrank();
        STREAM.payTreasury();
    }

    /// Hours as often as weeks.
    function wait(uint256 time, bool long) external {
        vm.warp(block.timestamp + time % (long ? 15 days : 1 hours));
        calls["wait"]++;
    }
}
