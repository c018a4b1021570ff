// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {LibZip} from "solady/src/utils/LibZip.sol";

import {L1Block} from "./L1Block.sol";
import {Predeploys} from "./Predeploys.sol";

/// What a transaction pays beside its gas: wallets ask here. The node computes the same from the same
/// slots of `L1Block`; these flags choose the formula and start as the chain's forks at genesis.
contract GasPriceOracle {
    string public constant version = "1.6.0+phala";
    uint256 public constant DECIMALS = 6;

    /// Bytes a signature adds to an unsigned transaction.
    uint256 private constant SIGNATURE_SIZE = 68;
    /// Size after brotli, in millionths of a byte, as a line over the size after FastLZ.
    int256 private constant INTERCEPT = -42_585_600;
    uint256 private constant SLOPE = 836_500;
    int256 private constant SIZE_MIN = 100e6;

    // Slot 0.
    bool public isEcotone;
    bool public isFjord;
    bool public isIsthmus;
    bool public isJovian;

    modifier onlyDepositor(string memory otherwise) {
        require(msg.sender == Predeploys.DEPOSITOR, otherwise);
        _;
    }

    function setEcotone()
        external
        onlyDepositor("GasPriceOracle: only the depositor account can set isEcotone flag")
    {
        require(!isEcotone, "GasPriceOracle: Ecotone already active");
        isEcotone = true;
    }

    function setFjord() external onlyDepositor("GasPriceOracle: only the depositor account can set isFjord flag") {
        require(isEcotone, "GasPriceOracle: Fjord can only be activated after Ecotone");
        require(!isFjord, "GasPriceOracle: Fjord already active");
        isFjord = true;
    }

    function setIsthmus()
        external
        onlyDepositor("GasPriceOracle: only the depositor account can set isIsthmus flag")
    {
        require(isFjord, "GasPriceOracle: Isthmus can only be activated after Fjord");
        require(!isIsthmus, "GasPriceOracle: Isthmus already active");
        isIsthmus = true;
    }

    function setJovian() external onlyDepositor("GasPriceOracle: only the depositor account can set isJovian flag") {
        require(isIsthmus, "GasPriceOracle: Jovian can only be activated after Isthmus");
        require(!isJovian, "GasPriceOracle: Jovian already active");
        isJovian = true;
    }

    /// The L1 data fee of an unsigned transaction in its full RLP encoding.
    function getL1Fee(bytes memory transaction) external view returns (uint256) {
        if (isFjord) return feeOfFastLzSize(LibZip.flzCompress(transaction).length + SIGNATURE_SIZE);
        uint256 gas = calldataGas(transaction);
        if (isEcotone) return gas * scaledFees() / (16 * 10 ** DECIMALS);
        return (gas + l1Block().l1FeeOverhead()) * l1BaseFee() * l1Block().l1FeeScalar() / 10 ** DECIMALS;
    }

    /// No less than the L1 data fee of almost any unsigned transaction of that many bytes.
    function getL1FeeUpperBound(uint256 unsignedSize) external view returns (uint256) {
        require(isFjord, "GasPriceOracle: getL1FeeUpperBound only supports Fjord");
        uint256 size = unsignedSize + SIGNATURE_SIZE;
        return feeOfFastLzSize(size + size / 255 + 16);
    }

    /// Deprecated: says little about the fee.
    function getL1GasUsed(bytes memory transaction) external view returns (uint256) {
        if (isFjord) {
            return brotliSize(LibZip.flzCompress(transaction).length + SIGNATURE_SIZE) * 16 / 10 ** DECIMALS;
        }
        uint256 gas = calldataGas(transaction);
        return isEcotone ? gas : gas + l1Block().l1FeeOverhead();
    }

    /// The operator fee of a transaction that uses so much gas. Before Jovian, too large a product is
    /// the largest number; from Jovian on it reverts.
    function getOperatorFee(uint256 gasUsed) external view returns (uint256) {
        if (!isIsthmus) return 0;
        uint256 scalar_ = l1Block().operatorFeeScalar();
        uint256 constant_ = l1Block().operatorFeeConstant();
        if (isJovian) return gasUsed * scalar_ * 100 + constant_;
        // Divided by a million, it has room for the constant.
        return saturatingMul(gasUsed, scalar_) / 10 ** DECIMALS + constant_;
    }

    function gasPrice() external view returns (uint256) {
        return block.basefee;
    }

    function baseFee() external view returns (uint256) {
        return block.basefee;
    }

    function decimals() external pure returns (uint256) {
        return DECIMALS;
    }

    function overhead() external view returns (uint256) {
        require(!isEcotone, "GasPriceOracle: overhead() is deprecated");
        return l1Block().l1FeeOverhead();
    }

    function scalar() external view returns (uint256) {
        require(!isEcotone, "GasPriceOracle: scalar() is deprecated");
        return l1Block().l1FeeScalar();
    }

    function l1BaseFee() public view returns (uint256) {
        return l1Block().basefee();
    }

    function blobBaseFee() public view returns (uint256) {
        return l1Block().blobBaseFee();
    }

    function baseFeeScalar() public view returns (uint32) {
        return l1Block().baseFeeScalar();
    }

    function blobBaseFeeScalar() public view returns (uint32) {
        return l1Block().blobBaseFeeScalar();
    }

    function l1Block() private pure returns (L1Block) {
        return L1Block(Predeploys.L1_BLOCK);
    }

    function feeOfFastLzSize(uint256 fastLzSize) private view returns (uint256) {
        return brotliSize(fastLzSize) * scaledFees() / 10 ** (2 * DECIMALS);
    }

    /// In millionths of a byte.
    function brotliSize(uint256 fastLzSize) private pure returns (uint256) {
        int256 size = INTERCEPT + int256(SLOPE * fastLzSize);
        return uint256(size < SIZE_MIN ? SIZE_MIN : size);
    }

    /// Sixteen base fees and one blob base fee, each times its scalar. (A scalar of 2^28 or more
    /// reverts: the reference multiplies it by 16 in 32 bits, and callers see that.)
    function scaledFees() private view returns (uint256) {
        return baseFeeScalar() * 16 * l1BaseFee() + blobBaseFeeScalar() * blobBaseFee();
    }

    /// Gas of the transaction as call data before Fjord, with a signature of non-zero bytes.
    function calldataGas(bytes memory transaction) private pure returns (uint256 gas) {
        gas = SIGNATURE_SIZE * 16;
        for (uint256 i; i < transaction.length; ++i) {
            gas += transaction[i] == 0 ? 4 : 16;
        }
    }

    function saturatingMul(uint256 a, uint256 b) private pure returns (uint256) {
        unchecked {
            uint256 product = a * b;
            return a != 0 && product / a != b ? type(uint256).max : product;
        }
    }
}
