// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Attestation} from "../../contracts/attestation/Attestation.sol";
import {GpuJobSettlement} from "../../contracts/attestation/GpuJobSettlement.sol";
import {TestToken} from "./Tokens.sol";
import {World} from "./World.sol";

/// Many receipts at once: each is judged for itself.
contract CommitBatchTest is World {
    Machine private worker;
    Machine private stranger;

    function setUp() public {
        makeWorld(new TestToken());
        worker = machine(1, 1);
        stranger = machine(2, 1);
        register(worker);
        register(stranger);
    }

    function test_ABadReceiptStopsNoOther() public {
        bytes32[] memory ids = new bytes32[](6);
        bytes[] memory receipts = new bytes[](6);
        for (uint256 i; i < 6; ++i) {
            ids[i] = acceptedJob(worker, 80 ether);
            receipts[i] = packed(worker.key, receiptOf(ids[i], 10 ether + i));
        }
        // Nobody's, another worker's, too dear; the rest is good.
        receipts[0][384] = 0x00;
        receipts[2] = packed(stranger.key, receiptOf(ids[2], 10 ether));
        receipts[4] = packed(worker.key, receiptOf(ids[4], 81 ether));
        bytes memory batch;
        for (uint256 i; i < 6; ++i) {
            batch = bytes.concat(batch, receipts[i]);
        }
        expectRefusal(ids[0], address(0), 0, receiptOf(ids[0], 10 ether), GpuJobSettlement.Refusal.BadSignature);
        expectRefusal(ids[2], stranger.worker, 2, receiptOf(ids[2], 10 ether), GpuJobSettlement.Refusal.WrongWorker);
        expectRefusal(ids[4], worker.worker, 4, receiptOf(ids[4], 81 ether), GpuJobSettlement.Refusal.AmountAbovePrice);
        vm.prank(account("anybody"));
        vm.assertEq(settlement.commitBatch(batch), 3, "good ones");
        for (uint256 i; i < 6; ++i) {
            bool good = i % 2 == 1;
            assertState(ids[i], good ? GpuJobSettlement.State.Committed : GpuJobSettlement.State.Accepted);
            vm.assertEq(settlement.jobOf(ids[i]).amount, good ? 10 ether + i : 0, "amount");
        }
        // What was refused may come again.
        vm.assertEq(settlement.commitBatch(packed(worker.key, receiptOf(ids[4], 80 ether))), 1, "mended");
    }

    function expectRefusal(
        bytes32 jobId,
        address signer,
        uint256 index,
        Attestation.Receipt memory receipt,
        GpuJobSettlement.Refusal reason
    ) private {
        vm.expectEmit(true, true, true, true, address(settlement));
        emit GpuJobSettlement.ReceiptRefused(jobId, signer, index, receiptDigest(receipt), reason);
    }

    function test_AJobIsCommittedOnceInABatch() public {
        bytes32 jobId = acceptedJob(worker, 80 ether);
        Attestation.Receipt memory first = receiptOf(jobId, 10 ether);
        Attestation.Receipt memory second = receiptOf(jobId, 20 ether);
        bytes memory batch = bytes.concat(packed(worker.key, first), packed(worker.key, second));
        expectRefusal(jobId, worker.worker, 1, second, GpuJobSettlement.Refusal.Duplicate);
        vm.assertEq(settlement.commitBatch(batch), 1, "once");
        vm.assertEq(settlement.jobOf(jobId).amount, 10 ether, "the first");
        expectRefusal(jobId, worker.worker, 0, first, GpuJobSettlement.Refusal.NotAccepted);
        expectRefusal(jobId, worker.worker, 1, second, GpuJobSettlement.Refusal.Duplicate);
        vm.assertEq(settlement.commitBatch(batch), 0, "not again");
    }

    /// To the precompile the second is a duplicate, because the first is well signed.
    function test_AStrangersReceiptInFrontDoesNotShutOutTheWorkers() public {
        bytes32 jobId = acceptedJob(worker, 80 ether);
        Attestation.Receipt memory theirs = receiptOf(jobId, 1 ether);
        bytes memory batch = bytes.concat(packed(stranger.key, theirs), packed(worker.key, receiptOf(jobId, 10 ether)));
        expectRefusal(jobId, stranger.worker, 0, theirs, GpuJobSettlement.Refusal.WrongWorker);
        vm.assertEq(settlement.commitBatch(batch), 1, "the worker's");
        vm.assertEq(settlement.jobOf(jobId).amount, 10 ether, "amount");
    }

    function test_ReceiptsOfSeveralWorkersGoTogether() public {
        bytes32 one = acceptedJob(worker, 80 ether);
        bytes32 other = acceptedJob(stranger, 80 ether);
        bytes memory batch = bytes.concat(
            packed(worker.key, receiptOf(one, 10 ether)), packed(stranger.key, receiptOf(other, 20 ether))
        );
        vm.assertEq(settlement.commitBatch(batch), 2, "both");
        vm.assertEq(settlement.jobOf(other).worker, stranger.worker, "worker");
    }

    function test_ABatchIsWholeReceipts() public {
        bytes memory one = packed(worker.key, receiptOf(acceptedJob(worker, 80 ether), 10 ether));
        refusesLength("");
        refusesLength(bytes.concat(one, hex"00"));
        refusesLength(new bytes(384));
        refusesLength(new bytes(385 * 257));
        vm.assertEq(settlement.commitBatch(new bytes(385 * 256)), 0, "nothing in it counts");
    }

    function refusesLength(bytes memory batch) private {
        vm.expectRevert(abi.encodeWithSelector(Attestation.BatchLength.selector, batch.length));
        settlement.commitBatch(batch);
    }
}
