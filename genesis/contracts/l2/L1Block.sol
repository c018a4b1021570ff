// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Predeploys} from "./Predeploys.sol";
import {ProxyAdminOwned} from "./ProxyAdminOwned.sol";

/// What the chain knows about L1: written by the first transaction of every block, read by contracts
/// and, slot by slot, by the node when it charges fees. The order of the variables is consensus.
contract L1Block is ProxyAdminOwned {
    error NotDepositor();
    error L1Block_FeatureAlreadyEnabled();
    error L1Block_NotAuthorizedToSetFeature();

    event FeatureSet(bytes32 indexed feature, bool indexed enabled);

    string public constant version = "1.9.0+phala";

    // Slot 0.
    uint64 public number;
    uint64 public timestamp;
    // Slots 1 and 2.
    uint256 public basefee;
    bytes32 public hash;
    // Slot 3.
    uint64 public sequenceNumber;
    uint32 public blobBaseFeeScalar;
    uint32 public baseFeeScalar;
    // Slots 4 to 7.
    bytes32 public batcherHash;
    uint256 public l1FeeOverhead;
    uint256 public l1FeeScalar;
    uint256 public blobBaseFee;
    // Slot 8.
    uint64 public operatorFeeConstant;
    uint32 public operatorFeeScalar;
    uint16 public daFootprintGasScalar;
    // Slot 9.
    mapping(bytes32 feature => bool) public isFeatureEnabled;

    function DEPOSITOR_ACCOUNT() external pure returns (address) {
        return Predeploys.DEPOSITOR;
    }

    /// Fees are paid in ether, which is what these four say.
    function gasPayingToken() external pure returns (address token, uint8 decimals) {
        return (0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE, 18);
    }

    function gasPayingTokenName() external pure returns (string memory) {
        return "Ether";
    }

    function gasPayingTokenSymbol() external pure returns (string memory) {
        return "ETH";
    }

    function isCustomGasToken() external pure returns (bool) {
        return false;
    }

    /// The attributes before Ecotone.
    function setL1BlockValues(
        uint64 _number,
        uint64 _timestamp,
        uint256 _basefee,
        bytes32 _hash,
        uint64 _sequenceNumber,
        bytes32 _batcherHash,
        uint256 _l1FeeOverhead,
        uint256 _l1FeeScalar
    ) external {
        require(msg.sender == Predeploys.DEPOSITOR, "L1Block: only the depositor account can set L1 block values");
        number = _number;
        timestamp = _timestamp;
        basefee = _basefee;
        hash = _hash;
        sequenceNumber = _sequenceNumber;
        batcherHash = _batcherHash;
        l1FeeOverhead = _l1FeeOverhead;
        l1FeeScalar = _l1FeeScalar;
    }

    /// The attributes from Ecotone on. Arguments are packed behind the selector: u32 baseFeeScalar,
    /// u32 blobBaseFeeScalar, u64 sequenceNumber, u64 timestamp, u64 number, u256 basefee,
    /// u256 blobBaseFee, bytes32 hash, bytes32 batcherHash.
    function setL1BlockValuesEcotone() external {
        requireDepositor();
        storeEcotone();
    }

    /// From Isthmus on: then u32 operatorFeeScalar, u64 operatorFeeConstant.
    function setL1BlockValuesIsthmus() external {
        requireDepositor();
        storeEcotone();
        assembly ("memory-safe") {
            sstore(operatorFeeConstant.slot, shr(160, calldataload(164)))
        }
    }

    /// From Jovian on: then u16 daFootprintGasScalar.
    function setL1BlockValuesJovian() external {
        requireDepositor();
        storeEcotone();
        assembly ("memory-safe") {
            let operatorFee := shr(160, calldataload(164))
            let daFootprint := shr(240, calldataload(176))
            sstore(operatorFeeConstant.slot, or(shl(96, daFootprint), operatorFee))
        }
    }

    /// Switches a feature on, for good.
    function setFeature(bytes32 feature) external {
        if (msg.sender != Predeploys.DEPOSITOR && msg.sender != proxyAdminOwner() && msg.sender != proxyAdmin()) {
            revert L1Block_NotAuthorizedToSetFeature();
        }
        if (isFeatureEnabled[feature]) revert L1Block_FeatureAlreadyEnabled();
        isFeatureEnabled[feature] = true;
        emit FeatureSet(feature, true);
    }

    function requireDepositor() private view {
        if (msg.sender != Predeploys.DEPOSITOR) revert NotDepositor();
    }

    /// Each pair of neighbours in the call data is one word of storage as it stands.
    function storeEcotone() private {
        assembly ("memory-safe") {
            sstore(sequenceNumber.slot, shr(128, calldataload(4)))
            sstore(number.slot, shr(128, calldataload(20)))
            sstore(basefee.slot, calldataload(36))
            sstore(blobBaseFee.slot, calldataload(68))
            sstore(hash.slot, calldataload(100))
            sstore(batcherHash.slot, calldataload(132))
        }
    }
}
