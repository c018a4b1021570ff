// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {AttestationAddresses} from "../../contracts/attestation/AttestationAddresses.sol";
import {GpuJobSettlement} from "../../contracts/attestation/GpuJobSettlement.sol";
import {TestToken} from "./Tokens.sol";
import {World} from "./World.sol";

/// The largest batch, as a transaction of its own: what it touches was stored by `setUp`, so storage is as cold
/// and as old as on a chain. The stand-in of GPU_SETTLE costs more than the precompile, so what it used is taken
/// off and the price of the precompile put on.
contract CommitBatchGasTest is World {
    event log_named_uint(string what, uint256 value);

    /// EIP-7825: the cap of a transaction.
    uint256 private constant GAS_CAP = 1 << 24;
    uint256 private constant JOBS = 256;

    bytes32[] private jobs;
    bytes private oneWorker;
    bytes private manyWorkers;
    bytes private withBadOnes;

    function setUp() public {
        makeWorld(new TestToken());
        this.employ(1, JOBS);
        oneWorker = this.batchOf(1, 0, 0);
        withBadOnes = this.batchOf(1, 0, 16);
        for (uint256 i; i < JOBS; ++i) {
            this.employ(1_000 + i, 1);
        }
        manyWorkers = this.batchOf(1_000, JOBS, 0);
    }

    // In calls of their own, whose memory is gone afterwards.

    function employ(uint256 seed, uint256 count) external {
        Machine memory worker = machine(seed, 1);
        register(worker);
        for (uint256 i; i < count; ++i) {
            jobs.push(acceptedJob(worker, 10 ether));
        }
    }

    function batchOf(uint256 firstWorker, uint256 firstJob, uint256 bad) external view returns (bytes memory batch) {
        batch = new bytes(385 * JOBS);
        for (uint256 i; i < JOBS; ++i) {
            uint256 key = machine(firstWorker + (firstJob == 0 ? 0 : i), 1).key;
            bytes memory receipt = packed(key, receiptOf(jobs[firstJob + i], 9 ether));
            // Nonsense for a number, a signature that recovers to a stranger.
            if (i < bad) receipt[i % 2 == 0 ? 160 : 0] ^= 0x01;
            for (uint256 j; j < 385; ++j) {
                batch[385 * i + j] = receipt[j];
            }
        }
    }

    function test_256FreshReceiptsOfOneWorkerFitATransaction() public {
        measure("256 receipts of one worker", oneWorker, JOBS);
        for (uint256 i; i < JOBS; ++i) {
            assertState(jobs[i], GpuJobSettlement.State.Committed);
        }
    }

    /// The dearest: each worker and each job is touched for the first time.
    function test_256FreshReceiptsOf256WorkersFitATransaction() public {
        measure("256 receipts of 256 workers", manyWorkers, JOBS);
        for (uint256 i; i < JOBS; ++i) {
            assertState(jobs[JOBS + i], GpuJobSettlement.State.Committed);
        }
    }

    function test_BadReceiptsInTheLargestBatchCostNobodyAnything() public {
        measure("256 receipts, 16 of them bad", withBadOnes, JOBS - 16);
        for (uint256 i; i < JOBS; ++i) {
            assertState(jobs[i], i < 16 ? GpuJobSettlement.State.Accepted : GpuJobSettlement.State.Committed);
        }
    }

    function measure(string memory what, bytes memory batch, uint256 expected) private {
        bytes memory call = abi.encodeCall(settlement.commitBatch, (batch));
        uint256 execution = this.gasOf(address(settlement), call);
        uint256 committed;
        for (uint256 i; i < jobs.length; ++i) {
            if (stateOf(jobs[i]) == GpuJobSettlement.State.Committed) ++committed;
        }
        vm.assertEq(committed, expected, "good receipts");

        bytes memory frame =
            abi.encodePacked(hex"0100", uint16(JOBS), domain("GpuJobSettlement", address(settlement)), batch);
        uint256 standIn = this.gasOf(AttestationAddresses.GPU_SETTLE, frame);
        uint256 precompile = 5_000 + 3_600 * JOBS + 3 * ((frame.length + 31) / 32);
        uint256 tokens;
        for (uint256 i; i < call.length; ++i) {
            tokens += call[i] == 0 ? 1 : 4;
        }
        // EIP-7623; the floor is lower.
        uint256 gas = 21_000 + 4 * tokens + execution - standIn + precompile;
        vm.assertGt(gas, 21_000 + 10 * tokens, "floor");
        emit log_named_uint(what, gas);
        vm.assertLt(gas, GAS_CAP, "gas of the transaction");
    }

    /// Gas of a call, from a caller with little memory.
    function gasOf(address target, bytes calldata data) external returns (uint256) {
        bytes memory input = data;
        bool success;
        uint256 before = gasleft();
        assembly ("memory-safe") {
            success := call(gas(), target, 0, add(input, 32), mload(input), 0, 0)
        }
        uint256 used = before - gasleft();
        vm.assertTrue(success, "called");
        return used;
    }
}
