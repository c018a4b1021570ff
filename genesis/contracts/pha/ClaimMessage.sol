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
            "; contract ",
            bytes(LibString.toHexString(address(this))),
            "; snapshot ",
            bytes(LibString.toString(uint256(snapshot)))
        );
        return bytes.concat(
            where,
            "; from ",
            bytes(LibString.toHexString(uint256(from), 32)),
            "; to ",
            bytes(LibString.toHexString(to)),
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
}
