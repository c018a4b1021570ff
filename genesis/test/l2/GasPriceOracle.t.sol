// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {GasPriceOracle} from "../../contracts/l2/GasPriceOracle.sol";
import {L1Block} from "../../contracts/l2/L1Block.sol";
import {Predeploys} from "../../contracts/l2/Predeploys.sol";
import {Test} from "../Test.sol";

contract GasPriceOracleTest is Test {
    GasPriceOracle private oracle;

    function setUp() public {
        oracle = new GasPriceOracle();
        vm.etch(Predeploys.L1_BLOCK, address(new L1Block()).code);
    }

    function flags(uint256 word) private {
        vm.store(address(oracle), 0, bytes32(word));
    }

    function fees(uint256 baseFee, uint256 blobBaseFee, uint256 baseFeeScalar, uint256 blobBaseFeeScalar) private {
        vm.store(Predeploys.L1_BLOCK, bytes32(uint256(1)), bytes32(baseFee));
        vm.store(Predeploys.L1_BLOCK, bytes32(uint256(7)), bytes32(blobBaseFee));
        vm.store(Predeploys.L1_BLOCK, bytes32(uint256(3)), bytes32(baseFeeScalar << 96 | blobBaseFeeScalar << 64));
    }

    function operatorFee(uint256 scalar, uint256 constant_) private {
        vm.store(Predeploys.L1_BLOCK, bytes32(uint256(8)), bytes32(scalar << 64 | constant_));
    }

    function test_TakesForksInOrderAndOnce() public {
        function() external[4] memory setters =
            [oracle.setEcotone, oracle.setFjord, oracle.setIsthmus, oracle.setJovian];
        for (uint256 fork; fork < 4; ++fork) {
            // Later ones are refused, this one is taken once.
            for (uint256 later = fork + 1; later < 4; ++later) {
                vm.expectRevert();
                vm.prank(Predeploys.DEPOSITOR);
                setters[later]();
            }
            vm.expectRevert();
            setters[fork]();
            vm.prank(Predeploys.DEPOSITOR);
            setters[fork]();
            vm.expectRevert();
            vm.prank(Predeploys.DEPOSITOR);
            setters[fork]();
            vm.assertEq(uint256(vm.load(address(oracle), 0)), 0x01010101 & ((1 << (8 * (fork + 1))) - 1), "flags");
        }
        vm.assertTrue(oracle.isEcotone() && oracle.isFjord() && oracle.isIsthmus() && oracle.isJovian(), "all");
    }

    function testFuzz_ChargesByFjordsLine(uint64 baseFee, uint64 blobBaseFee, uint24 scalar, uint32 blobScalar) public {
        flags(0x01010101);
        fees(baseFee, blobBaseFee, scalar, blobScalar);
        uint256 perByte = 16 * uint256(scalar) * baseFee + uint256(blobScalar) * blobBaseFee;
        // Too small for the line.
        vm.assertEq(oracle.getL1Fee(""), 100e6 * perByte / 1e12, "minimum");
        vm.assertEq(oracle.getL1GasUsed(""), 1600, "gas of the minimum");
        // 1,000 + 68 bytes grow by 4 + 16 at most.
        vm.assertEq(oracle.getL1FeeUpperBound(1_000), (836_500 * 1_088 - 42_585_600) * perByte / 1e12, "upper bound");
        // Nothing to compress: literals of 32 bytes, a byte before each.
        bytes memory noise;
        for (uint256 i; i < 32; ++i) {
            noise = bytes.concat(noise, keccak256(abi.encode(i)));
        }
        uint256 size = 836_500 * (1_024 + 32 + 68) - 42_585_600;
        vm.assertEq(oracle.getL1Fee(noise), size * perByte / 1e12, "noise");
        vm.assertEq(oracle.getL1GasUsed(noise), size * 16 / 1e6, "gas of noise");
        vm.assertLe(oracle.getL1Fee(new bytes(1_024)), oracle.getL1Fee(noise), "zeros");
    }

    function testFuzz_ChargesByBytesBeforeFjord(uint64 baseFee, uint64 blobBaseFee, uint24 scalar) public {
        fees(baseFee, blobBaseFee, scalar, 7);
        vm.store(Predeploys.L1_BLOCK, bytes32(uint256(5)), bytes32(uint256(188)));
        vm.store(Predeploys.L1_BLOCK, bytes32(uint256(6)), bytes32(uint256(684_000)));
        uint256 gas = 4 + 16 + 68 * 16;
        vm.assertEq(oracle.getL1Fee(hex"0001"), (gas + 188) * baseFee * 684_000 / 1e6, "Bedrock");
        vm.assertEq(oracle.getL1GasUsed(hex"0001"), gas + 188, "gas before Ecotone");
        vm.assertEq(oracle.overhead(), 188, "overhead");
        vm.assertEq(oracle.scalar(), 684_000, "scalar");
        flags(0x01);
        uint256 scaled = 16 * uint256(scalar) * baseFee + 7 * uint256(blobBaseFee);
        vm.assertEq(oracle.getL1Fee(hex"0001"), gas * scaled / 16e6, "Ecotone");
        vm.assertEq(oracle.getL1GasUsed(hex"0001"), gas, "gas from Ecotone");
        vm.expectRevert("GasPriceOracle: overhead() is deprecated");
        oracle.overhead();
        vm.expectRevert("GasPriceOracle: scalar() is deprecated");
        oracle.scalar();
        vm.expectRevert("GasPriceOracle: getL1FeeUpperBound only supports Fjord");
        oracle.getL1FeeUpperBound(1);
    }

    function testFuzz_ChargesTheOperatorFee(uint64 gas, uint32 scalar, uint64 constant_) public {
        operatorFee(scalar, constant_);
        flags(0x0101);
        vm.assertEq(oracle.getOperatorFee(gas), 0, "before Isthmus");
        flags(0x010101);
        vm.assertEq(oracle.getOperatorFee(gas), uint256(gas) * scalar / 1e6 + constant_, "Isthmus");
        flags(0x01010101);
        vm.assertEq(oracle.getOperatorFee(gas), uint256(gas) * scalar * 100 + constant_, "Jovian");
    }

    function test_HasNoOperatorFeeBeyondTheLargestNumber() public {
        operatorFee(2, 3);
        flags(0x010101);
        vm.assertEq(oracle.getOperatorFee(type(uint256).max), type(uint256).max / 1e6 + 3, "Isthmus");
        flags(0x01010101);
        vm.expectRevert();
        oracle.getOperatorFee(type(uint256).max);
    }

    function testFuzz_TellsTheBaseFee(uint64 baseFee) public {
        vm.fee(baseFee);
        vm.assertEq(oracle.gasPrice(), baseFee, "gasPrice");
        vm.assertEq(oracle.baseFee(), baseFee, "baseFee");
        vm.assertEq(oracle.decimals(), 6, "decimals");
    }
}
