// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Attestation} from "../../contracts/attestation/Attestation.sol";
import {AttestationAddresses} from "../../contracts/attestation/AttestationAddresses.sol";
import {AttestationPolicy} from "../../contracts/attestation/AttestationPolicy.sol";
import {Evidence} from "../../contracts/attestation/Evidence.sol";
import {PolicyRules} from "../../contracts/attestation/PolicyRules.sol";
import {TokenVault} from "../../contracts/attestation/TokenVault.sol";
import {WorkerRegistry} from "../../contracts/attestation/WorkerRegistry.sol";
import {TestToken} from "./Tokens.sol";
import {World} from "./World.sol";

/// Registration, renewal, bonds, and the ways a worker ends. What makes evidence good or bad in itself is
/// tested with AttestationPolicy.
contract WorkerRegistryTest is World {
    Machine private worker;

    function setUp() public {
        makeWorld(new TestToken());
        worker = machine(1, 2);
    }

    // Registration.

    function test_RegistersAWorkerWithItsGpus() public {
        uint256 before = token.balanceOf(operator);
        Registration memory sent = goodRegistration(worker);
        bytes32 quoteId = keccak256(abi.encode("quoteId", worker.worker, 0));
        Evidence.GpuIdentity[] memory gpus = identitiesOf(worker);
        for (uint256 i; i < 2; ++i) {
            vm.expectEmit(true, true, true, true, address(registry));
            emit WorkerRegistry.GpuBound(
                worker.worker, gpus[i].deviceId, 1, gpus[i].leafSerial, gpus[i].issuerKeyHash, gpus[i].leafKeyHash
            );
        }
        vm.expectEmit(true, true, true, true, address(registry));
        emit WorkerRegistry.GpuSetBound(worker.worker, 1, H100, 2, gpuSetHashOf(worker));
        vm.expectEmit(true, true, true, true, address(registry));
        emit WorkerRegistry.WorkerAttested(
            worker.worker,
            operator,
            workloadOf(worker),
            1,
            uint64(START),
            uint64(START + MAX_AGE),
            payout,
            worker.ppidHash,
            quoteId
        );
        vm.expectEmit(true, true, true, true, address(registry));
        emit WorkerRegistry.BondChanged(worker.worker, 2 * H100_BOND, 0);
        vm.prank(operator);
        send(sent);

        WorkerRegistry.Worker memory record = registry.workerOf(worker.worker);
        vm.assertEq(record.operator, operator, "operator");
        vm.assertEq(record.payout, payout, "payout");
        vm.assertEq(record.expiry, START + MAX_AGE, "expiry");
        vm.assertEq(record.gpuClass, H100, "class");
        vm.assertEq(record.gpuCount, 2, "count");
        vm.assertEq(uint256(record.status), uint256(WorkerRegistry.Status.Live), "status");
        vm.assertEq(record.epoch, 1, "epoch");
        vm.assertEq(record.boundIn, 1, "bound in");
        vm.assertEq(record.workloadId, workloadOf(worker), "workload");
        vm.assertEq(record.gpuSetHash, gpuSetHashOf(worker), "set");
        vm.assertEq(record.ppidHash, worker.ppidHash, "platform");
        vm.assertEq(record.bond, 2 * H100_BOND, "bond");
        vm.assertEq(before - token.balanceOf(operator), 2 * H100_BOND, "paid");
        vm.assertEq(token.balanceOf(address(registry)), 2 * H100_BOND, "held");
        vm.assertTrue(registry.quoteUsed(quoteId), "quote used");
        vm.assertTrue(registry.isLive(worker.worker), "live");
        (address holder, uint32 boundIn) = registry.devices(gpus[1].deviceId);
        vm.assertEq(holder, worker.worker, "holder");
        vm.assertEq(boundIn, 1, "bound in");
        (uint64 from, uint64 until) = registry.epochs(worker.worker, 1);
        vm.assertEq(from, START, "from");
        vm.assertEq(until, START + MAX_AGE, "until");
    }

    function test_RegistersEightGpus() public {
        Machine memory big = machine(3, 8);
        register(big);
        vm.assertEq(registry.workerOf(big.worker).gpuCount, 8, "count");
        vm.assertEq(registry.workerOf(big.worker).bond, 8 * H100_BOND, "bond");
    }

    function test_AWorkerLiesInItsSlotsAsDocumented() public {
        register(worker);
        vm.prank(operator);
        registry.retire(worker.worker);
        uint256 at = uint256(keccak256(abi.encode(worker.worker, 5)));
        vm.assertEq(
            load(at),
            uint256(3) << 248 | uint256(2) << 240 | uint256(H100) << 224 | uint256(START + MAX_AGE) << 160
                | uint160(operator),
            "slot 0"
        );
        vm.assertEq(
            load(at + 1),
            uint256(START + EXIT_DELAY) << 224 | uint256(1) << 192 | uint256(1) << 160 | uint160(payout),
            "slot 1"
        );
        vm.assertEq(bytes32(load(at + 2)), workloadOf(worker), "slot 2");
        vm.assertEq(bytes32(load(at + 3)), gpuSetHashOf(worker), "slot 3");
        vm.assertEq(bytes32(load(at + 4)), worker.ppidHash, "slot 4");
        vm.assertEq(load(at + 5), 2 * H100_BOND, "slot 5");
        uint256 epochs = uint256(keccak256(abi.encode(worker.worker, 6)));
        vm.assertEq(load(uint256(keccak256(abi.encode(1, epochs)))), uint256(START + MAX_AGE) << 64 | START, "epoch");
        bytes32 device = identitiesOf(worker)[0].deviceId;
        vm.assertEq(
            load(uint256(keccak256(abi.encode(device, 7)))), uint256(1) << 160 | uint160(worker.worker), "device"
        );
        bytes32 quoteId = keccak256(abi.encode("quoteId", worker.worker, 0));
        vm.assertEq(load(uint256(keccak256(abi.encode(quoteId, 8)))), 1, "quote");
    }

    function test_InitializeWritesWhatAGenesisWould() public view {
        vm.assertEq(load(0), 1 << 160 | uint256(uint160(owner)), "owner and initialized");
        vm.assertEq(load(1), 0, "pending owner");
        vm.assertEq(load(2), uint256(uint160(address(token))), "token");
        vm.assertEq(load(3), 0, "credits");
        vm.assertEq(load(4), uint256(EXIT_DELAY) << 160 | uint160(treasury), "treasury and delay");
        vm.assertEq(load(5) | load(6) | load(7) | load(8), 0, "mappings");
    }

    function load(uint256 slot) private view returns (uint256) {
        return uint256(vm.load(address(registry), bytes32(slot)));
    }

    function test_IsInitializedOnceAndOnlyBehindItsProxy() public {
        vm.prank(address(admin));
        vm.expectRevert(abi.encodeWithSignature("AlreadyInitialized()"));
        registry.initialize(owner, token, treasury, EXIT_DELAY);

        WorkerRegistry implementation = new WorkerRegistry();
        vm.expectRevert(abi.encodeWithSignature("ProxyAdminOwnedBase_NotResolvedDelegateProxy()"));
        implementation.initialize(owner, token, treasury, EXIT_DELAY);
        vm.store(address(implementation), ADMIN_SLOT, bytes32(uint256(uint160(address(admin)))));
        vm.startPrank(address(admin));
        vm.expectRevert(abi.encodeWithSignature("ZeroAddress()"));
        implementation.initialize(owner, IERC20(address(0)), treasury, EXIT_DELAY);
        vm.expectRevert(abi.encodeWithSignature("ZeroAddress()"));
        implementation.initialize(owner, token, address(0), EXIT_DELAY);
        vm.expectRevert(abi.encodeWithSelector(WorkerRegistry.ExitDelayOutOfRange.selector, 1));
        implementation.initialize(owner, token, treasury, 1);
        vm.stopPrank();
    }

    // What the challenge and the signature bind.

    struct Registration {
        address operator;
        address payout;
        uint64 refBlock;
        Evidence.PlatformEvidence platform;
        Evidence.GpuEvidence[] gpus;
        bytes signature;
    }

    function goodRegistration(Machine memory from) private returns (Registration memory made) {
        made.operator = from.operator;
        made.payout = from.payout;
        made.refBlock = refBlockNow();
        bytes32 nonce = nonceOf(from, made.refBlock);
        made.platform = platformFor(from, nonce);
        made.gpus = gpusFor(from, nonce);
        made.signature = registerSignature(from, made.refBlock, nonce);
    }

    function send(Registration memory sent) private {
        registry.register(sent.operator, sent.payout, sent.refBlock, sent.platform, sent.gpus, sent.signature);
    }

    function refuses(Registration memory sent, bytes memory reason) private {
        vm.expectRevert(reason);
        send(sent);
    }

    function test_AnybodyMayBringTheEvidenceAndPaysTheBond() public {
        uint256 before = token.balanceOf(address(this));
        send(goodRegistration(worker));
        vm.assertEq(before - token.balanceOf(address(this)), 2 * H100_BOND, "paid");
        vm.assertEq(registry.workerOf(worker.worker).operator, operator, "operator");
    }

    function test_AStolenQuoteIsWorthNothingWithAnotherPayout() public {
        Registration memory stolen = goodRegistration(worker);
        bytes32 actual = nonceOf(worker, stolen.refBlock);
        Machine memory thief = worker;
        thief.payout = account("thief");
        stolen.payout = thief.payout;
        bytes32 expected = nonceOf(thief, stolen.refBlock);
        refuses(stolen, abi.encodeWithSelector(WorkerRegistry.NonceMismatch.selector, expected, actual));
    }

    function test_AnotherOperatorIsRefused() public {
        Registration memory stolen = goodRegistration(worker);
        bytes32 actual = nonceOf(worker, stolen.refBlock);
        Machine memory thief = worker;
        thief.operator = account("thief");
        stolen.operator = thief.operator;
        bytes32 expected = nonceOf(thief, stolen.refBlock);
        refuses(stolen, abi.encodeWithSelector(WorkerRegistry.NonceMismatch.selector, expected, actual));
    }

    /// A service signed a challenge with the thief's payout, as such services do for anybody. The worker's
    /// key did not.
    function test_EvidenceForAThiefsChallengeLacksTheWorkersSignature() public {
        Machine memory thief = worker;
        thief.payout = account("thief");
        Registration memory stolen = goodRegistration(thief);
        stolen.signature = sign(8, registerDigest(thief, stolen.refBlock, nonceOf(thief, stolen.refBlock)));
        refuses(stolen, abi.encodeWithSelector(WorkerRegistry.SignatureMismatch.selector, worker.worker, vm.addr(8)));
        stolen.signature = new bytes(65);
        refuses(stolen, abi.encodeWithSelector(WorkerRegistry.SignatureMismatch.selector, worker.worker, address(0)));
        stolen.signature = "";
        refuses(stolen, abi.encodeWithSelector(WorkerRegistry.SignatureMismatch.selector, worker.worker, address(0)));
    }

    function test_TheSignatureBindsTheDevices() public {
        Registration memory sent = goodRegistration(worker);
        bytes32 nonce = nonceOf(worker, sent.refBlock);
        // The same number of GPUs, but not those the worker named.
        Machine memory others = machine(1, 2);
        others.firstGpu = 900;
        sent.gpus = gpusFor(others, nonce);
        vm.expectRevert();
        send(sent);
        sent.gpus = gpusFor(worker, nonce);
        send(sent);
    }

    function test_AQuoteForAnotherChainIsRefused() public {
        Registration memory sent = goodRegistration(worker);
        bytes32 actual = nonceOf(worker, sent.refBlock);
        vm.chainId(block.chainid + 1);
        bytes32 expected = nonceOf(worker, sent.refBlock);
        refuses(sent, abi.encodeWithSelector(WorkerRegistry.NonceMismatch.selector, expected, actual));
    }

    function test_AQuoteOfAnotherBlockIsRefused() public {
        Registration memory sent = goodRegistration(worker);
        bytes32 actual = nonceOf(worker, sent.refBlock);
        sent.refBlock -= 1;
        bytes32 expected = nonceOf(worker, sent.refBlock);
        refuses(sent, abi.encodeWithSelector(WorkerRegistry.NonceMismatch.selector, expected, actual));
    }

    function test_AnOldQuoteIsRefused() public {
        Registration memory sent = goodRegistration(worker);
        vm.roll(sent.refBlock + 257);
        refuses(sent, abi.encodeWithSelector(WorkerRegistry.BlockUnknown.selector, sent.refBlock));
        vm.roll(sent.refBlock);
        refuses(sent, abi.encodeWithSelector(WorkerRegistry.BlockUnknown.selector, sent.refBlock));
        vm.roll(sent.refBlock + 256);
        send(sent);
    }

    function test_ADifferentNumberOfGpusIsRefused() public {
        Registration memory sent = goodRegistration(worker);
        bytes32 actual = nonceOf(worker, sent.refBlock);
        sent.gpus = gpusFor(machine(1, 1), actual);
        bytes32 expected = nonceOf(machine(1, 1), sent.refBlock);
        refuses(sent, abi.encodeWithSelector(WorkerRegistry.NonceMismatch.selector, expected, actual));
    }

    function test_AQuoteIsUsedOnce() public {
        Registration memory sent = goodRegistration(worker);
        send(sent);
        bytes32 quoteId = keccak256(abi.encode("quoteId", worker.worker, 0));
        refuses(sent, abi.encodeWithSelector(WorkerRegistry.QuoteUsed.selector, quoteId));
    }

    function test_NamesNoZeroAddresses() public {
        Registration memory sent = goodRegistration(worker);
        sent.operator = address(0);
        refuses(sent, abi.encodeWithSignature("ZeroAddress()"));
        sent = goodRegistration(worker);
        sent.payout = address(0);
        refuses(sent, abi.encodeWithSignature("ZeroAddress()"));
        // A quote that names no worker, with a signature that recovers to nobody.
        Machine memory nobody = worker;
        nobody.worker = address(0);
        sent = goodRegistration(nobody);
        sent.signature = new bytes(65);
        refuses(sent, abi.encodeWithSignature("ZeroAddress()"));
    }

    function test_RegistrationNonceIsWhatTheNoteSays() public {
        vm.assertEq(
            registry.registrationNonce(worker.worker, operator, payout, refBlockNow(), 2),
            nonceOf(worker, refBlockNow()),
            "nonce"
        );
        vm.assertEq(registry.domainSeparator(), domain("WorkerRegistry", address(registry)), "domain");
        uint64 future = uint64(block.number);
        vm.expectRevert(abi.encodeWithSelector(WorkerRegistry.BlockUnknown.selector, future));
        registry.registrationNonce(worker.worker, operator, payout, future, 2);
    }

    // How long an attestation lasts.

    function test_AnAttestationEndsWithItsCollateralOrItsMeasurement() public {
        collateralExpiry = uint64(START + 5 hours);
        register(worker);
        vm.assertEq(registry.workerOf(worker.worker).expiry, START + 5 hours, "collateral");
        collateralExpiry = uint64(START + 30 days);
        tighten(abi.encodeCall(policy.setMeasurement, (MEASURED, H100, uint64(START + 3 hours))));
        vm.roll(1_010);
        renew(worker);
        vm.assertEq(registry.workerOf(worker.worker).expiry, START + 3 hours, "measurement");
        vm.warp(START + 3 hours);
        vm.assertTrue(registry.isLive(worker.worker), "to the last second");
        vm.warp(START + 3 hours + 1);
        vm.assertFalse(registry.isLive(worker.worker), "not after");
    }

    // Devices.

    function test_ADeviceBelongsToOneLiveWorker() public {
        register(worker);
        Machine memory thief = machine(2, 1);
        thief.firstGpu = worker.firstGpu + 1;
        bytes32 deviceId = gpuClaims(thief, 0).deviceId;
        refuses(
            goodRegistration(thief),
            abi.encodeWithSelector(WorkerRegistry.DeviceBound.selector, deviceId, worker.worker)
        );
        // Frozen workers keep theirs.
        vm.prank(guardian);
        registry.freeze(worker.worker, new Evidence.GpuIdentity[](0));
        refuses(
            goodRegistration(thief),
            abi.encodeWithSelector(WorkerRegistry.DeviceBound.selector, deviceId, worker.worker)
        );
    }

    function test_ADeviceIsFreeAfterItsWorkerExpired() public {
        register(worker);
        Machine memory next = machine(2, 1);
        next.firstGpu = worker.firstGpu + 1;
        vm.warp(START + MAX_AGE);
        vm.roll(2_000);
        bytes32 deviceId = gpuClaims(next, 0).deviceId;
        refuses(
            goodRegistration(next), abi.encodeWithSelector(WorkerRegistry.DeviceBound.selector, deviceId, worker.worker)
        );
        vm.warp(START + MAX_AGE + 1);
        register(next);
        (address holder,) = registry.devices(deviceId);
        vm.assertEq(holder, next.worker, "holder");
        // Which its old worker notices.
        refusesRenewal(worker, abi.encodeWithSelector(WorkerRegistry.DeviceBound.selector, deviceId, next.worker));
    }

    function test_ADeviceIsFreeAfterItsWorkerRetired() public {
        register(worker);
        Machine memory next = machine(2, 1);
        next.firstGpu = worker.firstGpu;
        vm.prank(operator);
        registry.retire(worker.worker);
        register(next);
        assertStatus(next, WorkerRegistry.Status.Live);
    }

    function test_ASetHoldsEachDeviceOnce() public {
        Machine memory twice = machine(1, 2);
        Registration memory sent = goodRegistration(twice);
        bytes32 nonce = nonceOf(twice, sent.refBlock);
        sent.gpus[1] = gpuEvidence(gpuClaims(twice, 0), nonce);
        bytes32 id = gpuClaims(twice, 0).deviceId;
        bytes32 structHash = keccak256(
            abi.encode(
                registry.REGISTER_TYPEHASH(), operator, payout, sent.refBlock, nonce, keccak256(abi.encode(id, id))
            )
        );
        sent.signature = sign(twice.key, keccak256(abi.encodePacked(hex"1901", registry.domainSeparator(), structHash)));
        refuses(sent, abi.encodeWithSelector(WorkerRegistry.DeviceBound.selector, id, twice.worker));
    }

    // Registering again.

    function test_AWorkerIsRegisteredAgainWithAnotherPayout() public {
        register(worker);
        vm.roll(1_010);
        vm.warp(START + 1 hours);
        Machine memory moved = machine(1, 2);
        moved.payout = account("new payout");
        register(moved);
        vm.assertEq(registry.workerOf(worker.worker).payout, moved.payout, "payout");
        vm.assertEq(registry.workerOf(worker.worker).epoch, 2, "epoch");
        vm.assertEq(registry.workerOf(worker.worker).boundIn, 2, "bound in");
        vm.assertEq(token.balanceOf(address(registry)), 2 * H100_BOND, "no second bond");
        // The GPUs are the same, so what the first attestation covers stays.
        (, uint64 until) = registry.epochs(worker.worker, 1);
        vm.assertEq(until, START + MAX_AGE, "until");
    }

    function test_OtherGpusEndWhatWasCoveredAndFreeTheOldOnes() public {
        register(worker);
        vm.roll(1_010);
        vm.warp(START + 1 hours);
        Machine memory changed = machine(1, 3);
        changed.firstGpu = 700;
        register(changed);
        (, uint64 until) = registry.epochs(worker.worker, 1);
        vm.assertEq(until, START + 1 hours, "first epoch is cut");
        (uint64 from,) = registry.epochs(worker.worker, 2);
        vm.assertEq(from, START + 1 hours, "second epoch");
        vm.assertEq(registry.workerOf(worker.worker).bond, 3 * H100_BOND, "topped up");
        Machine memory next = machine(2, 2);
        next.firstGpu = worker.firstGpu;
        register(next);
        assertStatus(next, WorkerRegistry.Status.Live);
    }

    function test_AnEpochThatEndedIsNotMadeLonger() public {
        register(worker);
        vm.roll(2_000);
        vm.warp(START + 3 * MAX_AGE);
        Machine memory changed = machine(1, 3);
        register(changed);
        (, uint64 until) = registry.epochs(worker.worker, 1);
        vm.assertEq(until, START + MAX_AGE, "until");
    }

    function test_AWorkerKeepsItsOperatorItsMachineAndItsProgram() public {
        register(worker);
        vm.roll(1_010);
        Machine memory taken = machine(1, 2);
        taken.operator = account("taker");
        refuses(goodRegistration(taken), abi.encodeWithSelector(WorkerRegistry.NotOperator.selector, taken.operator));
        Machine memory moved = machine(1, 2);
        moved.ppidHash = "another board";
        refuses(
            goodRegistration(moved),
            abi.encodeWithSelector(WorkerRegistry.PlatformMismatch.selector, worker.ppidHash, bytes32("another board"))
        );
        Machine memory changed = machine(1, 2);
        changed.program = "another program";
        bytes32 workload = workloadOf(changed);
        loosen(abi.encodeCall(policy.setListed, (PolicyRules.List.Workload, workload, true)));
        refuses(
            goodRegistration(changed),
            abi.encodeWithSelector(WorkerRegistry.WorkloadMismatch.selector, workloadOf(worker), workload)
        );
    }

    function test_ARetiredWorkerMayComeBackButNoFrozenAndNoDeniedOne() public {
        register(worker);
        vm.prank(operator);
        registry.retire(worker.worker);
        vm.roll(1_010);
        register(worker);
        assertStatus(worker, WorkerRegistry.Status.Live);
        vm.assertEq(registry.workerOf(worker.worker).releaseAt, 0, "not released");

        vm.prank(guardian);
        registry.freeze(worker.worker, new Evidence.GpuIdentity[](0));
        refuses(
            goodRegistration(worker),
            abi.encodeWithSelector(WorkerRegistry.NotThisStatus.selector, worker.worker, WorkerRegistry.Status.Frozen)
        );
        asSettlement();
        registry.deny(worker.worker, client);
        refuses(
            goodRegistration(worker),
            abi.encodeWithSelector(WorkerRegistry.NotThisStatus.selector, worker.worker, WorkerRegistry.Status.Denied)
        );
    }

    // Renewal.

    function test_ARenewalNeedsOnlyReportsOfKnownGpus() public {
        register(worker);
        vm.warp(START + 20 hours);
        vm.roll(2_000);
        renew(worker);
        WorkerRegistry.Worker memory record = registry.workerOf(worker.worker);
        vm.assertEq(record.epoch, 2, "epoch");
        vm.assertEq(record.boundIn, 1, "bound in");
        vm.assertEq(record.expiry, START + 20 hours + MAX_AGE, "expiry");
        vm.assertEq(record.gpuSetHash, gpuSetHashOf(worker), "set");
        (uint64 from, uint64 until) = registry.epochs(worker.worker, 1);
        vm.assertEq(from, START, "first from");
        vm.assertEq(until, START + MAX_AGE, "first until");
        (from, until) = registry.epochs(worker.worker, 2);
        vm.assertEq(from, START + 20 hours, "second from");
        vm.assertEq(until, START + 20 hours + MAX_AGE, "second until");
        vm.assertEq(token.balanceOf(address(registry)), 2 * H100_BOND, "no second bond");
    }

    function test_ARenewalTopsUpTheBond() public {
        register(worker);
        tighten(abi.encodeCall(policy.setBond, (H100, 2_000 ether)));
        vm.roll(1_010);
        renew(worker);
        vm.assertEq(registry.workerOf(worker.worker).bond, 4_000 ether, "bond");
        vm.assertEq(token.balanceOf(address(registry)), 4_000 ether, "held");
        // A lower one gives nothing back while the worker works.
        loosen(abi.encodeCall(policy.setBond, (H100, 1 ether)));
        vm.roll(1_020);
        renew(worker);
        vm.assertEq(registry.workerOf(worker.worker).bond, 4_000 ether, "still");
    }

    function test_ABondThatIsCompleteIsLeftAlone() public {
        register(worker);
        vm.roll(1_010);
        Renewal memory sent = goodRenewal(worker);
        vm.recordLogs();
        registry.renew(sent.worker, sent.refBlock, sent.platform, sent.gpus, sent.signature);
        vm.assertEq(vm.getRecordedLogs().length, 1, "only that it is attested");
    }

    function test_ABondMayBeAsLargeAsItsPlace() public {
        tighten(abi.encodeCall(policy.setBond, (H100, type(uint128).max)));
        token.mint(operator, type(uint128).max);
        register(machine(5, 1));
        vm.assertEq(registry.workerOf(machine(5, 1).worker).bond, type(uint128).max, "bond");
    }

    function test_ABondBeyondAllMeasureIsRefused() public {
        tighten(abi.encodeCall(policy.setBond, (H100, 1 << 127)));
        refuses(
            goodRegistration(worker), abi.encodeWithSelector(WorkerRegistry.BondOverflow.selector, uint256(1) << 128)
        );
    }

    struct Renewal {
        address worker;
        uint64 refBlock;
        Evidence.PlatformEvidence platform;
        Evidence.KnownGpu[] gpus;
        bytes signature;
    }

    function goodRenewal(Machine memory from) private returns (Renewal memory made) {
        made.worker = from.worker;
        made.refBlock = refBlockNow();
        bytes32 nonce = nonceOf(from, made.refBlock);
        made.platform = platformFor(from, nonce);
        made.gpus = knownGpusFor(from, nonce);
        made.signature = registerSignature(from, made.refBlock, nonce);
    }

    function refusesRenewal(Machine memory from, bytes memory reason) private {
        refuses(goodRenewal(from), reason);
    }

    function refuses(Renewal memory sent, bytes memory reason) private {
        vm.expectRevert(reason);
        registry.renew(sent.worker, sent.refBlock, sent.platform, sent.gpus, sent.signature);
    }

    function test_OnlyALiveWorkerIsRenewed() public {
        Machine memory unknown = machine(9, 1);
        refusesRenewal(
            unknown,
            abi.encodeWithSelector(WorkerRegistry.NotThisStatus.selector, unknown.worker, WorkerRegistry.Status.None)
        );
        register(worker);
        vm.prank(operator);
        registry.retire(worker.worker);
        refusesRenewal(
            worker,
            abi.encodeWithSelector(WorkerRegistry.NotThisStatus.selector, worker.worker, WorkerRegistry.Status.Retired)
        );
    }

    function test_ARenewalIsBoundLikeARegistration() public {
        register(worker);
        Machine memory next = machine(2, 2);
        register(next);
        vm.roll(1_010);

        Renewal memory sent = goodRenewal(worker);
        sent.platform = platformFor(next, nonceOf(worker, sent.refBlock));
        refuses(sent, abi.encodeWithSelector(WorkerRegistry.WorkerMismatch.selector, worker.worker, next.worker));

        sent = goodRenewal(worker);
        bytes32 right = nonceOf(worker, sent.refBlock);
        sent.platform = platformFor(worker, "another");
        refuses(sent, abi.encodeWithSelector(WorkerRegistry.NonceMismatch.selector, right, bytes32("another")));

        sent = goodRenewal(worker);
        sent.gpus = knownGpusFor(next, right);
        refuses(
            sent,
            abi.encodeWithSelector(WorkerRegistry.GpuSetMismatch.selector, gpuSetHashOf(worker), gpuSetHashOf(next))
        );

        sent = goodRenewal(worker);
        sent.signature = sign(next.key, registerDigest(worker, sent.refBlock, right));
        refuses(sent, abi.encodeWithSelector(WorkerRegistry.SignatureMismatch.selector, worker.worker, next.worker));

        sent = goodRenewal(worker);
        sent.refBlock = uint64(block.number);
        refuses(sent, abi.encodeWithSelector(WorkerRegistry.BlockUnknown.selector, sent.refBlock));

        sent = goodRenewal(worker);
        registry.renew(sent.worker, sent.refBlock, sent.platform, sent.gpus, sent.signature);
        bytes32 quoteId = keccak256(abi.encode("quoteId", worker.worker, quotes - 1));
        refuses(sent, abi.encodeWithSelector(WorkerRegistry.QuoteUsed.selector, quoteId));
    }

    function test_KnownGpusInAnotherOrderAreAnotherSet() public {
        register(worker);
        vm.roll(1_010);
        Renewal memory sent = goodRenewal(worker);
        (sent.gpus[0], sent.gpus[1]) = (sent.gpus[1], sent.gpus[0]);
        vm.expectRevert();
        registry.renew(sent.worker, sent.refBlock, sent.platform, sent.gpus, sent.signature);
    }

    function test_AnotherClassNeedsAnotherRegistration() public {
        register(worker);
        loosen(abi.encodeCall(policy.setMeasurement, (MEASURED, H200, uint64(START + 365 days))));
        vm.roll(1_010);
        refusesRenewal(worker, abi.encodeWithSelector(WorkerRegistry.ClassMismatch.selector, H100, H200));
        register(worker);
        vm.assertEq(registry.workerOf(worker.worker).gpuClass, H200, "class");
        vm.assertEq(registry.workerOf(worker.worker).bond, 2 * H200_BOND, "bond");
    }

    // Leaving.

    function test_ABondIsReleasedAWhileAfterTheWorkerLeft() public {
        register(worker);
        vm.expectRevert(abi.encodeWithSelector(WorkerRegistry.NotOperator.selector, client));
        vm.prank(client);
        registry.retire(worker.worker);
        vm.expectRevert(
            abi.encodeWithSelector(WorkerRegistry.NotThisStatus.selector, worker.worker, WorkerRegistry.Status.Live)
        );
        registry.releaseBond(worker.worker);

        vm.expectEmit(true, true, true, true, address(registry));
        emit WorkerRegistry.WorkerRetired(worker.worker, START + EXIT_DELAY);
        vm.prank(operator);
        registry.retire(worker.worker);
        vm.expectRevert(
            abi.encodeWithSelector(WorkerRegistry.NotThisStatus.selector, worker.worker, WorkerRegistry.Status.Retired)
        );
        vm.prank(operator);
        registry.retire(worker.worker);
        vm.warp(START + EXIT_DELAY - 1);
        vm.expectRevert(
            abi.encodeWithSelector(WorkerRegistry.BondLocked.selector, worker.worker, START + EXIT_DELAY, 0)
        );
        registry.releaseBond(worker.worker);
        vm.warp(START + EXIT_DELAY);
        registry.releaseBond(worker.worker);
        vm.assertEq(registry.credits(operator), 2 * H100_BOND, "credited");
        vm.assertEq(registry.workerOf(worker.worker).bond, 0, "bond");
        registry.releaseBond(worker.worker);
        vm.assertEq(registry.credits(operator), 2 * H100_BOND, "once");
        vm.prank(operator);
        vm.assertEq(registry.withdraw(), 2 * H100_BOND, "withdrawn");
        vm.assertEq(token.balanceOf(address(registry)), 0, "nothing is left");
    }

    function test_ABondThatIsPromisedStays() public {
        register(worker);
        bytes32 jobId = acceptedJob(worker, 80 ether);
        vm.prank(operator);
        registry.retire(worker.worker);
        vm.warp(START + EXIT_DELAY);
        vm.expectRevert(
            abi.encodeWithSelector(WorkerRegistry.BondLocked.selector, worker.worker, START + EXIT_DELAY, 8 ether)
        );
        registry.releaseBond(worker.worker);
        settlement.expire(jobId);
        registry.releaseBond(worker.worker);
        vm.assertEq(registry.credits(operator), 2 * H100_BOND - 8 ether, "the rest");
        vm.assertEq(registry.credits(client), 8 ether, "penalty");
    }

    // Freezing.

    function test_TheGuardianAndTheOwnerOfThePolicyStopAnyWorker() public {
        register(worker);
        vm.expectEmit(true, true, true, true, address(registry));
        emit WorkerRegistry.WorkerFrozen(worker.worker);
        vm.prank(guardian);
        registry.freeze(worker.worker, new Evidence.GpuIdentity[](0));
        vm.assertFalse(registry.isLive(worker.worker), "not live");
        vm.expectRevert(
            abi.encodeWithSelector(WorkerRegistry.NotThisStatus.selector, worker.worker, WorkerRegistry.Status.Frozen)
        );
        vm.prank(guardian);
        registry.freeze(worker.worker, new Evidence.GpuIdentity[](0));

        vm.expectRevert(abi.encodeWithSignature("NotOwner(address)", guardian));
        vm.prank(guardian);
        registry.unfreeze(worker.worker);
        vm.startPrank(owner);
        vm.expectEmit(true, true, true, true, address(registry));
        emit WorkerRegistry.WorkerUnfrozen(worker.worker);
        registry.unfreeze(worker.worker);
        assertStatus(worker, WorkerRegistry.Status.Live);
        vm.expectRevert(
            abi.encodeWithSelector(WorkerRegistry.NotThisStatus.selector, worker.worker, WorkerRegistry.Status.Live)
        );
        registry.unfreeze(worker.worker);
        registry.freeze(worker.worker, new Evidence.GpuIdentity[](0));
        assertStatus(worker, WorkerRegistry.Status.Frozen);
        vm.stopPrank();
    }

    function test_AnybodyStopsAWorkerThatThePolicyTurnedAgainst() public {
        register(worker);
        Evidence.GpuIdentity[] memory gpus = identitiesOf(worker);
        Evidence.GpuIdentity[] memory none = new Evidence.GpuIdentity[](0);
        vm.expectRevert(abi.encodeWithSelector(WorkerRegistry.StillWelcome.selector, worker.worker));
        registry.freeze(worker.worker, none);
        vm.expectRevert(abi.encodeWithSelector(WorkerRegistry.StillWelcome.selector, worker.worker));
        registry.freeze(worker.worker, gpus);

        tighten(abi.encodeCall(policy.setListed, (PolicyRules.List.DeniedDevice, gpus[1].deviceId, true)));
        vm.expectRevert(abi.encodeWithSelector(WorkerRegistry.StillWelcome.selector, worker.worker));
        registry.freeze(worker.worker, none);
        // Only with the GPUs of that worker.
        Evidence.GpuIdentity[] memory part = new Evidence.GpuIdentity[](1);
        part[0] = gpus[1];
        vm.expectRevert(
            abi.encodeWithSelector(
                WorkerRegistry.GpuSetMismatch.selector, gpuSetHashOf(worker), keccak256(abi.encode(bytes32(0), gpus[1]))
            )
        );
        registry.freeze(worker.worker, part);
        registry.freeze(worker.worker, gpus);
        assertStatus(worker, WorkerRegistry.Status.Frozen);
    }

    function test_ARevokedPlatformOrProgramStopsItsWorkers() public {
        Evidence.GpuIdentity[] memory none = new Evidence.GpuIdentity[](0);
        register(worker);
        tighten(abi.encodeCall(policy.setListed, (PolicyRules.List.DeniedPlatform, worker.ppidHash, true)));
        vm.assertFalse(registry.isLive(worker.worker), "not live");
        registry.freeze(worker.worker, none);
        assertStatus(worker, WorkerRegistry.Status.Frozen);

        Machine memory next = machine(2, 1);
        register(next);
        tighten(abi.encodeCall(policy.setListed, (PolicyRules.List.Workload, workloadOf(next), false)));
        vm.prank(operator);
        registry.retire(next.worker);
        registry.freeze(next.worker, none);
        assertStatus(next, WorkerRegistry.Status.Frozen);
    }

    function test_AnUnknownWorkerIsNotFrozen() public {
        vm.expectRevert(
            abi.encodeWithSelector(WorkerRegistry.NotThisStatus.selector, worker.worker, WorkerRegistry.Status.None)
        );
        vm.prank(guardian);
        registry.freeze(worker.worker, new Evidence.GpuIdentity[](0));
    }

    // What only the settlement may do.

    function asSettlement() private {
        vm.prank(AttestationAddresses.GPU_JOB_SETTLEMENT);
    }

    function test_NobodyButTheSettlementTouchesBonds() public {
        register(worker);
        bytes memory reason = abi.encodeWithSelector(WorkerRegistry.NotSettlement.selector, address(this));
        bytes32 workload = workloadOf(worker);
        vm.expectRevert(reason);
        registry.engage(worker.worker, operator, 0, workload, H100, 1, 0);
        vm.expectRevert(reason);
        registry.disengage(worker.worker, 0);
        vm.expectRevert(reason);
        registry.penalize(worker.worker, address(this), 0);
        vm.expectRevert(reason);
        registry.deny(worker.worker, address(this));
    }

    function test_APromiseIsMadeAndEnded() public {
        register(worker);
        asSettlement();
        registry.engage(worker.worker, operator, uint64(START), workloadOf(worker), H100, 1, 10 ether);
        asSettlement();
        registry.engage(worker.worker, operator, uint64(START), workloadOf(worker), H100, 1, 5 ether);
        vm.assertEq(registry.workerOf(worker.worker).reserved, 15 ether, "promised");
        vm.expectEmit(true, true, true, true, address(registry));
        emit WorkerRegistry.BondChanged(worker.worker, 2 * H100_BOND, 5 ether);
        asSettlement();
        vm.assertEq(registry.disengage(worker.worker, 10 ether), payout, "payout");
        vm.expectEmit(true, true, true, true, address(registry));
        emit WorkerRegistry.BondChanged(worker.worker, 2 * H100_BOND - 5 ether, 0);
        vm.expectEmit(true, true, true, true, address(registry));
        emit TokenVault.Credited(client, 5 ether);
        asSettlement();
        vm.assertEq(registry.penalize(worker.worker, client, 5 ether), 5 ether, "paid");
        vm.assertEq(registry.credits(client), 5 ether, "credit");
        // More than was promised cannot be ended.
        vm.expectRevert();
        asSettlement();
        registry.disengage(worker.worker, 1);
        vm.expectRevert();
        asSettlement();
        registry.penalize(worker.worker, client, 1);
    }

    function test_AWholeBondMayBePromised() public {
        register(worker);
        uint128 all = uint128(2 * H100_BOND);
        asSettlement();
        registry.engage(worker.worker, operator, uint64(START), workloadOf(worker), H100, 2, all);
        vm.expectRevert(abi.encodeWithSelector(WorkerRegistry.BondTooLow.selector, 1, 0));
        asSettlement();
        registry.engage(worker.worker, operator, uint64(START), workloadOf(worker), H100, 2, 1);
        asSettlement();
        vm.assertEq(registry.penalize(worker.worker, client, all), all, "all of it");
    }

    function test_AnOddBondIsSharedToTheLastUnit() public {
        tighten(abi.encodeCall(policy.setBond, (H100, H100_BOND + 1)));
        Machine memory single = machine(5, 1);
        register(single);
        vm.expectEmit(true, true, true, true, address(registry));
        emit WorkerRegistry.WorkerDenied(single.worker, client, H100_BOND + 1);
        asSettlement();
        registry.deny(single.worker, client);
        vm.assertEq(registry.credits(client), H100_BOND / 2, "reporter");
        vm.assertEq(registry.credits(treasury), H100_BOND / 2 + 1, "treasury");
        vm.assertEq(registry.workerOf(single.worker).bond, 0, "bond");
        assertStatus(single, WorkerRegistry.Status.Denied);
    }

    function test_StandingSaysWhatAReceiptIsWorth() public {
        register(worker);
        assertStanding(1, START, START + MAX_AGE, WorkerRegistry.Standing.Good);
        assertStanding(1, START - 1, START + MAX_AGE, WorkerRegistry.Standing.NotCovered);
        assertStanding(1, START, START + MAX_AGE + 1, WorkerRegistry.Standing.NotCovered);
        assertStanding(0, 0, 0, WorkerRegistry.Standing.NotCovered);
        assertStanding(2, START, START, WorkerRegistry.Standing.NotCovered);
        assertStanding(type(uint64).max, 0, 0, WorkerRegistry.Standing.NotCovered);
        vm.prank(guardian);
        registry.freeze(worker.worker, new Evidence.GpuIdentity[](0));
        assertStanding(1, START, START, WorkerRegistry.Standing.Frozen);
        assertStanding(1, START - 1, START, WorkerRegistry.Standing.NotCovered);
        asSettlement();
        registry.deny(worker.worker, client);
        assertStanding(1, START, START, WorkerRegistry.Standing.Denied);
    }

    function assertStanding(uint64 epoch, uint256 from, uint256 until, WorkerRegistry.Standing expected) private view {
        WorkerRegistry.Standing standing = registry.standingOf(worker.worker, epoch, uint64(from), uint64(until));
        vm.assertEq(uint256(standing), uint256(expected), "standing");
    }

    // Settings.

    function test_TheOwnerChangesSettings() public {
        bytes memory reason = abi.encodeWithSignature("NotOwner(address)", address(this));
        vm.expectRevert(reason);
        registry.setTreasury(client);
        vm.expectRevert(reason);
        registry.setExitDelay(7 days);
        vm.startPrank(owner);
        vm.expectEmit(true, true, true, true, address(registry));
        emit WorkerRegistry.TreasurySet(client);
        registry.setTreasury(client);
        vm.assertEq(registry.treasury(), client, "treasury");
        vm.expectEmit(true, true, true, true, address(registry));
        emit WorkerRegistry.ExitDelaySet(7 days);
        registry.setExitDelay(7 days);
        registry.setExitDelay(60 days);
        vm.assertEq(registry.exitDelay(), 60 days, "delay");
        vm.expectRevert(abi.encodeWithSelector(WorkerRegistry.ExitDelayOutOfRange.selector, 7 days - 1));
        registry.setExitDelay(7 days - 1);
        vm.expectRevert(abi.encodeWithSelector(WorkerRegistry.ExitDelayOutOfRange.selector, 60 days + 1));
        registry.setExitDelay(60 days + 1);
        vm.expectRevert(abi.encodeWithSignature("ZeroAddress()"));
        registry.setTreasury(address(0));
        vm.stopPrank();
    }
}
