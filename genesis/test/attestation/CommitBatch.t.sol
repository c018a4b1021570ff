// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Attestation} from "../../contracts/attestation/Attestation.sol";
import {GpuJobSettlement} from "../../contracts/attestation/GpuJobSettlement.sol";
import {TestToken} from "./Tokens.sol";
import {World} from "./World.sol";

/// A whole batch, in a transaction of its own: everything a test touches was stored by `setUp`, so storage is
/// as cold as on a chain. Gas is measured around the call, with the stand-in of GPU_SETTLE, which costs more
/// than the precompile, and with the calldata charged on top.
contract CommitBatchTest is World {
    /// EIP-7825: the cap of a transaction.
    uint256 private constant GAS_CAP = 1 << 24;
    uint256 private constant JOBS = 256;
    uint256 private constant BAD = 16;

    Machine private worker;
    Machine private stranger;
    bytes32[] private jobs;

    function setUp() public {
        makeWorld(new TestToken());
        worker = machine(1, 1);
        stranger = machine(2, 1);
        register(worker);
        register(stranger);
        for (uint256 i; i < JOBS; ++i) {
            jobs.push(acceptedJob(worker, 10 ether));
        }
        vm.warp(START + 600);
    }

    function test_256FreshReceiptsFitATransaction() public {
        bytes memory call = this.callOf(worker.key, 9 ether);
        measure(call, JOBS);
        for (uint256 i; i < JOBS; ++i) {
            assertState(jobs[i], GpuJobSettlement.State.Committed);
        }
    }

    function callOf(uint256 key, uint256 amount) external view returns (bytes memory) {
        bytes memory batch;
        for (uint256 i; i < JOBS; ++i) {
            batch = bytes.concat(batch, packed(key, receiptOf(jobs[i], amount)));
        }
        return abi.encodeCall(settlement.commitBatch, (batch));
    }

    event log_named_uint(string what, uint256 value);

    function measure(bytes memory call, uint256 expected) private {
        uint256 before = gasleft();
        (bool success, bytes memory answer) = address(settlement).call(call);
        uint256 execution = before - gasleft();
        vm.assertTrue(success, "committed");
        vm.assertEq(abi.decode(answer, (uint256)), expected, "good receipts");
        uint256 tokens;
        for (uint256 i; i < call.length; ++i) {
            tokens += call[i] == 0 ? 1 : 4;
        }
        uint256 standard = 21_000 + 4 * tokens + execution;
        uint256 floor = 21_000 + 10 * tokens;
        uint256 gas = standard > floor ? standard : floor;
        emit log_named_uint("execution", execution);
        emit log_named_uint("transaction", gas);
    }
}
