// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// What this contract asks of `SuperchainConfig` 1.1.0.
interface ISuperchainConfig {
    function paused() external view returns (bool);
    function guardian() external view returns (address);
}

/// What this contract asks of the `ProxyAdmin` of its proxy.
interface IOwned {
    function owner() external view returns (address);
}

/// @title SystemConfig
/// @notice The parameters of the chain that can change while it runs, on L1. Every change is an event, from which
///         every node of the chain learns of it: an L2 block follows the events up to its L1 origin.
/// @dev ABI, events and storage layout are those of the OP stack's SystemConfig 3.13, so that its tools, its
///      portal and its bridges work with it, and a proxy may move from one to the other. Left out is what has no
///      use here: custom gas tokens, feature flags, the deprecated `setGasConfig`, and what belongs to dispute games.
contract SystemConfig {
    /// Which parameters an event changes. The numbers are part of the protocol.
    enum UpdateType {
        BATCHER,
        FEE_SCALARS,
        GAS_LIMIT,
        UNSAFE_BLOCK_SIGNER,
        EIP_1559_PARAMS,
        OPERATOR_FEE_PARAMS,
        MIN_BASE_FEE,
        DA_FOOTPRINT_GAS_SCALAR
    }

    /// How the portal sells the gas of deposits.
    struct ResourceConfig {
        uint32 maxResourceLimit;
        uint8 elasticityMultiplier;
        uint8 baseFeeMaxChangeDenominator;
        uint32 minimumBaseFee;
        uint32 systemTxMaxGas;
        uint128 maximumBaseFee;
    }

    /// The chain's other contracts on L1: the proxies that users call.
    struct Addresses {
        address l1CrossDomainMessenger;
        address l1ERC721Bridge;
        address l1StandardBridge;
        address optimismPortal;
        address optimismMintableERC20Factory;
    }

    event ConfigUpdate(uint256 indexed version, UpdateType indexed updateType, bytes data);
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);
    event Initialized(uint8 version);

    error SystemConfig_NotProxyAdmin(address caller);
    error SystemConfig_NotOwner(address caller);
    error SystemConfig_ZeroOwner();
    error SystemConfig_AlreadyInitialized();

    /// Version of the events.
    uint256 public constant VERSION = 0;

    /// Version of this contract; one that replaces it counts on.
    string public constant version = "3.13.0+phala.1";

    /// What `_initialized` is after `initialize`.
    uint8 public constant initVersion = 3;

    /// Nodes read the signer of unsafe blocks from this slot, not from events.
    bytes32 public constant UNSAFE_BLOCK_SIGNER_SLOT = keccak256("systemconfig.unsafeblocksigner");
    bytes32 public constant L1_CROSS_DOMAIN_MESSENGER_SLOT =
        bytes32(uint256(keccak256("systemconfig.l1crossdomainmessenger")) - 1);
    bytes32 public constant L1_ERC_721_BRIDGE_SLOT = bytes32(uint256(keccak256("systemconfig.l1erc721bridge")) - 1);
    bytes32 public constant L1_STANDARD_BRIDGE_SLOT = bytes32(uint256(keccak256("systemconfig.l1standardbridge")) - 1);
    bytes32 public constant OPTIMISM_PORTAL_SLOT = bytes32(uint256(keccak256("systemconfig.optimismportal")) - 1);
    bytes32 public constant OPTIMISM_MINTABLE_ERC20_FACTORY_SLOT =
        bytes32(uint256(keccak256("systemconfig.optimismmintableerc20factory")) - 1);
    bytes32 public constant BATCH_INBOX_SLOT = bytes32(uint256(keccak256("systemconfig.batchinbox")) - 1);
    bytes32 public constant START_BLOCK_SLOT = bytes32(uint256(keccak256("systemconfig.startBlock")) - 1);

    /// Where a proxy keeps its admin (EIP-1967).
    bytes32 private constant PROXY_ADMIN_SLOT = bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1);

    /// The deposits of one L1 block (20 M) and the L1 attributes (1 M) must fit every L2 block, whatever the
    /// resource config says.
    uint64 private constant MIN_GAS_LIMIT = 21_000_000;

    /// Larger blocks would be more than the network's nodes must be able to process.
    uint64 private constant MAX_GAS_LIMIT = 500_000_000;

    /// What stands for ether where a token's address is expected.
    address private constant ETHER = 0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE;

    // Slots 0 to 100 are where the reference inherits its initializer and its owner.
    uint8 private _initialized;
    bool private _initializing;
    uint256[50] private __contextGap;
    address private _owner;
    uint256[49] private __ownableGap;

    /// Not used since Ecotone; still the first word of fee events.
    uint256 public overhead;

    /// Both fee scalars in one word, with a version byte.
    uint256 public scalar;

    /// The account whose L1 transactions carry batches, left-padded.
    bytes32 public batcherHash;

    uint64 public gasLimit;
    uint32 public basefeeScalar;
    uint32 public blobbasefeeScalar;

    ResourceConfig private _resourceConfig;

    /// Zero until set, which stands for the chain's constants.
    uint32 public eip1559Denominator;
    uint32 public eip1559Elasticity;

    uint32 public operatorFeeScalar;
    uint64 public operatorFeeConstant;

    /// Zero until set, which stands for 400.
    uint16 public daFootprintGasScalar;

    uint256 public l2ChainId;
    ISuperchainConfig public superchainConfig;
    uint64 public minBaseFee;

    modifier onlyOwner() {
        if (msg.sender != _owner) revert SystemConfig_NotOwner(msg.sender);
        _;
    }

    /// The implementation itself can never be initialized.
    constructor() {
        _setWord(START_BLOCK_SLOT, type(uint256).max);
        _initialized = type(uint8).max;
        emit Initialized(type(uint8).max);
    }

    /// @notice Sets the parameters a chain starts with, once. Only the proxy's admin, or its owner, may.
    function initialize(
        address _newOwner,
        uint32 _basefeeScalar,
        uint32 _blobbasefeeScalar,
        bytes32 _batcherHash,
        uint64 _gasLimit,
        address _unsafeBlockSigner,
        ResourceConfig memory _config,
        address _batchInbox,
        Addresses memory _addresses,
        uint256 _l2ChainId,
        ISuperchainConfig _superchainConfig
    ) external {
        _requireProxyAdmin();
        if (_initialized >= initVersion) revert SystemConfig_AlreadyInitialized();
        _initialized = initVersion;
        _transferOwnership(_newOwner);

        // The lower bound of the gas limit follows from it.
        _setResourceConfig(_config, _gasLimit);
        _setBatcherHash(_batcherHash);
        _setFeeScalars(_basefeeScalar, _blobbasefeeScalar);
        _setGasLimit(_gasLimit);
        _setUnsafeBlockSigner(_unsafeBlockSigner);

        _setAddress(BATCH_INBOX_SLOT, _batchInbox);
        _setAddress(L1_CROSS_DOMAIN_MESSENGER_SLOT, _addresses.l1CrossDomainMessenger);
        _setAddress(L1_ERC_721_BRIDGE_SLOT, _addresses.l1ERC721Bridge);
        _setAddress(L1_STANDARD_BRIDGE_SLOT, _addresses.l1StandardBridge);
        _setAddress(OPTIMISM_PORTAL_SLOT, _addresses.optimismPortal);
        _setAddress(OPTIMISM_MINTABLE_ERC20_FACTORY_SLOT, _addresses.optimismMintableERC20Factory);
        // A proxy that had another implementation before keeps the block it started at.
        if (_word(START_BLOCK_SLOT) == 0) _setWord(START_BLOCK_SLOT, block.number);

        l2ChainId = _l2ChainId;
        superchainConfig = _superchainConfig;
        emit Initialized(initVersion);
    }

    /// @notice Changes who may send batches.
    function setBatcherHash(bytes32 _batcherHash) external onlyOwner {
        _setBatcherHash(_batcherHash);
    }

    /// @notice Changes the prices of L1 data.
    function setGasConfigEcotone(uint32 _basefeeScalar, uint32 _blobbasefeeScalar) external onlyOwner {
        _setFeeScalars(_basefeeScalar, _blobbasefeeScalar);
    }

    /// @notice Changes the gas limit of L2 blocks.
    function setGasLimit(uint64 _gasLimit) external onlyOwner {
        _setGasLimit(_gasLimit);
    }

    /// @notice Changes whose signature makes a gossiped block the sequencer's.
    function setUnsafeBlockSigner(address _unsafeBlockSigner) external onlyOwner {
        _setUnsafeBlockSigner(_unsafeBlockSigner);
    }

    /// @notice Changes how fast, and around which target, the base fee moves. There is no way back to zero, which
    ///         stands for the chain's constants.
    function setEIP1559Params(uint32 _denominator, uint32 _elasticity) external onlyOwner {
        require(_denominator >= 1, "SystemConfig: denominator must be >= 1");
        require(_elasticity >= 1, "SystemConfig: elasticity must be >= 1");
        eip1559Denominator = _denominator;
        eip1559Elasticity = _elasticity;
        _emitUpdate(UpdateType.EIP_1559_PARAMS, abi.encode(uint256(_denominator) << 32 | _elasticity));
    }

    /// @notice Changes the operator fee: a part per gas and a part per transaction.
    function setOperatorFeeScalars(uint32 _operatorFeeScalar, uint64 _operatorFeeConstant) external onlyOwner {
        operatorFeeScalar = _operatorFeeScalar;
        operatorFeeConstant = _operatorFeeConstant;
        _emitUpdate(
            UpdateType.OPERATOR_FEE_PARAMS, abi.encode(uint256(_operatorFeeScalar) << 64 | _operatorFeeConstant)
        );
    }

    /// @notice Changes the lower bound of the base fee, in wei; zero for none.
    function setMinBaseFee(uint64 _minBaseFee) external onlyOwner {
        minBaseFee = _minBaseFee;
        _emitUpdate(UpdateType.MIN_BASE_FEE, abi.encode(_minBaseFee));
    }

    /// @notice Changes the gas a byte of data availability counts for; zero stands for 400.
    function setDAFootprintGasScalar(uint16 _daFootprintGasScalar) external onlyOwner {
        daFootprintGasScalar = _daFootprintGasScalar;
        _emitUpdate(UpdateType.DA_FOOTPRINT_GAS_SCALAR, abi.encode(_daFootprintGasScalar));
    }

    /// @notice Hands the contract to another owner, who is not asked.
    function transferOwnership(address _newOwner) external onlyOwner {
        _transferOwnership(_newOwner);
    }

    /// @notice Leaves the contract without an owner: nothing can be changed any more but by an upgrade.
    function renounceOwnership() external onlyOwner {
        emit OwnershipTransferred(_owner, address(0));
        _owner = address(0);
    }

    function owner() external view returns (address) {
        return _owner;
    }

    /// @notice The admin of the proxy.
    function proxyAdmin() public view returns (address) {
        return _address(PROXY_ADMIN_SLOT);
    }

    /// @notice The smallest gas limit that can be set.
    function minimumGasLimit() public view returns (uint64) {
        uint64 forDeposits = uint64(_resourceConfig.maxResourceLimit) + uint64(_resourceConfig.systemTxMaxGas);
        return forDeposits > MIN_GAS_LIMIT ? forDeposits : MIN_GAS_LIMIT;
    }

    /// @notice The largest gas limit that can be set.
    function maximumGasLimit() public pure returns (uint64) {
        return MAX_GAS_LIMIT;
    }

    function unsafeBlockSigner() external view returns (address) {
        return _address(UNSAFE_BLOCK_SIGNER_SLOT);
    }

    function l1CrossDomainMessenger() public view returns (address) {
        return _address(L1_CROSS_DOMAIN_MESSENGER_SLOT);
    }

    function l1ERC721Bridge() public view returns (address) {
        return _address(L1_ERC_721_BRIDGE_SLOT);
    }

    function l1StandardBridge() public view returns (address) {
        return _address(L1_STANDARD_BRIDGE_SLOT);
    }

    function optimismPortal() public view returns (address) {
        return _address(OPTIMISM_PORTAL_SLOT);
    }

    function optimismMintableERC20Factory() public view returns (address) {
        return _address(OPTIMISM_MINTABLE_ERC20_FACTORY_SLOT);
    }

    /// @notice All of the five addresses.
    function getAddresses() external view returns (Addresses memory) {
        return Addresses({
            l1CrossDomainMessenger: l1CrossDomainMessenger(),
            l1ERC721Bridge: l1ERC721Bridge(),
            l1StandardBridge: l1StandardBridge(),
            optimismPortal: optimismPortal(),
            optimismMintableERC20Factory: optimismMintableERC20Factory()
        });
    }

    /// @notice Where batches are sent to; nobody has its key.
    function batchInbox() external view returns (address) {
        return _address(BATCH_INBOX_SLOT);
    }

    /// @notice The L1 block this contract was initialized in: no event is older.
    function startBlock() external view returns (uint256) {
        return _word(START_BLOCK_SLOT);
    }

    function resourceConfig() external view returns (ResourceConfig memory) {
        return _resourceConfig;
    }

    /// @notice Gas is paid in ether, always. The portal and the bridges ask.
    function gasPayingToken() external pure returns (address addr_, uint8 decimals_) {
        return (ETHER, 18);
    }

    function isCustomGasToken() external pure returns (bool) {
        return false;
    }

    /// @notice Whether withdrawals are stopped.
    function paused() external view returns (bool) {
        return superchainConfig.paused();
    }

    /// @notice Who can stop withdrawals.
    function guardian() external view returns (address) {
        return superchainConfig.guardian();
    }

    function _setBatcherHash(bytes32 _batcherHash) private {
        batcherHash = _batcherHash;
        _emitUpdate(UpdateType.BATCHER, abi.encode(_batcherHash));
    }

    function _setFeeScalars(uint32 _basefeeScalar, uint32 _blobbasefeeScalar) private {
        basefeeScalar = _basefeeScalar;
        blobbasefeeScalar = _blobbasefeeScalar;
        scalar = uint256(1) << 248 | uint256(_blobbasefeeScalar) << 32 | _basefeeScalar;
        _emitUpdate(UpdateType.FEE_SCALARS, abi.encode(overhead, scalar));
    }

    function _setGasLimit(uint64 _gasLimit) private {
        require(_gasLimit >= minimumGasLimit(), "SystemConfig: gas limit too low");
        require(_gasLimit <= maximumGasLimit(), "SystemConfig: gas limit too high");
        gasLimit = _gasLimit;
        _emitUpdate(UpdateType.GAS_LIMIT, abi.encode(_gasLimit));
    }

    function _setUnsafeBlockSigner(address _unsafeBlockSigner) private {
        _setAddress(UNSAFE_BLOCK_SIGNER_SLOT, _unsafeBlockSigner);
        _emitUpdate(UpdateType.UNSAFE_BLOCK_SIGNER, abi.encode(_unsafeBlockSigner));
    }

    /// What would make the portal divide by zero, or sell more gas than a block has.
    function _setResourceConfig(ResourceConfig memory _config, uint64 _gasLimit) private {
        require(
            _config.minimumBaseFee <= _config.maximumBaseFee, "SystemConfig: min base fee must be less than max base"
        );
        require(_config.baseFeeMaxChangeDenominator > 1, "SystemConfig: denominator must be larger than 1");
        require(
            uint64(_config.maxResourceLimit) + uint64(_config.systemTxMaxGas) <= _gasLimit,
            "SystemConfig: gas limit too low"
        );
        require(_config.elasticityMultiplier > 0, "SystemConfig: elasticity multiplier cannot be 0");
        require(
            _config.maxResourceLimit % _config.elasticityMultiplier == 0,
            "SystemConfig: precision loss with target resource limit"
        );
        _resourceConfig = _config;
    }

    function _transferOwnership(address _newOwner) private {
        if (_newOwner == address(0)) revert SystemConfig_ZeroOwner();
        emit OwnershipTransferred(_owner, _newOwner);
        _owner = _newOwner;
    }

    /// An upgrade initializes through the admin; a proxy without code behind it must not be taken by a stranger.
    function _requireProxyAdmin() private view {
        address admin = proxyAdmin();
        if (msg.sender == admin) return;
        if (admin.code.length == 0 || msg.sender != IOwned(admin).owner()) {
            revert SystemConfig_NotProxyAdmin(msg.sender);
        }
    }

    function _emitUpdate(UpdateType _type, bytes memory _data) private {
        emit ConfigUpdate(VERSION, _type, _data);
    }

    function _word(bytes32 _slot) private view returns (uint256 value_) {
        assembly ("memory-safe") {
            value_ := sload(_slot)
        }
    }

    function _setWord(bytes32 _slot, uint256 _value) private {
        assembly ("memory-safe") {
            sstore(_slot, _value)
        }
    }

    function _address(bytes32 _slot) private view returns (address) {
        return address(uint160(_word(_slot)));
    }

    function _setAddress(bytes32 _slot, address _value) private {
        _setWord(_slot, uint160(_value));
    }
}
