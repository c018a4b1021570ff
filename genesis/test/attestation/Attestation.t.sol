// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Attestation} from "../../contracts/attestation/Attestation.sol";
import {AttestationAddresses} from "../../contracts/attestation/AttestationAddresses.sol";
import {Test} from "../Test.sol";

/// What a contract does that uses the library.
contract Caller {
    function verifyTdx(bytes memory quote, bytes memory collateral)
        external
        view
        returns (Attestation.Answer, Attestation.TdxClaims memory)
    {
        return Attestation.verifyTdx(quote, collateral);
    }

    function verifyGpu(bytes memory key, bytes[] memory certificates, bytes32 nonce, bytes memory report)
        external
        view
        returns (Attestation.Answer, Attestation.GpuClaims memory)
    {
        return Attestation.verifyGpu(key, certificates, nonce, report);
    }

    function verifyReceipts(bytes memory frame)
        external
        view
        returns (Attestation.Answer, Attestation.Settled[] memory)
    {
        return Attestation.verifyReceipts(frame);
    }

    function gpuInput(bytes memory key, bytes[] memory certificates, bytes32 nonce, bytes memory report)
        external
        pure
        returns (bytes memory)
    {
        return Attestation.gpuInput(key, certificates, nonce, report);
    }

    function settleInput(bytes32 domain, bytes memory receipts) external pure returns (bytes memory) {
        return Attestation.settleInput(domain, receipts);
    }

    function signedReceipt(Attestation.Receipt memory receipt, bytes memory signature)
        external
        pure
        returns (bytes memory)
    {
        return Attestation.signedReceipt(receipt, signature);
    }
}

/// Answers any call with the same bytes.
contract Answers {
    bytes private answer;

    function set(bytes calldata answer_) external {
        answer = answer_;
    }

    fallback(bytes calldata) external returns (bytes memory) {
        return answer;
    }
}

