// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {StakeGenesis} from "./StakeGenesis.sol";

interface VmGas {
    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    function lastCallGas() external view returns (Gas memory);
}

/// What transactions cost, each with everything cold.
/// forge-config: default.isolate = true
contract StakeGasTest is StakeGenesis {
    event log_named_uint(string key, uint256 value);

    /// More than the largest transaction may have.
    uint256 private constant TRANSACTION_CAP = 2 ** 24;

    function setUp() public override {
        super.setUp();
        writeStream(ONE, 1_000_000 * ONE);
        vm.prank(alice);
        PHA.delegate(alice);
    }

    function used(string memory what) private returns (uint256 gas) {
        gas = VmGas(address(vm)).lastCallGas().gasTotalUsed;
        emit log_named_uint(what, gas);
    }

    /// A vault with shares of so many stake pools, worth 1 PHA each.
    function writeLargeVault(uint32 vault, uint32 size) private {
        writeVault(vault, OWNER, 0, ONE, size * ONE + ONE, 1e18);
        for (uint32 i = 0; i < size; i++) {
            writeStakePool(vault + 1 + i, OWNER, 0, ONE, ONE);
            writeInvestment(vault, i, vault + 1 + i, ONE);
        }
    }

    function test_a_deposit_and_a_request_cost_less_than_400_thousand_gas() public {
        uint32 pid = newStakePool(0);
        deposit(bob, pid, 10 * ONE);
        later(1 hours);
        deposit(alice, pid, 10 * ONE);
        vm.assertLe(used("first deposit"), 400_000, "first deposit");
        later(1 hours);
        ask(alice, pid, sharesOf(pid, alice) / 2);
        vm.assertLe(used("request"), 400_000, "request");
    }

    function test_a_stake_adds_at_most_250_thousand_gas_to_a_claim() public {
        writeStakePool(9, OWNER, 0, 10 * ONE, 10 * ONE);
        writeUnclaimed(9, 10 * ONE);
        writeLargeVault(100, 8);
        writeUnclaimed(100, 9 * ONE);
        later(1 hours);
        vm.prank(PhaAddresses.CLAIMS);
        POOLS.claimStake(ERIN, alice, 9, uint128(ONE));
        vm.assertLe(used("claim of shares of a stake pool"), 250_000, "stake pool");
        vm.prank(PhaAddresses.CLAIMS);
        POOLS.claimStake(ERIN, alice, 100, uint128(ONE));
        vm.assertLe(used("claim of shares of a vault of 8 stake pools"), 250_000, "vault");
    }

    function test_each_stake_pool_costs_a_vault_9_thousand_gas() public {
        writeLargeVault(1_000, 1);
        writeLargeVault(2_000, 101);
        later(1 hours);
        POOLS.processQueue(1_000, 0);
        uint256 small = used("a vault of 1");
        later(1 hours);
        POOLS.processQueue(2_000, 0);
        vm.assertLe(used("a vault of 101") - small, 100 * 9_000, "hundred more");
    }

    /// What a genesis may write: a vault of a thousand stake pools is paid out within the largest transaction.
    function test_a_vault_of_a_thousand_stake_pools_can_be_redeemed() public {
        writeLargeVault(10_000, 1_000);
        writeRequests(10_000, list(ERIN), list(1_001 * ONE), list(START - 30 days));
        POOLS.forceRedeem(10_000, 40, 1);
        vm.assertLe(used("redeeming 40 of 1,000"), TRANSACTION_CAP, "cap");
        vm.assertEq(pool(10_000).investments.length, 960);
    }
}
