// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// Stand-ins for what forge's EVM lacks. crates/precompiles is what they stand in for; the real ones are
/// driven with these contracts by the tests of the node.

/// Evidence is genuine if a test said so for exactly this input. Halts on what is no frame.
abstract contract RecordedAnswers {
    mapping(bytes32 input => bytes) private answers;

    function record(bytes calldata input, bytes calldata claims) external {
        requireFrame(input);
        answers[keccak256(input)] = abi.encode(uint256(0), claims);
    }

    fallback(bytes calldata input) external returns (bytes memory) {
        requireFrame(input);
        bytes memory answer = answers[keccak256(input)];
        return answer.length == 0 ? abi.encode(uint256(1), bytes("")) : answer;
    }

    function requireFrame(bytes calldata input) internal pure virtual;

    /// As a precompile does: all gas is gone, nothing is returned.
    function frame(bool holds) internal pure {
        if (!holds) {
            assembly {
                invalid()
            }
        }
    }

    function number(bytes calldata input, uint256 at, uint256 length) internal pure returns (uint256 value) {
        frame(at + length <= input.length);
        for (uint256 i; i < length; ++i) {
            value = value << 8 | uint8(input[at + i]);
        }
    }
}

/// crates/precompiles/src/tdx/input.rs
contract FakeTdxVerify is RecordedAnswers {
    function requireFrame(bytes calldata input) internal pure override {
        frame(number(input, 0, 4) == 0x01000000);
        uint256 at = 16 + number(input, 12, 4);
        uint256 length = 152;
        for (uint256 i; i < 6; ++i) {
            length += number(input, at + 4 * i, 4);
        }
        frame(input.length == at + length);
    }
}

/// crates/precompiles/src/gpu/input.rs
contract FakeGpuVerify is RecordedAnswers {
    function requireFrame(bytes calldata input) internal pure override {
        frame(number(input, 0, 1) == 1);
        (uint256 anchor, uint256 count, uint256 reports) =
            (number(input, 1, 1), number(input, 2, 1), number(input, 3, 1));
        frame(anchor == 0 ? count == 4 : anchor == 1 && count <= 3);
        frame(reports <= 1 && count + reports > 0);
        if (reports == 0) frame(number(input, 4, 32) == 0);
        bytes32 key = keccak256(input[36:133]);
        frame(anchor == 0 ? key == keccak256(new bytes(97)) : number(input, 36, 1) == 4);
        uint256 at = 133;
        for (uint256 i; i < count + reports; ++i) {
            uint256 length = number(input, at, 2);
            frame(length <= (i < count ? 2_048 : 8_192));
            at += 2 + length;
        }
        frame(at == input.length);
    }
}

/// crates/precompiles/src/settle, rule by rule.
contract FakeGpuSettle {
    struct Settled {
        bytes32 jobId;
        bytes32 digest;
        address worker;
        uint256 amount;
        uint64 gpuSeconds;
        uint8 verdict;
    }

    bytes32 private constant TYPEHASH = keccak256(
        "Receipt(bytes32 jobId,bytes32 specHash,bytes32 inputHash,bytes32 resultHash,bytes32 deliveryHash,uint64 startedAt,uint64 finishedAt,uint64 gpuSeconds,uint256 amount,uint64 epoch)"
    );
    uint256 private constant S_MAX = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    /// Of the table of jobs seen: a power of two well above 256.
    uint256 private constant SEEN = 1_024;

    fallback(bytes calldata input) external returns (bytes memory) {
        uint256 count = input.length < 4 ? 0 : uint16(bytes2(input[2:4]));
        bool isFrame = count >= 1 && count <= 256 && bytes2(input[:2]) == 0x0100 && input.length == 36 + 385 * count;
        if (!isFrame) {
            assembly {
                invalid()
            }
        }
        bytes32 domain = bytes32(input[4:36]);
        Settled[] memory settled = new Settled[](count);
        bytes32[] memory seen = new bytes32[](SEEN);
        for (uint256 i; i < count; ++i) {
            settled[i] = judge(domain, input[36 + 385 * i:36 + 385 * (i + 1)]);
            if (settled[i].verdict == 0 && !insert(seen, settled[i].jobId)) settled[i].verdict = 3;
        }
        return abi.encode(uint256(0), settled);
    }

    function judge(bytes32 domain, bytes calldata receipt) private pure returns (Settled memory settled) {
        settled.jobId = bytes32(receipt[:32]);
        settled.amount = word(receipt, 8);
        bytes32 hash = keccak256(abi.encodePacked(TYPEHASH, receipt[:320]));
        settled.digest = keccak256(abi.encodePacked(hex"1901", domain, hash));
        uint256 s = word(receipt, 11);
        uint8 v = uint8(receipt[384]);
        if (s <= S_MAX && (v == 27 || v == 28)) {
            settled.worker = ecrecover(settled.digest, v, bytes32(word(receipt, 10)), bytes32(s));
        }
        uint256 limit = type(uint64).max;
        if (word(receipt, 7) <= limit) settled.gpuSeconds = uint64(word(receipt, 7));
        bool inRange = word(receipt, 5) <= word(receipt, 6) && word(receipt, 6) <= limit && word(receipt, 7) <= limit
            && word(receipt, 9) <= limit;
        settled.verdict = settled.worker == address(0) ? 1 : inRange ? 0 : 2;
    }

    /// Zero marks an empty place: no job has that id.
    function insert(bytes32[] memory seen, bytes32 id) private pure returns (bool) {
        uint256 at = uint256(id) % SEEN;
        while (seen[at] != 0) {
            if (seen[at] == id) return false;
            at = (at + 1) % SEEN;
        }
        seen[at] = id;
        return true;
    }

    function word(bytes calldata receipt, uint256 index) private pure returns (uint256) {
        return uint256(bytes32(receipt[32 * index:32 * (index + 1)]));
    }
}
