// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Claim, Signature} from "../../contracts/pha/Claims.sol";
import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {ClaimFixture} from "./ClaimFixture.sol";

interface VmGas {
    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    function lastCallGas() external view returns (Gas memory);
}

/// What a claim costs its submitter as a transaction of its own, with everything cold.
/// forge-config: default.isolate = true
contract ClaimGasTest is ClaimFixture {
    event log_named_uint(string key, uint256 value);

    bytes32 private constant ALICE = keccak256("alice");

    /// The precompile is not here: its stand-in answers 1 for 19 gas, and its price is added.
    uint256 private constant STAND_IN = 19;
    uint256 private constant BASE = 20_000;
    uint256 private constant PER_WORD = 12;

    /// EIP-7825.
    uint256 private constant TRANSACTION_CAP = 1 << 24;

    function setUp() public {
        // As on a chain of the design's size: more than one chunk, and numbers of full length.
        for (uint256 i; i < 300; ++i) {
            owe(keccak256(abi.encode(i)), 100 ether);
        }
        owe(ALICE, 1_234_567.890123456789 ether);
        begin(true);
        vm.warp(START + 2);
        // Not the first transfer of the chain, which notes that the migration is active.
        vm.store(address(pha), 0, bytes32(uint256(1)));
        vm.etch(PhaAddresses.SUBSTRATE_VERIFY, hex"60015f5260205ff3");
    }

    function price(Claim memory claim) private view returns (uint256) {
        return BASE + PER_WORD * ((payloadOf(claim, ALICE).length + 31) / 32) - STAND_IN;
    }

    /// 64 bytes without a zero.
    function signatures() private pure returns (Signature[] memory list) {
        list = new Signature[](1);
        bytes32 half = bytes32(type(uint256).max);
        list[0].data = abi.encodePacked(uint8(1), half, half);
    }

    function test_ClaimsByAKeyFor250ThousandGas() public {
        Claim memory claim = claimOf(ALICE, account("to"));
        claim.signatures = signatures();
        claims.claim(claim);
        uint256 used = VmGas(address(vm)).lastCallGas().gasTotalUsed + price(claim);
        emit log_named_uint("claim by key", used);
        vm.assertLe(used, 250_000, "claim by key");
    }

    function test_ClaimsThroughARelayerFor300ThousandGas() public {
        Claim memory claim = claimOf(ALICE, account("to"));
        claim.fee = 1 ether;
        claim.signatures = signatures();
        claims.claim(claim);
        uint256 used = VmGas(address(vm)).lastCallGas().gasTotalUsed + price(claim);
        emit log_named_uint("claim by key, with a fee to a new address", used);
        vm.assertLe(used, 300_000, "claim with a fee");
    }

    function test_FiftyClaimsFitATransaction() public {
        Claim[] memory batch = new Claim[](50);
        uint256 verifying;
        for (uint256 i; i < 50; ++i) {
            batch[i] = claimOf(keccak256(abi.encode(i)), account(string(abi.encodePacked("to ", i))));
            batch[i].fee = 1 ether;
            batch[i].signatures = signatures();
            verifying += price(batch[i]);
        }
        claims.claimMany(batch);
        uint256 used = VmGas(address(vm)).lastCallGas().gasTotalUsed + verifying;
        emit log_named_uint("fifty claims by keys", used);
        vm.assertLe(used, TRANSACTION_CAP, "fifty claims");
    }
}
