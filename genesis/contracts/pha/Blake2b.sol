// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// BLAKE2b with a digest of 32 bytes and no key (RFC 7693), which the parachain derives accounts with.
library Blake2b {
    /// The initial state, h0 to h7, each word little-endian: the IV with the parameter block of this digest in h0.
    uint256 private constant H0_H3 = 0x28c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5;
    uint256 private constant H4_H7 = 0xd182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b;

    /// Data is shorter than 2^32 bytes: longer ones do not fit the gas of any block.
    function hash256(bytes memory data) internal view returns (bytes32 digest) {
        assembly ("memory-safe") {
            // Input of the precompile (EIP-152): rounds 4 | h 64 | m 128 | t 16 | f 1.
            let input := mload(0x40)
            let m := add(input, 68)
            mstore(input, shl(224, 12))
            mstore(add(input, 4), H0_H3)
            mstore(add(input, 36), H4_H7)
            let length := mload(data)
            let hashed := 0
            for { let last := 0 } iszero(last) {} {
                let taken := sub(length, hashed)
                last := lt(taken, 129)
                if gt(taken, 128) { taken := 128 }
                mstore(m, 0)
                mstore(add(m, 32), 0)
                mstore(add(m, 64), 0)
                mstore(add(m, 96), 0)
                mcopy(m, add(add(data, 32), hashed), taken)
                hashed := add(hashed, taken)
                // The count of bytes, little-endian, and whether this is the last block.
                mstore(add(input, 196), 0)
                mstore8(add(input, 196), hashed)
                mstore8(add(input, 197), shr(8, hashed))
                mstore8(add(input, 198), shr(16, hashed))
                mstore8(add(input, 199), shr(24, hashed))
                mstore8(add(input, 212), last)
                // Writes the state over the old one. It fails for want of gas only.
                if iszero(staticcall(gas(), 9, input, 213, add(input, 4), 64)) { revert(0, 0) }
            }
            digest := mload(add(input, 4))
        }
    }
}
