// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Attestation} from "../../contracts/attestation/Attestation.sol";
import {AttestationAddresses} from "../../contracts/attestation/AttestationAddresses.sol";
import {Evidence} from "../../contracts/attestation/Evidence.sol";
import {GpuJobSettlement} from "../../contracts/attestation/GpuJobSettlement.sol";
import {PolicyRules} from "../../contracts/attestation/PolicyRules.sol";
import {TokenVault} from "../../contracts/attestation/TokenVault.sol";
import {WorkerRegistry} from "../../contracts/attestation/WorkerRegistry.sol";
import {TestToken} from "./Tokens.sol";
import {World} from "./World.sol";

/// Jobs from posting to payment: every rule of a receipt, every way a job ends, who gets what.
contract GpuJobSettlementTest is World {
    uint128 private constant PRICE = 80 ether;
    /// A tenth of the price (MISSED_BPS).
    uint128 private constant PROMISE = 8 ether;

    Machine private worker;
    Machine private other;

    function setUp() public {
        makeWorld(new TestToken());
        worker = machine(1, 2);
        other = machine(2, 1);
        register(worker);
        register(other);
    }

    // Posting.

    function test_PostingLocksTheHighestPrice() public {
        uint256 before = token.balanceOf(client);
        bytes32 first = post(terms(worker));
        bytes32 second = post(terms(worker));
        vm.assertEq(before - token.balanceOf(client), 200 ether, "taken");
        vm.assertEq(token.balanceOf(address(settlement)), 200 ether, "held");
        vm.assertEq(
            first, keccak256(abi.encode(block.chainid, address(settlement), client, 0, keccak256("spec"))), "first id"
        );
        vm.assertEq(second, settlement.jobIdOf(client, 1, keccak256("spec")), "second id");
        vm.assertEq(settlement.clientNonces(client), 2, "nonce");

        GpuJobSettlement.Job memory job = settlement.jobOf(first);
        vm.assertEq(job.client, client, "client");
        vm.assertEq(job.deadline, START + 1 hours, "accept by");
        vm.assertEq(uint256(job.state), uint256(GpuJobSettlement.State.Posted), "state");
        vm.assertEq(job.assurance, 1, "assurance");
        vm.assertEq(job.gpuClass, H100, "class");
        vm.assertEq(job.worker, address(0), "provider");
        vm.assertEq(job.gpuCount, 1, "count");
        vm.assertEq(job.runFor, 2 hours, "run for");
        vm.assertEq(job.challengeWindow, 1 hours, "default window");
        vm.assertEq(job.feeBps, FEE_BPS, "fee");
        vm.assertEq(job.missedBps, 0, "no promise yet");
        vm.assertEq(job.price, 100 ether, "price");
        vm.assertEq(job.amount, 0, "amount");
        vm.assertEq(job.workloadId, workloadOf(worker), "workload");
        vm.assertEq(job.terms, keccak256(abi.encode(keccak256("spec"), keccak256("input"))), "terms");
    }

    function test_PostingTellsEverythingAnIndexerNeeds() public {
        GpuJobSettlement.Terms memory t = terms(worker);
        bytes32 jobId = settlement.jobIdOf(client, 0, t.specHash);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit GpuJobSettlement.JobPosted(
            jobId,
            client,
            t.workloadId,
            t.specHash,
            t.inputHash,
            t.gpuClass,
            t.gpuCount,
            t.assurance,
            t.maxPrice,
            t.acceptBy,
            t.runFor,
            1 hours,
            address(0)
        );
        post(t);
    }

    function test_TheWindowIsWhatTheClientSaysOrTheDefaultOfTheAssurance() public {
        GpuJobSettlement.Terms memory t = terms(worker);
        t.challengeWindow = 7 days;
        vm.assertEq(settlement.jobOf(post(t)).challengeWindow, 7 days, "given");
        t.challengeWindow = 0;
        vm.assertEq(settlement.jobOf(post(t)).challengeWindow, 0, "none");
        t.challengeWindow = settlement.WINDOW_DEFAULT();
        t.assurance = 2;
        vm.assertEq(settlement.jobOf(post(t)).challengeWindow, 0, "evidence");
    }

    function test_RefusesTermsOutOfRange() public {
        GpuJobSettlement.Terms memory t = terms(worker);
        t.gpuCount = 0;
        refusesTerms(t, "gpuCount");
        t.gpuCount = 9;
        refusesTerms(t, "gpuCount");
        t.gpuCount = 8;
        post(t);

        t = terms(worker);
        t.assurance = 0;
        refusesTerms(t, "assurance");
        t.assurance = 3;
        refusesTerms(t, "assurance");

        t = terms(worker);
        t.maxPrice = uint128(PRICE_CAP) + 1;
        refusesTerms(t, "maxPrice");
        t.maxPrice = PRICE_CAP;
        post(t);

        t = terms(worker);
        t.acceptBy = uint64(START - 1);
        refusesTerms(t, "acceptBy");
        t.acceptBy = uint64(START);
        post(t);
        t.acceptBy = uint64(START + 30 days + 1);
        refusesTerms(t, "acceptBy");
        t.acceptBy = uint64(START + 30 days);
        post(t);

        t = terms(worker);
        t.runFor = 0;
        refusesTerms(t, "runFor");
        t.runFor = 7 days + 1;
        refusesTerms(t, "runFor");
        t.runFor = 7 days;
        post(t);

        t = terms(worker);
        t.challengeWindow = 7 days + 1;
        refusesTerms(t, "challengeWindow");
        t.challengeWindow = type(uint32).max - 1;
        refusesTerms(t, "challengeWindow");
    }

    function refusesTerms(GpuJobSettlement.Terms memory t, string memory field) private {
        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.TermsOutOfRange.selector, field));
        vm.prank(client);
        settlement.post(t);
    }

    // Cancelling.

    function test_AClientTakesBackWhatNobodyAccepted() public {
        bytes32 jobId = post(terms(worker));
        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.NotClient.selector, address(this)));
        settlement.cancel(jobId);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit GpuJobSettlement.JobRefunded(jobId, client, 100 ether, 0);
        vm.prank(client);
        settlement.cancel(jobId);
        assertState(jobId, GpuJobSettlement.State.Refunded);
        vm.assertEq(settlement.credits(client), 100 ether, "refund");
        refusesState(jobId, GpuJobSettlement.State.Refunded);
        vm.prank(client);
        settlement.cancel(jobId);
    }

    function test_AnAcceptedJobIsNotCancelled() public {
        bytes32 jobId = acceptedJob(worker, PRICE);
        refusesState(jobId, GpuJobSettlement.State.Accepted);
        vm.prank(client);
        settlement.cancel(jobId);
    }

    function refusesState(bytes32 jobId, GpuJobSettlement.State state) private {
        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.NotThisState.selector, jobId, state));
    }

    // Accepting.

    function test_AcceptingReservesAPartOfTheBondAndFreesTheRestOfTheEscrow() public {
        bytes32 jobId = post(terms(worker));
        vm.expectEmit(true, true, true, true, address(settlement));
        emit GpuJobSettlement.JobAccepted(jobId, worker.worker, operator, PRICE, uint64(START + 2 hours), PROMISE);
        accept(jobId, worker, PRICE);
        GpuJobSettlement.Job memory job = settlement.jobOf(jobId);
        vm.assertEq(uint256(job.state), uint256(GpuJobSettlement.State.Accepted), "state");
        vm.assertEq(job.worker, worker.worker, "worker");
        vm.assertEq(job.deadline, START + 2 hours, "run by");
        vm.assertEq(job.price, PRICE, "price");
        vm.assertEq(job.missedBps, MISSED_BPS, "missed");
        vm.assertEq(settlement.credits(client), 20 ether, "rest");
        vm.assertEq(registry.workerOf(worker.worker).reserved, PROMISE, "reserved");
        vm.assertEq(registry.workerOf(worker.worker).bond, 2 * H100_BOND, "bond");
    }

    function test_AJobIsAcceptedOnceAndInTime() public {
        bytes32 late = post(terms(worker));
        bytes32 jobId = post(terms(worker));
        vm.warp(START + 1 hours);
        accept(jobId, worker, PRICE);
        refusesState(jobId, GpuJobSettlement.State.Accepted);
        accept(jobId, worker, PRICE);
        vm.warp(START + 1 hours + 1);
        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.DeadlinePassed.selector, late, uint64(START + 1 hours)));
        accept(late, worker, PRICE);
        refusesState("never posted", GpuJobSettlement.State.None);
        accept("never posted", worker, PRICE);
    }

    function test_APriceIsNotAboveTheMaximum() public {
        bytes32 jobId = post(terms(worker));
        vm.expectRevert(
            abi.encodeWithSelector(
                GpuJobSettlement.PriceAboveMaximum.selector, uint128(100 ether + 1), uint128(100 ether)
            )
        );
        accept(jobId, worker, 100 ether + 1);
        accept(jobId, worker, 100 ether);
        vm.assertEq(settlement.credits(client), 0, "nothing left over");
    }

    function test_AJobForOneProviderIsForNobodyElse() public {
        Machine memory foreign = machine(3, 1);
        foreign.operator = account("foreign");
        token.mint(foreign.operator, 10_000 ether);
        vm.prank(foreign.operator);
        token.approve(address(registry), type(uint256).max);
        register(foreign);
        GpuJobSettlement.Terms memory t = terms(worker);
        t.provider = operator;
        bytes32 jobId = post(t);
        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.NotProvider.selector, foreign.operator));
        accept(jobId, foreign, PRICE);
        accept(jobId, worker, PRICE);
        vm.assertEq(settlement.jobOf(jobId).worker, worker.worker, "worker");
    }

    function test_OnlyTheOperatorAcceptsForAWorker() public {
        bytes32 jobId = post(terms(worker));
        vm.expectRevert(abi.encodeWithSelector(WorkerRegistry.NotOperator.selector, client));
        vm.prank(client);
        settlement.accept(jobId, worker.worker, PRICE);
    }

    function test_AWorkerOfTheWrongKindCannotAccept() public {
        GpuJobSettlement.Terms memory t = terms(worker);
        t.workloadId = "another";
        refusesAccept(
            post(t),
            abi.encodeWithSelector(WorkerRegistry.WorkloadMismatch.selector, bytes32("another"), workloadOf(worker))
        );
        t = terms(worker);
        t.gpuClass = H200;
        refusesAccept(post(t), abi.encodeWithSelector(WorkerRegistry.ClassMismatch.selector, H200, H100));
        t = terms(worker);
        t.gpuCount = 3;
        refusesAccept(post(t), abi.encodeWithSelector(WorkerRegistry.TooFewGpus.selector, 3, 2));
        t.gpuCount = 2;
        accept(post(t), worker, PRICE);
    }

    function refusesAccept(bytes32 jobId, bytes memory reason) private {
        vm.expectRevert(reason);
        accept(jobId, worker, PRICE);
    }

    function test_AWorkerMustBeLiveUntilTheJobIsDone() public {
        GpuJobSettlement.Terms memory t = terms(worker);
        t.runFor = MAX_AGE;
        accept(post(t), worker, PRICE);
        t.runFor = MAX_AGE + 1;
        refusesAccept(
            post(t),
            abi.encodeWithSelector(
                WorkerRegistry.ExpiresTooEarly.selector, uint64(START + MAX_AGE + 1), uint64(START + MAX_AGE)
            )
        );
        bytes32 jobId = post(terms(worker));
        vm.prank(operator);
        registry.retire(worker.worker);
        refusesAccept(
            jobId,
            abi.encodeWithSelector(WorkerRegistry.NotThisStatus.selector, worker.worker, WorkerRegistry.Status.Retired)
        );
    }

    function test_AWorkerThatThePolicyTurnedAgainstAcceptsNothing() public {
        bytes32 jobId = post(terms(worker));
        tighten(abi.encodeCall(policy.setListed, (PolicyRules.List.DeniedPlatform, worker.ppidHash, true)));
        refusesAccept(
            jobId,
            abi.encodeWithSelector(WorkerRegistry.NotThisStatus.selector, worker.worker, WorkerRegistry.Status.Frozen)
        );
    }

    function test_ABondCannotBePromisedTwice() public {
        // A tenth of 12,500 each: one promise is half the bond of two H100.
        GpuJobSettlement.Terms memory t = terms(worker);
        t.maxPrice = 12_500 ether;
        accept(post(t), worker, 12_500 ether);
        bytes32 fits = post(t);
        bytes32 tooMuch = post(t);
        accept(fits, worker, 12_500 ether);
        vm.expectRevert(abi.encodeWithSelector(WorkerRegistry.BondTooLow.selector, 1 ether, 0));
        accept(tooMuch, worker, 10 ether);
        // What nothing is promised for needs no bond.
        accept(tooMuch, worker, 0);
    }

    // Receipts.

    function test_AReceiptOfTheWorkerCounts() public {
        bytes32 jobId = acceptedJob(worker, PRICE);
        vm.warp(START + 600);
        Attestation.Receipt memory receipt = receiptOf(jobId, 60 ether);
        bytes32 digest = receiptDigest(receipt);
        vm.assertEq(settlement.receiptDigest(receipt), digest, "digest");
        vm.expectEmit(true, true, true, true, address(settlement));
        emit GpuJobSettlement.JobCommitted(
            jobId, worker.worker, digest, GpuJobSettlement.State.Committed, uint64(block.timestamp + 1 hours), receipt
        );
        commit(worker.key, receipt);
        GpuJobSettlement.Job memory job = settlement.jobOf(jobId);
        vm.assertEq(uint256(job.state), uint256(GpuJobSettlement.State.Committed), "state");
        vm.assertEq(job.deadline, START + 600 + 1 hours, "window");
        vm.assertEq(job.amount, 60 ether, "amount");
        vm.assertEq(job.digest, digest, "digest");
        vm.assertEq(job.price, PRICE, "price");
    }

    function test_AReceiptMayAskForThePriceAndForNothing() public {
        commit(worker.key, receiptOf(acceptedJob(worker, PRICE), PRICE));
        commit(worker.key, receiptOf(acceptedJob(worker, PRICE), 0));
    }

    function test_RefusesAReceiptNobodySigned() public {
        Attestation.Receipt memory receipt = receiptOf(acceptedJob(worker, PRICE), PRICE);
        bytes memory signature = signReceipt(worker.key, receipt);
        signature[64] = 0x00;
        refusesReceipt(receipt, signature, GpuJobSettlement.Refusal.BadSignature);
        // The same signature the other way round.
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(worker.key, receiptDigest(receipt));
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        signature = abi.encodePacked(r, order - uint256(s), uint8(55 - v));
        refusesReceipt(receipt, signature, GpuJobSettlement.Refusal.BadSignature);
        vm.expectRevert(abi.encodeWithSelector(Attestation.BatchLength.selector, 320 + 64));
        settlement.commit(receipt, new bytes(64));
    }

    function refusesReceipt(Attestation.Receipt memory receipt, bytes memory signature, GpuJobSettlement.Refusal reason)
        private
    {
        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.ReceiptNotGood.selector, receipt.jobId, reason));
        settlement.commit(receipt, signature);
    }

    function refuses(Attestation.Receipt memory receipt, GpuJobSettlement.Refusal reason) private {
        refusesReceipt(receipt, signReceipt(worker.key, receipt), reason);
    }

    function test_RefusesWhatFinishedBeforeItStarted() public {
        Attestation.Receipt memory receipt = receiptOf(acceptedJob(worker, PRICE), PRICE);
        receipt.startedAt = receipt.finishedAt + 1;
        refuses(receipt, GpuJobSettlement.Refusal.OutOfRange);
    }

    function test_RefusesAReceiptForAJobThatDoesNotWaitForOne() public {
        Attestation.Receipt memory receipt = receiptOf(post(terms(worker)), PRICE);
        refuses(receipt, GpuJobSettlement.Refusal.NotAccepted);
        receipt.jobId = "unknown";
        refuses(receipt, GpuJobSettlement.Refusal.NotAccepted);
        receipt = receiptOf(acceptedJob(worker, PRICE), PRICE);
        commit(worker.key, receipt);
        refuses(receipt, GpuJobSettlement.Refusal.NotAccepted);
        vm.prank(client);
        settlement.release(receipt.jobId);
        refuses(receipt, GpuJobSettlement.Refusal.NotAccepted);
    }

    function test_RefusesAReceiptAfterTheDeadline() public {
        bytes32 last = acceptedJob(worker, PRICE);
        bytes32 late = acceptedJob(worker, PRICE);
        vm.warp(START + 2 hours);
        commit(worker.key, receiptOf(last, PRICE));
        vm.warp(START + 2 hours + 1);
        refuses(receiptOf(late, PRICE), GpuJobSettlement.Refusal.TooLate);
    }

    function test_RefusesAReceiptOfAnotherWorker() public {
        Attestation.Receipt memory receipt = receiptOf(acceptedJob(worker, PRICE), PRICE);
        refusesReceipt(receipt, signReceipt(other.key, receipt), GpuJobSettlement.Refusal.WrongWorker);
        refusesReceipt(receipt, signReceipt(7, receipt), GpuJobSettlement.Refusal.WrongWorker);
    }

    function test_RefusesAReceiptForOtherWork() public {
        Attestation.Receipt memory receipt = receiptOf(acceptedJob(worker, PRICE), PRICE);
        receipt.specHash = "another";
        refuses(receipt, GpuJobSettlement.Refusal.WrongTerms);
        receipt = receiptOf(receipt.jobId, PRICE);
        receipt.inputHash = "another";
        refuses(receipt, GpuJobSettlement.Refusal.WrongTerms);
        (receipt.specHash, receipt.inputHash) = (keccak256("input"), keccak256("spec"));
        refuses(receipt, GpuJobSettlement.Refusal.WrongTerms);
    }

    function test_RefusesAnAmountAboveThePrice() public {
        Attestation.Receipt memory receipt = receiptOf(acceptedJob(worker, PRICE), PRICE + 1);
        refuses(receipt, GpuJobSettlement.Refusal.AmountAbovePrice);
        receipt.amount = type(uint256).max;
        refuses(receipt, GpuJobSettlement.Refusal.AmountAbovePrice);
        // 2^128 is 0 in the place where the amount is kept.
        receipt.amount = 1 << 128;
        refuses(receipt, GpuJobSettlement.Refusal.AmountAbovePrice);
    }

    function test_RefusesWhatFinishesInTheFuture() public {
        Attestation.Receipt memory receipt = receiptOf(acceptedJob(worker, PRICE), PRICE);
        receipt.finishedAt = uint64(START + 1);
        refuses(receipt, GpuJobSettlement.Refusal.NotFinished);
    }

    function test_RefusesATimeTheAttestationDoesNotCover() public {
        Attestation.Receipt memory receipt = receiptOf(acceptedJob(worker, PRICE), PRICE);
        receipt.startedAt = uint64(START - 1);
        refuses(receipt, GpuJobSettlement.Refusal.NotCovered);
        receipt = receiptOf(receipt.jobId, PRICE);
        receipt.epoch = 2;
        refuses(receipt, GpuJobSettlement.Refusal.NotCovered);
        receipt.epoch = 0;
        refuses(receipt, GpuJobSettlement.Refusal.NotCovered);
        (receipt.startedAt, receipt.finishedAt) = (0, 0);
        refuses(receipt, GpuJobSettlement.Refusal.NotCovered);
        commit(worker.key, receiptOf(receipt.jobId, PRICE));
    }

    function test_ARenewalCoversFromItsOwnTimeOn() public {
        vm.warp(START + 12 hours);
        vm.roll(2_000);
        renew(worker);
        bytes32 jobId = acceptedJob(worker, PRICE);
        Attestation.Receipt memory receipt = receiptOf(jobId, PRICE);
        receipt.epoch = 2;
        receipt.startedAt = uint64(START + 12 hours - 1);
        refuses(receipt, GpuJobSettlement.Refusal.NotCovered);
        // The first attestation covers that time still.
        receipt.epoch = 1;
        commit(worker.key, receipt);
    }

    function test_AJobRunsToTheVeryEndOfItsAttestation() public {
        vm.warp(START + MAX_AGE - 2 hours);
        bytes32 jobId = acceptedJob(worker, PRICE);
        vm.warp(START + MAX_AGE);
        commit(worker.key, receiptOf(jobId, PRICE));
    }

    function test_ALiarsReceiptsDoNotCount() public {
        bytes32 jobId = acceptedJob(worker, PRICE);
        lie(worker, "elsewhere");
        refuses(receiptOf(jobId, PRICE), GpuJobSettlement.Refusal.WorkerDenied);
    }

    function test_AFrozenWorkersReceiptGoesToTheArbiter() public {
        bytes32 jobId = acceptedJob(worker, PRICE);
        freeze(worker);
        commit(worker.key, receiptOf(jobId, PRICE));
        assertState(jobId, GpuJobSettlement.State.Disputed);
        vm.assertEq(settlement.jobOf(jobId).deadline, START + ARBITER_TIMEOUT, "arbiter's time");
    }

    function freeze(Machine memory which) private {
        vm.prank(guardian);
        registry.freeze(which.worker, new Evidence.GpuIdentity[](0));
    }

    function test_ReceiptsAreNotTakenWhileTheirVerifierIsPaused() public {
        Attestation.Receipt memory receipt = receiptOf(acceptedJob(worker, PRICE), PRICE);
        tighten(abi.encodeCall(policy.setPaused, (AttestationAddresses.GPU_SETTLE, 1, true)));
        bytes memory signature = signReceipt(worker.key, receipt);
        vm.expectRevert(
            abi.encodeWithSelector(PolicyRules.PrecompilePaused.selector, AttestationAddresses.GPU_SETTLE, 1)
        );
        settlement.commit(receipt, signature);
    }

    function test_ReceiptsAreNotTakenWithoutTheirVerifier() public {
        Attestation.Receipt memory receipt = receiptOf(acceptedJob(worker, PRICE), PRICE);
        bytes memory signature = signReceipt(worker.key, receipt);
        vm.etch(AttestationAddresses.GPU_SETTLE, "");
        vm.expectRevert(GpuJobSettlement.VerificationFailed.selector);
        settlement.commit(receipt, signature);
        vm.etch(AttestationAddresses.GPU_SETTLE, hex"fe");
        vm.expectRevert(GpuJobSettlement.VerificationFailed.selector);
        settlement.commit{gas: 1_000_000}(receipt, signature);
    }

    // Evidence.

    function test_HardwareVouchesForAJobOfAssurance2() public {
        bytes32 jobId = evidenceJob();
        Attestation.Receipt memory receipt = receiptOf(jobId, PRICE);
        commitWithEvidence(receipt, worker, nonceFor(receipt));
        assertState(jobId, GpuJobSettlement.State.Committed);
        // No window by default.
        settlement.finalize(jobId);
        assertState(jobId, GpuJobSettlement.State.Settled);
        vm.assertEq(settlement.credits(payout), 78 ether, "paid");
    }

    function evidenceJob() private returns (bytes32 jobId) {
        GpuJobSettlement.Terms memory t = terms(worker);
        t.assurance = 2;
        jobId = post(t);
        accept(jobId, worker, PRICE);
    }

    function nonceFor(Attestation.Receipt memory receipt) private view returns (bytes32 nonce) {
        bytes32 digest = receiptDigest(receipt);
        nonce =
            keccak256(abi.encode(keccak256("phala.job.v1"), block.chainid, address(settlement), receipt.jobId, digest));
        vm.assertEq(nonce, settlement.jobNonce(receipt.jobId, digest), "nonce");
    }

    function commitWithEvidence(Attestation.Receipt memory receipt, Machine memory by, bytes32 nonce) private {
        Evidence.PlatformEvidence memory platform = platformFor(by, nonce);
        Evidence.KnownGpu[] memory gpus = knownGpusFor(by, nonce);
        settlement.commitWithEvidence(receipt, signReceipt(worker.key, receipt), platform, gpus);
    }

    function test_AssuranceTwoTakesNoReceiptWithoutEvidence() public {
        Attestation.Receipt memory receipt = receiptOf(evidenceJob(), PRICE);
        refuses(receipt, GpuJobSettlement.Refusal.EvidenceMissing);
        vm.assertEq(settlement.commitBatch(packed(worker.key, receipt)), 0, "batch");
    }

    function test_EvidenceForAJobOfAssurance1IsJudgedToo() public {
        Attestation.Receipt memory receipt = receiptOf(acceptedJob(worker, PRICE), PRICE);
        Evidence.PlatformEvidence memory platform = platformFor(worker, "another");
        Evidence.KnownGpu[] memory gpus = knownGpusFor(worker, nonceFor(receipt));
        bytes memory signature = signReceipt(worker.key, receipt);
        bytes32 nonce = nonceFor(receipt);
        vm.expectRevert(abi.encodeWithSelector(WorkerRegistry.NonceMismatch.selector, nonce, bytes32("another")));
        settlement.commitWithEvidence(receipt, signature, platform, gpus);
        commitWithEvidence(receipt, worker, nonceFor(receipt));
    }

    function test_EvidenceOfAnotherReceiptIsRefused() public {
        Attestation.Receipt memory receipt = receiptOf(evidenceJob(), PRICE);
        Attestation.Receipt memory another = receiptOf(receipt.jobId, PRICE - 1);
        bytes32 nonce = nonceFor(another);
        Evidence.PlatformEvidence memory platform = platformFor(worker, nonce);
        Evidence.KnownGpu[] memory gpus = knownGpusFor(worker, nonce);
        bytes memory signature = signReceipt(worker.key, receipt);
        bytes32 right = nonceFor(receipt);
        vm.expectRevert(abi.encodeWithSelector(WorkerRegistry.NonceMismatch.selector, right, nonce));
        settlement.commitWithEvidence(receipt, signature, platform, gpus);
    }

    function test_EvidenceOfAnotherMachineIsRefused() public {
        Attestation.Receipt memory receipt = receiptOf(evidenceJob(), PRICE);
        bytes32 nonce = nonceFor(receipt);
        bytes memory signature = signReceipt(worker.key, receipt);
        Evidence.KnownGpu[] memory gpus = knownGpusFor(worker, nonce);

        Evidence.PlatformEvidence memory platform = platformFor(other, nonce);
        vm.expectRevert(abi.encodeWithSelector(WorkerRegistry.WorkerMismatch.selector, worker.worker, other.worker));
        settlement.commitWithEvidence(receipt, signature, platform, gpus);

        Machine memory moved = worker;
        moved.ppidHash = "another board";
        platform = platformFor(moved, nonce);
        vm.expectRevert(
            abi.encodeWithSelector(
                WorkerRegistry.PlatformMismatch.selector,
                registry.workerOf(worker.worker).ppidHash,
                bytes32("another board")
            )
        );
        settlement.commitWithEvidence(receipt, signature, platform, gpus);

        platform = platformFor(machine(1, 2), nonce);
        gpus = knownGpusFor(other, nonce);
        vm.expectRevert(
            abi.encodeWithSelector(
                WorkerRegistry.GpuSetMismatch.selector, gpuSetHashOf(machine(1, 2)), gpuSetHashOf(other)
            )
        );
        settlement.commitWithEvidence(receipt, signature, platform, gpus);

        // Its own GPUs, but not all of them.
        gpus = knownGpusFor(machine(1, 1), nonce);
        vm.expectRevert(
            abi.encodeWithSelector(
                WorkerRegistry.GpuSetMismatch.selector, gpuSetHashOf(machine(1, 2)), gpuSetHashOf(machine(1, 1))
            )
        );
        settlement.commitWithEvidence(receipt, signature, platform, gpus);
        assertState(receipt.jobId, GpuJobSettlement.State.Accepted);
    }

    function test_ABadReceiptIsNotSavedByGoodEvidence() public {
        Attestation.Receipt memory receipt = receiptOf(evidenceJob(), PRICE + 1);
        bytes32 nonce = nonceFor(receipt);
        Evidence.PlatformEvidence memory platform = platformFor(worker, nonce);
        Evidence.KnownGpu[] memory gpus = knownGpusFor(worker, nonce);
        bytes memory signature = signReceipt(worker.key, receipt);
        vm.expectRevert(
            abi.encodeWithSelector(
                GpuJobSettlement.ReceiptNotGood.selector, receipt.jobId, GpuJobSettlement.Refusal.AmountAbovePrice
            )
        );
        settlement.commitWithEvidence(receipt, signature, platform, gpus);
    }

    // Endings.

    function committedJob(uint256 amount) private returns (bytes32 jobId) {
        jobId = acceptedJob(worker, PRICE);
        commit(worker.key, receiptOf(jobId, amount));
    }

    /// 60 asked for of a price of 80, a maximum of 100: 58.5 to the worker, 1.5 fee, 20 + 20 back.
    function assertPaidInFull() private view {
        vm.assertEq(settlement.credits(payout), 58.5 ether, "payout");
        vm.assertEq(settlement.credits(treasury), 1.5 ether, "fee");
        vm.assertEq(settlement.credits(client), 40 ether, "client");
        vm.assertEq(registry.workerOf(worker.worker).reserved, 0, "promise");
        vm.assertEq(registry.workerOf(worker.worker).bond, 2 * H100_BOND, "bond");
    }

    function test_FinalizePaysAfterTheWindow() public {
        bytes32 jobId = committedJob(60 ether);
        vm.warp(START + 1 hours - 1);
        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.DeadlineAhead.selector, jobId, uint64(START + 1 hours)));
        settlement.finalize(jobId);
        vm.warp(START + 1 hours);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit GpuJobSettlement.JobSettled(jobId, worker.worker, payout, 58.5 ether, 1.5 ether, 20 ether);
        settlement.finalize(jobId);
        assertState(jobId, GpuJobSettlement.State.Settled);
        assertPaidInFull();
        refusesState(jobId, GpuJobSettlement.State.Settled);
        settlement.finalize(jobId);
    }

    function test_ReleasePaysWithoutWaiting() public {
        bytes32 jobId = committedJob(60 ether);
        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.NotClient.selector, operator));
        vm.prank(operator);
        settlement.release(jobId);
        vm.prank(client);
        settlement.release(jobId);
        assertState(jobId, GpuJobSettlement.State.Settled);
        assertPaidInFull();
        refusesState(jobId, GpuJobSettlement.State.Settled);
        vm.prank(client);
        settlement.release(jobId);
    }

    function test_EverybodyWithdrawsWhatItIsOwedOnce() public {
        bytes32 jobId = committedJob(60 ether);
        vm.prank(client);
        settlement.release(jobId);
        uint256 before = token.balanceOf(client);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit TokenVault.Withdrawn(client, 40 ether);
        vm.prank(client);
        vm.assertEq(settlement.withdraw(), 40 ether, "client");
        vm.assertEq(token.balanceOf(client) - before, 40 ether, "received");
        vm.prank(payout);
        settlement.withdraw();
        vm.assertEq(token.balanceOf(payout), 58.5 ether, "payout");
        vm.prank(treasury);
        settlement.withdraw();
        vm.assertEq(token.balanceOf(treasury), 1.5 ether, "treasury");
        vm.assertEq(token.balanceOf(address(settlement)), 0, "nothing is left");
        vm.expectRevert(abi.encodeWithSelector(TokenVault.NothingToWithdraw.selector, client));
        vm.prank(client);
        settlement.withdraw();
    }

    function test_TheFeeIsThatOfPosting() public {
        bytes32 jobId = committedJob(60 ether);
        vm.prank(owner);
        settlement.setRates(1_000, 0);
        vm.prank(client);
        settlement.release(jobId);
        assertPaidInFull();
    }

    function testFuzz_AnEscrowIsSharedOutToTheLastUnit(uint128 maximum, uint128 price, uint256 amount, uint16 fee)
        public
    {
        maximum = uint128(maximum % (PRICE_CAP + 1));
        price = uint128(price % (uint256(maximum) + 1));
        // What nothing is promised for can be any size.
        vm.prank(owner);
        settlement.setRates(fee % 1_001, 0);
        amount = amount % (uint256(price) + 1);
        GpuJobSettlement.Terms memory t = terms(worker);
        t.maxPrice = maximum;
        bytes32 jobId = post(t);
        accept(jobId, worker, price);
        commit(worker.key, receiptOf(jobId, amount));
        vm.prank(client);
        settlement.release(jobId);
        (uint256 paid, uint256 taken, uint256 back) =
            (settlement.credits(payout), settlement.credits(treasury), settlement.credits(client));
        vm.assertEq(paid + taken + back, maximum, "all of it");
        vm.assertEq(paid + taken, amount, "what the worker asked for");
        vm.assertEq(taken, amount * (fee % 1_001) / 10_000, "fee");
    }

    function test_TheClientDisputesInTime() public {
        bytes32 jobId = committedJob(60 ether);
        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.NotClient.selector, operator));
        vm.prank(operator);
        settlement.dispute(jobId, "late");
        vm.warp(START + 1 hours - 1);
        uint64 until = uint64(block.timestamp + ARBITER_TIMEOUT);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit GpuJobSettlement.JobDisputed(jobId, client, "nothing came", until);
        vm.prank(client);
        settlement.dispute(jobId, "nothing came");
        assertState(jobId, GpuJobSettlement.State.Disputed);
        vm.assertEq(settlement.jobOf(jobId).deadline, until, "arbiter's time");
        refusesState(jobId, GpuJobSettlement.State.Disputed);
        settlement.finalize(jobId);
        refusesState(jobId, GpuJobSettlement.State.Disputed);
        vm.prank(client);
        settlement.release(jobId);
        refusesState(jobId, GpuJobSettlement.State.Disputed);
        vm.prank(client);
        settlement.dispute(jobId, "again");
    }

    function test_ADisputeAfterTheWindowIsTooLate() public {
        bytes32 jobId = committedJob(60 ether);
        vm.warp(START + 1 hours);
        vm.expectRevert(
            abi.encodeWithSelector(GpuJobSettlement.DeadlinePassed.selector, jobId, uint64(START + 1 hours))
        );
        vm.prank(client);
        settlement.dispute(jobId, "late");
    }

    function disputedJob(uint256 amount) private returns (bytes32 jobId) {
        jobId = committedJob(amount);
        vm.prank(client);
        settlement.dispute(jobId, "nothing came");
    }

    function test_TheArbiterGivesTheWorkerAPart() public {
        bytes32 jobId = disputedJob(60 ether);
        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.NotArbiter.selector, client));
        vm.prank(client);
        settlement.resolve(jobId, 0);
        vm.startPrank(arbiter);
        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.AmountAboveClaim.selector, 60 ether + 1, 60 ether));
        settlement.resolve(jobId, 60 ether + 1);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit GpuJobSettlement.JobResolved(jobId, arbiter, 20 ether);
        settlement.resolve(jobId, 20 ether);
        refusesState(jobId, GpuJobSettlement.State.Settled);
        settlement.resolve(jobId, 20 ether);
        vm.stopPrank();
        vm.assertEq(settlement.credits(payout), 19.5 ether, "payout");
        vm.assertEq(settlement.credits(treasury), 0.5 ether, "fee");
        vm.assertEq(settlement.credits(client), 80 ether, "client");
        vm.assertEq(registry.workerOf(worker.worker).reserved, 0, "promise");
    }

    function test_TheArbiterGivesAllOrNothing() public {
        bytes32 all = disputedJob(60 ether);
        bytes32 nothing = disputedJob(60 ether);
        vm.startPrank(arbiter);
        settlement.resolve(all, 60 ether);
        assertPaidInFullPlus(20 ether);
        settlement.resolve(nothing, 0);
        vm.stopPrank();
        vm.assertEq(settlement.credits(payout), 58.5 ether, "payout");
        vm.assertEq(settlement.credits(client), 140 ether, "client");
    }

    function assertPaidInFullPlus(uint256 rest) private view {
        vm.assertEq(settlement.credits(payout), 58.5 ether, "payout");
        vm.assertEq(settlement.credits(client), 40 ether + rest, "client");
    }

    function test_AnUndisputedJobIsNotForTheArbiter() public {
        bytes32 jobId = committedJob(60 ether);
        refusesState(jobId, GpuJobSettlement.State.Committed);
        vm.prank(arbiter);
        settlement.resolve(jobId, 0);
        refusesState(jobId, GpuJobSettlement.State.Committed);
        settlement.settleDispute(jobId);
    }

    function test_WithoutAWordOfTheArbiterBothSidesBearHalf() public {
        bytes32 jobId = disputedJob(60 ether);
        vm.warp(START + ARBITER_TIMEOUT);
        vm.expectRevert(
            abi.encodeWithSelector(GpuJobSettlement.DeadlineAhead.selector, jobId, uint64(START + ARBITER_TIMEOUT))
        );
        settlement.settleDispute(jobId);
        // Until then the arbiter may speak, and after it too, if nobody was quicker.
        vm.warp(START + ARBITER_TIMEOUT + 1);
        settlement.settleDispute(jobId);
        vm.assertEq(settlement.credits(payout), 29.25 ether, "payout");
        vm.assertEq(settlement.credits(treasury), 0.75 ether, "fee");
        vm.assertEq(settlement.credits(client), 70 ether, "client");
    }

    function disputedEvidenceJob() private returns (bytes32 jobId) {
        GpuJobSettlement.Terms memory t = terms(worker);
        (t.assurance, t.challengeWindow) = (2, 1 hours);
        jobId = post(t);
        accept(jobId, worker, PRICE);
        Attestation.Receipt memory receipt = receiptOf(jobId, 60 ether);
        commitWithEvidence(receipt, worker, nonceFor(receipt));
        vm.prank(client);
        settlement.dispute(jobId, "nothing came");
        vm.warp(START + ARBITER_TIMEOUT + 1);
    }

    function test_WithoutAWordOfTheArbiterHardwaresWordStands() public {
        settlement.settleDispute(disputedEvidenceJob());
        assertPaidInFull();
    }

    function test_HardwareThatWasRevokedHasNoWord() public {
        bytes32 jobId = disputedEvidenceJob();
        freeze(worker);
        settlement.settleDispute(jobId);
        vm.assertEq(settlement.credits(payout), 29.25 ether, "payout");
    }

    function test_AJobOfAFrozenWorkerGoesToTheArbiterInsteadOfBeingPaid() public {
        bytes32 jobId = committedJob(60 ether);
        freeze(worker);
        vm.warp(START + 1 hours);
        settlement.finalize(jobId);
        assertState(jobId, GpuJobSettlement.State.Disputed);
        vm.assertEq(settlement.credits(payout), 0, "not paid");
        vm.prank(arbiter);
        settlement.resolve(jobId, 60 ether);
        assertPaidInFull();
    }

    function test_AJobOfALiarGoesToTheArbiterInsteadOfBeingPaid() public {
        bytes32 jobId = committedJob(60 ether);
        lie(worker, "elsewhere");
        vm.warp(START + 1 hours);
        settlement.finalize(jobId);
        assertState(jobId, GpuJobSettlement.State.Disputed);
    }

    function test_AWorkerThatLeftIsPaid() public {
        bytes32 jobId = committedJob(60 ether);
        bytes32 later = acceptedJob(worker, PRICE);
        vm.prank(operator);
        registry.retire(worker.worker);
        commit(worker.key, receiptOf(later, 0));
        vm.warp(START + 1 hours);
        settlement.finalize(jobId);
        settlement.finalize(later);
        vm.assertEq(settlement.credits(payout), 58.5 ether, "payout");
    }

    // Deadlines.

    function test_WhatNobodyAcceptedGoesBack() public {
        bytes32 jobId = post(terms(worker));
        vm.warp(START + 1 hours);
        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.DeadlineAhead.selector, jobId, uint64(START + 1 hours)));
        settlement.expire(jobId);
        vm.warp(START + 1 hours + 1);
        vm.recordLogs();
        settlement.expire(jobId);
        // The refund and its credit: no bond has anything to do with it.
        vm.assertEq(vm.getRecordedLogs().length, 2, "events");
        assertState(jobId, GpuJobSettlement.State.Refunded);
        vm.assertEq(settlement.credits(client), 100 ether, "refund");
        refusesState(jobId, GpuJobSettlement.State.Refunded);
        settlement.expire(jobId);
    }

    function test_AMissedDeadlineCostsAPartOfTheBond() public {
        bytes32 jobId = acceptedJob(worker, PRICE);
        vm.warp(START + 2 hours);
        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.DeadlineAhead.selector, jobId, uint64(START + 2 hours)));
        settlement.expire(jobId);
        vm.warp(START + 2 hours + 1);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit GpuJobSettlement.JobRefunded(jobId, client, PRICE, PROMISE);
        settlement.expire(jobId);
        vm.assertEq(settlement.credits(client), 100 ether, "escrow");
        vm.assertEq(registry.credits(client), PROMISE, "penalty");
        vm.assertEq(registry.workerOf(worker.worker).bond, 2 * H100_BOND - PROMISE, "bond");
        vm.assertEq(registry.workerOf(worker.worker).reserved, 0, "promise");
        vm.prank(client);
        registry.withdraw();
        refusesState(jobId, GpuJobSettlement.State.Refunded);
        settlement.expire(jobId);
    }

    function test_ThePenaltyIsThatOfAcceptance() public {
        bytes32 jobId = acceptedJob(worker, PRICE);
        vm.prank(owner);
        settlement.setRates(0, 5_000);
        vm.warp(START + 2 hours + 1);
        settlement.expire(jobId);
        vm.assertEq(registry.credits(client), PROMISE, "penalty");
    }

    function test_NobodyIsPunishedForAPausedVerifier() public {
        bytes32 jobId = acceptedJob(worker, PRICE);
        vm.warp(START + 2 hours + 1);
        tighten(abi.encodeCall(policy.setPaused, (AttestationAddresses.GPU_SETTLE, 1, true)));
        settlement.expire(jobId);
        assertState(jobId, GpuJobSettlement.State.Refunded);
        vm.assertEq(settlement.credits(client), 100 ether, "escrow");
        vm.assertEq(registry.credits(client), 0, "no penalty");
        vm.assertEq(registry.workerOf(worker.worker).bond, 2 * H100_BOND, "bond");
        vm.assertEq(registry.workerOf(worker.worker).reserved, 0, "promise");
    }

    function test_ACommittedJobDoesNotExpire() public {
        bytes32 jobId = committedJob(60 ether);
        vm.warp(START + 30 days);
        refusesState(jobId, GpuJobSettlement.State.Committed);
        settlement.expire(jobId);
    }

    // Lies.

    /// Two results for one job.
    function lie(Machine memory who, bytes32 jobId) private {
        Attestation.Receipt memory a = receiptOf(jobId, 1 ether);
        Attestation.Receipt memory b = receiptOf(jobId, 1 ether);
        b.resultHash = "another";
        bytes memory signatureA = signReceipt(who.key, a);
        bytes memory signatureB = signReceipt(who.key, b);
        vm.prank(account("reporter"));
        settlement.reportEquivocation(a, signatureA, b, signatureB);
    }

    function test_TwoReceiptsForOneJobCostTheWholeBond() public {
        lie(worker, "job");
        assertStatus(worker, WorkerRegistry.Status.Denied);
        vm.assertEq(registry.workerOf(worker.worker).bond, 0, "bond");
        vm.assertEq(registry.credits(account("reporter")), H100_BOND, "half to the reporter");
        vm.assertEq(registry.credits(treasury), H100_BOND, "half to the treasury");
        Attestation.Receipt memory a = receiptOf("job", 1 ether);
        Attestation.Receipt memory b = receiptOf("job", 2 ether);
        refusesReport(
            worker.key,
            a,
            worker.key,
            b,
            abi.encodeWithSelector(WorkerRegistry.NotThisStatus.selector, worker.worker, WorkerRegistry.Status.Denied)
        );
    }

    /// Half of a liar's bond stays for what it promised before, so that a liar that reports itself does not
    /// take from its clients.
    function test_ALiarsPromisesAreKept() public {
        bytes32 missed = acceptedJob(worker, PRICE);
        bytes32 done = acceptedJob(worker, PRICE);
        commit(worker.key, receiptOf(done, 60 ether));
        lie(worker, missed);
        vm.assertEq(registry.credits(account("reporter")), H100_BOND, "half to the reporter");
        vm.assertEq(registry.credits(treasury), H100_BOND - 2 * PROMISE, "the rest to the treasury");
        vm.assertEq(registry.workerOf(worker.worker).bond, 2 * PROMISE, "kept");

        vm.prank(client);
        settlement.release(done);
        vm.assertEq(registry.credits(treasury), H100_BOND - PROMISE, "one is not needed any more");
        vm.assertEq(registry.workerOf(worker.worker).bond, PROMISE, "kept for the other");
        vm.warp(START + 2 hours + 1);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit GpuJobSettlement.JobRefunded(missed, client, PRICE, PROMISE);
        settlement.expire(missed);
        vm.assertEq(registry.credits(client), PROMISE, "penalty");
        vm.assertEq(registry.workerOf(worker.worker).bond, 0, "nothing is left");
    }

    function test_ALiarWhoPromisedEverythingPaysTheFirstOfItsClients() public {
        GpuJobSettlement.Terms memory t = terms(worker);
        t.maxPrice = 12_500 ether;
        bytes32 first = post(t);
        bytes32 second = post(t);
        accept(first, worker, 12_500 ether);
        accept(second, worker, 12_000 ether);
        lie(worker, "elsewhere");
        vm.assertEq(registry.credits(treasury), 0, "nothing for the treasury");
        vm.assertEq(registry.workerOf(worker.worker).bond, H100_BOND, "half is kept");
        vm.warp(START + 2 hours + 1);
        settlement.expire(second);
        vm.assertEq(registry.credits(client), 1_200 ether, "all of a promise");
        settlement.expire(first);
        vm.assertEq(registry.credits(client), 1_250 ether, "what is left for the other");
        vm.assertEq(registry.workerOf(worker.worker).bond, 0, "bond");
        vm.assertEq(registry.workerOf(worker.worker).reserved, 0, "promises");
    }

    function test_EquivocationIsOneWorkerAndOneJobAndTwoDigests() public {
        bytes memory reason = abi.encodePacked(GpuJobSettlement.NotEquivocation.selector);
        Attestation.Receipt memory a = receiptOf("job", 1 ether);
        Attestation.Receipt memory b = receiptOf("job", 2 ether);
        refusesReport(worker.key, a, worker.key, a, reason);
        refusesReport(worker.key, a, other.key, b, reason);
        b.jobId = "another";
        refusesReport(worker.key, a, worker.key, b, reason);

        // Two signatures nobody made recover to nobody.
        b.jobId = "job";
        vm.expectRevert(GpuJobSettlement.NotEquivocation.selector);
        settlement.reportEquivocation(a, new bytes(65), b, new bytes(65));
        assertStatus(worker, WorkerRegistry.Status.Live);
    }

    function refusesReport(
        uint256 keyA,
        Attestation.Receipt memory a,
        uint256 keyB,
        Attestation.Receipt memory b,
        bytes memory reason
    ) private {
        bytes memory signatureA = signReceipt(keyA, a);
        bytes memory signatureB = signReceipt(keyB, b);
        vm.expectRevert(reason);
        settlement.reportEquivocation(a, signatureA, b, signatureB);
    }

    function test_NonsenseThatWasSignedCountsAsALie() public {
        Attestation.Receipt memory a = receiptOf("job", 1 ether);
        Attestation.Receipt memory b = receiptOf("job", 2 ether);
        b.startedAt = b.finishedAt + 1;
        bytes memory signatureA = signReceipt(worker.key, a);
        bytes memory signatureB = signReceipt(worker.key, b);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit GpuJobSettlement.EquivocationProven(
            "job", worker.worker, address(this), receiptDigest(a), receiptDigest(b)
        );
        settlement.reportEquivocation(a, signatureA, b, signatureB);
        assertStatus(worker, WorkerRegistry.Status.Denied);
    }

    function test_AKeyThatIsNoWorkersCannotLie() public {
        refusesReport(
            7,
            receiptOf("job", 1 ether),
            7,
            receiptOf("job", 2 ether),
            abi.encodeWithSelector(WorkerRegistry.NotThisStatus.selector, vm.addr(7), WorkerRegistry.Status.None)
        );
    }

    // Settings.

    function test_InitializeWritesWhatAGenesisWould() public view {
        vm.assertEq(load(0), 1 << 160 | uint256(uint160(owner)), "owner and initialized");
        vm.assertEq(load(1), 0, "pending owner");
        vm.assertEq(load(2), uint256(uint160(address(token))), "token");
        vm.assertEq(load(3), 0, "credits");
        vm.assertEq(
            load(4),
            uint256(ARBITER_TIMEOUT) << 192 | uint256(MISSED_BPS) << 176 | uint256(FEE_BPS) << 160 | uint160(arbiter),
            "arbiter and rates"
        );
        vm.assertEq(load(5), uint256(PRICE_CAP) << 160 | uint160(treasury), "treasury and cap");
        vm.assertEq(load(6) | load(7), 0, "mappings");
    }

    function test_AJobLiesInItsSlotsAsDocumented() public {
        bytes32 jobId = acceptedJob(worker, PRICE);
        vm.warp(START + 600);
        Attestation.Receipt memory receipt = receiptOf(jobId, 60 ether);
        commit(worker.key, receipt);
        uint256 at = uint256(keccak256(abi.encode(jobId, 6)));
        vm.assertEq(
            load(at),
            uint256(H100) << 240 | uint256(1) << 232 | uint256(3) << 224 | uint256(START + 600 + 1 hours) << 160
                | uint160(client),
            "slot 0"
        );
        vm.assertEq(
            load(at + 1),
            uint256(MISSED_BPS) << 232 | uint256(FEE_BPS) << 216 | uint256(1 hours) << 192 | uint256(2 hours) << 168
                | uint256(1) << 160 | uint160(worker.worker),
            "slot 1"
        );
        vm.assertEq(load(at + 2), uint256(60 ether) << 128 | PRICE, "slot 2");
        vm.assertEq(bytes32(load(at + 3)), keccak256(abi.encode(keccak256("spec"), keccak256("input"))), "slot 3");
        vm.assertEq(bytes32(load(at + 4)), workloadOf(worker), "slot 4");
        vm.assertEq(bytes32(load(at + 5)), receiptDigest(receipt), "slot 5");
        vm.assertEq(load(uint256(keccak256(abi.encode(client, 7)))), 1, "client nonce");
        vm.assertEq(load(uint256(keccak256(abi.encode(client, 3)))), 20 ether, "credit");
    }

    function load(uint256 slot) private view returns (uint256) {
        return uint256(vm.load(address(settlement), bytes32(slot)));
    }

    function test_TheOwnerChangesSettingsWithinTheirRanges() public {
        vm.startPrank(owner);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit GpuJobSettlement.ArbiterSet(client, 1 days);
        settlement.setArbiter(client, 1 days);
        settlement.setArbiter(client, 30 days);
        vm.assertEq(settlement.arbiter(), client, "arbiter");
        vm.assertEq(settlement.arbiterTimeout(), 30 days, "timeout");
        settlement.setRates(1_000, 5_000);
        vm.assertEq(settlement.feeBps(), 1_000, "fee");
        vm.assertEq(settlement.missedBps(), 5_000, "missed");
        settlement.setTreasury(client);
        vm.assertEq(settlement.treasury(), client, "treasury");
        settlement.setPriceCap(5);
        vm.assertEq(settlement.priceCap(), 5, "cap");

        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.SettingOutOfRange.selector, "arbiterTimeout"));
        settlement.setArbiter(client, 1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.SettingOutOfRange.selector, "arbiterTimeout"));
        settlement.setArbiter(client, 30 days + 1);
        vm.expectRevert(abi.encodeWithSignature("ZeroAddress()"));
        settlement.setArbiter(address(0), 1 days);
        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.SettingOutOfRange.selector, "feeBps"));
        settlement.setRates(1_001, 0);
        vm.expectRevert(abi.encodeWithSelector(GpuJobSettlement.SettingOutOfRange.selector, "missedBps"));
        settlement.setRates(0, 5_001);
        vm.expectRevert(abi.encodeWithSignature("ZeroAddress()"));
        settlement.setTreasury(address(0));
        vm.stopPrank();
    }

    function test_NobodyButTheOwnerChangesSettings() public {
        bytes memory reason = abi.encodeWithSignature("NotOwner(address)", address(this));
        vm.expectRevert(reason);
        settlement.setArbiter(client, 1 days);
        vm.expectRevert(reason);
        settlement.setRates(0, 0);
        vm.expectRevert(reason);
        settlement.setTreasury(client);
        vm.expectRevert(reason);
        settlement.setPriceCap(0);
    }

    function test_IsInitializedOnceAndOnlyBehindItsProxy() public {
        vm.prank(address(admin));
        vm.expectRevert(abi.encodeWithSignature("AlreadyInitialized()"));
        settlement.initialize(owner, token, settlementSettings());

        // The bare implementation has no admin, so nobody can be it.
        GpuJobSettlement implementation = new GpuJobSettlement();
        vm.expectRevert(abi.encodeWithSignature("ProxyAdminOwnedBase_NotResolvedDelegateProxy()"));
        implementation.initialize(owner, token, settlementSettings());

        vm.store(address(implementation), ADMIN_SLOT, bytes32(uint256(uint160(address(admin)))));
        vm.expectRevert(abi.encodeWithSignature("ProxyAdminOwnedBase_NotProxyAdminOrProxyAdminOwner()"));
        implementation.initialize(owner, token, settlementSettings());
        vm.startPrank(account("admin"));
        vm.expectRevert(abi.encodeWithSignature("ZeroAddress()"));
        implementation.initialize(address(0), token, settlementSettings());
        vm.expectRevert(abi.encodeWithSignature("ZeroAddress()"));
        implementation.initialize(owner, IERC20(address(0)), settlementSettings());
        implementation.initialize(owner, token, settlementSettings());
        vm.stopPrank();
        vm.assertEq(implementation.owner(), owner, "owner");
    }

    function test_OwnershipIsHandedOverInTwoSteps() public {
        address next = account("next");
        vm.expectRevert(abi.encodeWithSignature("NotOwner(address)", next));
        vm.prank(next);
        settlement.transferOwnership(next);
        vm.prank(owner);
        settlement.transferOwnership(next);
        vm.assertEq(settlement.owner(), owner, "not yet");
        vm.assertEq(load(1), uint256(uint160(next)), "pending");
        vm.expectRevert(abi.encodeWithSignature("NotOwner(address)", client));
        vm.prank(client);
        settlement.acceptOwnership();
        vm.prank(next);
        settlement.acceptOwnership();
        vm.assertEq(settlement.owner(), next, "owner");
        vm.assertEq(settlement.pendingOwner(), address(0), "done");
        vm.assertEq(load(0) >> 160, 1, "initialized");
        vm.expectRevert(abi.encodeWithSignature("NotOwner(address)", owner));
        vm.prank(owner);
        settlement.setPriceCap(0);
    }
}
