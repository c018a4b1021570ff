// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// What the address map of this chain fixes for attestation and settlement.
library AttestationAddresses {
    // Precompiles of the fork `attestation`. They have no code: see Attestation.sol for how to call them.
    address internal constant TDX_VERIFY = 0x5048410000000000000000000000000000000001;
    address internal constant GPU_VERIFY = 0x5048410000000000000000000000000000000002;
    address internal constant GPU_SETTLE = 0x5048410000000000000000000000000000000003;

    // Predeploys.
    address internal constant COLLATERAL_REGISTRY = 0x5048410000000000000000000000000000002000;
    address internal constant ATTESTATION_POLICY = 0x5048410000000000000000000000000000002001;
    address internal constant WORKER_REGISTRY = 0x5048410000000000000000000000000000002002;
    address internal constant GPU_JOB_SETTLEMENT = 0x5048410000000000000000000000000000002003;
}
