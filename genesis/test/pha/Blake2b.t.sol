// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Blake2b} from "../../contracts/pha/Blake2b.sol";
import {Test} from "../Test.sol";

contract Blake2bTest is Test {
    function test_HashesNothingAndAWord() public view {
        vm.assertEq(Blake2b.hash256(""), 0x0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8);
        vm.assertEq(Blake2b.hash256("abc"), 0xbddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319);
    }

    /// Byte i of the data of length n is 7 i + n; the digests are chained with SHA-256. The last link is from
    /// Python's hashlib.
    function test_HashesEveryLengthUpToFourBlocks() public view {
        bytes32 chain;
        for (uint256 n; n <= 400; ++n) {
            bytes memory data = new bytes(n);
            for (uint256 i; i < n; ++i) {
                data[i] = bytes1(uint8(7 * i + n));
            }
            chain = sha256(abi.encodePacked(chain, Blake2b.hash256(data)));
        }
        vm.assertEq(chain, 0x92533a4a6f1e401502613543fe85e2602568c8968a0b8bf8a5e2c8b1e9206788);
    }

    function testFuzz_LeavesDataAsItWas(bytes memory data) public view {
        bytes32 before = keccak256(data);
        bytes32 digest = Blake2b.hash256(data);
        vm.assertEq(keccak256(data), before);
        vm.assertEq(Blake2b.hash256(bytes.concat(data)), digest);
    }
}
