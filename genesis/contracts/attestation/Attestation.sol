// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {AttestationAddresses} from "./AttestationAddresses.sol";

/// How contracts call the precompiles that verify evidence. They have no code, so a call through an
/// interface would revert before it is made; these functions frame the input, call, and decode.
///
/// A refusal is an answer of the verifier: this evidence proves nothing. A failed call is not: it was out
/// of gas, the input was no frame, or the chain has no such precompile. Never take the second for the first,
/// and neither for proof that anybody did wrong.
library Attestation {
    enum Answer {
        Failed,
        Refused,
        Accepted
    }

    /// What a genuine TDX quote says (payload of `TDX_VERIFY`).
    struct TdxClaims {
        /// 0 UpToDate, 1 SWHardening, 2 ConfigurationAndSWHardening, 3 Configuration, 4 OutOfDate,
        /// 5 OutOfDateConfiguration, 8 TDRelaunchAdvised, 9 TDRelaunchAdvisedConfiguration.
        uint8 tcbStatus;
        uint8 platformTcbStatus;
        uint8 qeTcbStatus;
        uint16 quoteVersion;
        /// 2 TD 1.0, 3 TD 1.5, 4 TD 1.5ex.
        uint16 bodyType;
        uint32 tcbEvalDataNumber;
        /// Unix seconds, as the next two.
        uint64 tcbDate;
        uint64 collateralLatestIssue;
        uint64 collateralExpiry;
        bytes6 fmspc;
        bytes32 ppidHash;
        /// keccak256 of the signed bytes: the only safe nullifier, because quotes are malleable.
        bytes32 quoteId;
        /// 584, 648 or 885 bytes.
        bytes tdReport;
        /// Joined by commas.
        string advisories;
    }

    /// What genuine GPU evidence says (payload of `GPU_VERIFY`).
    struct GpuClaims {
        /// SEC1, 97 bytes: the key that signs reports.
        bytes leafKey;
        /// Changes with the firmware.
        bytes20 leafSerial;
        /// The same under every firmware; zero with fewer than two certificates.
        bytes32 deviceId;
        bytes32 issuerKeyHash;
        /// 1 GH100, 2 GB100, 0 anything else, switches too.
        uint8 arch;
        bytes32 measurementsHash;
        bytes32 driverVersion;
        bytes8 vbiosVersion;
        bytes32 sku;
        uint8 nvdec0;
        uint8 ppcie;
        uint16 opaqueVersion;
        uint16 featureFlag;
        bytes32 switchPdisHash;
    }

    /// What a worker signs for a job it ran.
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

    /// What `GPU_SETTLE` says of one receipt.
    struct Settled {
        bytes32 jobId;
        bytes32 digest;
        /// Who signed; zero if nobody did.
        address worker;
        uint256 amount;
        uint64 gpuSeconds;
        /// 0 good, 1 bad signature, 2 out of range, 3 a good receipt for the job came earlier in the batch.
        uint8 verdict;
    }

    /// A part of evidence is longer than its length field can say.
    error FieldTooLong(uint256 length);
    /// Neither empty (NVIDIA's root) nor a SEC1 key of 97 bytes.
    error AnchorKeyLength(uint256 length);
    /// A signed receipt is 385 bytes, a batch 1 to 256 of them.
    error BatchLength(uint256 length);

    uint8 internal constant VERSION = 1;
    uint256 internal constant KEY_LENGTH = 97;
    /// Ten words, r, s, v.
    uint256 internal constant SIGNED_RECEIPT_LENGTH = 385;
    uint256 internal constant RECEIPTS_MAX = 256;
    /// Version, zero, count, domain separator.
    uint256 internal constant SETTLE_HEADER_LENGTH = 36;

    bytes32 internal constant RECEIPT_TYPEHASH = keccak256(
        "Receipt(bytes32 jobId,bytes32 specHash,bytes32 inputHash,bytes32 resultHash,bytes32 deliveryHash,uint64 startedAt,uint64 finishedAt,uint64 gpuSeconds,uint256 amount,uint64 epoch)"
    );

    /// Status, offset, length: the shortest answer there is.
    uint256 private constant ANSWER_LENGTH_MIN = 96;

    /// Judges a quote by this collateral at the time of this block.
    function verifyTdx(bytes memory quote, bytes memory collateral)
        internal
        view
        returns (Answer answer, TdxClaims memory claims)
    {
        bytes memory payload;
        (answer, payload) = ask(AttestationAddresses.TDX_VERIFY, tdxInput(uint64(block.timestamp), quote, collateral));
        if (answer == Answer.Accepted) claims = abi.decode(payload, (TdxClaims));
    }

    /// Judges GPU evidence: `certificates` leaf first, up to but without the anchor; an empty `anchorKey` is
    /// NVIDIA's root and takes four of them, a key takes none to three. An empty report means that only the
    /// chain is checked; then the nonce is zero.
    function verifyGpu(bytes memory anchorKey, bytes[] memory certificates, bytes32 nonce, bytes memory report)
        internal
        view
        returns (Answer answer, GpuClaims memory claims)
    {
        bytes memory payload;
        (answer, payload) = ask(AttestationAddresses.GPU_VERIFY, gpuInput(anchorKey, certificates, nonce, report));
        if (answer == Answer.Accepted) claims = abi.decode(payload, (GpuClaims));
    }

    /// Judges a batch framed by `settleInput`; verdicts are per receipt, in order. Never `Refused`.
    function verifyReceipts(bytes memory frame) internal view returns (Answer answer, Settled[] memory settled) {
        (bool success, bytes memory output) = AttestationAddresses.GPU_SETTLE.staticcall(frame);
        if (!success || output.length < ANSWER_LENGTH_MIN) return (Answer.Failed, settled);
        uint256 status;
        (status, settled) = abi.decode(output, (uint256, Settled[]));
        answer = status == 0 ? Answer.Accepted : Answer.Failed;
    }

    /// The frame of `TDX_VERIFY`.
    function tdxInput(uint64 time, bytes memory quote, bytes memory collateral) internal pure returns (bytes memory) {
        if (quote.length > type(uint32).max) revert FieldTooLong(quote.length);
        return abi.encodePacked(VERSION, bytes3(0), time, uint32(quote.length), quote, collateral);
    }

    /// The frame of `GPU_VERIFY`.
    function gpuInput(bytes memory anchorKey, bytes[] memory certificates, bytes32 nonce, bytes memory report)
        internal
        pure
        returns (bytes memory frame)
    {
        bool atRoot = anchorKey.length == 0;
        if (!atRoot && anchorKey.length != KEY_LENGTH) revert AnchorKeyLength(anchorKey.length);
        if (certificates.length > type(uint8).max) revert FieldTooLong(certificates.length);
        frame = abi.encodePacked(
            VERSION,
            uint8(atRoot ? 0 : 1),
            uint8(certificates.length),
            uint8(report.length == 0 ? 0 : 1),
            nonce,
            atRoot ? new bytes(KEY_LENGTH) : anchorKey
        );
        for (uint256 i; i < certificates.length; ++i) {
            frame = abi.encodePacked(frame, sized(certificates[i]));
        }
        if (report.length != 0) frame = abi.encodePacked(frame, sized(report));
    }

    /// The frame of `GPU_SETTLE` around signed receipts of 385 bytes, one after the other.
    function settleInput(bytes32 domainSeparator, bytes memory receipts) internal pure returns (bytes memory) {
        uint256 count = receipts.length / SIGNED_RECEIPT_LENGTH;
        if (count * SIGNED_RECEIPT_LENGTH != receipts.length || count == 0 || count > RECEIPTS_MAX) {
            revert BatchLength(receipts.length);
        }
        return abi.encodePacked(VERSION, uint8(0), uint16(count), domainSeparator, receipts);
    }

    /// A receipt as `GPU_SETTLE` and `commitBatch` take it. `signature` is r, s, v.
    function signedReceipt(Receipt memory receipt, bytes memory signature) internal pure returns (bytes memory) {
        if (signature.length != 65) revert BatchLength(320 + signature.length);
        return abi.encodePacked(abi.encode(receipt), signature);
    }

    /// The EIP-712 digest of a receipt.
    function receiptDigest(bytes32 domainSeparator, Receipt memory receipt) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domainSeparator, keccak256(abi.encode(RECEIPT_TYPEHASH, receipt))));
    }

    /// What the guest had the platform sign: 64 bytes, in two halves.
    function reportData(bytes memory tdReport) internal pure returns (bytes32 first, bytes32 second) {
        return (word(tdReport, 520), word(tdReport, 552));
    }

    /// Which program runs in the guest: keccak256 of MRTD, RTMR0 to RTMR2, MRCONFIGID, XFAM and TDATTRIBUTES.
    function workloadId(bytes memory tdReport) internal pure returns (bytes32) {
        // RTMR0 to RTMR2 lie side by side.
        return keccak256(
            abi.encodePacked(
                part(tdReport, 136, 48),
                part(tdReport, 328, 144),
                part(tdReport, 184, 48),
                part(tdReport, 128, 8),
                part(tdReport, 120, 8)
            )
        );
    }

    function ask(address precompile, bytes memory input) private view returns (Answer, bytes memory payload) {
        (bool success, bytes memory output) = precompile.staticcall(input);
        // Where there is no precompile, a call succeeds and says nothing.
        if (!success || output.length < ANSWER_LENGTH_MIN) return (Answer.Failed, payload);
        uint256 status;
        (status, payload) = abi.decode(output, (uint256, bytes));
        if (status > 1) return (Answer.Failed, payload);
        return (status == 0 ? Answer.Accepted : Answer.Refused, payload);
    }

    function sized(bytes memory field) private pure returns (bytes memory) {
        if (field.length > type(uint16).max) revert FieldTooLong(field.length);
        return abi.encodePacked(uint16(field.length), field);
    }

    /// The caller knows that the report is long enough: the precompile returns no shorter one.
    function word(bytes memory data, uint256 at) private pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 32), at))
        }
    }

    function part(bytes memory data, uint256 at, uint256 length) private pure returns (bytes memory value) {
        value = new bytes(length);
        assembly ("memory-safe") {
            mcopy(add(value, 32), add(add(data, 32), at), length)
        }
    }
}
