// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Blake2b} from "./Blake2b.sol";
import {PhaAddresses} from "./PhaAddresses.sol";

/// Signatures of parachain accounts, encoded as SCALE encodes a `MultiSignature`, which is what wallets return:
///
///   0x00 || signature 64                  ed25519
///   0x01 || signature 64                  sr25519
///   0x02 || r 32 || s 32 || v 1 || key 64    ecdsa, followed by the uncompressed key, x || y
library ParachainSignature {
    uint8 private constant ED25519 = 0;
    uint8 private constant SR25519 = 1;
    uint8 private constant ECDSA = 2;

    uint256 private constant CURVE25519_LEN = 1 + 64;
    uint256 private constant ECDSA_LEN = 1 + 65 + 64;

    /// Whether `account` signed `payload`. Malformed signatures are wrong ones.
    function isValid(bytes calldata signature, bytes32 account, bytes memory payload) internal view returns (bool) {
        if (signature.length == CURVE25519_LEN) {
            uint8 scheme = uint8(signature[0]);
            return (scheme == ED25519 || scheme == SR25519) && isSubstrate(signature, account, payload);
        }
        return signature.length == ECDSA_LEN && uint8(signature[0]) == ECDSA && isEcdsa(signature, account, payload);
    }

    /// The precompile takes scheme, key, signature, payload, and answers a word.
    function isSubstrate(bytes calldata signature, bytes32 account, bytes memory payload) private view returns (bool) {
        (bool success, bytes memory answer) =
            PhaAddresses.SUBSTRATE_VERIFY.staticcall(bytes.concat(signature[0], account, signature[1:], payload));
        return success && answer.length == 32 && uint256(bytes32(answer)) == 1;
    }

    /// An account of this kind is the hash of its compressed key. A high `s` is as good as a low one: nothing depends
    /// on a signature being the only one.
    function isEcdsa(bytes calldata signature, bytes32 account, bytes memory payload) private view returns (bool) {
        bytes32 r = bytes32(signature[1:33]);
        bytes32 s = bytes32(signature[33:65]);
        uint8 v = uint8(signature[65]);
        bytes calldata key = signature[66:];
        address signer = ecrecover(Blake2b.hash256(payload), v < 27 ? v + 27 : v, r, s);
        if (signer == address(0) || signer != address(uint160(uint256(keccak256(key))))) return false;
        bytes1 parity = uint8(key[63]) % 2 == 0 ? bytes1(0x02) : bytes1(0x03);
        return Blake2b.hash256(bytes.concat(parity, key[:32])) == account;
    }
}
