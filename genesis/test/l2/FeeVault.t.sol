// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

import {BaseFeeVault} from "../../contracts/l2/BaseFeeVault.sol";
import {FeeVault} from "../../contracts/l2/FeeVault.sol";
import {L1FeeVault} from "../../contracts/l2/L1FeeVault.sol";
import {OperatorFeeVault} from "../../contracts/l2/OperatorFeeVault.sol";
import {Predeploys} from "../../contracts/l2/Predeploys.sol";
import {ProxyAdminOwned} from "../../contracts/l2/ProxyAdminOwned.sol";
import {SequencerFeeVault} from "../../contracts/l2/SequencerFeeVault.sol";
import {Test} from "../Test.sol";
import {Owned} from "./Owned.sol";

/// Remembers what it was told.
contract MessagePasser {
    address public target;
    uint256 public gasLimit;
    bytes public data;

    function initiateWithdrawal(address target_, uint256 gasLimit_, bytes calldata data_) external payable {
        (target, gasLimit, data) = (target_, gasLimit_, data_);
    }
}

contract Refuses {
    receive() external payable {
        revert("no");
    }
}

/// Each test runs on each vault.
contract FeeVaultTest is Test {
    event Withdrawal(uint256 value, address to, address from);
    event Withdrawal(uint256 value, address to, address from, FeeVault.WithdrawalNetwork withdrawalNetwork);
    event RecipientUpdated(address oldRecipient, address newRecipient);

    uint256 private constant MINIMUM = 10 ether;
    FeeVault[4] private vaults;
    Owned private admin;
    address private owner = account("owner");
    address private recipient = account("recipient");

    function setUp() public {
        vaults = [
            FeeVault(new SequencerFeeVault()),
            FeeVault(new BaseFeeVault()),
            FeeVault(new L1FeeVault()),
            FeeVault(new OperatorFeeVault())
        ];
        admin = new Owned(owner);
        bytes32 slot = bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1);
        for (uint256 i; i < 4; ++i) {
            vm.store(address(vaults[i]), slot, bytes32(uint256(uint160(address(admin)))));
            vm.prank(owner);
            vaults[i].initialize(recipient, MINIMUM, FeeVault.WithdrawalNetwork.L2);
        }
        vm.etch(Predeploys.L2_TO_L1_MESSAGE_PASSER, address(new MessagePasser()).code);
    }

    /// Genesis writes these words.
    function test_LaysItsWordsOutAsGenesisWritesThem() public view {
        bytes32 initialized = 0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00;
        for (uint256 i; i < 4; ++i) {
            address vault = address(vaults[i]);
            vm.assertEq(uint256(vm.load(vault, bytes32(uint256(0)))), 0, "totalProcessed");
            vm.assertEq(uint256(vm.load(vault, bytes32(uint256(1)))), MINIMUM, "minimum");
            vm.assertEq(uint256(vm.load(vault, bytes32(uint256(2)))), 1 << 160 | uint160(recipient), "recipient");
            vm.assertEq(uint256(vm.load(vault, initialized)), 1, "initialized");
        }
    }

    function testFuzz_PaysOnceItIsEnough(uint96 amount) public {
        for (uint256 i; i < 4; ++i) {
            vm.deal(address(vaults[i]), amount);
            vm.deal(recipient, 0);
            if (amount < MINIMUM) {
                vm.expectRevert("FeeVault: withdrawal amount must be greater than minimum withdrawal amount");
                vaults[i].withdraw();
                continue;
            }
            vm.expectEmit(true, true, true, true, address(vaults[i]));
            emit Withdrawal(amount, recipient, address(this));
            vm.expectEmit(true, true, true, true, address(vaults[i]));
            emit Withdrawal(amount, recipient, address(this), FeeVault.WithdrawalNetwork.L2);
            vm.assertEq(vaults[i].withdraw(), amount, "value");
            vm.assertEq(recipient.balance, amount, "paid");
            vm.assertEq(address(vaults[i]).balance, 0, "left");
            vm.assertEq(vaults[i].totalProcessed(), amount, "totalProcessed");
        }
    }

    function test_PaysOnL1ThroughTheMessagePasser() public {
        MessagePasser passer = MessagePasser(Predeploys.L2_TO_L1_MESSAGE_PASSER);
        for (uint256 i; i < 4; ++i) {
            vm.deal(address(passer), 0);
            vm.prank(owner);
            vaults[i].setWithdrawalNetwork(FeeVault.WithdrawalNetwork.L1);
            vm.deal(address(vaults[i]), MINIMUM);
            vaults[i].withdraw();
            vm.assertEq(address(passer).balance, MINIMUM, "passed");
            vm.assertEq(passer.target(), recipient, "target");
            vm.assertEq(passer.gasLimit(), 400_000, "gas");
            vm.assertEq(passer.data(), "", "data");
        }
    }

    function test_KeepsWhatItsRecipientRefuses() public {
        address refuses = address(new Refuses());
        for (uint256 i; i < 4; ++i) {
            vm.prank(owner);
            vaults[i].setRecipient(refuses);
            vm.deal(address(vaults[i]), MINIMUM);
            vm.expectRevert("FeeVault: failed to send ETH to L2 fee recipient");
            vaults[i].withdraw();
            vm.assertEq(address(vaults[i]).balance, MINIMUM, "kept");
            vm.assertEq(vaults[i].totalProcessed(), 0, "totalProcessed");
        }
    }

    function testFuzz_IsChangedByTheOwnerOnly(address from, address to, uint256 minimum) public {
        vm.assume(from != owner);
        bytes4 refused = ProxyAdminOwned.ProxyAdminOwnedBase_NotProxyAdminOwner.selector;
        for (uint256 i; i < 4; ++i) {
            vm.startPrank(from);
            vm.expectRevert(refused);
            vaults[i].setRecipient(to);
            vm.expectRevert(refused);
            vaults[i].setMinWithdrawalAmount(minimum);
            vm.expectRevert(refused);
            vaults[i].setWithdrawalNetwork(FeeVault.WithdrawalNetwork.L1);
            vm.stopPrank();

            vm.startPrank(owner);
            vm.expectEmit(true, true, true, true, address(vaults[i]));
            emit RecipientUpdated(recipient, to);
            vaults[i].setRecipient(to);
            vaults[i].setMinWithdrawalAmount(minimum);
            vaults[i].setWithdrawalNetwork(FeeVault.WithdrawalNetwork.L1);
            vm.stopPrank();
            vm.assertEq(vaults[i].RECIPIENT(), to, "recipient");
            vm.assertEq(vaults[i].MIN_WITHDRAWAL_AMOUNT(), minimum, "minimum");
            vm.assertEq(uint256(vaults[i].WITHDRAWAL_NETWORK()), 0, "network");
        }
    }

    function test_IsInitializedOnceByWhoeverAdministersIt() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        vm.prank(owner);
        vaults[0].initialize(recipient, 1, FeeVault.WithdrawalNetwork.L1);

        bytes32 slot = bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1);
        address[2] memory allowed = [owner, address(admin)];
        for (uint256 i; i < 2; ++i) {
            FeeVault vault = new BaseFeeVault();
            vm.store(address(vault), slot, bytes32(uint256(uint160(address(admin)))));
            vm.expectRevert(ProxyAdminOwned.ProxyAdminOwnedBase_NotProxyAdminOrProxyAdminOwner.selector);
            vault.initialize(recipient, 1, FeeVault.WithdrawalNetwork.L1);
            vm.prank(allowed[i]);
            vault.initialize(recipient, 1, FeeVault.WithdrawalNetwork.L1);
            vm.assertEq(vault.minWithdrawalAmount(), 1, "minimum");
        }
    }

    function test_TakesEther() public {
        vm.deal(address(this), 1 ether);
        (bool success,) = address(vaults[0]).call{value: 1 ether}("");
        vm.assertTrue(success, "taken");
        vm.assertEq(SequencerFeeVault(payable(address(vaults[0]))).l1FeeWallet(), recipient, "wallet");
    }
}
