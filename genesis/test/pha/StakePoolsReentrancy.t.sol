// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {StakePoolsOwners} from "../../contracts/pha/StakePoolsOwners.sol";
import {StakeGenesis} from "./StakeGenesis.sol";

/// A token that calls back, which PHA does not: what would happen if it did.
contract CallingToken {
    mapping(address => uint256) public balanceOf;
    mapping(address => address) public delegates;
    bytes private callback;
    bytes public answer;
    bool public called;

    function arm(bytes calldata callback_) external {
        (callback, called) = (callback_, false);
    }

    function give(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function transfer(address to, uint256 amount) public returns (bool) {
        return move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public returns (bool) {
        return move(from, to, amount);
    }

    function move(address from, address to, uint256 amount) private returns (bool) {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        if (callback.length != 0 && !called) {
            called = true;
            bool success;
            (success, answer) = PhaAddresses.STAKE_POOLS.call(callback);
            require(!success, "entered again");
        }
        return true;
    }
}

contract StakePoolsReentrancyTest is StakeGenesis {
    CallingToken private constant TOKEN = CallingToken(PhaAddresses.PHA);

    function setUp() public override {
        super.setUp();
        vm.etch(PhaAddresses.PHA, type(CallingToken).runtimeCode);
        TOKEN.give(alice, 100 * ONE);
        TOKEN.give(address(POOLS), 100 * ONE);
    }

    function entries(uint32 pid) private view returns (bytes[] memory all) {
        all = new bytes[](9);
        all[0] = abi.encodeCall(POOLS.deposit, (pid, ONE, 0));
        all[1] = abi.encodeCall(POOLS.requestWithdrawal, (pid, ONE));
        all[2] = abi.encodeCall(POOLS.processQueue, (pid, 9));
        all[3] = abi.encodeCall(POOLS.refreshVotes, (alice, new uint32[](0)));
        all[4] = abi.encodeCall(POOLS.payOwner, (pid));
        all[5] = abi.encodeCall(POOLS.invest, (pid, pid, ONE));
        all[6] = abi.encodeCall(POOLS.divest, (pid, pid, ONE));
        all[7] = abi.encodeCall(POOLS.forceRedeem, (pid, 1, 1));
        all[8] = abi.encodeCall(POOLS.setCommission, (pid, 1));
    }

    function refuses() private view {
        vm.assertTrue(TOKEN.called(), "called back");
        vm.assertEq(TOKEN.answer(), abi.encodePacked(StakePoolsOwners.EnteredAgain.selector));
    }

    function test_nothing_is_entered_again_while_a_deposit_pulls_pha() public {
        uint32 pid = newStakePool(0);
        bytes[] memory all = entries(pid);
        for (uint256 i = 0; i < all.length; i++) {
            TOKEN.arm(all[i]);
            deposit(alice, pid, ONE);
            refuses();
        }
    }

    function test_nothing_is_entered_again_while_a_request_is_paid() public {
        uint32 vault = newVault(0);
        bytes[] memory all = entries(vault);
        deposit(alice, vault, 50 * ONE);
        for (uint256 i = 0; i < all.length; i++) {
            TOKEN.arm(all[i]);
            uint256 before = TOKEN.balanceOf(alice);
            ask(alice, vault, ONE);
            vm.assertEq(TOKEN.balanceOf(alice) - before, ONE);
            refuses();
        }
    }

    function test_claims_do_not_enter_while_they_are_paid() public {
        writeVault(3, OWNER, 0, 0, 0, 0);
        vm.store(address(POOLS), keccak256(abi.encode(ERIN, 7)), bytes32(ONE));
        vm.assertEq(POOLS.kept(ERIN), ONE);
        TOKEN.arm(abi.encodeCall(POOLS.claimRequest, (ERIN, bob, 3)));
        vm.prank(PhaAddresses.CLAIMS);
        POOLS.claimRequest(ERIN, alice, 3);
        refuses();
        vm.assertEq(TOKEN.balanceOf(alice), 101 * ONE);
    }
}
