// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {LibString} from "solady/src/utils/LibString.sol";

/// The sentence a holder signs. It is built from what a claim does and never taken from a caller.
library ClaimMessage {
    /// One line of printable ASCII. Numbers are decimal, hex is lower case.
    function text(uint32 snapshot, bytes32 from, address to, uint256 fee, uint64 until)
        internal
        view
        returns (bytes memory)
    {
        bytes memory where = bytes.concat(
            "Phala L2 claim; chain ",
            bytes(LibString.toString(block.chainid)),
            "; contract 0x",
            hexOf(bytes20(address(this)), 40),
            "; snapshot ",
            bytes(LibString.toString(uint256(snapshot)))
        );
        return bytes.concat(
            where,
            "; from 0x",
            hexOf(from, 64),
            "; to 0x",
            hexOf(bytes20(to), 40),
            "; fee ",
            bytes(LibString.toString(fee)),
            "; until ",
            bytes(LibString.toString(uint256(until)))
        );
    }

    /// What is signed: browser wallets wrap the text, so that it can never be a transaction.
    function payload(bytes memory text_, bool wrapped) internal pure returns (bytes memory) {
        return wrapped ? bytes.concat("<Bytes>", text_, "</Bytes>") : text_;
    }

    /// The first digits of a word, in lower case.
    function hexOf(bytes32 value, uint256 digits) private pure returns (bytes memory text_) {
        text_ = bytes.concat(hexOfHalf(uint256(value) >> 128), hexOfHalf(uint128(uint256(value))));
        assembly ("memory-safe") {
            mstore(text_, digits)
        }
    }

    /// 32 digits for 128 bits, all at once: a loop over digits would be most of what a claim's text costs.
    function hexOfHalf(uint256 x) private pure returns (bytes32) {
        // One nibble in each byte.
        x = (x | x << 64) & 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
        x = (x | x << 32) & 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
        x = (x | x << 16) & 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
        x = (x | x << 8) & 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
        x = (x | x << 4) & 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f;
        unchecked {
            // 1 in each byte above 9: letters are 39 further on.
            uint256 letters = (x + 0x0606060606060606060606060606060606060606060606060606060606060606) >> 4
                & 0x0101010101010101010101010101010101010101010101010101010101010101;
            return bytes32(x + 0x3030303030303030303030303030303030303030303030303030303030303030 + letters * 39);
        }
    }
}
