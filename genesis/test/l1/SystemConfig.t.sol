// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import { Test, Vm } from "../Test.sol";
import { SystemConfig, ISuperchainConfig } from "../../contracts/l1/SystemConfig.sol";

/// The proxies the chain uses, as far as the tests need them: admin and implementation in the slots of EIP-1967.
contract TestProxy {
    constructor(address admin, address implementation) {
        assembly {
            sstore(0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103, admin)
            sstore(0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc, implementation)
        }
    }

    fallback() external {
        assembly {
            calldatacopy(0, 0, calldatasize())
            let to := sload(0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc)
            let ok := delegatecall(gas(), to, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch ok
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }
}

contract TestProxyAdmin {
    address public owner;

    constructor(address first) {
        owner = first;
    }
}

contract TestSuperchainConfig {
    bool public paused;
    address public constant guardian = address(0xbeef);

    function pause() external {
        paused = true;
    }
}

contract SystemConfigTest is Test {
    bytes32 private constant UPDATE_TOPIC = 0x1d2b0bda21d56b8bd12d4f94ebacffdfb35f5e226f84b461103bb8beab6353be;

    SystemConfig private config;
    SystemConfig private implementation;
    TestProxyAdmin private admin;
    TestSuperchainConfig private superchain;
    address private owner = account("owner");
    address private stranger = account("stranger");

    function setUp() public {
        vm.roll(77);
        admin = new TestProxyAdmin(account("admin's owner"));
        superchain = new TestSuperchainConfig();
        implementation = new SystemConfig();
        config = fresh();
        vm.prank(address(admin));
        initialize(config, 60_000_000, resources());
    }

    function fresh() private returns (SystemConfig) {
        return SystemConfig(address(new TestProxy(address(admin), address(implementation))));
    }

    function initialize(SystemConfig target, uint64 gasLimit, SystemConfig.ResourceConfig memory resource) private {
        target.initialize(
            owner,
            1368,
            810949,
            bytes32(uint256(uint160(account("batcher")))),
            gasLimit,
            account("signer"),
            resource,
            account("inbox"),
            addresses(),
            20351337,
            ISuperchainConfig(address(superchain))
        );
    }

    function resources() private pure returns (SystemConfig.ResourceConfig memory) {
        return SystemConfig.ResourceConfig({
            maxResourceLimit: 20_000_000,
            elasticityMultiplier: 10,
            baseFeeMaxChangeDenominator: 8,
            minimumBaseFee: 1 gwei,
            systemTxMaxGas: 1_000_000,
            maximumBaseFee: type(uint128).max
        });
    }

    function addresses() private pure returns (SystemConfig.Addresses memory) {
        return SystemConfig.Addresses({
            l1CrossDomainMessenger: account("messenger"),
            l1ERC721Bridge: account("721"),
            l1StandardBridge: account("bridge"),
            optimismPortal: account("portal"),
            optimismMintableERC20Factory: account("factory")
        });
    }

    /// One word as the content of the event's `bytes`, as nodes read it.
    function oneWord(uint256 word) private pure returns (bytes memory) {
        return abi.encodePacked(uint256(0x20), uint256(0x20), word);
    }

    function assertUpdate(Vm.Log memory log, uint256 updateType, bytes memory data) private view {
        vm.assertEq(log.emitter, address(config), "emitter");
        vm.assertEq(log.topics.length, 3, "topics");
        vm.assertEq(log.topics[0], UPDATE_TOPIC, "event");
        vm.assertEq(log.topics[1], bytes32(0), "version");
        vm.assertEq(log.topics[2], bytes32(updateType), "type");
        vm.assertEq(log.data, data, "data");
    }

    /// Calls as the owner, and expects this one event.
    function assertEmits(bytes memory input, uint256 updateType, bytes memory data) private {
        vm.recordLogs();
        vm.prank(owner);
        (bool ok,) = address(config).call(input);
        vm.assertTrue(ok, "call of the owner");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 1, "events");
        assertUpdate(logs[0], updateType, data);
    }

    function assertReverts(bytes memory input, bytes memory reason) private {
        vm.prank(owner);
        (bool ok, bytes memory answer) = address(config).call(input);
        vm.assertFalse(ok, "must be refused");
        vm.assertEq(answer, reason, "reason");
    }

    function failure(string memory reason) private pure returns (bytes memory) {
        return abi.encodeWithSignature("Error(string)", reason);
    }

    // The bytes of the next tests are those of vectors/system_config.json.

    function test_setters_emit_what_nodes_read() public {
        assertEmits(abi.encodeWithSelector(0xc9b26f61, bytes32(uint256(0xbeef))), 0, oneWord(0xbeef));
        assertEmits(
            abi.encodeWithSelector(0x21d7fde5, uint32(1368), uint32(810949)),
            1,
            abi.encodePacked(
                uint256(0x20),
                uint256(0x40),
                uint256(0),
                uint256(0x010000000000000000000000000000000000000000000000000c5fc500000558)
            )
        );
        assertEmits(abi.encodeWithSelector(0xb40a817c, uint64(60_000_000)), 2, oneWord(0x3938700));
        assertEmits(abi.encodeWithSelector(0x18d13918, address(0xbeef)), 3, oneWord(0xbeef));
        assertEmits(abi.encodeWithSelector(0xc0fd4b41, uint32(250), uint32(6)), 4, oneWord(0xfa00000006));
        assertEmits(
            abi.encodeWithSelector(0xc0fd4b41, uint32(0xbabe), uint32(0xbeef)), 4, oneWord(0xbabe0000beef)
        );
        assertEmits(
            abi.encodeWithSelector(0x155b6c6f, uint32(0xabcd), uint64(0xdcba)),
            5,
            oneWord(0xabcd000000000000dcba)
        );
        assertEmits(abi.encodeWithSelector(0x7616f0e8, uint64(1 gwei)), 6, oneWord(0x3b9aca00));
        assertEmits(abi.encodeWithSelector(0x20f06fdc, uint16(200)), 7, oneWord(0xc8));
        assertEmits(abi.encodeWithSelector(0x20f06fdc, uint16(0)), 7, oneWord(0));
    }

    function test_the_event_is_the_one_nodes_look_for() public pure {
        vm.assertEq(UPDATE_TOPIC, keccak256("ConfigUpdate(uint256,uint8,bytes)"));
        vm.assertEq(UPDATE_TOPIC, SystemConfig.ConfigUpdate.selector);
    }

    function testFuzz_views_say_what_was_set(
        bytes32 batcher,
        uint32 baseScalar,
        uint32 blobScalar,
        uint64 gasLimit,
        address signer,
        uint32 denominator,
        uint32 elasticity
    ) public {
        gasLimit = 21_000_000 + gasLimit % (500_000_000 - 21_000_000 + 1);
        vm.assume(denominator > 0 && elasticity > 0);
        vm.startPrank(owner);
        config.setBatcherHash(batcher);
        config.setGasConfigEcotone(baseScalar, blobScalar);
        config.setGasLimit(gasLimit);
        config.setUnsafeBlockSigner(signer);
        config.setEIP1559Params(denominator, elasticity);
        vm.stopPrank();
        vm.assertEq(config.batcherHash(), batcher);
        vm.assertEq(config.basefeeScalar(), baseScalar);
        vm.assertEq(config.blobbasefeeScalar(), blobScalar);
        vm.assertEq(config.scalar(), (uint256(1) << 248) + (uint256(blobScalar) << 32) + baseScalar);
        vm.assertEq(config.overhead(), uint256(0));
        vm.assertEq(config.gasLimit(), gasLimit);
        vm.assertEq(config.unsafeBlockSigner(), signer);
        vm.assertEq(config.eip1559Denominator(), denominator);
        vm.assertEq(config.eip1559Elasticity(), elasticity);
    }

    function testFuzz_views_say_what_was_set_since_isthmus(
        uint32 operatorScalar,
        uint64 operatorConstant,
        uint64 minBaseFee,
        uint16 daScalar
    ) public {
        vm.startPrank(owner);
        config.setOperatorFeeScalars(operatorScalar, operatorConstant);
        config.setMinBaseFee(minBaseFee);
        config.setDAFootprintGasScalar(daScalar);
        vm.stopPrank();
        vm.assertEq(config.operatorFeeScalar(), operatorScalar);
        vm.assertEq(config.operatorFeeConstant(), operatorConstant);
        vm.assertEq(config.minBaseFee(), minBaseFee);
        vm.assertEq(config.daFootprintGasScalar(), daScalar);
        // Neighbours in the same words.
        vm.assertEq(config.eip1559Denominator(), 0);
        vm.assertEq(address(config.superchainConfig()), address(superchain));
    }

    function test_only_the_owner_sets() public {
        bytes[9] memory inputs = [
            abi.encodeCall(config.setBatcherHash, (bytes32(0))),
            abi.encodeCall(config.setGasConfigEcotone, (1, 2)),
            abi.encodeCall(config.setGasLimit, (30_000_000)),
            abi.encodeCall(config.setUnsafeBlockSigner, (stranger)),
            abi.encodeCall(config.setEIP1559Params, (1, 1)),
            abi.encodeCall(config.setOperatorFeeScalars, (1, 1)),
            abi.encodeCall(config.setMinBaseFee, (1)),
            abi.encodeCall(config.setDAFootprintGasScalar, (1)),
            abi.encodeCall(config.transferOwnership, (stranger))
        ];
        address[2] memory others = [stranger, address(admin)];
        for (uint256 i; i < inputs.length; i++) {
            for (uint256 j; j < others.length; j++) {
                vm.prank(others[j]);
                (bool ok, bytes memory answer) = address(config).call(inputs[i]);
                vm.assertFalse(ok, "not the owner");
                vm.assertEq(
                    answer, abi.encodeWithSelector(SystemConfig.SystemConfig_NotOwner.selector, others[j])
                );
            }
            vm.prank(owner);
            (bool allowed,) = address(config).call(inputs[i]);
            vm.assertTrue(allowed, "the owner");
        }
        vm.assertEq(config.owner(), stranger);
    }

    function test_the_gas_limit_has_bounds() public {
        vm.assertEq(config.minimumGasLimit(), 21_000_000);
        vm.assertEq(config.maximumGasLimit(), 500_000_000);
        assertEmits(abi.encodeCall(config.setGasLimit, (21_000_000)), 2, oneWord(21_000_000));
        assertEmits(abi.encodeCall(config.setGasLimit, (500_000_000)), 2, oneWord(500_000_000));
        assertReverts(abi.encodeCall(config.setGasLimit, (20_999_999)), failure("SystemConfig: gas limit too low"));
        assertReverts(abi.encodeCall(config.setGasLimit, (500_000_001)), failure("SystemConfig: gas limit too high"));
        assertReverts(abi.encodeCall(config.setGasLimit, (0)), failure("SystemConfig: gas limit too low"));
    }

    function test_base_fee_parameters_cannot_divide_by_zero() public {
        assertReverts(
            abi.encodeCall(config.setEIP1559Params, (0, 6)), failure("SystemConfig: denominator must be >= 1")
        );
        assertReverts(
            abi.encodeCall(config.setEIP1559Params, (250, 0)), failure("SystemConfig: elasticity must be >= 1")
        );
        assertEmits(abi.encodeCall(config.setEIP1559Params, (1, 1)), 4, oneWord(0x100000001));
    }

    function test_initialize_tells_nodes_everything() public {
        config = fresh();
        vm.recordLogs();
        vm.prank(address(admin));
        initialize(config, 60_000_000, resources());
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 6, "events");
        assertUpdate(logs[1], 0, oneWord(uint160(account("batcher"))));
        assertUpdate(
            logs[2],
            1,
            abi.encodePacked(uint256(0x20), uint256(0x40), uint256(0), config.scalar())
        );
        assertUpdate(logs[3], 2, oneWord(60_000_000));
        assertUpdate(logs[4], 3, oneWord(uint160(account("signer"))));
        vm.assertEq(config.owner(), owner);
        vm.assertEq(config.startBlock(), 77);
        vm.assertEq(config.batchInbox(), account("inbox"));
        vm.assertEq(config.l2ChainId(), 20351337);
        vm.assertEq(config.initVersion(), 3);
        vm.assertEq(config.proxyAdmin(), address(admin));
        vm.assertEq(abi.encode(config.getAddresses()), abi.encode(addresses()));
        vm.assertEq(config.optimismPortal(), account("portal"));
        vm.assertEq(abi.encode(config.resourceConfig()), abi.encode(resources()));
        // Unset parameters are zero, which stands for the chain's constants.
        vm.assertEq(config.eip1559Denominator(), 0);
        vm.assertEq(config.minBaseFee(), 0);
        vm.assertEq(config.daFootprintGasScalar(), 0);
    }

    function test_the_signer_is_where_nodes_look() public view {
        vm.assertEq(
            vm.load(address(config), 0x65a7ed542fb37fe237fdfbdd70b31598523fe5b32879e307bae27a0bd9581c08),
            bytes32(uint256(uint160(account("signer"))))
        );
    }

    /// The layout of the reference: a proxy may move between the two.
    function test_storage_is_laid_out_as_in_the_reference() public {
        vm.startPrank(owner);
        config.setEIP1559Params(0x01020304, 0x05060708);
        config.setOperatorFeeScalars(0x090a0b0c, 0x0d0e0f1011121314);
        config.setDAFootprintGasScalar(0x1516);
        config.setMinBaseFee(0x1718191a1b1c1d1e);
        vm.stopPrank();
        vm.assertEq(slot(0), 3);
        vm.assertEq(slot(51), uint160(owner));
        vm.assertEq(slot(101), 0);
        vm.assertEq(slot(102), config.scalar());
        vm.assertEq(slot(103), uint160(account("batcher")));
        vm.assertEq(slot(104), uint256(810949) << 96 | uint256(1368) << 64 | 60_000_000);
        vm.assertEq(
            slot(105),
            uint256(type(uint128).max) << 112 | uint256(1_000_000) << 80 | uint256(1 gwei) << 48 | 8 << 40 | 10 << 32
                | 20_000_000
        );
        vm.assertEq(slot(106), 0x15160d0e0f1011121314090a0b0c0506070801020304);
        vm.assertEq(slot(107), 20351337);
        vm.assertEq(slot(108), uint256(0x1718191a1b1c1d1e) << 160 | uint160(address(superchain)));
        vm.assertEq(slot(109), 0);
    }

    function slot(uint256 number) private view returns (uint256) {
        return uint256(vm.load(address(config), bytes32(number)));
    }

    function test_initialize_works_once_and_only_for_the_admin() public {
        vm.prank(address(admin));
        vm.expectRevert(SystemConfig.SystemConfig_AlreadyInitialized.selector);
        initialize(config, 60_000_000, resources());

        SystemConfig other = fresh();
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(SystemConfig.SystemConfig_NotProxyAdmin.selector, stranger));
        initialize(other, 60_000_000, resources());
        vm.prank(account("admin's owner"));
        initialize(other, 60_000_000, resources());
        vm.assertEq(other.owner(), owner);
    }

    function test_the_implementation_cannot_be_initialized() public {
        vm.expectRevert(abi.encodeWithSelector(SystemConfig.SystemConfig_NotProxyAdmin.selector, address(this)));
        initialize(implementation, 60_000_000, resources());
        // Not even by who would be its admin.
        vm.store(
            address(implementation),
            0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103,
            bytes32(uint256(uint160(address(this))))
        );
        vm.expectRevert(SystemConfig.SystemConfig_AlreadyInitialized.selector);
        initialize(implementation, 60_000_000, resources());
        vm.assertEq(implementation.startBlock(), type(uint256).max);
    }

    function test_initialize_refuses_what_would_break_the_portal() public {
        SystemConfig.ResourceConfig memory bad = resources();
        bad.minimumBaseFee = 2;
        bad.maximumBaseFee = 1;
        refuses(bad, 60_000_000, "SystemConfig: min base fee must be less than max base");
        bad = resources();
        bad.baseFeeMaxChangeDenominator = 1;
        refuses(bad, 60_000_000, "SystemConfig: denominator must be larger than 1");
        bad = resources();
        bad.elasticityMultiplier = 0;
        refuses(bad, 60_000_000, "SystemConfig: elasticity multiplier cannot be 0");
        bad = resources();
        bad.elasticityMultiplier = 3;
        refuses(bad, 60_000_000, "SystemConfig: precision loss with target resource limit");
        refuses(resources(), 20_999_999, "SystemConfig: gas limit too low");
        // Selling less gas does not make smaller blocks safe.
        bad = resources();
        bad.maxResourceLimit = 10_000_000;
        refuses(bad, 20_999_999, "SystemConfig: gas limit too low");
        bad.maxResourceLimit = type(uint32).max;
        bad.systemTxMaxGas = type(uint32).max;
        bad.elasticityMultiplier = 1;
        refuses(bad, 60_000_000, "SystemConfig: gas limit too low");
    }

    function refuses(SystemConfig.ResourceConfig memory resource, uint64 gasLimit, string memory reason) private {
        SystemConfig other = fresh();
        vm.prank(address(admin));
        vm.expectRevert(bytes(reason));
        initialize(other, gasLimit, resource);
    }

    function test_ownership_moves_and_ends() public {
        vm.prank(owner);
        vm.expectRevert(SystemConfig.SystemConfig_ZeroOwner.selector);
        config.transferOwnership(address(0));
        vm.prank(owner);
        config.transferOwnership(stranger);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(SystemConfig.SystemConfig_NotOwner.selector, owner));
        config.renounceOwnership();
        vm.prank(stranger);
        config.renounceOwnership();
        vm.assertEq(config.owner(), address(0));
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(SystemConfig.SystemConfig_NotOwner.selector, stranger));
        config.setMinBaseFee(1);
    }

    function test_gas_is_paid_in_ether() public {
        (address token, uint8 decimals) = config.gasPayingToken();
        vm.assertEq(token, 0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE);
        vm.assertEq(uint256(decimals), 18);
        vm.assertFalse(config.isCustomGasToken(), "custom gas token");
        vm.assertFalse(config.paused(), "paused");
        superchain.pause();
        vm.assertTrue(config.paused(), "paused");
        vm.assertEq(config.guardian(), address(0xbeef));
    }
}
