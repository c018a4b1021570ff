// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {WorkerRegistry} from "../../contracts/attestation/WorkerRegistry.sol";
import {GpuJobSettlement} from "../../contracts/attestation/GpuJobSettlement.sol";
import {TestToken} from "./Tokens.sol";
import {World} from "./World.sol";

contract WorkerRegistryTest is World {
    function setUp() public {
        makeWorld(new TestToken());
    }

    function test_Smoke() public {
        Machine memory m = machine(1, 2);
        register(m);
        assertStatus(m, WorkerRegistry.Status.Live);
        vm.roll(1_010);
        vm.warp(START + 3600);
        renew(m);
        bytes32 id = acceptedJob(m, 90 ether);
        commit(m.key, receiptOfEpoch(id, 80 ether, 2));
        assertState(id, GpuJobSettlement.State.Committed);
        vm.warp(START + 3600 * 3);
        settlement.finalize(id);
        vm.prank(payout);
        vm.assertEq(settlement.withdraw(), 78 ether, "paid");
    }

    function receiptOfEpoch(bytes32 id, uint256 amount, uint64 epoch) private view returns (A.Receipt memory r) {
        r = receiptOf(id, amount);
        r.epoch = epoch;
    }
}
import {Attestation as A} from "../../contracts/attestation/Attestation.sol";
