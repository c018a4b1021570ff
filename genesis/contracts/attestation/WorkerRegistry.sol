// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {AttestationAddresses} from "./AttestationAddresses.sol";
import {AttestationPolicy} from "./AttestationPolicy.sol";
import {Evidence} from "./Evidence.sol";
import {TokenVault} from "./TokenVault.sol";
import {TypedData} from "./TypedData.sol";

/// Workers: keys that live in a confidential VM and were attested together with its GPUs, and the bonds that
/// stand behind them. A worker is attested by `register`, once for a firmware, and by `renew`, about daily;
/// between, its signature on a receipt is enough.
///
/// One challenge binds everything: the quote carries the worker's address and the challenge, each GPU answers
/// the same challenge, and the challenge names chain, registry, worker, operator, payout, a recent block and
/// the number of GPUs. The worker signs the registration too, because attestation services sign any challenge
/// they are given: without it anybody could register somebody else's worker with a payout of his own.
///
/// Storage; a genesis writes 0, 2 and 4, as `initialize` does:
///
/// | Slot | Bytes from the right | Holds |
/// |---|---|---|
/// | 0, 1 | | Governed: `owner` and `initialized`; `pendingOwner` |
/// | 2, 3 | | TokenVault: `token` of the bonds; `credits` |
/// | 4 | 0-19, 20-23 | `treasury`, `exitDelay` (seconds) |
/// | 5 | | `workers`: address -> Worker (6 slots, in the order of the struct) |
/// | 6 | | `epochs`: address -> epoch -> `from` (bytes 0-7), `until` (8-15) |
/// | 7 | | `devices`: deviceId -> `worker` (bytes 0-19), `boundIn` (20-23) |
/// | 8 | | `quoteUsed`: quoteId -> 1 |
contract WorkerRegistry is TokenVault, TypedData {
    enum Status {
        /// 0
        None,
        /// 1: may work until `expiry`.
        Live,
        /// 2: the policy turned against it; its jobs go to dispute.
        Frozen,
        /// 3: leaves; its bond is released after `releaseAt`.
        Retired,
        /// 4: signed two receipts for one job and lost its bond, for good; what is left of it is for promises.
        Denied
    }

    struct Worker {
        // Slot 0, from the right.
        address operator;
        /// Unix seconds; the last one at which it may work.
        uint64 expiry;
        uint16 gpuClass;
        uint8 gpuCount;
        Status status;
        // Slot 1.
        address payout;
        /// Attestations so far.
        uint32 epoch;
        /// The epoch in which its GPUs were bound.
        uint32 boundIn;
        /// Unix seconds, while retired.
        uint32 releaseAt;
        // Slots 2 to 4.
        bytes32 workloadId;
        bytes32 gpuSetHash;
        bytes32 ppidHash;
        // Slot 5.
        uint128 bond;
        /// Of the bond, promised to clients of jobs that are not settled.
        uint128 reserved;
    }

    /// What one attestation covers, in unix seconds, both included.
    struct Epoch {
        uint64 from;
        uint64 until;
    }

    struct Device {
        address worker;
        uint32 boundIn;
    }

    /// What a receipt of a worker is worth.
    enum Standing {
        /// 0: good.
        Good,
        /// 1: the policy turned against the worker: to be looked at by the arbiter.
        Frozen,
        /// 2: the worker lied before.
        Denied,
        /// 3: no attestation of that number covers that time.
        NotCovered
    }

    event WorkerAttested(
        address indexed worker,
        address indexed operator,
        bytes32 indexed workloadId,
        uint32 epoch,
        uint64 from,
        uint64 until,
        address payout,
        bytes32 ppidHash,
        bytes32 quoteId
    );
    /// By `register`, behind the `GpuBound` of each GPU.
    event GpuSetBound(address indexed worker, uint32 boundIn, uint16 gpuClass, uint8 gpuCount, bytes32 gpuSetHash);
    /// In the order of the set; what `renew` has to be given.
    event GpuBound(
        address indexed worker,
        bytes32 indexed deviceId,
        uint32 boundIn,
        bytes20 leafSerial,
        bytes32 issuerKeyHash,
        bytes32 leafKeyHash
    );
    event BondChanged(address indexed worker, uint256 bond, uint256 reserved);
    event WorkerFrozen(address indexed worker);
    event WorkerUnfrozen(address indexed worker);
    event WorkerRetired(address indexed worker, uint256 releaseAt);
    event WorkerDenied(address indexed worker, address indexed reporter, uint256 lost);
    event ExitDelaySet(uint32 exitDelay);
    event TreasurySet(address treasury);

    error NotSettlement(address caller);
    error NotOperator(address caller);
    /// The block is not among the last 256.
    error BlockUnknown(uint64 number);
    error QuoteUsed(bytes32 quoteId);
    error SignatureMismatch(address expected, address actual);
    /// The device belongs to a worker that is live, or occurs twice in the set.
    error DeviceBound(bytes32 deviceId, address worker);
    error NotThisStatus(address worker, Status status);
    error GpuSetMismatch(bytes32 expected, bytes32 actual);
    /// The quote answers another challenge: of another chain, registry, worker, operator, payout, block, number
    /// of GPUs, or job.
    error NonceMismatch(bytes32 expected, bytes32 actual);
    error WorkerMismatch(address expected, address actual);
    error PlatformMismatch(bytes32 expected, bytes32 actual);
    error WorkloadMismatch(bytes32 expected, bytes32 actual);
    error ClassMismatch(uint16 expected, uint16 actual);
    error TooFewGpus(uint8 wanted, uint8 available);
    error ExpiresTooEarly(uint64 needed, uint64 expiry);
    error BondTooLow(uint256 needed, uint256 free);
    error StillWelcome(address worker);
    error BondLocked(address worker, uint256 releaseAt, uint256 reserved);
    error BondOverflow(uint256 amount);
    error ExitDelayOutOfRange(uint32 exitDelay);

    /// A bond outlives the longest challenge window, so that a lie can be reported in time.
    uint32 public constant EXIT_DELAY_MIN = 7 days;
    uint32 public constant EXIT_DELAY_MAX = 60 days;

    AttestationPolicy private constant POLICY = AttestationPolicy(AttestationAddresses.ATTESTATION_POLICY);
    bytes32 private constant NONCE_DOMAIN = keccak256("phala.worker.v1");
    bytes32 public constant REGISTER_TYPEHASH =
        keccak256("Register(address operator,address payout,uint64 refBlock,bytes32 nonce,bytes32 deviceIdsHash)");

    address public treasury;
    uint32 public exitDelay;
    mapping(address worker => Worker) private workers;
    mapping(address worker => mapping(uint256 epoch => Epoch)) public epochs;
    mapping(bytes32 deviceId => Device) public devices;
    mapping(bytes32 quoteId => bool) public quoteUsed;

    modifier onlySettlement() {
        if (msg.sender != AttestationAddresses.GPU_JOB_SETTLEMENT) revert NotSettlement(msg.sender);
        _;
    }

    /// For a chain that installs this by an upgrade; writes what a genesis would.
    function initialize(address owner_, IERC20 token_, address treasury_, uint32 exitDelay_) external {
        initializeVault(owner_, token_);
        storeTreasury(treasury_);
        storeExitDelay(exitDelay_);
    }

    /// Attests a worker with all its GPUs. Anybody may bring the evidence; who does pays what is missing of
    /// the bond, which is the operator's from then on. A worker that is live, expired or retired may be
    /// attested again by this, for its operator: with other GPUs, other firmware or another payout.
    /// @param refBlock one of the last 256 blocks: the evidence is younger than it.
    /// @param workerSig EIP-712 `Register` by the worker's key: r, s, v.
    function register(
        address operator,
        address payout,
        uint64 refBlock,
        Evidence.PlatformEvidence calldata platformEvidence,
        Evidence.GpuEvidence[] calldata gpus,
        bytes calldata workerSig
    ) external nonReentrant returns (address worker) {
        nonZero(operator);
        nonZero(payout);
        Evidence.Platform memory platform = judgePlatform(platformEvidence);
        worker = platform.worker;
        requireNonce(platform, operator, payout, refBlock, gpus.length);
        (Evidence.GpuSet memory set, Evidence.GpuIdentity[] memory identities) =
            POLICY.judgeNewGpus(gpus, platform.nonce);
        requireSignature(platform, operator, payout, refBlock, deviceIdsOf(identities), workerSig);

        admit(platform, operator, payout, set.gpuSetHash);
        bind(worker, set, identities);
        startEpoch(platform, set.notAfter);
        lockBond(worker);
    }

    /// Attests a worker again with the GPUs it has, whose leaf keys are known: about a quarter of the cost of
    /// `register`. Nothing else about the worker changes.
    function renew(
        address worker,
        uint64 refBlock,
        Evidence.PlatformEvidence calldata platformEvidence,
        Evidence.KnownGpu[] calldata gpus,
        bytes calldata workerSig
    ) external nonReentrant {
        Worker storage record = workers[worker];
        if (record.status != Status.Live) revert NotThisStatus(worker, record.status);
        Evidence.Platform memory platform = judgeSamePlatform(worker, platformEvidence);
        requireNonce(platform, record.operator, record.payout, refBlock, gpus.length);
        uint64 notAfter = judgeSameGpus(record, gpus, platform.nonce);
        bytes32[] memory ids = new bytes32[](gpus.length);
        for (uint256 i; i < ids.length; ++i) {
            ids[i] = gpus[i].deviceId;
            // While this worker was expired, another may have registered the device.
            Device memory device = devices[ids[i]];
            if (device.worker != worker || device.boundIn != record.boundIn) revert DeviceBound(ids[i], device.worker);
        }
        requireSignature(platform, record.operator, record.payout, refBlock, ids, workerSig);
        startEpoch(platform, notAfter);
        lockBond(worker);
    }

    /// The operator takes a worker out of service. Accepted jobs may still be committed.
    function retire(address worker) external {
        Worker storage record = workers[worker];
        if (msg.sender != record.operator) revert NotOperator(msg.sender);
        if (record.status != Status.Live) revert NotThisStatus(worker, record.status);
        record.status = Status.Retired;
        record.releaseAt = uint32(block.timestamp) + exitDelay;
        emit WorkerRetired(worker, record.releaseAt);
    }

    /// Credits the operator with the bond of a worker that is retired long enough and owes nothing.
    function releaseBond(address worker) external nonReentrant {
        Worker storage record = workers[worker];
        if (record.status != Status.Retired) revert NotThisStatus(worker, record.status);
        if (block.timestamp < record.releaseAt || record.reserved != 0) {
            revert BondLocked(worker, record.releaseAt, record.reserved);
        }
        uint256 amount = record.bond;
        record.bond = 0;
        emitBond(worker, record);
        credit(record.operator, amount);
    }

    /// Stops a worker that the policy would not admit any more: anybody may show that. The policy's guardian
    /// and its owner may stop any worker. Nothing is taken from it.
    /// @param gpus the worker's GPUs, as in `GpuBound`; may be left out if the reason is another.
    function freeze(address worker, Evidence.GpuIdentity[] calldata gpus) external {
        Worker storage record = workers[worker];
        Status status = record.status;
        if (status != Status.Live && status != Status.Retired) revert NotThisStatus(worker, status);
        if (msg.sender != POLICY.guardian() && msg.sender != POLICY.owner()) {
            bool welcome = POLICY.isWelcome(record.workloadId, record.ppidHash);
            if (welcome && !isAnyGpuDenied(record, gpus)) revert StillWelcome(worker);
        }
        record.status = Status.Frozen;
        emit WorkerFrozen(worker);
    }

    /// After the reason is gone. A worker frozen while it retired has to retire again.
    function unfreeze(address worker) external onlyOwner {
        Worker storage record = workers[worker];
        if (record.status != Status.Frozen) revert NotThisStatus(worker, record.status);
        record.status = Status.Live;
        emit WorkerUnfrozen(worker);
    }

    function setTreasury(address treasury_) external onlyOwner {
        storeTreasury(treasury_);
    }

    function setExitDelay(uint32 exitDelay_) external onlyOwner {
        storeExitDelay(exitDelay_);
    }

    // For GpuJobSettlement only.

    /// Promises a part of the bond to the client of a job that this operator accepts for this worker.
    function engage(
        address worker,
        address operator,
        uint64 until,
        bytes32 workloadId,
        uint16 gpuClass,
        uint8 gpuCount,
        uint128 amount
    ) external onlySettlement {
        Worker storage record = workers[worker];
        if (record.status != Status.Live) revert NotThisStatus(worker, record.status);
        if (operator != record.operator) revert NotOperator(operator);
        if (until > record.expiry) revert ExpiresTooEarly(until, record.expiry);
        if (workloadId != record.workloadId) revert WorkloadMismatch(workloadId, record.workloadId);
        if (gpuClass != record.gpuClass) revert ClassMismatch(gpuClass, record.gpuClass);
        if (gpuCount > record.gpuCount) revert TooFewGpus(gpuCount, record.gpuCount);
        if (!POLICY.isWelcome(workloadId, record.ppidHash)) revert NotThisStatus(worker, Status.Frozen);
        uint128 free = record.bond - lesser(record.bond, record.reserved);
        if (amount > free) revert BondTooLow(amount, free);
        record.reserved += amount;
        emitBond(worker, record);
    }

    /// Ends the promise made for a job without blame; returns who is paid for this worker's jobs.
    function disengage(address worker, uint128 amount) external onlySettlement returns (address) {
        Worker storage record = workers[worker];
        record.reserved -= amount;
        if (record.status == Status.Denied) {
            // What was kept for this promise is needed no more.
            uint128 kept = lesser(record.bond, record.reserved);
            credit(treasury, record.bond - kept);
            record.bond = kept;
        }
        emitBond(worker, record);
        return record.payout;
    }

    /// Slashing of a missed deadline: what was promised for the job goes to its client, as far as it is there.
    function penalize(address worker, address client, uint128 amount) external onlySettlement returns (uint256 paid) {
        Worker storage record = workers[worker];
        record.reserved -= amount;
        paid = lesser(amount, record.bond);
        record.bond -= uint128(paid);
        emitBond(worker, record);
        credit(client, paid);
    }

    /// Slashing of a proven lie: the whole bond, and the worker is out for good. Half goes to the reporter at
    /// once. The other half is for the promises that are not kept yet, then for the treasury.
    function deny(address worker, address reporter) external onlySettlement {
        Worker storage record = workers[worker];
        Status status = record.status;
        if (status == Status.None || status == Status.Denied) revert NotThisStatus(worker, status);
        record.status = Status.Denied;
        uint128 lost = record.bond;
        uint128 reward = lost / 2;
        uint128 kept = lesser(lost - reward, record.reserved);
        record.bond = kept;
        emit WorkerDenied(worker, reporter, lost);
        emitBond(worker, record);
        credit(reporter, reward);
        credit(treasury, lost - reward - kept);
    }

    // Views.

    function workerOf(address worker) external view returns (Worker memory) {
        return workers[worker];
    }

    /// What a receipt of this worker for this time is worth today.
    function standingOf(address worker, uint64 epoch, uint64 startedAt, uint64 finishedAt)
        external
        view
        returns (Standing)
    {
        Status status = workers[worker].status;
        if (status == Status.Denied) return Standing.Denied;
        Epoch memory covered = epochs[worker][epoch];
        // An epoch there never was begins at 0, which none does.
        if (covered.from == 0 || startedAt < covered.from || finishedAt > covered.until) return Standing.NotCovered;
        return status == Status.Frozen ? Standing.Frozen : Standing.Good;
    }

    function statusOf(address worker) external view returns (Status) {
        return workers[worker].status;
    }

    /// Attested, not yet expired, and welcome.
    function isLive(address worker) external view returns (bool) {
        Worker storage record = workers[worker];
        return isLiveRecord(record) && POLICY.isWelcome(record.workloadId, record.ppidHash);
    }

    /// The challenge that quote and GPUs of a registration answer. The block must be among the last 256.
    function registrationNonce(address worker, address operator, address payout, uint64 refBlock, uint256 gpuCount)
        public
        view
        returns (bytes32)
    {
        bytes32 refHash = blockhash(refBlock);
        if (refHash == 0) revert BlockUnknown(refBlock);
        return keccak256(
            abi.encode(
                NONCE_DOMAIN, block.chainid, address(this), worker, operator, payout, refBlock, refHash, gpuCount
            )
        );
    }

    /// Reverts unless platform and GPUs of this worker, as they are registered, answer this challenge now and
    /// the policy is content with them. For jobs of assurance 2.
    function requireFreshEvidence(
        address worker,
        bytes32 nonce,
        Evidence.PlatformEvidence calldata platformEvidence,
        Evidence.KnownGpu[] calldata gpus
    ) external view {
        Worker storage record = workers[worker];
        Evidence.Platform memory platform = judgeSamePlatform(worker, platformEvidence);
        if (platform.nonce != nonce) revert NonceMismatch(nonce, platform.nonce);
        judgeSameGpus(record, gpus, nonce);
    }

    function domainName() internal pure override returns (string memory) {
        return "WorkerRegistry";
    }

    function deviceIdsOf(Evidence.GpuIdentity[] memory gpus) private pure returns (bytes32[] memory ids) {
        ids = new bytes32[](gpus.length);
        for (uint256 i; i < ids.length; ++i) {
            ids[i] = gpus[i].deviceId;
        }
    }

    function requireNonce(
        Evidence.Platform memory platform,
        address operator,
        address payout,
        uint64 refBlock,
        uint256 gpuCount
    ) private view {
        bytes32 expected = registrationNonce(platform.worker, operator, payout, refBlock, gpuCount);
        if (platform.nonce != expected) revert NonceMismatch(expected, platform.nonce);
        if (quoteUsed[platform.quoteId]) revert QuoteUsed(platform.quoteId);
    }

    function requireSignature(
        Evidence.Platform memory platform,
        address operator,
        address payout,
        uint64 refBlock,
        bytes32[] memory deviceIds,
        bytes calldata signature
    ) private view {
        bytes32 deviceIdsHash = keccak256(abi.encodePacked(deviceIds));
        bytes32 digest = typedDigest(
            keccak256(abi.encode(REGISTER_TYPEHASH, operator, payout, refBlock, platform.nonce, deviceIdsHash))
        );
        (address signer,,) = ECDSA.tryRecover(digest, signature);
        // Nobody's signature is the zero address, and no quote may name it.
        nonZero(platform.worker);
        if (signer != platform.worker) revert SignatureMismatch(platform.worker, signer);
    }

    /// The machine and the program are those the worker was registered with.
    function requireSame(Worker storage record, Evidence.Platform memory platform) private view {
        if (platform.ppidHash != record.ppidHash) revert PlatformMismatch(record.ppidHash, platform.ppidHash);
        if (platform.workloadId != record.workloadId) revert WorkloadMismatch(record.workloadId, platform.workloadId);
    }

    function judgePlatform(Evidence.PlatformEvidence calldata evidence)
        private
        view
        returns (Evidence.Platform memory)
    {
        return POLICY.judgePlatform(evidence);
    }

    function judgeSamePlatform(address worker, Evidence.PlatformEvidence calldata evidence)
        private
        view
        returns (Evidence.Platform memory platform)
    {
        platform = judgePlatform(evidence);
        if (platform.worker != worker) revert WorkerMismatch(worker, platform.worker);
        requireSame(workers[worker], platform);
    }

    /// The GPUs are those the worker was registered with, and count as they did.
    function judgeSameGpus(Worker storage record, Evidence.KnownGpu[] calldata gpus, bytes32 nonce)
        private
        view
        returns (uint64 notAfter)
    {
        Evidence.GpuSet memory set = POLICY.judgeKnownGpus(gpus, nonce);
        if (set.gpuSetHash != record.gpuSetHash) revert GpuSetMismatch(record.gpuSetHash, set.gpuSetHash);
        if (set.gpuClass != record.gpuClass) revert ClassMismatch(record.gpuClass, set.gpuClass);
        return set.notAfter;
    }

    /// Whose the worker is. A key is made in one guest on one machine and belongs to one operator, for good:
    /// payout and GPUs may change.
    function admit(Evidence.Platform memory platform, address operator, address payout, bytes32 gpuSetHash) private {
        Worker storage record = workers[platform.worker];
        Status status = record.status;
        if (status == Status.None) {
            record.operator = operator;
            record.workloadId = platform.workloadId;
            record.ppidHash = platform.ppidHash;
        } else {
            if (status != Status.Live && status != Status.Retired) revert NotThisStatus(platform.worker, status);
            if (record.operator != operator) revert NotOperator(operator);
            requireSame(record, platform);
        }
        record.status = Status.Live;
        record.releaseAt = 0;
        record.payout = payout;
        // GPUs it was attested with before are not there any more: what they covered ends.
        Epoch storage last = epochs[platform.worker][record.epoch];
        if (gpuSetHash != record.gpuSetHash && block.timestamp < last.until) last.until = uint64(block.timestamp);
    }

    function bind(address worker, Evidence.GpuSet memory set, Evidence.GpuIdentity[] memory gpus) private {
        Worker storage record = workers[worker];
        uint32 boundIn = record.epoch + 1;
        for (uint256 i; i < gpus.length; ++i) {
            Evidence.GpuIdentity memory gpu = gpus[i];
            Device storage device = devices[gpu.deviceId];
            (address holder, uint32 heldIn) = (device.worker, device.boundIn);
            if (holder == worker ? heldIn == boundIn : isHeld(holder, heldIn)) {
                revert DeviceBound(gpu.deviceId, holder);
            }
            (device.worker, device.boundIn) = (worker, boundIn);
            emit GpuBound(worker, gpu.deviceId, boundIn, gpu.leafSerial, gpu.issuerKeyHash, gpu.leafKeyHash);
        }
        record.boundIn = boundIn;
        record.gpuClass = set.gpuClass;
        record.gpuCount = uint8(gpus.length);
        record.gpuSetHash = set.gpuSetHash;
        emit GpuSetBound(worker, boundIn, set.gpuClass, uint8(gpus.length), set.gpuSetHash);
    }

    /// Whether a worker still has the device it bound in that epoch. Frozen workers keep theirs.
    function isHeld(address holder, uint32 heldIn) private view returns (bool) {
        Worker storage record = workers[holder];
        return record.boundIn == heldIn && (isLiveRecord(record) || record.status == Status.Frozen);
    }

    function isLiveRecord(Worker storage record) private view returns (bool) {
        return record.status == Status.Live && block.timestamp <= record.expiry;
    }

    function isAnyGpuDenied(Worker storage record, Evidence.GpuIdentity[] calldata gpus) private view returns (bool) {
        if (gpus.length == 0) return false;
        (bool denied, bytes32 gpuSetHash) = POLICY.judgeDenial(gpus);
        if (gpuSetHash != record.gpuSetHash) revert GpuSetMismatch(record.gpuSetHash, gpuSetHash);
        return denied;
    }

    function startEpoch(Evidence.Platform memory platform, uint64 notAfter) private {
        address worker = platform.worker;
        Worker storage record = workers[worker];
        quoteUsed[platform.quoteId] = true;
        uint64 from = uint64(block.timestamp);
        uint64 until = from + POLICY.maxAge();
        if (platform.collateralExpiry < until) until = platform.collateralExpiry;
        if (notAfter < until) until = notAfter;
        uint32 epoch = ++record.epoch;
        record.expiry = until;
        epochs[worker][epoch] = Epoch(from, until);
        emit WorkerAttested(
            worker,
            record.operator,
            platform.workloadId,
            epoch,
            from,
            until,
            record.payout,
            platform.ppidHash,
            platform.quoteId
        );
    }

    /// Takes from the caller what the bond lacks.
    function lockBond(address worker) private {
        Worker storage record = workers[worker];
        uint256 wanted = POLICY.bondPerGpu(record.gpuClass) * record.gpuCount;
        if (wanted > type(uint128).max) revert BondOverflow(wanted);
        uint256 bond = record.bond;
        if (wanted <= bond) return;
        record.bond = uint128(wanted);
        emitBond(worker, record);
        pull(msg.sender, wanted - bond);
    }

    function lesser(uint128 a, uint128 b) private pure returns (uint128) {
        return a < b ? a : b;
    }

    function emitBond(address worker, Worker storage record) private {
        emit BondChanged(worker, record.bond, record.reserved);
    }

    function storeTreasury(address treasury_) private {
        treasury = nonZero(treasury_);
        emit TreasurySet(treasury_);
    }

    function storeExitDelay(uint32 exitDelay_) private {
        if (exitDelay_ < EXIT_DELAY_MIN || exitDelay_ > EXIT_DELAY_MAX) revert ExitDelayOutOfRange(exitDelay_);
        exitDelay = exitDelay_;
        emit ExitDelaySet(exitDelay_);
    }
}
