// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";

import {AttestationPolicy} from "../../contracts/attestation/AttestationPolicy.sol";
import {GpuJobSettlement} from "../../contracts/attestation/GpuJobSettlement.sol";
import {WorkerRegistry} from "../../contracts/attestation/WorkerRegistry.sol";
import {TestToken} from "./Tokens.sol";
import {World} from "./World.sol";

/// The predeploys as a chain has them: code elsewhere, storage here.
contract ProxyTest is World {
    bytes32 private constant IMPLEMENTATION_SLOT = bytes32(uint256(keccak256("eip1967.proxy.implementation")) - 1);

    function setUp() public {
        makeWorld(new TestToken());
        moveBehindAProxy(address(policy), address(new AttestationPolicy()));
        moveBehindAProxy(address(registry), address(new WorkerRegistry()));
        moveBehindAProxy(address(settlement), address(new GpuJobSettlement()));
    }

    /// What `initialize` stored stays.
    function moveBehindAProxy(address predeploy, address implementation) private {
        vm.etch(predeploy, address(new ERC1967Proxy(implementation, "")).code);
        vm.store(predeploy, IMPLEMENTATION_SLOT, bytes32(uint256(uint160(implementation))));
    }

    function test_AJobIsDoneBehindProxies() public {
        Machine memory worker = machine(1, 2);
        register(worker);
        bytes32 jobId = acceptedJob(worker, 80 ether);
        commit(worker.key, receiptOf(jobId, 60 ether));
        vm.warp(START + 1 hours);
        settlement.finalize(jobId);
        vm.prank(payout);
        vm.assertEq(settlement.withdraw(), 58.5 ether, "paid");
    }

    /// A chain that installs these by an upgrade: empty storage, `initialize` through the proxy.
    function test_InitializeThroughAProxyWritesTheSameWords() public {
        bytes32[6] memory expected;
        for (uint256 slot; slot < 6; ++slot) {
            expected[slot] = vm.load(address(settlement), bytes32(slot));
            vm.store(address(settlement), bytes32(slot), 0);
        }
        vm.expectRevert(abi.encodeWithSignature("ProxyAdminOwnedBase_NotProxyAdminOrProxyAdminOwner()"));
        settlement.initialize(owner, token, settlementSettings());
        vm.prank(address(admin));
        settlement.initialize(owner, token, settlementSettings());
        for (uint256 slot; slot < 6; ++slot) {
            vm.assertEq(vm.load(address(settlement), bytes32(slot)), expected[slot], "word");
        }
    }
}