/// Frames to the byte, and what the answers of the precompiles mean.
contract AttestationTest is Test {
    Caller private caller = new Caller();

    function test_FramesAQuote() public pure {
        bytes memory frame = Attestation.tdxInput(0x0102030405060708, "quote", "collateral");
        vm.assertEq(
            frame, abi.encodePacked(hex"01000000", hex"0102030405060708", hex"00000005", "quote", "collateral"), "frame"
        );
    }

    function test_FramesGpuEvidenceUpToTheRoot() public pure {
        bytes[] memory certificates = new bytes[](4);
        for (uint256 i; i < 4; ++i) {
            certificates[i] = new bytes(i + 1);
        }
        bytes memory frame = Attestation.gpuInput("", certificates, "nonce", "report");
        bytes memory expected = abi.encodePacked(
            hex"01000401", bytes32("nonce"), new bytes(97), hex"000100", hex"00020000", hex"0003000000"
        );
        vm.assertEq(frame, abi.encodePacked(expected, hex"000400000000", hex"0006", "report"), "frame");
    }

    function test_FramesGpuEvidenceUpToAKey() public pure {
        bytes memory key = bytes.concat(hex"04", new bytes(96));
        bytes memory frame = Attestation.gpuInput(key, new bytes[](0), "nonce", "report");
        vm.assertEq(frame, abi.encodePacked(hex"01010001", bytes32("nonce"), key, hex"0006", "report"), "report alone");
        bytes[] memory certificates = new bytes[](1);
        certificates[0] = "leaf";
        frame = Attestation.gpuInput(key, certificates, 0, "");
        vm.assertEq(frame, abi.encodePacked(hex"01010100", bytes32(0), key, hex"0004", "leaf"), "chain alone");
    }

    function test_RefusesWhatNoFrameCanSay() public {
        bytes[] memory certificates = new bytes[](1);
        certificates[0] = new bytes(65_536);
        vm.expectRevert(abi.encodeWithSelector(Attestation.FieldTooLong.selector, 65_536));
        caller.gpuInput("", certificates, 0, "");
        certificates[0] = new bytes(65_535);
        caller.gpuInput("", certificates, 0, "");
        vm.expectRevert(abi.encodeWithSelector(Attestation.FieldTooLong.selector, 65_536));
        caller.gpuInput("", certificates, 0, new bytes(65_536));
        vm.expectRevert(abi.encodeWithSelector(Attestation.FieldTooLong.selector, 256));
        caller.gpuInput("", new bytes[](256), 0, "");
        vm.expectRevert(abi.encodeWithSelector(Attestation.AnchorKeyLength.selector, 96));
        caller.gpuInput(new bytes(96), certificates, 0, "");
        vm.expectRevert(abi.encodeWithSelector(Attestation.AnchorKeyLength.selector, 98));
        caller.gpuInput(new bytes(98), certificates, 0, "");
    }

    function test_FramesReceipts() public {
        bytes memory receipts = new bytes(2 * 385);
        receipts[0] = 0x77;
        vm.assertEq(
            Attestation.settleInput("domain", receipts),
            abi.encodePacked(hex"01000002", bytes32("domain"), receipts),
            "two"
        );
        vm.assertEq(
            caller.settleInput("domain", new bytes(256 * 385)).length, 36 + 256 * 385, "as many as there may be"
        );
        uint256[5] memory lengths = [uint256(0), 384, 386, 257 * 385, 1];
        for (uint256 i; i < lengths.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Attestation.BatchLength.selector, lengths[i]));
            caller.settleInput("domain", new bytes(lengths[i]));
        }
    }

    function test_PacksAReceiptInto385Bytes() public {
        Attestation.Receipt memory receipt = Attestation.Receipt("a", "b", "c", "d", "e", 1, 2, 3, 4, 5);
        bytes memory signature = abi.encodePacked(bytes32("r"), bytes32("s"), uint8(27));
        bytes memory packed = Attestation.signedReceipt(receipt, signature);
        vm.assertEq(packed.length, 385, "length");
        bytes memory words = abi.encodePacked(
            bytes32("a"), bytes32("b"), bytes32("c"), bytes32("d"), bytes32("e"), uint256(1), uint256(2), uint256(3)
        );
        vm.assertEq(packed, abi.encodePacked(words, uint256(4), uint256(5), signature), "words");
        vm.expectRevert(abi.encodeWithSelector(Attestation.BatchLength.selector, 320 + 66));
        caller.signedReceipt(receipt, new bytes(66));
    }

    /// EIP-712 by hand, as the precompile does it over the raw words.
    function test_TheDigestOfAReceiptIsThatOfEip712() public pure {
        Attestation.Receipt memory receipt = Attestation.Receipt(
            bytes32(uint256(1)),
            bytes32(uint256(2)),
            bytes32(uint256(3)),
            bytes32(uint256(4)),
            bytes32(uint256(5)),
            6,
            7,
            8,
            9,
            10
        );
        bytes32 typehash = keccak256(
            "Receipt(bytes32 jobId,bytes32 specHash,bytes32 inputHash,bytes32 resultHash,bytes32 deliveryHash,uint64 startedAt,uint64 finishedAt,uint64 gpuSeconds,uint256 amount,uint64 epoch)"
        );
        bytes32 structHash = keccak256(
            abi.encodePacked(
                typehash,
                abi.encodePacked(uint256(1), uint256(2), uint256(3), uint256(4), uint256(5)),
                abi.encodePacked(uint256(6), uint256(7), uint256(8), uint256(9), uint256(10))
            )
        );
        vm.assertEq(
            Attestation.receiptDigest("domain", receipt),
            keccak256(abi.encodePacked(hex"1901", bytes32("domain"), structHash)),
            "digest"
        );
    }

    function test_ReadsWhatTheGuestHadSigned() public pure {
        bytes memory report = new bytes(584);
        for (uint256 i; i < 584; ++i) {
            report[i] = bytes1(uint8(i * 7));
        }
        (bytes32 first, bytes32 second) = Attestation.reportData(report);
        for (uint256 i; i < 32; ++i) {
            vm.assertTrue(first[i] == report[520 + i] && second[i] == report[552 + i], "report data");
        }
        bytes memory measured;
        uint16[7] memory offsets = [136, 328, 376, 424, 184, 128, 120];
        uint8[7] memory lengths = [48, 48, 48, 48, 48, 8, 8];
        for (uint256 i; i < 7; ++i) {
            for (uint256 j; j < lengths[i]; ++j) {
                measured = abi.encodePacked(measured, report[offsets[i] + j]);
            }
        }
        vm.assertEq(Attestation.workloadId(report), keccak256(measured), "workload");
    }

    // Answers.

    function answer(address precompile, bytes memory output) private {
        vm.etch(precompile, address(new Answers()).code);
        Answers(precompile).set(output);
    }

    function assertTdx(Attestation.Answer expected) private view returns (Attestation.TdxClaims memory claims) {
        Attestation.Answer told;
        (told, claims) = caller.verifyTdx("quote", "collateral");
        vm.assertEq(uint256(told), uint256(expected), "answer");
    }

    function assertGpu(Attestation.Answer expected) private view returns (Attestation.GpuClaims memory claims) {
        Attestation.Answer told;
        (told, claims) = caller.verifyGpu("", new bytes[](4), "nonce", "report");
        vm.assertEq(uint256(told), uint256(expected), "answer");
    }

    function assertReceipts(Attestation.Answer expected) private view returns (Attestation.Settled[] memory settled) {
        Attestation.Answer told;
        (told, settled) = caller.verifyReceipts("frame");
        vm.assertEq(uint256(told), uint256(expected), "answer");
    }

    function test_NoPrecompileIsAFailedCall() public view {
        assertTdx(Attestation.Answer.Failed);
        assertGpu(Attestation.Answer.Failed);
        assertReceipts(Attestation.Answer.Failed);
    }

    function test_AHaltIsAFailedCall() public {
        vm.etch(AttestationAddresses.TDX_VERIFY, hex"fe");
        vm.etch(AttestationAddresses.GPU_VERIFY, hex"fe");
        vm.etch(AttestationAddresses.GPU_SETTLE, hex"fe");
        (Attestation.Answer told,) = caller.verifyTdx{gas: 1_000_000}("quote", "collateral");
        vm.assertEq(uint256(told), uint256(Attestation.Answer.Failed), "tdx");
        (told,) = caller.verifyGpu{gas: 1_000_000}("", new bytes[](4), "nonce", "report");
        vm.assertEq(uint256(told), uint256(Attestation.Answer.Failed), "gpu");
        (told,) = caller.verifyReceipts{gas: 1_000_000}("frame");
        vm.assertEq(uint256(told), uint256(Attestation.Answer.Failed), "receipts");
    }

    function test_ARefusalIsAnAnswer() public {
        // The three words of crates/precompiles/src/verdict.rs.
        bytes memory refusal = abi.encodePacked(uint256(1), uint256(64), uint256(0));
        answer(AttestationAddresses.TDX_VERIFY, refusal);
        answer(AttestationAddresses.GPU_VERIFY, refusal);
        assertTdx(Attestation.Answer.Refused);
        assertGpu(Attestation.Answer.Refused);
    }

    function test_AnythingElseIsAFailedCall() public {
        bytes memory unknown = abi.encodePacked(uint256(2), uint256(64), uint256(0));
        answer(AttestationAddresses.TDX_VERIFY, unknown);
        answer(AttestationAddresses.GPU_VERIFY, unknown);
        answer(AttestationAddresses.GPU_SETTLE, unknown);
        assertTdx(Attestation.Answer.Failed);
        assertGpu(Attestation.Answer.Failed);
        assertReceipts(Attestation.Answer.Failed);
        bytes memory short = new bytes(95);
        answer(AttestationAddresses.TDX_VERIFY, short);
        answer(AttestationAddresses.GPU_VERIFY, short);
        answer(AttestationAddresses.GPU_SETTLE, short);
        assertTdx(Attestation.Answer.Failed);
        assertGpu(Attestation.Answer.Failed);
        assertReceipts(Attestation.Answer.Failed);
    }

    function test_AnAcceptanceCarriesClaims() public {
        Attestation.TdxClaims memory tdx;
        (tdx.tcbStatus, tdx.fmspc, tdx.quoteId, tdx.tdReport) = (4, 0xb0c06f000000, "id", "report");
        tdx.advisories = "INTEL-SA-01192";
        answer(AttestationAddresses.TDX_VERIFY, abi.encode(uint256(0), abi.encode(tdx)));
        vm.assertEq(abi.encode(assertTdx(Attestation.Answer.Accepted)), abi.encode(tdx), "tdx claims");

        Attestation.GpuClaims memory gpu;
        (gpu.leafKey, gpu.deviceId, gpu.arch, gpu.sku) = ("key", "device", 1, "G520_0200_885");
        answer(AttestationAddresses.GPU_VERIFY, abi.encode(uint256(0), abi.encode(gpu)));
        vm.assertEq(abi.encode(assertGpu(Attestation.Answer.Accepted)), abi.encode(gpu), "gpu claims");

        Attestation.Settled[] memory settled = new Attestation.Settled[](2);
        settled[1] = Attestation.Settled("job", "digest", account("worker"), 3, 4, 2);
        answer(AttestationAddresses.GPU_SETTLE, abi.encode(uint256(0), settled));
        vm.assertEq(abi.encode(assertReceipts(Attestation.Answer.Accepted)), abi.encode(settled), "settled");
    }

    function test_AsksWithTheTimeOfTheBlock() public {
        vm.warp(0x0102030405);
        // Answers only the exact question.
        vm.etch(AttestationAddresses.TDX_VERIFY, address(new Echo()).code);
        bytes memory question =
            abi.encodePacked(hex"01000000", hex"0000000102030405", hex"00000005", "quote", "collateral");
        Echo(AttestationAddresses.TDX_VERIFY).expectExactly(keccak256(question));
        assertTdx(Attestation.Answer.Refused);
        vm.warp(0x0102030406);
        assertTdx(Attestation.Answer.Failed);
    }
}

/// Refuses one question, and answers no other.
contract Echo {
    bytes32 private question;

    function expectExactly(bytes32 question_) external {
        question = question_;
    }

    fallback(bytes calldata input) external returns (bytes memory) {
        require(keccak256(input) == question, "another question");
        return abi.encode(uint256(1), bytes(""));
    }
}
