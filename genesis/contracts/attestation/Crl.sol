// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// The two fields of a DER certificate revocation list (RFC 5280, section 5.1) by which lists are told apart:
/// who issued it and when. For lists that `TDX_VERIFY` accepted, so that the signature is not looked at again.
library Crl {
    error MalformedCrl();

    uint8 private constant SEQUENCE = 0x30;
    uint8 private constant INTEGER = 0x02;
    uint8 private constant UTC_TIME = 0x17;
    uint8 private constant GENERALIZED_TIME = 0x18;

    /// keccak256 of the issuer's name, and thisUpdate as a number that grows with time: its tag and its digits.
    /// (Times to 2049 are written with tag 0x17, later ones with 0x18; within a tag, text sorts by time.)
    function identify(bytes memory der) internal pure returns (bytes32 issuer, uint128 issued) {
        // CertificateList, then TBSCertList: version (if any), signature algorithm, issuer, thisUpdate.
        (uint8 tag, uint256 at,) = header(der, 0);
        expect(tag == SEQUENCE);
        (tag, at,) = header(der, at);
        expect(tag == SEQUENCE);
        uint256 length;
        (tag, at, length) = header(der, at);
        if (tag == INTEGER) (tag, at, length) = header(der, at + length);
        expect(tag == SEQUENCE);
        uint256 nameAt = at + length;
        (tag, at, length) = header(der, nameAt);
        expect(tag == SEQUENCE);
        uint256 timeAt = at + length;
        assembly ("memory-safe") {
            issuer := keccak256(add(add(der, 32), nameAt), sub(timeAt, nameAt))
        }
        (tag, at, length) = header(der, timeAt);
        expect((tag == UTC_TIME && length == 13) || (tag == GENERALIZED_TIME && length == 15));
        issued = uint128(tag) << 120;
        for (uint256 i; i < length; ++i) {
            issued |= uint128(uint8(der[at + i])) << uint128(8 * (14 - i));
        }
    }

    /// Tag, where the contents begin and how long they are, of an element that ends within the data.
    function header(bytes memory der, uint256 at) private pure returns (uint8 tag, uint256 start, uint256 length) {
        expect(at + 2 <= der.length);
        tag = uint8(der[at]);
        length = uint8(der[at + 1]);
        start = at + 2;
        if (length >= 0x80) {
            uint256 bytesOfLength = length & 0x7f;
            expect(bytesOfLength >= 1 && bytesOfLength <= 3 && start + bytesOfLength <= der.length);
            length = 0;
            for (uint256 i; i < bytesOfLength; ++i) {
                length = length << 8 | uint8(der[start + i]);
            }
            start += bytesOfLength;
        }
        expect(start + length <= der.length);
    }

    function expect(bool holds) private pure {
        if (!holds) revert MalformedCrl();
    }
}
