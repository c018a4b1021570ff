// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {DataAccounts} from "../../contracts/pha/DataAccounts.sol";
import {Entitlements} from "../../contracts/pha/Entitlements.sol";
import {ClaimFixture} from "./ClaimFixture.sol";

contract EntitlementsTest is ClaimFixture {
    bytes32 private constant STAKER = keccak256("staker");

    function setUp() public {
        // Two chunks.
        for (uint256 i; i < 600; ++i) {
            owe(keccak256(abi.encode(i)), uint128(i));
        }
        owe(Owed(STAKER, 1 ether, 2 ether, 3, 4, bytes.concat(stakeRow(5, 6), stakeRow(7, 8)), requestRow(9, 10, 11)));
        begin(true);
    }

    function test_FindsEveryAccount() public view {
        for (uint256 i; i < 600; ++i) {
            bytes32 holder = keccak256(abi.encode(i));
            Entitlements.Entitlement memory found = claims.entitlement(holder);
            vm.assertEq(found.record.account, holder, "account");
            vm.assertEq(uint256(found.record.liquid), i, "liquid");
            vm.assertEq(uint256(found.index), indexOf(holder), "index");
        }
    }

    function testFuzz_FindsNoOther(bytes32 seed) public {
        bytes32[3] memory missing = [keccak256(bytes.concat("other", seed)), bytes32(0), bytes32(type(uint256).max)];
        for (uint256 i; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Entitlements.NoEntitlement.selector, missing[i]));
            claims.entitlement(missing[i]);
        }
    }

    function test_FindsNothingOnAChainWithoutEntitlements() public {
        vm.store(address(record), 0, 0);
        vm.expectRevert(abi.encodeWithSelector(Entitlements.NoEntitlement.selector, STAKER));
        claims.entitlement(STAKER);
    }

    function test_TellsAllOfAnEntitlement() public {
        Entitlements.Entitlement memory found = claims.entitlement(STAKER);
        vm.assertEq(uint256(found.record.liquid), 1 ether);
        vm.assertEq(uint256(found.record.vesting), 2 ether);
        vm.assertEq(uint256(found.record.vestingStart), 3);
        vm.assertEq(uint256(found.record.vestingEnd), 4);
        vm.assertEq(found.stakes.length, 2);
        vm.assertEq(uint256(found.stakes[1].pid), 7);
        vm.assertEq(uint256(found.stakes[1].shares), 8);
        vm.assertEq(found.requests.length, 1);
        vm.assertEq(uint256(found.requests[0].pid), 9);
        vm.assertEq(uint256(found.requests[0].start), 10);
        vm.assertEq(uint256(found.requests[0].shares), 11);
        vm.assertEq(found.claimedTo, address(0));
        claims.claim(signedClaim(STAKER, address(this)));
        vm.assertEq(claims.entitlement(STAKER).claimedTo, address(this));
        vm.assertEq(claims.entitlementAt(indexOf(STAKER)).record.account, STAKER);
    }

    function testFuzz_BuildsTheSentenceToSign(bytes32 from, address to, uint256 fee, uint64 until, uint64 chain)
        public
    {
        vm.assume(chain != 0);
        vm.chainId(chain);
        vm.assertEq(claims.text(from, to, fee, until), sentence(from, to, fee, until));
    }

    function test_ReadsEachFieldAtItsPlace() public {
        bytes memory row = new bytes(96);
        for (uint256 i; i < 96; ++i) {
            row[i] = bytes1(uint8(i));
        }
        writeTable(0, row, 255 * 96);
        bytes memory expected = abi.encode(
            0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f,
            uint128(0x202122232425262728292a2b2c2d2e2f),
            uint128(0x303132333435363738393a3b3c3d3e3f),
            uint32(0x40414243),
            uint32(0x44454647),
            uint32(0x48494a4b),
            uint16(0x4c4d),
            uint32(0x4e4f5051),
            uint16(0x5253),
            uint8(0x54)
        );
        vm.assertEq(this.accountRecord(0), expected);
    }

    function accountRecord(uint256 index) external view returns (bytes memory) {
        return abi.encode(DataAccounts.account(index));
    }

    // The tree.

    function test_ProvesARecordAgainstTheRoot() public {
        bytes memory preimage = DataAccounts.preimage(indexOf(STAKER));
        vm.assertEq(
            preimage,
            bytes.concat(
                abi.encodePacked(STAKER, uint128(1 ether), uint128(2 ether), uint32(3), uint32(4)),
                abi.encodePacked(uint32(0), uint16(2), uint32(0), uint16(1), bytes12(0)),
                abi.encodePacked(uint32(5), uint128(6), uint32(0), uint32(7), uint128(8), uint32(0)),
                abi.encodePacked(uint32(9), uint64(10), uint128(11), uint32(0))
            )
        );
        bytes32 leaf = keccak256(abi.encodePacked(keccak256(preimage)));
        vm.assertEq(claims.leaf(indexOf(STAKER)), leaf);

        bytes32[] memory proof = new bytes32[](2);
        (proof[0], proof[1]) = (claims.leaf(0), claims.leaf(1));
        vm.store(address(record), bytes32(uint256(3)), pair(pair(leaf, proof[0]), proof[1]));
        vm.assertTrue(claims.isEntitled(preimage, proof), "in the tree");
        preimage[47] ^= 0x01;
        vm.assertFalse(claims.isEntitled(preimage, proof), "one unit more");
        preimage[47] ^= 0x01;
        (proof[0], proof[1]) = (proof[1], proof[0]);
        vm.assertFalse(claims.isEntitled(preimage, proof), "another order");
    }

    function pair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(bytes.concat(a, b)) : keccak256(bytes.concat(b, a));
    }
}
