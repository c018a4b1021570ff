//! The functions of the L1 contracts that are called here and in tests.

use alloy_sol_types::sol;

sol! {
    /// Gives names of legacy proxies their implementations.
    interface IAddressManager {
        function transferOwnership(address newOwner) external;
        function owner() external view returns (address);
    }

    /// Owns and fills every proxy.
    interface IProxyAdmin {
        function setAddressManager(address manager) external;
        function setProxyType(address proxy, uint8 kind) external;
        function setImplementationName(address proxy, string name) external;
        function upgradeAndCall(address proxy, address implementation, bytes data) external payable;
        function transferOwnership(address newOwner) external;
        function getProxyImplementation(address proxy) external view returns (address);
        function getProxyAdmin(address proxy) external view returns (address);
        function addressManager() external view returns (address);
        function owner() external view returns (address);
    }

    /// What all chains of one guardian share.
    interface ISuperchainConfig {
        function initialize(address guardian, bool paused) external;
        function guardian() external view returns (address);
        function paused() external view returns (bool);
    }

    /// Which versions nodes should run.
    interface IProtocolVersions {
        function initialize(address owner, uint256 required, uint256 recommended) external;
        function owner() external view returns (address);
    }

    #[derive(Debug, PartialEq, Eq)]
    struct ResourceConfig {
        uint32 maxResourceLimit;
        uint8 elasticityMultiplier;
        uint8 baseFeeMaxChangeDenominator;
        uint32 minimumBaseFee;
        uint32 systemTxMaxGas;
        uint128 maximumBaseFee;
    }

    #[derive(Debug, PartialEq, Eq)]
    struct Addresses {
        address l1CrossDomainMessenger;
        address l1ERC721Bridge;
        address l1StandardBridge;
        address optimismPortal;
        address optimismMintableERC20Factory;
    }

    /// Our `SystemConfig`.
    #[derive(Debug)]
    interface ISystemConfig {
        event ConfigUpdate(uint256 indexed version, uint8 indexed updateType, bytes data);

        function initialize(
            address owner,
            uint32 basefeeScalar,
            uint32 blobbasefeeScalar,
            bytes32 batcherHash,
            uint64 gasLimit,
            address unsafeBlockSigner,
            ResourceConfig config,
            address batchInbox,
            Addresses addresses,
            uint256 l2ChainId,
            address superchainConfig
        ) external;
        function setBatcherHash(bytes32 batcherHash) external;
        function setGasConfigEcotone(uint32 basefeeScalar, uint32 blobbasefeeScalar) external;
        function setGasLimit(uint64 gasLimit) external;
        function setUnsafeBlockSigner(address signer) external;
        function setEIP1559Params(uint32 denominator, uint32 elasticity) external;
        function setOperatorFeeScalars(uint32 scalar, uint64 constant_) external;
        function setMinBaseFee(uint64 minBaseFee) external;
        function setDAFootprintGasScalar(uint16 scalar) external;
        function transferOwnership(address newOwner) external;
        function owner() external view returns (address);
        function batcherHash() external view returns (bytes32);
        function overhead() external view returns (uint256);
        function scalar() external view returns (uint256);
        function basefeeScalar() external view returns (uint32);
        function blobbasefeeScalar() external view returns (uint32);
        function gasLimit() external view returns (uint64);
        function eip1559Denominator() external view returns (uint32);
        function eip1559Elasticity() external view returns (uint32);
        function operatorFeeScalar() external view returns (uint32);
        function operatorFeeConstant() external view returns (uint64);
        function minBaseFee() external view returns (uint64);
        function daFootprintGasScalar() external view returns (uint16);
        function unsafeBlockSigner() external view returns (address);
        function batchInbox() external view returns (address);
        function startBlock() external view returns (uint256);
        function l2ChainId() external view returns (uint256);
        function superchainConfig() external view returns (address);
        function resourceConfig() external view returns (ResourceConfig);
        function getAddresses() external view returns (Addresses);
        function minimumGasLimit() external view returns (uint64);
        function maximumGasLimit() external view returns (uint64);
        function gasPayingToken() external view returns (address, uint8);
        function isCustomGasToken() external view returns (bool);
        function paused() external view returns (bool);
        function version() external view returns (string);
    }

    /// Where output roots are proposed.
    interface IL2OutputOracle {
        function initialize(
            uint256 submissionInterval,
            uint256 l2BlockTime,
            uint256 startingBlockNumber,
            uint256 startingTimestamp,
            address proposer,
            address challenger,
            uint256 finalizationPeriodSeconds
        ) external;
        function startingBlockNumber() external view returns (uint256);
        function startingTimestamp() external view returns (uint256);
        function submissionInterval() external view returns (uint256);
        function l2BlockTime() external view returns (uint256);
        function proposer() external view returns (address);
        function challenger() external view returns (address);
        function finalizationPeriodSeconds() external view returns (uint256);
    }

    /// Where deposits are made and withdrawals end.
    #[derive(Debug)]
    interface IOptimismPortal {
        event TransactionDeposited(
            address indexed from, address indexed to, uint256 indexed version, bytes opaqueData
        );

        function initialize(address l2Oracle, address systemConfig, address superchainConfig) external;
        function depositTransaction(
            address to, uint256 value, uint64 gasLimit, bool isCreation, bytes data
        ) external payable;
        function l2Oracle() external view returns (address);
        function systemConfig() external view returns (address);
        function superchainConfig() external view returns (address);
        function paused() external view returns (bool);
        function guardian() external view returns (address);
    }

    /// Messages with replay.
    interface IL1CrossDomainMessenger {
        function initialize(address superchainConfig, address portal, address systemConfig) external;
        function portal() external view returns (address);
        function systemConfig() external view returns (address);
        function superchainConfig() external view returns (address);
        function sendMessage(address target, bytes message, uint32 minGasLimit) external payable;
    }

    /// Ether and tokens.
    interface IL1StandardBridge {
        function initialize(address messenger, address superchainConfig, address systemConfig) external;
        function messenger() external view returns (address);
        function systemConfig() external view returns (address);
        function superchainConfig() external view returns (address);
        function otherBridge() external view returns (address);
    }

    /// Single tokens.
    interface IL1ERC721Bridge {
        function initialize(address messenger, address superchainConfig) external;
        function messenger() external view returns (address);
        function superchainConfig() external view returns (address);
        function otherBridge() external view returns (address);
    }

    /// L1 twins of L2 tokens.
    interface IOptimismMintableERC20Factory {
        function initialize(address bridge) external;
        function bridge() external view returns (address);
    }
}
