// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Attestation} from "./Attestation.sol";
import {AttestationAddresses} from "./AttestationAddresses.sol";
import {AttestationPolicy} from "./AttestationPolicy.sol";
import {Evidence} from "./Evidence.sol";
import {TokenVault} from "./TokenVault.sol";
import {TypedData} from "./TypedData.sol";
import {WorkerRegistry} from "./WorkerRegistry.sol";

/// Escrow of GPU jobs: a client locks a price, a worker's operator accepts, the worker's key signs what it
/// did, and after a time for objections everybody is credited.
///
///     None -post-> Posted -accept-> Accepted -commit-> Committed -finalize | release-> Settled
///     Posted    -cancel | expire after acceptBy-> Refunded
///     Accepted  -expire after runBy-> Refunded           a share of the price comes out of the worker's bond
///     Committed -dispute in time-> Disputed              so does what a frozen worker commits or has committed
///     Disputed  -resolve | settleDispute after a time-> Settled
///
/// A state never comes back, so a job is paid for once. Fees are those of the time of posting.
///
/// Storage; a genesis writes 0, 2, 4 and 5, as `initialize` does:
///
/// | Slot | Bytes from the right | Holds |
/// |---|---|---|
/// | 0, 1 | | Governed: `owner` and `initialized`; `pendingOwner` |
/// | 2, 3 | | TokenVault: `token` of the escrow; `credits` |
/// | 4 | 0-19, 20-21, 22-23, 24-27 | `arbiter`, `feeBps`, `missedBps`, `arbiterTimeout` (seconds) |
/// | 5 | 0-19, 20-31 | `treasury`, `priceCap` (of one job) |
/// | 6 | | `jobs`: jobId -> Job (6 slots, in the order of the struct) |
/// | 7 | | `clientNonces`: client -> number of jobs posted |
contract GpuJobSettlement is TokenVault, TypedData {
    enum State {
        /// 0 to 6.
        None,
        Posted,
        Accepted,
        Committed,
        Disputed,
        Settled,
        Refunded
    }

    /// Why a receipt does not count. 1 to 3 are verdicts of `GPU_SETTLE`.
    enum Refusal {
        /// 0: it counts.
        None,
        /// 1: nobody's signature.
        BadSignature,
        /// 2: a number out of range, or finished before started.
        OutOfRange,
        /// 3: an earlier receipt of the batch settled the job.
        Duplicate,
        /// 4: the job is not waiting for a receipt.
        NotAccepted,
        /// 5: after runBy.
        TooLate,
        /// 6: signed by somebody else than the job's worker.
        WrongWorker,
        /// 7: for other inputs or another specification.
        WrongTerms,
        /// 8: more than the price agreed on.
        AmountAbovePrice,
        /// 9: finished in the future.
        NotFinished,
        /// 10: assurance 2 takes a receipt with evidence.
        EvidenceMissing,
        /// 11: no attestation of that epoch covers the time of the job.
        NotCovered,
        /// 12: the worker was caught lying.
        WorkerDenied
    }

    /// What a client wants.
    struct Terms {
        bytes32 specHash;
        bytes32 inputHash;
        bytes32 workloadId;
        uint16 gpuClass;
        /// At least as many.
        uint8 gpuCount;
        /// 1: the worker's signature. 2: also fresh evidence of its hardware over the receipt.
        uint8 assurance;
        uint128 maxPrice;
        /// Unix seconds; the last one.
        uint64 acceptBy;
        /// Seconds from acceptance to the last one for a receipt.
        uint32 runFor;
        /// Seconds from the receipt in which the client may object; `WINDOW_DEFAULT` for what is usual.
        uint32 challengeWindow;
        /// The only operator that may accept, or zero.
        address provider;
    }

    struct Job {
        // Slot 0, from the right.
        address client;
        /// Unix seconds: acceptBy, runBy, end of the challenge window, or end of the arbiter's time.
        uint64 deadline;
        State state;
        uint8 assurance;
        uint16 gpuClass;
        // Slot 1.
        /// While posted, the only operator that may accept, or zero.
        address worker;
        uint8 gpuCount;
        /// Seconds, as the next.
        uint24 runFor;
        uint24 challengeWindow;
        uint16 feeBps;
        /// Of the time of acceptance.
        uint16 missedBps;
        // Slot 2.
        /// While posted, the highest acceptable.
        uint128 price;
        /// From the receipt that counts: what the worker asks for.
        uint128 amount;
        // Slots 3 to 5.
        /// keccak256(specHash, inputHash)
        bytes32 terms;
        bytes32 workloadId;
        /// Of the receipt that counts.
        bytes32 digest;
    }

    struct Settings {
        address arbiter;
        uint16 feeBps;
        uint16 missedBps;
        uint32 arbiterTimeout;
        address treasury;
        uint96 priceCap;
    }

    event JobPosted(
        bytes32 indexed jobId,
        address indexed client,
        bytes32 indexed workloadId,
        bytes32 specHash,
        bytes32 inputHash,
        uint16 gpuClass,
        uint8 gpuCount,
        uint8 assurance,
        uint128 maxPrice,
        uint64 acceptBy,
        uint32 runFor,
        uint32 challengeWindow,
        address provider
    );
    event JobAccepted(
        bytes32 indexed jobId,
        address indexed worker,
        address indexed operator,
        uint128 price,
        uint64 runBy,
        uint128 bond
    );
    /// `state` is Committed, or Disputed if the worker is frozen; `deadline` is of that state.
    event JobCommitted(
        bytes32 indexed jobId,
        address indexed worker,
        bytes32 indexed digest,
        State state,
        uint64 deadline,
        Attestation.Receipt receipt
    );
    event ReceiptRefused(bytes32 indexed jobId, address indexed signer, uint256 index, bytes32 digest, Refusal reason);
    event JobDisputed(bytes32 indexed jobId, address indexed by, bytes32 reason, uint64 deadline);
    event JobResolved(bytes32 indexed jobId, address indexed by, uint256 amount);
    event JobSettled(
        bytes32 indexed jobId, address indexed worker, address indexed payout, uint256 paid, uint256 fee, uint256 refund
    );
    event JobRefunded(bytes32 indexed jobId, address indexed client, uint256 refund, uint256 penalty);
    event EquivocationProven(
        bytes32 indexed jobId, address indexed worker, address indexed reporter, bytes32 digestA, bytes32 digestB
    );
    event ArbiterSet(address arbiter, uint32 arbiterTimeout);
    event RatesSet(uint16 feeBps, uint16 missedBps);
    event TreasurySet(address treasury);
    event PriceCapSet(uint96 priceCap);

    error TermsOutOfRange(string field);
    error NotThisState(bytes32 jobId, State state);
    error NotClient(address caller);
    error NotArbiter(address caller);
    error NotProvider(address caller);
    error DeadlinePassed(bytes32 jobId, uint64 deadline);
    error DeadlineAhead(bytes32 jobId, uint64 deadline);
    error PriceAboveMaximum(uint128 price, uint128 maximum);
    error AmountAboveClaim(uint256 amount, uint256 claim);
    error ReceiptNotGood(bytes32 jobId, Refusal reason);
    /// GPU_SETTLE did not answer: out of gas, or the fork is not active.
    error VerificationFailed();
    error NotEquivocation();
    error SettingOutOfRange(string setting);

    uint8 public constant ASSURANCE_SIGNATURE = 1;
    uint8 public constant ASSURANCE_EVIDENCE = 2;

    /// "What is usual": an hour for a signature, none where hardware vouched.
    uint32 public constant WINDOW_DEFAULT = type(uint32).max;
    uint32 public constant WINDOW_SIGNATURE = 1 hours;
    uint32 public constant WINDOW_EVIDENCE = 0;
    /// A worker's bond is there for a week after it leaves (WorkerRegistry.EXIT_DELAY_MIN).
    uint32 public constant WINDOW_MAX = 7 days;
    /// No attestation counts for longer (AttestationPolicy.MAX_AGE_LIMIT), so no job could be accepted.
    uint32 public constant RUN_FOR_MAX = 7 days;
    /// Money nobody works for should not be forgotten here.
    uint32 public constant ACCEPT_WITHIN_MAX = 30 days;
    uint8 public constant GPUS_MAX = 8;

    uint16 public constant FEE_BPS_MAX = 1_000;
    uint16 public constant MISSED_BPS_MAX = 5_000;
    uint32 public constant ARBITER_TIMEOUT_MIN = 1 days;
    uint32 public constant ARBITER_TIMEOUT_MAX = 30 days;
    uint256 private constant BPS = 10_000;

    bytes32 private constant NONCE_DOMAIN = keccak256("phala.job.v1");
    WorkerRegistry private constant WORKERS = WorkerRegistry(AttestationAddresses.WORKER_REGISTRY);
    AttestationPolicy private constant POLICY = AttestationPolicy(AttestationAddresses.ATTESTATION_POLICY);

    address public arbiter;
    /// Of what a worker is paid, to the treasury.
    uint16 public feeBps;
    /// Of the price, from the worker's bond to the client if no receipt comes.
    uint16 public missedBps;
    uint32 public arbiterTimeout;
    address public treasury;
    uint96 public priceCap;
    mapping(bytes32 jobId => Job) private jobs;
    mapping(address client => uint256) public clientNonces;

    /// For a chain that installs this by an upgrade; writes what a genesis would.
    function initialize(address owner_, IERC20 token_, Settings calldata settings) external {
        initializeVault(owner_, token_);
        storeArbiter(settings.arbiter, settings.arbiterTimeout);
        storeRates(settings.feeBps, settings.missedBps);
        storeTreasury(settings.treasury);
        storePriceCap(settings.priceCap);
    }

    /// Locks the highest price the client would pay, in the token of this contract.
    function post(Terms calldata terms) external nonReentrant returns (bytes32 jobId) {
        requireInRange(terms);
        jobId = jobIdOf(msg.sender, clientNonces[msg.sender]++, terms.specHash);
        Job storage job = jobs[jobId];
        job.client = msg.sender;
        job.deadline = terms.acceptBy;
        job.state = State.Posted;
        job.assurance = terms.assurance;
        job.gpuClass = terms.gpuClass;
        job.worker = terms.provider;
        job.gpuCount = terms.gpuCount;
        job.runFor = uint24(terms.runFor);
        job.challengeWindow = uint24(windowOf(terms));
        job.feeBps = feeBps;
        job.price = terms.maxPrice;
        job.terms = termsHash(terms.specHash, terms.inputHash);
        job.workloadId = terms.workloadId;
        emit JobPosted(
            jobId,
            msg.sender,
            terms.workloadId,
            terms.specHash,
            terms.inputHash,
            terms.gpuClass,
            terms.gpuCount,
            terms.assurance,
            terms.maxPrice,
            terms.acceptBy,
            terms.runFor,
            job.challengeWindow,
            terms.provider
        );
        pull(msg.sender, terms.maxPrice);
    }

    /// The client takes back what nobody accepted yet.
    function cancel(bytes32 jobId) external nonReentrant {
        Job storage job = jobs[jobId];
        requireState(jobId, job, State.Posted);
        if (msg.sender != job.client) revert NotClient(msg.sender);
        refund(jobId, job, 0);
    }

    /// A worker's operator takes the job, at this price at most. The rest of the escrow is the client's again.
    function accept(bytes32 jobId, address worker, uint128 price) external nonReentrant {
        Job storage job = jobs[jobId];
        requireState(jobId, job, State.Posted);
        if (block.timestamp > job.deadline) revert DeadlinePassed(jobId, job.deadline);
        if (job.worker != address(0) && msg.sender != job.worker) revert NotProvider(msg.sender);
        uint128 maximum = job.price;
        if (price > maximum) revert PriceAboveMaximum(price, maximum);
        uint64 runBy = uint64(block.timestamp) + job.runFor;
        job.state = State.Accepted;
        job.deadline = runBy;
        job.worker = worker;
        job.price = price;
        job.missedBps = missedBps;
        uint128 bond = promiseOf(job);
        emit JobAccepted(jobId, worker, msg.sender, price, runBy, bond);
        credit(job.client, maximum - price);
        WORKERS.engage(worker, msg.sender, runBy, job.workloadId, job.gpuClass, job.gpuCount, bond);
    }

    /// Hands in a worker's receipt for a job of assurance 1. Anybody may.
    /// @param signature EIP-712 `Receipt` by the worker's key: r, s, v.
    function commit(Attestation.Receipt calldata receipt, bytes calldata signature) external nonReentrant {
        commitOne(receipt, signature, false);
    }

    /// Hands in a receipt together with fresh evidence: platform and GPUs of the worker answer `jobNonce` of the
    /// job and this receipt's digest, so that hardware itself vouches for both.
    function commitWithEvidence(
        Attestation.Receipt calldata receipt,
        bytes calldata signature,
        Evidence.PlatformEvidence calldata platform,
        Evidence.KnownGpu[] calldata gpus
    ) external nonReentrant {
        bytes32 digest = commitOne(receipt, signature, true);
        WORKERS.requireFreshEvidence(jobs[receipt.jobId].worker, jobNonce(receipt.jobId, digest), platform, gpus);
    }

    /// Hands in 1 to 256 signed receipts of 385 bytes (`Attestation.signedReceipt`) for jobs of assurance 1.
    /// Each is judged for itself: one that does not count leaves a `ReceiptRefused` and nothing else.
    /// @return committed how many count.
    function commitBatch(bytes calldata receipts) external nonReentrant returns (uint256 committed) {
        (bytes memory frame, Attestation.Settled[] memory settled) = verify(receipts);
        for (uint256 i; i < settled.length; ++i) {
            Refusal refusal = record(frame, i, settled[i], false);
            if (refusal == Refusal.None) ++committed;
            else emit ReceiptRefused(settled[i].jobId, settled[i].worker, i, settled[i].digest, refusal);
        }
    }

    /// The client is content: no need to wait.
    function release(bytes32 jobId) external nonReentrant {
        Job storage job = jobs[jobId];
        requireState(jobId, job, State.Committed);
        if (msg.sender != job.client) revert NotClient(msg.sender);
        settle(jobId, job, job.amount);
    }

    /// The client objects: to delivery or quality, which no signature proves. `reason` is for people.
    function dispute(bytes32 jobId, bytes32 reason) external nonReentrant {
        Job storage job = jobs[jobId];
        requireState(jobId, job, State.Committed);
        if (msg.sender != job.client) revert NotClient(msg.sender);
        if (block.timestamp >= job.deadline) revert DeadlinePassed(jobId, job.deadline);
        startDispute(jobId, job, reason);
    }

    /// Ends what nobody accepted or committed in time. Anybody may. For the second the client gets the promised
    /// part of the worker's bond (withdrawn from WorkerRegistry); not while receipts cannot be verified.
    function expire(bytes32 jobId) external nonReentrant {
        Job storage job = jobs[jobId];
        State state = job.state;
        if (state != State.Posted && state != State.Accepted) revert NotThisState(jobId, state);
        if (block.timestamp <= job.deadline) revert DeadlineAhead(jobId, job.deadline);
        if (state == State.Posted) return refund(jobId, job, 0);
        if (POLICY.paused(AttestationAddresses.GPU_SETTLE, Attestation.VERSION)) {
            WORKERS.disengage(job.worker, promiseOf(job));
            refund(jobId, job, 0);
        } else {
            refund(jobId, job, WORKERS.penalize(job.worker, job.client, promiseOf(job)));
        }
    }

    /// Pays after the challenge window. Anybody may. If the worker has been frozen or caught lying meanwhile,
    /// the job goes to the arbiter instead.
    function finalize(bytes32 jobId) external nonReentrant {
        Job storage job = jobs[jobId];
        requireState(jobId, job, State.Committed);
        if (block.timestamp < job.deadline) revert DeadlineAhead(jobId, job.deadline);
        if (isTrusted(job.worker)) settle(jobId, job, job.amount);
        else startDispute(jobId, job, bytes32("worker"));
    }

    /// The arbiter decides what the worker gets of what it asked for.
    function resolve(bytes32 jobId, uint128 amount) external nonReentrant {
        Job storage job = jobs[jobId];
        requireState(jobId, job, State.Disputed);
        if (msg.sender != arbiter) revert NotArbiter(msg.sender);
        if (amount > job.amount) revert AmountAboveClaim(amount, job.amount);
        emit JobResolved(jobId, msg.sender, amount);
        settle(jobId, job, amount);
    }

    /// No word from the arbiter in its time: hardware's word stands (assurance 2, worker in good standing),
    /// else both sides bear half. Anybody may.
    function settleDispute(bytes32 jobId) external nonReentrant {
        Job storage job = jobs[jobId];
        requireState(jobId, job, State.Disputed);
        if (block.timestamp <= job.deadline) revert DeadlineAhead(jobId, job.deadline);
        bool whole = job.assurance == ASSURANCE_EVIDENCE && isTrusted(job.worker);
        settle(jobId, job, whole ? job.amount : job.amount / 2);
    }

    /// Two receipts with different digests for one job, both signed by one worker: it loses its whole bond, half
    /// of it to the caller (withdrawn from WorkerRegistry), and may never work again. Who shows that first is
    /// rewarded, so show it where nobody can look ahead.
    function reportEquivocation(
        Attestation.Receipt calldata a,
        bytes calldata signatureA,
        Attestation.Receipt calldata b,
        bytes calldata signatureB
    ) external nonReentrant {
        (, Attestation.Settled[] memory settled) = verify(
            bytes.concat(Attestation.signedReceipt(a, signatureA), Attestation.signedReceipt(b, signatureB))
        );
        (address worker, bytes32 digestA, bytes32 digestB) = (settled[0].worker, settled[0].digest, settled[1].digest);
        // Nonsense in its words does not make a signature less of one.
        if (worker == address(0) || worker != settled[1].worker || a.jobId != b.jobId || digestA == digestB) {
            revert NotEquivocation();
        }
        emit EquivocationProven(a.jobId, worker, msg.sender, digestA, digestB);
        WORKERS.deny(worker, msg.sender);
    }

    function setArbiter(address arbiter_, uint32 arbiterTimeout_) external onlyOwner {
        storeArbiter(arbiter_, arbiterTimeout_);
    }

    /// For jobs that are posted (the fee) or accepted (the penalty) from now on.
    function setRates(uint16 feeBps_, uint16 missedBps_) external onlyOwner {
        storeRates(feeBps_, missedBps_);
    }

    function setTreasury(address treasury_) external onlyOwner {
        storeTreasury(treasury_);
    }

    function setPriceCap(uint96 priceCap_) external onlyOwner {
        storePriceCap(priceCap_);
    }

    // Views.

    function jobOf(bytes32 jobId) external view returns (Job memory) {
        return jobs[jobId];
    }

    /// The id of the job a client posts as its `clientNonce`-th, counted from 0.
    function jobIdOf(address client, uint256 clientNonce, bytes32 specHash) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), client, clientNonce, specHash));
    }

    /// What a worker signs.
    function receiptDigest(Attestation.Receipt calldata receipt) external view returns (bytes32) {
        return Attestation.receiptDigest(domainSeparator(), receipt);
    }

    /// The challenge that evidence for a receipt answers.
    function jobNonce(bytes32 jobId, bytes32 digest) public view returns (bytes32) {
        return keccak256(abi.encode(NONCE_DOMAIN, block.chainid, address(this), jobId, digest));
    }

    function domainName() internal pure override returns (string memory) {
        return "GpuJobSettlement";
    }

    function requireInRange(Terms calldata terms) private view {
        if (terms.gpuCount == 0 || terms.gpuCount > GPUS_MAX) revert TermsOutOfRange("gpuCount");
        if (terms.assurance != ASSURANCE_SIGNATURE && terms.assurance != ASSURANCE_EVIDENCE) {
            revert TermsOutOfRange("assurance");
        }
        if (terms.maxPrice > priceCap) revert TermsOutOfRange("maxPrice");
        if (terms.acceptBy < block.timestamp || terms.acceptBy > block.timestamp + ACCEPT_WITHIN_MAX) {
            revert TermsOutOfRange("acceptBy");
        }
        if (terms.runFor == 0 || terms.runFor > RUN_FOR_MAX) revert TermsOutOfRange("runFor");
        if (terms.challengeWindow > WINDOW_MAX && terms.challengeWindow != WINDOW_DEFAULT) {
            revert TermsOutOfRange("challengeWindow");
        }
    }

    function windowOf(Terms calldata terms) private pure returns (uint32) {
        if (terms.challengeWindow != WINDOW_DEFAULT) return terms.challengeWindow;
        return terms.assurance == ASSURANCE_EVIDENCE ? WINDOW_EVIDENCE : WINDOW_SIGNATURE;
    }

    function commitOne(Attestation.Receipt calldata receipt, bytes calldata signature, bool withEvidence)
        private
        returns (bytes32 digest)
    {
        (bytes memory frame, Attestation.Settled[] memory settled) =
            verify(Attestation.signedReceipt(receipt, signature));
        digest = settled[0].digest;
        Refusal refusal = record(frame, 0, settled[0], withEvidence);
        if (refusal != Refusal.None) revert ReceiptNotGood(receipt.jobId, refusal);
    }

    /// The verdicts of GPU_SETTLE, and the frame they are about.
    function verify(bytes memory receipts)
        private
        view
        returns (bytes memory frame, Attestation.Settled[] memory settled)
    {
        POLICY.requireRunning(AttestationAddresses.GPU_SETTLE, Attestation.VERSION);
        frame = Attestation.settleInput(domainSeparator(), receipts);
        Attestation.Answer answer;
        (answer, settled) = Attestation.verifyReceipts(frame);
        if (answer != Attestation.Answer.Accepted) revert VerificationFailed();
    }

    /// The one way for a receipt to count; all rules are here.
    function record(bytes memory frame, uint256 index, Attestation.Settled memory settled, bool withEvidence)
        private
        returns (Refusal)
    {
        Refusal verdict = Refusal(settled.verdict);
        if (verdict == Refusal.BadSignature || verdict == Refusal.OutOfRange) return verdict;
        // A duplicate is well signed. Whether the receipt before it counted is seen by the job's state, so a
        // stranger's receipt in front does not shut out the worker's.
        Job storage job = jobs[settled.jobId];
        if (job.state != State.Accepted) return verdict == Refusal.Duplicate ? verdict : Refusal.NotAccepted;
        if (block.timestamp > job.deadline) return Refusal.TooLate;
        if (settled.worker != job.worker) return Refusal.WrongWorker;
        if (settled.amount > job.price) return Refusal.AmountAbovePrice;
        if (job.assurance == ASSURANCE_EVIDENCE && !withEvidence) return Refusal.EvidenceMissing;
        Attestation.Receipt memory receipt = receiptIn(frame, index);
        if (job.terms != termsHash(receipt.specHash, receipt.inputHash)) return Refusal.WrongTerms;
        if (receipt.finishedAt > block.timestamp) return Refusal.NotFinished;
        WorkerRegistry.Standing standing =
            WORKERS.standingOf(settled.worker, receipt.epoch, receipt.startedAt, receipt.finishedAt);
        if (standing == WorkerRegistry.Standing.NotCovered) return Refusal.NotCovered;
        if (standing == WorkerRegistry.Standing.Denied) return Refusal.WorkerDenied;

        bool frozen = standing == WorkerRegistry.Standing.Frozen;
        State state = frozen ? State.Disputed : State.Committed;
        uint64 deadline = uint64(block.timestamp) + (frozen ? arbiterTimeout : job.challengeWindow);
        job.state = state;
        job.deadline = deadline;
        job.amount = uint128(settled.amount);
        job.digest = settled.digest;
        emit JobCommitted(settled.jobId, settled.worker, settled.digest, state, deadline, receipt);
        return Refusal.None;
    }

    function startDispute(bytes32 jobId, Job storage job, bytes32 reason) private {
        job.state = State.Disputed;
        job.deadline = uint64(block.timestamp) + arbiterTimeout;
        emit JobDisputed(jobId, msg.sender, reason, job.deadline);
    }

    /// Credits everybody. `amount` is at most the price, because it is at most what the receipt asked for.
    function settle(bytes32 jobId, Job storage job, uint256 amount) private {
        job.state = State.Settled;
        uint256 price = job.price;
        uint256 fee = amount * job.feeBps / BPS;
        address payout = WORKERS.disengage(job.worker, promiseOf(job));
        emit JobSettled(jobId, job.worker, payout, amount - fee, fee, price - amount);
        credit(payout, amount - fee);
        credit(treasury, fee);
        credit(job.client, price - amount);
    }

    /// Gives the whole escrow back.
    function refund(bytes32 jobId, Job storage job, uint256 penalty) private {
        job.state = State.Refunded;
        emit JobRefunded(jobId, job.client, job.price, penalty);
        credit(job.client, job.price);
    }

    /// What the client of an accepted job was promised of the worker's bond.
    function promiseOf(Job storage job) private view returns (uint128) {
        return uint128(uint256(job.price) * job.missedBps / BPS);
    }

    function requireState(bytes32 jobId, Job storage job, State state) private view {
        if (job.state != state) revert NotThisState(jobId, job.state);
    }

    /// Neither frozen nor denied. Workers that retired or expired since keep what they earned.
    function isTrusted(address worker) private view returns (bool) {
        WorkerRegistry.Status status = WORKERS.statusOf(worker);
        return status != WorkerRegistry.Status.Frozen && status != WorkerRegistry.Status.Denied;
    }

    function termsHash(bytes32 specHash, bytes32 inputHash) private pure returns (bytes32) {
        return keccak256(abi.encode(specHash, inputHash));
    }

    /// A receipt where it is: its ten ABI words are what a struct of it is in memory. For receipts whose words
    /// GPU_SETTLE found in range.
    function receiptIn(bytes memory frame, uint256 index) private pure returns (Attestation.Receipt memory receipt) {
        uint256 at = Attestation.SETTLE_HEADER_LENGTH + index * Attestation.SIGNED_RECEIPT_LENGTH;
        assembly ("memory-safe") {
            receipt := add(add(frame, 32), at)
        }
    }

    function storeArbiter(address arbiter_, uint32 arbiterTimeout_) private {
        if (arbiterTimeout_ < ARBITER_TIMEOUT_MIN || arbiterTimeout_ > ARBITER_TIMEOUT_MAX) {
            revert SettingOutOfRange("arbiterTimeout");
        }
        arbiter = nonZero(arbiter_);
        arbiterTimeout = arbiterTimeout_;
        emit ArbiterSet(arbiter_, arbiterTimeout_);
    }

    function storeRates(uint16 feeBps_, uint16 missedBps_) private {
        if (feeBps_ > FEE_BPS_MAX) revert SettingOutOfRange("feeBps");
        if (missedBps_ > MISSED_BPS_MAX) revert SettingOutOfRange("missedBps");
        feeBps = feeBps_;
        missedBps = missedBps_;
        emit RatesSet(feeBps_, missedBps_);
    }

    function storeTreasury(address treasury_) private {
        treasury = nonZero(treasury_);
        emit TreasurySet(treasury_);
    }

    function storePriceCap(uint96 priceCap_) private {
        priceCap = priceCap_;
        emit PriceCapSet(priceCap_);
    }
}
