// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {Attestation} from "../../contracts/attestation/Attestation.sol";
import {Evidence} from "../../contracts/attestation/Evidence.sol";
import {GpuJobSettlement} from "../../contracts/attestation/GpuJobSettlement.sol";
import {TokenVault} from "../../contracts/attestation/TokenVault.sol";
import {WorkerRegistry} from "../../contracts/attestation/WorkerRegistry.sol";
import {BonusToken, CallingToken, FalseToken, FeeToken, TestToken} from "./Tokens.sol";
import {World} from "./World.sol";

/// Tokens that do what the accounts here could not bear.
abstract contract StrangeTokenTest is World {
    function refusesEscrow(bytes memory reason) internal {
        GpuJobSettlement.Terms memory t = terms(machine(1, 1));
        vm.expectRevert(reason);
        vm.prank(client);
        settlement.post(t);
        vm.assertEq(settlement.clientNonces(client), 0, "nothing happened");
    }

    function refusesBond(bytes memory reason) internal {
        Machine memory worker = machine(1, 1);
        uint64 refBlock = refBlockNow();
        bytes32 nonce = nonceOf(worker, refBlock);
        Evidence.PlatformEvidence memory platform = platformFor(worker, nonce);
        Evidence.GpuEvidence[] memory gpus = gpusFor(worker, nonce);
        bytes memory signature = registerSignature(worker, refBlock, nonce);
        vm.expectRevert(reason);
        registry.register(operator, payout, refBlock, platform, gpus, signature);
    }
}

contract FeeTokenTest is StrangeTokenTest {
    function setUp() public {
        makeWorld(new FeeToken());
    }

    function test_ATokenThatTakesAFeeIsRefused() public {
        refusesEscrow(abi.encodeWithSelector(TokenVault.TransferMismatch.selector, 100 ether, 99 ether));
        refusesBond(abi.encodeWithSelector(TokenVault.TransferMismatch.selector, H100_BOND, H100_BOND * 99 / 100));
    }

    function test_APriceOfNothingMovesNothing() public {
        GpuJobSettlement.Terms memory t = terms(machine(1, 1));
        t.maxPrice = 0;
        bytes32 jobId = post(t);
        vm.prank(client);
        settlement.cancel(jobId);
        vm.assertEq(settlement.credits(client), 0, "credit");
    }
}

contract BonusTokenTest is StrangeTokenTest {
    function setUp() public {
        makeWorld(new BonusToken());
    }

    function test_ATokenThatGivesABonusIsRefused() public {
        refusesEscrow(abi.encodeWithSelector(TokenVault.TransferMismatch.selector, 100 ether, 100 ether + 1));
        refusesBond(abi.encodeWithSelector(TokenVault.TransferMismatch.selector, H100_BOND, H100_BOND + 1));
    }
}

contract FalseTokenTest is StrangeTokenTest {
    function setUp() public {
        makeWorld(new FalseToken());
    }

    function test_ATokenThatSaysNoIsHeard() public {
        bytes memory reason = abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(token));
        refusesEscrow(reason);
        refusesBond(reason);
    }
}

contract GiftTest is World {
    function setUp() public {
        makeWorld(new TestToken());
    }

    function test_WhatNobodyPulledIsNobodysMoney() public {
        token.mint(address(settlement), 5 ether);
        bytes32 jobId = post(terms(machine(1, 1)));
        vm.prank(client);
        settlement.cancel(jobId);
        vm.prank(client);
        vm.assertEq(settlement.withdraw(), 100 ether, "only what was escrowed");
        vm.assertEq(token.balanceOf(address(settlement)), 5 ether, "gift");
    }
}

