//! What the tests call of the predeploys, as their sources declare it.

use alloy_primitives::{Address, address};
use alloy_sol_types::sol;

pub(crate) const PHA: Address = address!("0x5048410000000000000000000000000000001000");
pub(crate) const COLLATERAL_REGISTRY: Address =
    address!("0x5048410000000000000000000000000000002000");
pub(crate) const ATTESTATION_POLICY: Address =
    address!("0x5048410000000000000000000000000000002001");
pub(crate) const WORKER_REGISTRY: Address = address!("0x5048410000000000000000000000000000002002");
pub(crate) const GPU_JOB_SETTLEMENT: Address =
    address!("0x5048410000000000000000000000000000002003");

sol! {
    #[derive(Debug)]
    struct PlatformEvidence {
        bytes quote;
        bytes32 collateralId;
        bytes collateral;
    }

    #[derive(Debug)]
    struct GpuEvidence {
        bytes anchorKey;
        bytes[] certificates;
        bytes report;
    }

    #[derive(Debug)]
    struct Register {
        address operator;
        address payout;
        uint64 refBlock;
        bytes32 nonce;
        bytes32 deviceIdsHash;
    }

    #[derive(Debug)]
    struct Receipt {
        bytes32 jobId;
        bytes32 specHash;
        bytes32 inputHash;
        bytes32 resultHash;
        bytes32 deliveryHash;
        uint64 startedAt;
        uint64 finishedAt;
        uint64 gpuSeconds;
        uint256 amount;
        uint64 epoch;
    }

    #[derive(Debug)]
    struct Terms {
        bytes32 specHash;
        bytes32 inputHash;
        bytes32 workloadId;
        uint16 gpuClass;
        uint8 gpuCount;
        uint8 assurance;
        uint128 maxPrice;
        uint64 acceptBy;
        uint32 runFor;
        uint32 challengeWindow;
        address provider;
    }

    // PHA.
    function approve(address spender, uint256 amount) external returns (bool);
    function balanceOf(address holder) external view returns (uint256);
    function totalSupply() external view returns (uint256);
    function getPastTotalSupply(uint256 timepoint) external view returns (uint256);

    // CollateralRegistry.
    function update(bytes quote, bytes collateral) external returns (bytes32 id);
    function collateralOf(bytes32 id) external view returns (bytes memory collateral);
    event CollateralUpdated(
        bytes32 indexed id,
        bytes6 indexed fmspc,
        bytes32 indexed issuer,
        uint32 evalDataNumber,
        uint64 latestIssue,
        uint64 expiry,
        bytes32 collateralHash
    );
    error NotNewer(bytes32 id);

    // AttestationPolicy.
    function setListed(uint8 list, bytes32 id, bool listed) external;
    function setMeasurement(bytes32 measurementsHash, uint16 gpuClass, uint64 notAfter) external;
    function maxAge() external view returns (uint32);
    function bondPerGpu(uint16 gpuClass) external view returns (uint256);
    error WorkloadRefused(bytes32 workloadId);
    error EvidenceRefused(address precompile, uint256 index);

    // WorkerRegistry, and what it shares with GpuJobSettlement.
    function register(
        address operator,
        address payout,
        uint64 refBlock,
        PlatformEvidence platformEvidence,
        GpuEvidence[] gpus,
        bytes workerSig
    ) external returns (address worker);
    function registrationNonce(
        address worker,
        address operator,
        address payout,
        uint64 refBlock,
        uint256 gpuCount
    ) external view returns (bytes32);
    function owner() external view returns (address);
    function token() external view returns (address);
    function treasury() external view returns (address);
    function exitDelay() external view returns (uint32);
    function credits(address account) external view returns (uint256);
    function withdraw() external returns (uint256 amount);
    error NonceMismatch(bytes32 expected, bytes32 actual);
    error QuoteUsed(bytes32 quoteId);
    error SignatureMismatch(address expected, address actual);
    error DeviceBound(bytes32 deviceId, address worker);
    error NotThisStatus(address worker, uint8 status);

    // GpuJobSettlement.
    function post(Terms terms) external returns (bytes32 jobId);
    function accept(bytes32 jobId, address worker, uint128 price) external;
    function commit(Receipt receipt, bytes signature) external;
    function commitBatch(bytes receipts) external returns (uint256 committed);
    function release(bytes32 jobId) external;
    function dispute(bytes32 jobId, bytes32 reason) external;
    function expire(bytes32 jobId) external;
    function finalize(bytes32 jobId) external;
    function resolve(bytes32 jobId, uint128 amount) external;
    function reportEquivocation(Receipt a, bytes signatureA, Receipt b, bytes signatureB) external;
    function jobIdOf(address client, uint256 clientNonce, bytes32 specHash) external view returns (bytes32);
    function arbiter() external view returns (address);
    function feeBps() external view returns (uint16);
    function missedBps() external view returns (uint16);
    function priceCap() external view returns (uint96);
    error NotThisState(bytes32 jobId, uint8 state);
    error DeadlineAhead(bytes32 jobId, uint64 deadline);
    error ReceiptNotGood(bytes32 jobId, uint8 reason);
    error NotArbiter(address caller);
    event ReceiptRefused(
        bytes32 indexed jobId,
        address indexed signer,
        uint256 index,
        bytes32 digest,
        uint8 reason
    );
}
