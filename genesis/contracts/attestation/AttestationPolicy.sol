// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Attestation} from "./Attestation.sol";
import {AttestationAddresses} from "./AttestationAddresses.sol";
import {CollateralRegistry} from "./CollateralRegistry.sol";
import {Evidence} from "./Evidence.sol";
import {PolicyRules} from "./PolicyRules.sol";

/// Judges what workers show of their platforms and GPUs: is it genuine, as the precompiles say, does it answer
/// the challenge, and is it good enough under the rules of the day. Judging stores nothing.
///
/// Storage; a genesis writes 0, 3, 4 and what it wants of the mappings, as `initialize` does:
///
/// | Slot | Bytes from the right | Holds |
/// |---|---|---|
/// | 0, 1 | | Governed: `owner` and `initialized`; `pendingOwner` |
/// | 2 | | `readyAt`: keccak256(change) -> unix seconds |
/// | 3 | 0-19, 20-23, 24-27, 28-31 | `guardian`, `delay` (s), `maxAge` (s), `minEvalDataNumber` |
/// | 4 | 0-1, 2 | `tcbStatuses` (bit n: status n is accepted), `platformListRequired` (1) |
/// | 5 | | `listed`: list -> id -> 1 |
/// | 6 | | `measurements`: measurementsHash -> `gpuClass` (bytes 0-1), `notAfter` (bytes 2-9) |
/// | 7 | | `advisoryGrace`: keccak256(name) -> unix seconds |
/// | 8 | | `paused`: precompile -> version -> 1 |
/// | 9 | | `bondPerGpu`: class -> amount of the bond token |
contract AttestationPolicy is PolicyRules {
    struct Settings {
        address guardian;
        uint32 delay;
        uint32 maxAge;
        uint32 minEvalDataNumber;
        uint16 tcbStatuses;
        bool platformListRequired;
        ClassBond[] bonds;
    }

    /// A precompile did not answer: out of gas, evidence that is no frame, or the fork is not active.
    error VerificationFailed(address precompile);
    /// The quote, or the evidence of this GPU, proves nothing.
    error EvidenceRefused(address precompile, uint256 index);
    /// Twelve bytes of `report_data` behind the worker's address must be zero.
    error ReportDataMalformed(bytes32 firstHalf);
    error CollateralOutdated(uint32 evalDataNumber, uint32 newest);
    error GpuCount(uint256 count);
    /// A chain that ends at an issuer's key has two certificates, one that ends at the root has four.
    error CertificateCount(uint256 index, uint256 count);
    /// A switch, or a chip that has no class.
    error ArchitectureRefused(uint256 index);
    error ClassesDiffer(uint16 first, uint16 other);

    /// As many as one machine has.
    uint256 public constant GPUS_MAX = 8;

    CollateralRegistry private constant COLLATERAL = CollateralRegistry(AttestationAddresses.COLLATERAL_REGISTRY);

    /// For a chain that installs this by an upgrade; writes what a genesis would.
    function initialize(address owner_, Settings calldata settings) external {
        initializeOwner(owner_);
        guardian = settings.guardian;
        emit GuardianSet(settings.guardian);
        storeDelay(settings.delay);
        storeMaxAge(settings.maxAge);
        storeMinEvalDataNumber(settings.minEvalDataNumber);
        storeTcbStatuses(settings.tcbStatuses);
        storePlatformListRequired(settings.platformListRequired);
        for (uint256 i; i < settings.bonds.length; ++i) {
            storeBond(settings.bonds[i].gpuClass, settings.bonds[i].perGpu);
        }
    }

    /// A quote that is genuine and good enough. Whether it answers the right challenge is for the caller to say.
    function judgePlatform(Evidence.PlatformEvidence calldata evidence)
        external
        view
        returns (Evidence.Platform memory platform)
    {
        requireRunning(AttestationAddresses.TDX_VERIFY, Attestation.VERSION);
        bytes memory collateral =
            evidence.collateral.length == 0 ? COLLATERAL.collateralOf(evidence.collateralId) : evidence.collateral;
        (Attestation.Answer answer, Attestation.TdxClaims memory claims) =
            Attestation.verifyTdx(evidence.quote, collateral);
        requireAccepted(answer, AttestationAddresses.TDX_VERIFY, 0);

        uint32 newest = COLLATERAL.newestEvalDataNumber(claims.fmspc);
        if (claims.tcbEvalDataNumber < newest) revert CollateralOutdated(claims.tcbEvalDataNumber, newest);
        platform.workloadId = Attestation.workloadId(claims.tdReport);
        requirePlatform(claims, platform.workloadId);

        (bytes32 first, bytes32 second) = Attestation.reportData(claims.tdReport);
        if (uint96(uint256(first)) != 0) revert ReportDataMalformed(first);
        platform.worker = address(bytes20(first));
        platform.nonce = second;
        platform.ppidHash = claims.ppidHash;
        platform.quoteId = claims.quoteId;
        platform.collateralExpiry = claims.collateralExpiry;
    }

    /// GPUs with their certificates; each must answer the nonce.
    function judgeNewGpus(Evidence.GpuEvidence[] calldata gpus, bytes32 nonce)
        external
        view
        returns (Evidence.GpuSet memory set, Evidence.GpuIdentity[] memory identities)
    {
        startGpus(gpus.length);
        set.notAfter = type(uint64).max;
        identities = new Evidence.GpuIdentity[](gpus.length);
        for (uint256 i; i < gpus.length; ++i) {
            Attestation.GpuClaims memory claims = verifyNewGpu(gpus[i], nonce, i);
            identities[i] = Evidence.GpuIdentity(
                claims.deviceId, claims.leafSerial, claims.issuerKeyHash, keccak256(claims.leafKey)
            );
            addGpu(set, identities[i], claims.measurementsHash, i);
        }
    }

    /// GPUs whose leaf keys were verified before: the caller compares `gpuSetHash` with the one it knows.
    function judgeKnownGpus(Evidence.KnownGpu[] calldata gpus, bytes32 nonce)
        external
        view
        returns (Evidence.GpuSet memory set)
    {
        startGpus(gpus.length);
        set.notAfter = type(uint64).max;
        for (uint256 i; i < gpus.length; ++i) {
            Evidence.KnownGpu calldata gpu = gpus[i];
            (Attestation.Answer answer, Attestation.GpuClaims memory claims) =
                Attestation.verifyGpu(gpu.leafKey, new bytes[](0), nonce, gpu.report);
            requireAccepted(answer, AttestationAddresses.GPU_VERIFY, i);
            Evidence.GpuIdentity memory identity =
                Evidence.GpuIdentity(gpu.deviceId, gpu.leafSerial, gpu.issuerKeyHash, keccak256(gpu.leafKey));
            addGpu(set, identity, claims.measurementsHash, i);
        }
    }

    /// Whether the policy has turned against any GPU of a set, and which set that is.
    function judgeDenial(Evidence.GpuIdentity[] calldata gpus) external view returns (bool denied, bytes32 gpuSetHash) {
        if (gpus.length > GPUS_MAX) revert GpuCount(gpus.length);
        for (uint256 i; i < gpus.length; ++i) {
            gpuSetHash = Evidence.extendGpuSet(gpuSetHash, gpus[i]);
            denied = denied || isGpuDenied(gpus[i]);
        }
    }

    function verifyNewGpu(Evidence.GpuEvidence calldata gpu, bytes32 nonce, uint256 index)
        private
        view
        returns (Attestation.GpuClaims memory claims)
    {
        bool atRoot = gpu.anchorKey.length == 0;
        // With a third certificate the claimed issuer would be in the chain, and the anchor anybody's.
        if (gpu.certificates.length != (atRoot ? 4 : 2)) revert CertificateCount(index, gpu.certificates.length);
        if (!atRoot) requireIcaKey(keccak256(gpu.anchorKey));
        Attestation.Answer answer;
        (answer, claims) = Attestation.verifyGpu(gpu.anchorKey, gpu.certificates, nonce, gpu.report);
        requireAccepted(answer, AttestationAddresses.GPU_VERIFY, index);
        if (claims.arch == 0) revert ArchitectureRefused(index);
    }

    function startGpus(uint256 count) private view {
        if (count == 0 || count > GPUS_MAX) revert GpuCount(count);
        requireRunning(AttestationAddresses.GPU_VERIFY, Attestation.VERSION);
    }

    function addGpu(
        Evidence.GpuSet memory set,
        Evidence.GpuIdentity memory gpu,
        bytes32 measurementsHash,
        uint256 index
    ) private view {
        (uint16 gpuClass, uint64 notAfter) = requireGpu(gpu, measurementsHash);
        if (index == 0) set.gpuClass = gpuClass;
        if (gpuClass != set.gpuClass) revert ClassesDiffer(set.gpuClass, gpuClass);
        if (notAfter < set.notAfter) set.notAfter = notAfter;
        set.gpuSetHash = Evidence.extendGpuSet(set.gpuSetHash, gpu);
    }

    function requireAccepted(Attestation.Answer answer, address precompile, uint256 index) private pure {
        if (answer == Attestation.Answer.Failed) revert VerificationFailed(precompile);
        if (answer == Attestation.Answer.Refused) revert EvidenceRefused(precompile, index);
    }
}
