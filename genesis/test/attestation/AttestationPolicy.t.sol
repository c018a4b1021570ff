// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {AdvisoryList} from "../../contracts/attestation/AdvisoryList.sol";
import {Attestation} from "../../contracts/attestation/Attestation.sol";
import {AttestationAddresses} from "../../contracts/attestation/AttestationAddresses.sol";
import {AttestationPolicy} from "../../contracts/attestation/AttestationPolicy.sol";
import {Evidence} from "../../contracts/attestation/Evidence.sol";
import {PolicyRules} from "../../contracts/attestation/PolicyRules.sol";
import {TimelockedLoosening} from "../../contracts/attestation/TimelockedLoosening.sol";
import {RecordedAnswers} from "./FakePrecompiles.sol";
import {TestToken} from "./Tokens.sol";
import {World} from "./World.sol";

/// What evidence the policy takes, and who may change that how fast.
contract AttestationPolicyTest is World {
    bytes32 private constant NONCE = "nonce";
    Machine private worker;

    function setUp() public {
        makeWorld(new TestToken());
        worker = machine(1, 2);
    }

    // Platforms.

    function judges() private {
        policy.judgePlatform(platformFor(worker, NONCE));
    }

    function refuses(bytes memory reason) private {
        refuses(platformFor(worker, NONCE), reason);
    }

    function refuses(Evidence.PlatformEvidence memory evidence, bytes memory reason) private {
        vm.expectRevert(reason);
        policy.judgePlatform(evidence);
    }

    function test_TellsWhatAGoodQuoteProves() public {
        Evidence.Platform memory platform = policy.judgePlatform(platformFor(worker, NONCE));
        vm.assertEq(platform.worker, worker.worker, "worker");
        vm.assertEq(platform.nonce, NONCE, "nonce");
        vm.assertEq(platform.workloadId, workloadOf(worker), "workload");
        vm.assertEq(platform.ppidHash, worker.ppidHash, "platform");
        vm.assertEq(platform.quoteId, keccak256(abi.encode("quoteId", worker.worker, 0)), "quote");
        vm.assertEq(platform.collateralExpiry, START + 30 days, "expiry");
    }

    function test_RefusesAQuoteThatProvesNothing() public {
        Evidence.PlatformEvidence memory evidence = platformFor(worker, NONCE);
        evidence.quote = "another";
        refuses(
            evidence,
            abi.encodeWithSelector(AttestationPolicy.EvidenceRefused.selector, AttestationAddresses.TDX_VERIFY, 0)
        );
        // What was genuine a second ago is asked for anew: the time of the block is in the question.
        evidence = platformFor(worker, NONCE);
        vm.warp(START + 1);
        refuses(
            evidence,
            abi.encodeWithSelector(AttestationPolicy.EvidenceRefused.selector, AttestationAddresses.TDX_VERIFY, 0)
        );
    }

    function test_AFailedCallIsNoRefusal() public {
        bytes memory failed =
            abi.encodeWithSelector(AttestationPolicy.VerificationFailed.selector, AttestationAddresses.TDX_VERIFY);
        Evidence.PlatformEvidence memory evidence = platformFor(worker, NONCE);
        // A blob whose lengths do not add up is no frame.
        evidence.collateral = bytes.concat(evidence.collateral, hex"00");
        vm.expectRevert(failed);
        policy.judgePlatform{gas: 5_000_000}(evidence);
        vm.etch(AttestationAddresses.TDX_VERIFY, "");
        refuses(evidence, failed);
    }

    function test_TakesTheStatusesItIsToldTo() public {
        tcbStatus = 1;
        refuses(abi.encodeWithSelector(PolicyRules.TcbStatusRefused.selector, 1));
        loosen(abi.encodeCall(policy.setTcbStatuses, (0x0003)));
        judges();
        tcbStatus = 9;
        refuses(abi.encodeWithSelector(PolicyRules.TcbStatusRefused.selector, 9));
        loosen(abi.encodeCall(policy.setTcbStatuses, (0x0203)));
        judges();
        tighten(abi.encodeCall(policy.setTcbStatuses, (0x0202)));
        judges();
        tcbStatus = 0;
        refuses(abi.encodeWithSelector(PolicyRules.TcbStatusRefused.selector, 0));
    }

    function test_NeverHeardOfOtherStatuses() public {
        loosen(abi.encodeCall(policy.setTcbStatuses, (0x033f)));
        vm.startPrank(owner);
        for (uint16 bit = 1; bit != 0; bit <<= 1) {
            if (0x033f & bit != 0) continue;
            bytes memory change = abi.encodeCall(policy.setTcbStatuses, (bit));
            policy.schedule(change);
            vm.warp(block.timestamp + DELAY);
            vm.expectRevert(abi.encodeWithSelector(PolicyRules.TcbStatusesUnknown.selector, bit));
            policy.setTcbStatuses(bit);
        }
        vm.stopPrank();
    }

    function test_AnOutdatedPlatformIsToleratedForKnownWeaknessesAndForATime() public {
        loosen(abi.encodeCall(policy.setTcbStatuses, (0x0011)));
        tcbStatus = 4;
        refuses(abi.encodeWithSelector(PolicyRules.AdvisoryRefused.selector, ""));
        advisories = "INTEL-SA-01192,INTEL-SA-01245";
        refuses(abi.encodeWithSelector(PolicyRules.AdvisoryRefused.selector, "INTEL-SA-01192"));
        loosen(abi.encodeCall(policy.setAdvisoryGrace, ("INTEL-SA-01192", uint64(START + 10 days))));
        refuses(abi.encodeWithSelector(PolicyRules.AdvisoryRefused.selector, "INTEL-SA-01245"));
        loosen(abi.encodeCall(policy.setAdvisoryGrace, ("INTEL-SA-01245", uint64(START + 5 days))));
        judges();
        vm.warp(START + 5 days);
        judges();
        vm.warp(START + 5 days + 1);
        refuses(abi.encodeWithSelector(PolicyRules.AdvisoryRefused.selector, "INTEL-SA-01245"));
        advisories = "INTEL-SA-01192";
        judges();
        tighten(abi.encodeCall(policy.setAdvisoryGrace, ("INTEL-SA-01192", 0)));
        refuses(abi.encodeWithSelector(PolicyRules.AdvisoryRefused.selector, "INTEL-SA-01192"));
        // An empty name between commas is a name nobody tolerates.
        advisories = ",";
        refuses(abi.encodeWithSelector(PolicyRules.AdvisoryRefused.selector, ""));
    }

    function test_AStatusWithoutNamedWeaknessesIsTakenUnlessItSaysOutdated() public {
        loosen(abi.encodeCall(policy.setTcbStatuses, (0x033f)));
        for (uint8 status; status < 10; ++status) {
            if (status == 6 || status == 7) continue;
            tcbStatus = status;
            if (status == 4 || status == 5) {
                refuses(abi.encodeWithSelector(PolicyRules.AdvisoryRefused.selector, ""));
            } else {
                judges();
            }
        }
        // Weaknesses of a platform that is up to date are not weaknesses.
        tcbStatus = 0;
        advisories = "INTEL-SA-00001";
        judges();
        tcbStatus = 3;
        refuses(abi.encodeWithSelector(PolicyRules.AdvisoryRefused.selector, "INTEL-SA-00001"));
    }

    function test_DemandsCollateralThatIsNewEnough() public {
        evalDataNumber = 16;
        refuses(abi.encodeWithSelector(PolicyRules.EvalDataNumberTooLow.selector, 16, 17));
        evalDataNumber = 17;
        judges();
        tighten(abi.encodeCall(policy.setMinEvalDataNumber, (18)));
        refuses(abi.encodeWithSelector(PolicyRules.EvalDataNumberTooLow.selector, 17, 18));
        evalDataNumber = 18;
        judges();
    }

    function test_DemandsCollateralAsNewAsTheRegistrys() public {
        evalDataNumber = 20;
        Evidence.PlatformEvidence memory evidence = platformFor(worker, NONCE);
        collaterals.update(evidence.quote, evidence.collateral);
        policy.judgePlatform(evidence);
        evalDataNumber = 19;
        refuses(abi.encodeWithSelector(AttestationPolicy.CollateralOutdated.selector, 19, 20));
        evalDataNumber = 21;
        judges();
    }

    function test_TakesStoredCollateral() public {
        Evidence.PlatformEvidence memory evidence = platformFor(worker, NONCE);
        evidence.collateralId = collaterals.update(evidence.quote, evidence.collateral);
        evidence.collateral = "";
        vm.assertEq(policy.judgePlatform(evidence).worker, worker.worker, "worker");
        evidence.collateralId = "unknown";
        refuses(evidence, abi.encodeWithSignature("UnknownCollateral(bytes32)", bytes32("unknown")));
    }

    function test_TakesKnownProgramsOnly() public {
        worker.program = "another";
        refuses(abi.encodeWithSelector(PolicyRules.WorkloadRefused.selector, workloadOf(worker)));
        loosen(abi.encodeCall(policy.setListed, (PolicyRules.List.Workload, workloadOf(worker), true)));
        judges();
        tighten(abi.encodeCall(policy.setListed, (PolicyRules.List.Workload, workloadOf(worker), false)));
        refuses(abi.encodeWithSelector(PolicyRules.WorkloadRefused.selector, workloadOf(worker)));
        vm.assertFalse(policy.isWelcome(workloadOf(worker), worker.ppidHash), "welcome");
    }

    function test_ADeniedPlatformIsOutAndAVettedOneInWhereThatIsAsked() public {
        bytes memory reason = abi.encodeWithSelector(PolicyRules.PlatformRefused.selector, worker.ppidHash);
        tighten(abi.encodeCall(policy.setPlatformListRequired, (true)));
        refuses(reason);
        vm.assertFalse(policy.isWelcome(workloadOf(worker), worker.ppidHash), "not vetted");
        loosen(abi.encodeCall(policy.setListed, (PolicyRules.List.Platform, worker.ppidHash, true)));
        judges();
        vm.assertTrue(policy.isWelcome(workloadOf(worker), worker.ppidHash), "vetted");
        tighten(abi.encodeCall(policy.setListed, (PolicyRules.List.DeniedPlatform, worker.ppidHash, true)));
        refuses(reason);
        loosen(abi.encodeCall(policy.setPlatformListRequired, (false)));
        refuses(reason);
        loosen(abi.encodeCall(policy.setListed, (PolicyRules.List.DeniedPlatform, worker.ppidHash, false)));
        judges();
    }

    function test_ReportDataIsAnAddressZerosAndTheChallenge() public {
        bytes32 first = bytes32(bytes20(worker.worker)) | bytes32(uint256(1));
        refuses(
            platformEvidence(platformClaims(worker, first, NONCE)),
            abi.encodeWithSelector(AttestationPolicy.ReportDataMalformed.selector, first)
        );
        first = bytes32(bytes20(worker.worker)) | bytes32(uint256(1) << 95);
        refuses(
            platformEvidence(platformClaims(worker, first, NONCE)),
            abi.encodeWithSelector(AttestationPolicy.ReportDataMalformed.selector, first)
        );
    }

    function test_APausedVerifierIsNotAsked() public {
        tighten(abi.encodeCall(policy.setPaused, (AttestationAddresses.TDX_VERIFY, 1, true)));
        refuses(abi.encodeWithSelector(PolicyRules.PrecompilePaused.selector, AttestationAddresses.TDX_VERIFY, 1));
        loosen(abi.encodeCall(policy.setPaused, (AttestationAddresses.TDX_VERIFY, 1, false)));
        judges();
        tighten(abi.encodeCall(policy.setPaused, (AttestationAddresses.GPU_VERIFY, 1, true)));
        bytes memory reason =
            abi.encodeWithSelector(PolicyRules.PrecompilePaused.selector, AttestationAddresses.GPU_VERIFY, 1);
        refusesNew(gpusFor(worker, NONCE), reason);
        refusesKnown(knownGpusFor(worker, NONCE), reason);
        // Another version is another verifier.
        loosen(abi.encodeCall(policy.setPaused, (AttestationAddresses.GPU_VERIFY, 1, false)));
        tighten(abi.encodeCall(policy.setPaused, (AttestationAddresses.GPU_VERIFY, 2, true)));
        policy.judgeNewGpus(gpusFor(worker, NONCE), NONCE);
    }

    // GPUs.

    function refusesNew(Evidence.GpuEvidence[] memory gpus, bytes memory reason) private {
        vm.expectRevert(reason);
        policy.judgeNewGpus(gpus, NONCE);
    }

    function refusesKnown(Evidence.KnownGpu[] memory gpus, bytes memory reason) private {
        vm.expectRevert(reason);
        policy.judgeKnownGpus(gpus, NONCE);
    }

    function test_TellsWhichSetOfGpusItIs() public {
        (Evidence.GpuSet memory set, Evidence.GpuIdentity[] memory gpus) =
            policy.judgeNewGpus(gpusFor(worker, NONCE), NONCE);
        vm.assertEq(set.gpuClass, H100, "class");
        vm.assertEq(set.notAfter, START + 365 days, "end");
        vm.assertEq(set.gpuSetHash, gpuSetHashOf(worker), "set");
        vm.assertEq(abi.encode(gpus), abi.encode(identitiesOf(worker)), "identities");
        Evidence.GpuSet memory known = policy.judgeKnownGpus(knownGpusFor(worker, NONCE), NONCE);
        vm.assertEq(abi.encode(known), abi.encode(set), "the same by their keys");
    }

    function test_ASetHasOneToEightGpus() public {
        refusesNew(new Evidence.GpuEvidence[](0), abi.encodeWithSelector(AttestationPolicy.GpuCount.selector, 0));
        refusesNew(new Evidence.GpuEvidence[](9), abi.encodeWithSelector(AttestationPolicy.GpuCount.selector, 9));
        refusesKnown(new Evidence.KnownGpu[](0), abi.encodeWithSelector(AttestationPolicy.GpuCount.selector, 0));
        refusesKnown(new Evidence.KnownGpu[](9), abi.encodeWithSelector(AttestationPolicy.GpuCount.selector, 9));
        vm.expectRevert(abi.encodeWithSelector(AttestationPolicy.GpuCount.selector, 9));
        policy.judgeDenial(new Evidence.GpuIdentity[](9));
        policy.judgeNewGpus(gpusFor(machine(1, 8), NONCE), NONCE);
    }

    function test_AGpuAnswersThisChallenge() public {
        Evidence.GpuEvidence[] memory gpus = gpusFor(worker, NONCE);
        gpus[1] = gpuEvidence(gpuClaims(worker, 1), "another");
        refusesNew(
            gpus, abi.encodeWithSelector(AttestationPolicy.EvidenceRefused.selector, AttestationAddresses.GPU_VERIFY, 1)
        );
        Evidence.KnownGpu[] memory known = knownGpusFor(worker, NONCE);
        known[1] = knownGpu(gpuClaims(worker, 1), "another");
        refusesKnown(
            known,
            abi.encodeWithSelector(AttestationPolicy.EvidenceRefused.selector, AttestationAddresses.GPU_VERIFY, 1)
        );
    }

    function test_AChainWithoutAReportProvesNothing() public {
        Evidence.GpuEvidence[] memory gpus = gpusFor(worker, NONCE);
        gpus[0].report = "";
        vm.expectRevert(
            abi.encodeWithSelector(AttestationPolicy.VerificationFailed.selector, AttestationAddresses.GPU_VERIFY)
        );
        policy.judgeNewGpus{gas: 5_000_000}(gpus, NONCE);
        Evidence.KnownGpu[] memory known = knownGpusFor(worker, NONCE);
        known[0].report = "";
        vm.expectRevert(
            abi.encodeWithSelector(AttestationPolicy.VerificationFailed.selector, AttestationAddresses.GPU_VERIFY)
        );
        policy.judgeKnownGpus{gas: 5_000_000}(known, NONCE);
    }

    function test_TheLengthOfAChainFollowsFromItsAnchor() public {
        Evidence.GpuEvidence[] memory gpus = gpusFor(worker, NONCE);
        for (uint256 count; count < 6; ++count) {
            if (count == 4) continue;
            gpus[1].certificates = new bytes[](count);
            refusesNew(gpus, abi.encodeWithSelector(AttestationPolicy.CertificateCount.selector, 1, count));
        }
        gpus[1].anchorKey = leafKey(5);
        for (uint256 count; count < 6; ++count) {
            if (count == 2) continue;
            gpus[1].certificates = new bytes[](count);
            refusesNew(gpus, abi.encodeWithSelector(AttestationPolicy.CertificateCount.selector, 1, count));
        }
    }

    function test_AChainMayEndAtAnIssuerThePolicyKnows() public {
        bytes memory key = leafKey(77);
        Attestation.GpuClaims memory claims = gpuClaims(worker, 0);
        claims.issuerKeyHash = keccak256(key);
        Evidence.GpuEvidence[] memory gpus = new Evidence.GpuEvidence[](1);
        gpus[0].anchorKey = key;
        gpus[0].certificates = new bytes[](2);
        (gpus[0].certificates[0], gpus[0].certificates[1]) = ("leaf", "device");
        gpus[0].report = "report";
        bytes memory input =
            abi.encodePacked(hex"01010201", NONCE, key, uint16(4), "leaf", uint16(6), "device", uint16(6), "report");
        RecordedAnswers(AttestationAddresses.GPU_VERIFY).record(input, abi.encode(claims));
        refusesNew(gpus, abi.encodeWithSelector(PolicyRules.IcaKeyRefused.selector, keccak256(key)));
        loosen(abi.encodeCall(policy.setListed, (PolicyRules.List.IcaKey, keccak256(key), true)));
        (, Evidence.GpuIdentity[] memory identities) = policy.judgeNewGpus(gpus, NONCE);
        vm.assertEq(identities[0].issuerKeyHash, keccak256(key), "issuer");
        gpus[0].anchorKey = abi.encodePacked(key, hex"00");
        refusesNew(gpus, abi.encodeWithSelector(PolicyRules.IcaKeyRefused.selector, keccak256(gpus[0].anchorKey)));
    }

    function test_ASwitchIsNoGpu() public {
        arch = 0;
        refusesNew(gpusFor(worker, NONCE), abi.encodeWithSelector(AttestationPolicy.ArchitectureRefused.selector, 0));
    }

    function test_DeniedGpusAreOut() public {
        Evidence.GpuIdentity memory gpu = identitiesOf(worker)[1];
        deniesGpu(
            PolicyRules.List.DeniedDevice,
            gpu.deviceId,
            abi.encodeWithSelector(PolicyRules.DeviceRefused.selector, gpu.deviceId)
        );
        deniesGpu(
            PolicyRules.List.DeniedLeafSerial,
            gpu.leafSerial,
            abi.encodeWithSelector(PolicyRules.LeafSerialRefused.selector, gpu.leafSerial)
        );
        deniesGpu(
            PolicyRules.List.DeniedIssuer,
            gpu.issuerKeyHash,
            abi.encodeWithSelector(PolicyRules.IssuerRefused.selector, gpu.issuerKeyHash)
        );
    }

    function deniesGpu(PolicyRules.List list, bytes32 id, bytes memory reason) private {
        Evidence.GpuIdentity[] memory gpus = identitiesOf(worker);
        (bool denied, bytes32 hash) = policy.judgeDenial(gpus);
        vm.assertFalse(denied, "not yet denied");
        vm.assertEq(hash, gpuSetHashOf(worker), "set");
        tighten(abi.encodeCall(policy.setListed, (list, id, true)));
        refusesNew(gpusFor(worker, NONCE), reason);
        refusesKnown(knownGpusFor(worker, NONCE), reason);
        (denied, hash) = policy.judgeDenial(gpus);
        vm.assertTrue(denied, "denied");
        vm.assertEq(hash, gpuSetHashOf(worker), "set of the denied");
        loosen(abi.encodeCall(policy.setListed, (list, id, false)));
        policy.judgeNewGpus(gpusFor(worker, NONCE), NONCE);
    }

    function test_MeasurementsCountForAClassAndForATime() public {
        worker.measurementsHash = "another firmware";
        bytes memory reason = abi.encodeWithSelector(PolicyRules.MeasurementRefused.selector, worker.measurementsHash);
        refusesNew(gpusFor(worker, NONCE), reason);
        loosen(abi.encodeCall(policy.setMeasurement, (worker.measurementsHash, H200, uint64(START + 5 days))));
        (Evidence.GpuSet memory set,) = policy.judgeNewGpus(gpusFor(worker, NONCE), NONCE);
        vm.assertEq(set.gpuClass, H200, "class");
        vm.assertEq(set.notAfter, START + 5 days, "end");
        vm.warp(START + 5 days - 1);
        policy.judgeNewGpus(gpusFor(worker, NONCE), NONCE);
        vm.warp(START + 5 days);
        refusesNew(gpusFor(worker, NONCE), reason);
        refusesKnown(knownGpusFor(worker, NONCE), reason);
        vm.warp(START);
        tighten(abi.encodeCall(policy.setMeasurement, (worker.measurementsHash, 0, 0)));
        refusesNew(gpusFor(worker, NONCE), reason);
    }

    function test_ASetHasOneClassAndEndsWithItsFirstGpu() public {
        Machine memory mixed = machine(1, 1);
        mixed.firstGpu = 500;
        mixed.measurementsHash = "another firmware";
        loosen(abi.encodeCall(policy.setMeasurement, ("another firmware", H200, uint64(START + 5 days))));
        Evidence.GpuEvidence[] memory gpus = gpusFor(worker, NONCE);
        gpus[1] = gpusFor(mixed, NONCE)[0];
        refusesNew(gpus, abi.encodeWithSelector(AttestationPolicy.ClassesDiffer.selector, H100, H200));
        loosen(abi.encodeCall(policy.setMeasurement, ("another firmware", H100, uint64(START + 5 days))));
        (Evidence.GpuSet memory set,) = policy.judgeNewGpus(gpus, NONCE);
        vm.assertEq(set.notAfter, START + 5 days, "the first end");
        (gpus[0], gpus[1]) = (gpus[1], gpus[0]);
        (set,) = policy.judgeNewGpus(gpus, NONCE);
        vm.assertEq(set.notAfter, START + 5 days, "in either order");
    }

    function test_AClassWithoutABondIsClosed() public {
        tighten(abi.encodeCall(policy.setBond, (H100, 0)));
        refusesNew(gpusFor(worker, NONCE), abi.encodeWithSelector(PolicyRules.ClassWithoutBond.selector, H100));
        loosen(abi.encodeCall(policy.setBond, (H100, 1)));
        policy.judgeNewGpus(gpusFor(worker, NONCE), NONCE);
    }

    // Changing the rules.

    function test_LooseningIsAnnouncedAndWaits() public {
        bytes memory change = abi.encodeCall(policy.setMaxAge, (2 days));
        bytes32 id = keccak256(change);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(TimelockedLoosening.NotScheduled.selector, id));
        policy.setMaxAge(2 days);
        vm.expectEmit(true, true, true, true, address(policy));
        emit TimelockedLoosening.ChangeScheduled(id, change, START + DELAY);
        vm.assertEq(policy.schedule(change), id, "id");
        vm.assertEq(policy.readyAt(id), START + DELAY, "ready");
        vm.expectRevert(abi.encodeWithSelector(TimelockedLoosening.NotReady.selector, id, START + DELAY));
        policy.setMaxAge(2 days);
        vm.warp(START + DELAY - 1);
        vm.expectRevert(abi.encodeWithSelector(TimelockedLoosening.NotReady.selector, id, START + DELAY));
        policy.setMaxAge(2 days);
        vm.warp(START + DELAY);
        // Announced was this, not something like it.
        vm.expectRevert(
            abi.encodeWithSelector(
                TimelockedLoosening.NotScheduled.selector, keccak256(abi.encodeCall(policy.setMaxAge, (3 days)))
            )
        );
        policy.setMaxAge(3 days);
        vm.expectEmit(true, true, true, true, address(policy));
        emit TimelockedLoosening.ChangeMade(id);
        policy.setMaxAge(2 days);
        vm.assertEq(policy.maxAge(), 2 days, "made");
        vm.assertEq(policy.readyAt(id), 0, "used");
        // Once.
        policy.setMaxAge(1 days);
        vm.expectRevert(abi.encodeWithSelector(TimelockedLoosening.NotScheduled.selector, id));
        policy.setMaxAge(2 days);
        vm.stopPrank();
    }

    function test_AnAnnouncementIsForgottenAfterAWhile() public {
        bytes memory change = abi.encodeCall(policy.setMaxAge, (2 days));
        vm.startPrank(owner);
        policy.schedule(change);
        vm.warp(START + DELAY + 14 days + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                TimelockedLoosening.ChangeExpired.selector, keccak256(change), START + DELAY + 14 days
            )
        );
        policy.setMaxAge(2 days);
        vm.warp(START + DELAY + 14 days);
        policy.setMaxAge(2 days);
        vm.stopPrank();
    }

    function test_AnAnnouncementIsCancelledByTheOwnerOrTheGuardian() public {
        bytes memory change = abi.encodeCall(policy.setMaxAge, (2 days));
        bytes32 id = keccak256(change);
        vm.expectRevert(abi.encodeWithSignature("NotOwner(address)", guardian));
        vm.prank(guardian);
        policy.schedule(change);
        address[2] memory may = [owner, guardian];
        for (uint256 i; i < 2; ++i) {
            vm.prank(owner);
            policy.schedule(change);
            vm.expectRevert(abi.encodeWithSelector(TimelockedLoosening.NotGuardian.selector, address(this)));
            policy.cancel(change);
            vm.expectEmit(true, true, true, true, address(policy));
            emit TimelockedLoosening.ChangeCancelled(id);
            vm.prank(may[i]);
            policy.cancel(change);
            vm.assertEq(policy.readyAt(id), 0, "gone");
        }
        vm.expectRevert(abi.encodeWithSelector(TimelockedLoosening.NotScheduled.selector, id));
        vm.prank(owner);
        policy.cancel(change);
    }

    function test_AGuardianCannotKeepItsPlace() public {
        bytes memory change = abi.encodeCall(policy.setGuardian, (client));
        vm.prank(owner);
        policy.schedule(change);
        vm.startPrank(guardian);
        vm.expectRevert(abi.encodeWithSelector(TimelockedLoosening.NotGuardian.selector, guardian));
        policy.cancel(change);
        vm.expectRevert(abi.encodeWithSignature("NotOwner(address)", guardian));
        policy.setDelay(30 days);
        vm.expectRevert(abi.encodeWithSignature("NotOwner(address)", guardian));
        policy.setGuardian(client);
        vm.stopPrank();
        vm.warp(START + DELAY);
        vm.prank(owner);
        policy.setGuardian(client);
        vm.assertEq(policy.guardian(), client, "guardian");
    }

    function test_TheOwnerLengthensTheDelayAtOnceAndShortensItAfterIt() public {
        vm.startPrank(owner);
        policy.setDelay(30 days);
        vm.assertEq(policy.delay(), 30 days, "longer");
        vm.expectRevert(abi.encodeWithSelector(TimelockedLoosening.DelayTooLong.selector, 30 days + 1));
        policy.setDelay(30 days + 1);
        bytes memory change = abi.encodeCall(policy.setDelay, (0));
        vm.expectRevert(abi.encodeWithSelector(TimelockedLoosening.NotScheduled.selector, keccak256(change)));
        policy.setDelay(0);
        policy.schedule(change);
        vm.warp(START + 30 days);
        policy.setDelay(0);
        // Without a delay nothing is announced.
        policy.setMaxAge(7 days);
        policy.setGuardian(client);
        vm.stopPrank();
        vm.assertEq(policy.maxAge(), 7 days, "at once");
    }

    /// Every setter: one call that tightens, one that loosens from there.
    function test_EverySetterKnowsWhatLoosens() public {
        tightensAndLoosens(abi.encodeCall(policy.setMaxAge, (MAX_AGE - 1)), abi.encodeCall(policy.setMaxAge, (MAX_AGE)));
        tightensAndLoosens(
            abi.encodeCall(policy.setMinEvalDataNumber, (18)), abi.encodeCall(policy.setMinEvalDataNumber, (17))
        );
        tightensAndLoosens(abi.encodeCall(policy.setTcbStatuses, (0)), abi.encodeCall(policy.setTcbStatuses, (2)));
        tightensAndLoosens(
            abi.encodeCall(policy.setPlatformListRequired, (true)),
            abi.encodeCall(policy.setPlatformListRequired, (false))
        );
        for (uint256 list; list < 7; ++list) {
            bool allows = list < 3;
            PolicyRules.List which = PolicyRules.List(list);
            tightensAndLoosens(
                abi.encodeCall(policy.setListed, (which, "id", !allows)),
                abi.encodeCall(policy.setListed, (which, "id", allows))
            );
            vm.assertEq(policy.listed(which, "id"), allows, "listed");
        }
        uint64 end = uint64(START + 365 days);
        tightensAndLoosens(
            abi.encodeCall(policy.setMeasurement, (MEASURED, H100, end - 1)),
            abi.encodeCall(policy.setMeasurement, (MEASURED, H100, end))
        );
        tightensAndLoosens(
            abi.encodeCall(policy.setMeasurement, (MEASURED, H100, end)),
            abi.encodeCall(policy.setMeasurement, (MEASURED, H200, end - 1))
        );
        tightensAndLoosens(
            abi.encodeCall(policy.setMeasurement, (MEASURED, 0, type(uint64).max)),
            abi.encodeCall(policy.setMeasurement, (MEASURED, H100, 1))
        );
        tightensAndLoosens(
            abi.encodeCall(policy.setAdvisoryGrace, ("INTEL", 0)), abi.encodeCall(policy.setAdvisoryGrace, ("INTEL", 1))
        );
        tightensAndLoosens(
            abi.encodeCall(policy.setPaused, (address(1), 1, true)),
            abi.encodeCall(policy.setPaused, (address(1), 1, false))
        );
        tightensAndLoosens(
            abi.encodeCall(policy.setBond, (H100, H100_BOND)), abi.encodeCall(policy.setBond, (H100, H100_BOND - 1))
        );
        tightensAndLoosens(abi.encodeCall(policy.setBond, (H200, 0)), abi.encodeCall(policy.setBond, (H200, 1)));
    }

    function tightensAndLoosens(bytes memory tightens, bytes memory loosens) private {
        uint256 snapshot = block.timestamp;
        vm.assertFalse(callAs(address(this), tightens), "a stranger tightens nothing");
        vm.assertTrue(callAs(guardian, tightens), "the guardian tightens");
        vm.assertTrue(callAs(owner, tightens), "the owner tightens");
        vm.assertFalse(callAs(owner, loosens), "nobody loosens at once");
        vm.prank(owner);
        policy.schedule(loosens);
        vm.warp(snapshot + DELAY);
        vm.assertFalse(callAs(guardian, loosens), "the guardian never loosens");
        vm.assertFalse(callAs(address(this), loosens), "nor does a stranger");
        vm.assertTrue(callAs(owner, loosens), "the owner loosens in time");
        vm.warp(snapshot);
    }

    function callAs(address from, bytes memory change) private returns (bool success) {
        vm.prank(from);
        (success,) = address(policy).call(change);
    }

    function test_AnAttestationCountsForAWeekAtMost() public {
        bytes memory change = abi.encodeCall(policy.setMaxAge, (7 days + 1));
        vm.startPrank(owner);
        policy.schedule(change);
        vm.warp(START + DELAY);
        vm.expectRevert(abi.encodeWithSelector(PolicyRules.MaxAgeTooLong.selector, 7 days + 1));
        policy.setMaxAge(7 days + 1);
        vm.stopPrank();
        loosen(abi.encodeCall(policy.setMaxAge, (7 days)));
        vm.assertEq(policy.maxAge(), 7 days, "a week");
    }

    // Storage.

    function load(uint256 slot) private view returns (uint256) {
        return uint256(vm.load(address(policy), bytes32(slot)));
    }

    function at(bytes32 key, uint256 slot) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(key, slot)));
    }

    function test_InitializeWritesWhatAGenesisWould() public {
        vm.assertEq(load(0), 1 << 160 | uint256(uint160(owner)), "owner and initialized");
        vm.assertEq(load(1), 0, "pending owner");
        vm.assertEq(load(2), 0, "announcements");
        vm.assertEq(
            load(3),
            uint256(17) << 224 | uint256(MAX_AGE) << 192 | uint256(DELAY) << 160 | uint160(guardian),
            "guardian, delay, age, number"
        );
        vm.assertEq(load(4), 1, "statuses");
        vm.assertEq(load(at(bytes32(uint256(H100)), 9)), H100_BOND, "bond of H100");
        vm.assertEq(load(at(bytes32(uint256(H200)), 9)), H200_BOND, "bond of H200");
        vm.assertEq(load(at(workloadOf(worker), at(bytes32(uint256(PolicyRules.List.Workload)), 5))), 1, "workload");
        vm.assertEq(load(at(MEASURED, 6)), uint256(START + 365 days) << 16 | H100, "measurement");
        tighten(abi.encodeCall(policy.setPlatformListRequired, (true)));
        vm.assertEq(load(4), 1 << 16 | 1, "platform list");
        tighten(abi.encodeCall(policy.setPaused, (AttestationAddresses.TDX_VERIFY, 1, true)));
        bytes32 precompile = bytes32(uint256(uint160(AttestationAddresses.TDX_VERIFY)));
        vm.assertEq(load(at(bytes32(uint256(1)), at(precompile, 8))), 1, "paused");
        loosen(abi.encodeCall(policy.setAdvisoryGrace, ("INTEL-SA-01192", 5)));
        vm.assertEq(load(at(keccak256("INTEL-SA-01192"), 7)), 5, "grace");
        bytes memory change = abi.encodeCall(policy.setMaxAge, (2 days));
        vm.prank(owner);
        policy.schedule(change);
        vm.assertEq(load(at(keccak256(change), 2)), START + DELAY, "announcement");
    }

    function test_IsInitializedOnceAndOnlyBehindItsProxy() public {
        AttestationPolicy.Settings memory settings = policySettings();
        vm.prank(address(admin));
        vm.expectRevert(abi.encodeWithSignature("AlreadyInitialized()"));
        policy.initialize(owner, settings);
        AttestationPolicy implementation = new AttestationPolicy();
        vm.expectRevert(abi.encodeWithSignature("ProxyAdminOwnedBase_NotResolvedDelegateProxy()"));
        implementation.initialize(owner, settings);
        vm.store(address(implementation), ADMIN_SLOT, bytes32(uint256(uint160(address(admin)))));
        vm.startPrank(address(admin));
        settings.delay = 30 days + 1;
        vm.expectRevert(abi.encodeWithSelector(TimelockedLoosening.DelayTooLong.selector, 30 days + 1));
        implementation.initialize(owner, settings);
        settings = policySettings();
        settings.maxAge = 7 days + 1;
        vm.expectRevert(abi.encodeWithSelector(PolicyRules.MaxAgeTooLong.selector, 7 days + 1));
        implementation.initialize(owner, settings);
        settings = policySettings();
        settings.tcbStatuses = 1 << 6;
        vm.expectRevert(abi.encodeWithSelector(PolicyRules.TcbStatusesUnknown.selector, 1 << 6));
        implementation.initialize(owner, settings);
        vm.stopPrank();
    }

    function test_ReadsNamesBetweenCommas() public pure {
        (string memory name, uint256 next) = AdvisoryList.nameAt("ab,c", 0);
        vm.assertEq(name, "ab", "first");
        vm.assertEq(next, 3, "after it");
        (name, next) = AdvisoryList.nameAt("ab,c", next);
        vm.assertEq(name, "c", "second");
        vm.assertEq(next, 4, "end");
        (name, next) = AdvisoryList.nameAt("", 0);
        vm.assertEq(name, "", "nothing");
        (name, next) = AdvisoryList.nameAt(",a", 0);
        vm.assertEq(name, "", "empty");
        vm.assertEq(next, 1, "after the comma");
    }
}
