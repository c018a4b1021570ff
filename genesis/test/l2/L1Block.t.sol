// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {L1Block} from "../../contracts/l2/L1Block.sol";
import {Predeploys} from "../../contracts/l2/Predeploys.sol";
import {ProxyAdminOwned} from "../../contracts/l2/ProxyAdminOwned.sol";
import {Test} from "../Test.sol";
import {Owned} from "./Owned.sol";

contract L1BlockTest is Test {
    event FeatureSet(bytes32 indexed feature, bool indexed enabled);

    L1Block private l1Block;
    Owned private admin;
    address private owner = account("owner");

    function setUp() public {
        l1Block = new L1Block();
        admin = new Owned(owner);
        bytes32 slot = bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1);
        vm.store(address(l1Block), slot, bytes32(uint256(uint160(address(admin)))));
    }

    struct Attributes {
        uint32 baseFeeScalar;
        uint32 blobBaseFeeScalar;
        uint64 sequenceNumber;
        uint64 timestamp;
        uint64 number;
        uint256 basefee;
        uint256 blobBaseFee;
        bytes32 hash;
        bytes32 batcherHash;
        uint32 operatorFeeScalar;
        uint64 operatorFeeConstant;
        uint16 daFootprintGasScalar;
    }

    function ecotone(Attributes memory a) private pure returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(a.baseFeeScalar, a.blobBaseFeeScalar, a.sequenceNumber, a.timestamp, a.number),
            abi.encodePacked(a.basefee, a.blobBaseFee, a.hash, a.batcherHash)
        );
    }

    function isthmus(Attributes memory a) private pure returns (bytes memory) {
        return bytes.concat(ecotone(a), abi.encodePacked(a.operatorFeeScalar, a.operatorFeeConstant));
    }

    function jovian(Attributes memory a) private pure returns (bytes memory) {
        return bytes.concat(isthmus(a), abi.encodePacked(a.daFootprintGasScalar));
    }

    function send(address from, bytes4 selector, bytes memory arguments) private returns (bool success) {
        vm.prank(from);
        (success,) = address(l1Block).call(bytes.concat(selector, arguments));
    }

    function assertEcotone(Attributes memory a) private view {
        vm.assertEq(l1Block.baseFeeScalar(), a.baseFeeScalar, "baseFeeScalar");
        vm.assertEq(l1Block.blobBaseFeeScalar(), a.blobBaseFeeScalar, "blobBaseFeeScalar");
        vm.assertEq(l1Block.sequenceNumber(), a.sequenceNumber, "sequenceNumber");
        vm.assertEq(l1Block.timestamp(), a.timestamp, "timestamp");
        vm.assertEq(l1Block.number(), a.number, "number");
        vm.assertEq(l1Block.basefee(), a.basefee, "basefee");
        vm.assertEq(l1Block.blobBaseFee(), a.blobBaseFee, "blobBaseFee");
        vm.assertEq(l1Block.hash(), a.hash, "hash");
        vm.assertEq(l1Block.batcherHash(), a.batcherHash, "batcherHash");
    }

    function assertOperator(uint256 scalar, uint256 constant_, uint256 footprint) private view {
        vm.assertEq(l1Block.operatorFeeScalar(), scalar, "operatorFeeScalar");
        vm.assertEq(l1Block.operatorFeeConstant(), constant_, "operatorFeeConstant");
        vm.assertEq(l1Block.daFootprintGasScalar(), footprint, "daFootprintGasScalar");
    }

    function testFuzz_ReadsTheAttributesOfEachFork(Attributes memory first, Attributes memory second) public {
        vm.assertTrue(send(Predeploys.DEPOSITOR, L1Block.setL1BlockValuesEcotone.selector, ecotone(first)), "Ecotone");
        assertEcotone(first);
        assertOperator(0, 0, 0);

        vm.assertTrue(send(Predeploys.DEPOSITOR, L1Block.setL1BlockValuesJovian.selector, jovian(second)), "Jovian");
        assertEcotone(second);
        assertOperator(second.operatorFeeScalar, second.operatorFeeConstant, second.daFootprintGasScalar);

        vm.assertTrue(send(Predeploys.DEPOSITOR, L1Block.setL1BlockValuesIsthmus.selector, isthmus(first)), "Isthmus");
        assertEcotone(first);
        assertOperator(first.operatorFeeScalar, first.operatorFeeConstant, 0);
    }

    /// The node reads these words, not the functions.
    function testFuzz_LaysItsWordsOutAsTheProtocolSays(Attributes memory a) public {
        send(Predeploys.DEPOSITOR, L1Block.setL1BlockValuesJovian.selector, jovian(a));
        uint256[9] memory words;
        words[0] = uint256(a.timestamp) << 64 | a.number;
        words[1] = a.basefee;
        words[2] = uint256(a.hash);
        words[3] = uint256(a.baseFeeScalar) << 96 | uint256(a.blobBaseFeeScalar) << 64 | a.sequenceNumber;
        words[4] = uint256(a.batcherHash);
        words[7] = a.blobBaseFee;
        words[8] = uint256(a.daFootprintGasScalar) << 96 | uint256(a.operatorFeeScalar) << 64 | a.operatorFeeConstant;
        for (uint256 slot; slot < words.length; ++slot) {
            vm.assertEq(uint256(vm.load(address(l1Block), bytes32(slot))), words[slot], "word");
        }
    }

    function testFuzz_ReadsTheAttributesBeforeEcotone(Attributes memory a, uint256 overhead, uint256 scalar) public {
        vm.prank(Predeploys.DEPOSITOR);
        l1Block.setL1BlockValues(
            a.number, a.timestamp, a.basefee, a.hash, a.sequenceNumber, a.batcherHash, overhead, scalar
        );
        vm.assertEq(l1Block.number(), a.number, "number");
        vm.assertEq(l1Block.timestamp(), a.timestamp, "timestamp");
        vm.assertEq(l1Block.sequenceNumber(), a.sequenceNumber, "sequenceNumber");
        vm.assertEq(l1Block.l1FeeOverhead(), overhead, "l1FeeOverhead");
        vm.assertEq(l1Block.l1FeeScalar(), scalar, "l1FeeScalar");
    }

    function testFuzz_HearsNobodyButTheDepositor(address from, Attributes memory a) public {
        vm.assume(from != Predeploys.DEPOSITOR);
        vm.assertFalse(send(from, L1Block.setL1BlockValuesEcotone.selector, ecotone(a)), "Ecotone");
        vm.assertFalse(send(from, L1Block.setL1BlockValuesIsthmus.selector, isthmus(a)), "Isthmus");
        vm.assertFalse(send(from, L1Block.setL1BlockValuesJovian.selector, jovian(a)), "Jovian");
        vm.expectRevert("L1Block: only the depositor account can set L1 block values");
        vm.prank(from);
        l1Block.setL1BlockValues(1, 1, 1, 0, 1, 0, 1, 1);
        for (uint256 slot; slot < 9; ++slot) {
            vm.assertEq(uint256(vm.load(address(l1Block), bytes32(slot))), 0, "word");
        }
    }

    function test_SaysThatFeesAreEther() public view {
        (address token, uint8 decimals) = l1Block.gasPayingToken();
        vm.assertEq(token, 0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE);
        vm.assertEq(uint256(decimals), 18);
        vm.assertEq(l1Block.gasPayingTokenName(), "Ether");
        vm.assertEq(l1Block.gasPayingTokenSymbol(), "ETH");
        vm.assertFalse(l1Block.isCustomGasToken(), "custom");
    }

    function test_SwitchesAFeatureOnOnce() public {
        address[3] memory allowed = [Predeploys.DEPOSITOR, owner, address(admin)];
        for (uint256 i; i < allowed.length; ++i) {
            bytes32 feature = bytes32(i);
            vm.expectEmit(true, true, true, true, address(l1Block));
            emit FeatureSet(feature, true);
            vm.prank(allowed[i]);
            l1Block.setFeature(feature);
            vm.assertTrue(l1Block.isFeatureEnabled(feature), "enabled");
            vm.expectRevert(L1Block.L1Block_FeatureAlreadyEnabled.selector);
            vm.prank(allowed[i]);
            l1Block.setFeature(feature);
        }
        vm.expectRevert(L1Block.L1Block_NotAuthorizedToSetFeature.selector);
        l1Block.setFeature(bytes32(uint256(9)));
        vm.assertFalse(l1Block.isFeatureEnabled(bytes32(uint256(9))), "enabled by nobody");
    }

    function test_KnowsItsAdminAndWhoOwnsIt() public {
        vm.assertEq(l1Block.proxyAdmin(), address(admin));
        vm.assertEq(l1Block.proxyAdminOwner(), owner);
        L1Block alone = new L1Block();
        vm.expectRevert(ProxyAdminOwned.ProxyAdminOwnedBase_NotResolvedDelegateProxy.selector);
        alone.proxyAdmin();
    }
}