/// A token that calls back in the middle of its transfers, once for each function that moves anything.
contract ReentrancyTest is World {
    CallingToken private calling;
    Machine private worker;
    bytes32 private posted;
    bytes32 private accepted;
    bytes32 private committed;
    bytes32 private disputed;

    function setUp() public {
        calling = new CallingToken();
        makeWorld(calling);
        worker = machine(1, 1);
        register(worker);
        posted = post(terms(worker));
        accepted = acceptedJob(worker, 80 ether);
        committed = acceptedJob(worker, 80 ether);
        commit(worker.key, receiptOf(committed, 60 ether));
        disputed = acceptedJob(worker, 80 ether);
        commit(worker.key, receiptOf(disputed, 60 ether));
        vm.prank(client);
        settlement.dispute(disputed, "no");
    }

    /// During a withdrawal of the client from the settlement.
    function refusesInside(bytes memory call) private {
        calling.callDuringTransfers(address(settlement), call);
        vm.prank(client);
        settlement.withdraw();
        assertRefused();
    }

    function assertRefused() private view {
        vm.assertTrue(calling.called(), "called");
        vm.assertFalse(calling.succeeded(), "refused");
        vm.assertEq(
            calling.answer(),
            abi.encodePacked(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
            "for that reason"
        );
    }

    function test_TheSettlementIsNotEnteredTwice() public {
        Attestation.Receipt memory receipt = receiptOf(accepted, 60 ether);
        bytes memory signature = signReceipt(worker.key, receipt);
        bytes[14] memory calls = [
            abi.encodeCall(settlement.withdraw, ()),
            abi.encodeCall(settlement.post, (terms(worker))),
            abi.encodeCall(settlement.cancel, (posted)),
            abi.encodeCall(settlement.accept, (posted, worker.worker, 80 ether)),
            abi.encodeCall(settlement.commit, (receipt, signature)),
            abi.encodeCall(settlement.commitBatch, (packed(worker.key, receipt))),
            abi.encodeCall(
                settlement.commitWithEvidence,
                (receipt, signature, platformFor(worker, "nonce"), knownGpusFor(worker, "nonce"))
            ),
            abi.encodeCall(settlement.release, (committed)),
            abi.encodeCall(settlement.dispute, (committed, "no")),
            abi.encodeCall(settlement.expire, (posted)),
            abi.encodeCall(settlement.finalize, (committed)),
            abi.encodeCall(settlement.resolve, (disputed, 0)),
            abi.encodeCall(settlement.settleDispute, (disputed)),
            abi.encodeCall(settlement.reportEquivocation, (receipt, signature, receipt, signature))
        ];
        for (uint256 i; i < calls.length; ++i) {
            // Something to withdraw.
            bytes32 jobId = post(terms(worker));
            vm.prank(client);
            settlement.cancel(jobId);
            refusesInside(calls[i]);
        }
    }

    function test_NeitherIsItWhileItTakesMoney() public {
        calling.callDuringTransfers(address(settlement), abi.encodeCall(settlement.withdraw, ()));
        post(terms(worker));
        assertRefused();
    }

    function test_TheRegistryIsNotEnteredTwice() public {
        vm.warp(START + 2 hours + 1);
        settlement.expire(accepted);
        bytes[4] memory calls = [
            abi.encodeCall(registry.withdraw, ()),
            abi.encodeCall(registry.releaseBond, (worker.worker)),
            abi.encodeCall(
                registry.register, (operator, payout, 1, platformFor(worker, "n"), gpusFor(worker, "n"), new bytes(65))
            ),
            abi.encodeCall(
                registry.renew, (worker.worker, 1, platformFor(worker, "n"), knownGpusFor(worker, "n"), new bytes(65))
            )
        ];
        uint256 snapshot = registry.credits(client);
        vm.assertEq(snapshot, 8 ether, "to withdraw");
        for (uint256 i; i < calls.length; ++i) {
            calling.callDuringTransfers(address(registry), calls[i]);
            Machine memory another = machine(10 + i, 1);
            register(another);
            assertRefused();
        }
        calling.callDuringTransfers(address(registry), calls[0]);
        vm.prank(client);
        registry.withdraw();
        assertRefused();
    }

    /// A call into the other contract in the middle of a transfer is no re-entry, and finds everything in order:
    /// what is being withdrawn is not there any more.
    function test_TheOtherContractIsInOrderMeanwhile() public {
        calling.callDuringTransfers(address(settlement), abi.encodeCall(settlement.finalize, (committed)));
        vm.warp(START + 1 hours);
        Machine memory another = machine(10, 1);
        vm.roll(1_010);
        register(another);
        vm.assertTrue(calling.succeeded(), "finalized inside");
        vm.assertEq(settlement.credits(payout), 58.5 ether, "paid once");
        vm.assertEq(registry.workerOf(another.worker).bond, H100_BOND, "bond");
    }

    /// Credits are gone before the money is, so even an unguarded withdrawal would find nothing.
    function test_AMaliciousPayoutOnlyHurtsItself() public {
        vm.warp(START + 1 hours);
        settlement.finalize(committed);
        calling.callDuringTransfers(address(this), abi.encodeCall(this.fail, ()));
        vm.prank(payout);
        vm.assertEq(settlement.withdraw(), 58.5 ether, "paid");
        vm.assertFalse(calling.succeeded(), "its call failed");
        vm.prank(client);
        settlement.withdraw();
    }

    function fail() external pure {
        revert("no");
    }
}
