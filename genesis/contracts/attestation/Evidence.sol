// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// What workers show, and what it proves.
library Evidence {
    /// A TDX quote and what to judge it by: `collateral`, or if that is empty the one stored under `collateralId`.
    struct PlatformEvidence {
        bytes quote;
        bytes32 collateralId;
        bytes collateral;
    }

    /// A GPU that is not known yet. `certificates` are DER, leaf first, without the last anchor: four of
    /// them with an empty `anchorKey` (NVIDIA's root), or two with the key of an issuer on the policy's list.
    struct GpuEvidence {
        bytes anchorKey;
        bytes[] certificates;
        bytes report;
    }

    /// A GPU of a worker, as `GpuBound` told when it was registered; only its report is new.
    struct KnownGpu {
        bytes32 deviceId;
        bytes20 leafSerial;
        bytes32 issuerKeyHash;
        /// SEC1, 97 bytes.
        bytes leafKey;
        bytes report;
    }

    struct Platform {
        address worker;
        bytes32 nonce;
        bytes32 workloadId;
        bytes32 ppidHash;
        bytes32 quoteId;
        uint64 collateralExpiry;
    }

    struct GpuIdentity {
        bytes32 deviceId;
        bytes20 leafSerial;
        bytes32 issuerKeyHash;
        bytes32 leafKeyHash;
    }

    /// A set of GPUs of one class; `notAfter` is the first end of any of their measurements.
    struct GpuSet {
        uint16 gpuClass;
        uint64 notAfter;
        bytes32 gpuSetHash;
    }

    /// What `gpuSetHash` is: one hash over the last for each GPU, from zero on.
    function extendGpuSet(bytes32 hash, GpuIdentity memory gpu) internal pure returns (bytes32) {
        return keccak256(abi.encode(hash, gpu.deviceId, gpu.leafSerial, gpu.issuerKeyHash, gpu.leafKeyHash));
    }
}
