// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {AdvisoryList} from "./AdvisoryList.sol";
import {Attestation} from "./Attestation.sol";
import {Evidence} from "./Evidence.sol";
import {TimelockedLoosening} from "./TimelockedLoosening.sol";

/// The rules of AttestationPolicy, which documents the storage, and their setters.
///
/// Tightening takes effect at once and is open to the guardian too; loosening has to be scheduled by the
/// owner and waits `delay` seconds (see TimelockedLoosening).
abstract contract PolicyRules is TimelockedLoosening {
    enum List {
        /// 0: programs that may work, by `Attestation.workloadId`.
        Workload,
        /// 1: keys that GPU evidence may end at besides NVIDIA's root, by keccak256.
        IcaKey,
        /// 2: platforms of vetted sites, by ppidHash; looked at while `platformListRequired`.
        Platform,
        /// 3: platforms that are out, by ppidHash.
        DeniedPlatform,
        /// 4: GPUs that are out, by deviceId.
        DeniedDevice,
        /// 5: leaf certificates that are out, by serial number (20 bytes, left-aligned).
        DeniedLeafSerial,
        /// 6: issuers of device certificates that are out, by keccak256 of their key.
        DeniedIssuer
    }

    /// What a GPU with certain firmware counts as.
    struct Measurement {
        /// 1 H100, 2 H200, 3 B200; 0 is no class.
        uint16 gpuClass;
        /// Unix seconds from which it counts as nothing.
        uint64 notAfter;
    }

    struct ClassBond {
        uint16 gpuClass;
        uint256 perGpu;
    }

    event MaxAgeSet(uint32 maxAge);
    event MinEvalDataNumberSet(uint32 minEvalDataNumber);
    event TcbStatusesSet(uint16 tcbStatuses);
    event PlatformListRequiredSet(bool required);
    event ListedSet(List indexed list, bytes32 indexed id, bool listed);
    event MeasurementSet(bytes32 indexed measurementsHash, uint16 gpuClass, uint64 notAfter);
    event AdvisoryGraceSet(bytes32 indexed advisory, string name, uint64 until);
    event PausedSet(address indexed precompile, uint8 indexed version, bool paused);
    event BondSet(uint16 indexed gpuClass, uint256 perGpu);

    error MaxAgeTooLong(uint32 maxAge);
    error TcbStatusesUnknown(uint16 tcbStatuses);
    error TcbStatusRefused(uint8 status);
    error AdvisoryRefused(string name);
    error EvalDataNumberTooLow(uint32 given, uint32 minimum);
    error WorkloadRefused(bytes32 workloadId);
    error PlatformRefused(bytes32 ppidHash);
    error DeviceRefused(bytes32 deviceId);
    error LeafSerialRefused(bytes20 serial);
    error IssuerRefused(bytes32 issuerKeyHash);
    error IcaKeyRefused(bytes32 keyHash);
    error MeasurementRefused(bytes32 measurementsHash);
    error ClassWithoutBond(uint16 gpuClass);
    error PrecompilePaused(address precompile, uint8 version);

    /// An attestation a week old says little about today.
    uint32 public constant MAX_AGE_LIMIT = 7 days;
    /// Statuses 0 to 5, 8 and 9; a revoked platform is refused by the precompile.
    uint16 public constant TCB_STATUSES_KNOWN = 0x033f;

    /// How long an attestation counts, at most.
    uint32 public maxAge;
    uint32 public minEvalDataNumber;
    uint16 public tcbStatuses;
    bool public platformListRequired;
    mapping(List list => mapping(bytes32 id => bool)) public listed;
    mapping(bytes32 measurementsHash => Measurement) public measurements;
    mapping(bytes32 advisory => uint64) public advisoryGrace;
    mapping(address precompile => mapping(uint8 version => bool)) public paused;
    mapping(uint16 gpuClass => uint256) public bondPerGpu;

    // Setters. Each says what loosens.

    function setMaxAge(uint32 maxAge_) external {
        authorize(maxAge_ > maxAge);
        storeMaxAge(maxAge_);
    }

    function setMinEvalDataNumber(uint32 minEvalDataNumber_) external {
        authorize(minEvalDataNumber_ < minEvalDataNumber);
        storeMinEvalDataNumber(minEvalDataNumber_);
    }

    function setTcbStatuses(uint16 tcbStatuses_) external {
        authorize(tcbStatuses_ & ~tcbStatuses != 0);
        storeTcbStatuses(tcbStatuses_);
    }

    function setPlatformListRequired(bool required) external {
        authorize(!required);
        storePlatformListRequired(required);
    }

    /// To be on a list of what may be loosens, and to leave a list of what may not.
    function setListed(List list, bytes32 id, bool listed_) external {
        bool allows = list <= List.Platform;
        authorize(listed_ == allows);
        listed[list][id] = listed_;
        emit ListedSet(list, id, listed_);
    }

    /// Class 0 forgets the entry. An end that comes earlier tightens; another class is another price.
    function setMeasurement(bytes32 measurementsHash, uint16 gpuClass, uint64 notAfter) external {
        Measurement storage known = measurements[measurementsHash];
        bool tightens = gpuClass == 0 || (gpuClass == known.gpuClass && notAfter <= known.notAfter);
        authorize(!tightens);
        measurements[measurementsHash] = Measurement(gpuClass, notAfter);
        emit MeasurementSet(measurementsHash, gpuClass, notAfter);
    }

    /// Until when a platform may have the weakness of this advisory, such as INTEL-SA-01192.
    function setAdvisoryGrace(string calldata name, uint64 until) external {
        bytes32 advisory = keccak256(bytes(name));
        authorize(until > advisoryGrace[advisory]);
        advisoryGrace[advisory] = until;
        emit AdvisoryGraceSet(advisory, name, until);
    }

    /// For the day a verifier turns out to have a hole.
    function setPaused(address precompile, uint8 version, bool paused_) external {
        authorize(!paused_);
        paused[precompile][version] = paused_;
        emit PausedSet(precompile, version, paused_);
    }

    /// Zero closes a class. Bonds already locked stay as they are until the worker is attested anew.
    function setBond(uint16 gpuClass, uint256 perGpu) external {
        uint256 known = bondPerGpu[gpuClass];
        authorize(perGpu != 0 && (known == 0 || perGpu < known));
        storeBond(gpuClass, perGpu);
    }

    // What contracts ask.

    function requireRunning(address precompile, uint8 version) public view {
        if (paused[precompile][version]) revert PrecompilePaused(precompile, version);
    }

    /// Whether the policy still wants this program on this platform.
    function isWelcome(bytes32 workloadId, bytes32 ppidHash) external view returns (bool) {
        return listed[List.Workload][workloadId] && isPlatformWelcome(ppidHash);
    }

    /// The rules for a platform and what runs on it, as claimed by a genuine quote.
    function requirePlatform(Attestation.TdxClaims memory claims, bytes32 workloadId) internal view {
        if (tcbStatuses >> claims.tcbStatus & 1 == 0) revert TcbStatusRefused(claims.tcbStatus);
        if (claims.tcbStatus != 0) requireAdvisories(claims.tcbStatus, claims.advisories);
        uint32 minimum = minEvalDataNumber;
        if (claims.tcbEvalDataNumber < minimum) revert EvalDataNumberTooLow(claims.tcbEvalDataNumber, minimum);
        if (!listed[List.Workload][workloadId]) revert WorkloadRefused(workloadId);
        if (!isPlatformWelcome(claims.ppidHash)) revert PlatformRefused(claims.ppidHash);
    }

    /// The rules for a GPU, and what it counts as until when.
    function requireGpu(Evidence.GpuIdentity memory gpu, bytes32 measurementsHash)
        internal
        view
        returns (uint16 gpuClass, uint64 notAfter)
    {
        if (listed[List.DeniedDevice][gpu.deviceId]) revert DeviceRefused(gpu.deviceId);
        if (listed[List.DeniedLeafSerial][gpu.leafSerial]) revert LeafSerialRefused(gpu.leafSerial);
        if (listed[List.DeniedIssuer][gpu.issuerKeyHash]) revert IssuerRefused(gpu.issuerKeyHash);
        Measurement memory known = measurements[measurementsHash];
        (gpuClass, notAfter) = (known.gpuClass, known.notAfter);
        if (gpuClass == 0 || block.timestamp >= notAfter) revert MeasurementRefused(measurementsHash);
        if (bondPerGpu[gpuClass] == 0) revert ClassWithoutBond(gpuClass);
    }

    /// The rule for a key that GPU evidence ends at instead of NVIDIA's root.
    function requireIcaKey(bytes32 keyHash) internal view {
        if (!listed[List.IcaKey][keyHash]) revert IcaKeyRefused(keyHash);
    }

    /// Whether the policy has turned against a GPU or one of its certificates.
    function isGpuDenied(Evidence.GpuIdentity calldata gpu) internal view returns (bool) {
        return listed[List.DeniedDevice][gpu.deviceId] || listed[List.DeniedLeafSerial][gpu.leafSerial]
            || listed[List.DeniedIssuer][gpu.issuerKeyHash];
    }

    function isPlatformWelcome(bytes32 ppidHash) private view returns (bool) {
        if (listed[List.DeniedPlatform][ppidHash]) return false;
        return !platformListRequired || listed[List.Platform][ppidHash];
    }

    /// A status other than UpToDate is tolerated for known weaknesses and for a time. An outdated platform
    /// whose weaknesses are not named has unknown ones.
    function requireAdvisories(uint8 tcbStatus, string memory advisories) private view {
        uint256 length = bytes(advisories).length;
        if (length == 0 && (tcbStatus == 4 || tcbStatus == 5)) revert AdvisoryRefused("");
        for (uint256 at; at < length;) {
            string memory name;
            (name, at) = AdvisoryList.nameAt(advisories, at);
            if (block.timestamp > advisoryGrace[keccak256(bytes(name))]) revert AdvisoryRefused(name);
        }
    }

    function storeMaxAge(uint32 maxAge_) internal {
        if (maxAge_ > MAX_AGE_LIMIT) revert MaxAgeTooLong(maxAge_);
        maxAge = maxAge_;
        emit MaxAgeSet(maxAge_);
    }

    function storeMinEvalDataNumber(uint32 minEvalDataNumber_) internal {
        minEvalDataNumber = minEvalDataNumber_;
        emit MinEvalDataNumberSet(minEvalDataNumber_);
    }

    function storeTcbStatuses(uint16 tcbStatuses_) internal {
        if (tcbStatuses_ & ~TCB_STATUSES_KNOWN != 0) revert TcbStatusesUnknown(tcbStatuses_);
        tcbStatuses = tcbStatuses_;
        emit TcbStatusesSet(tcbStatuses_);
    }

    function storePlatformListRequired(bool required) internal {
        platformListRequired = required;
        emit PlatformListRequiredSet(required);
    }

    function storeBond(uint16 gpuClass, uint256 perGpu) internal {
        bondPerGpu[gpuClass] = perGpu;
        emit BondSet(gpuClass, perGpu);
    }
}
