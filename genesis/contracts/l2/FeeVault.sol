// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";

import {IL2ToL1MessagePasser, Predeploys} from "./Predeploys.sol";
import {ProxyAdminOwned} from "./ProxyAdminOwned.sol";

/// Collects one kind of fee. Anybody may send what is in it to its recipient, once it is enough.
abstract contract FeeVault is ProxyAdminOwned, Initializable {
    enum WithdrawalNetwork {
        L1,
        L2
    }

    /// Of the two, the older one is what indexers of the first vaults read.
    event Withdrawal(uint256 value, address to, address from);
    event Withdrawal(uint256 value, address to, address from, WithdrawalNetwork withdrawalNetwork);
    event MinWithdrawalAmountUpdated(uint256 oldWithdrawalAmount, uint256 newWithdrawalAmount);
    event RecipientUpdated(address oldRecipient, address newRecipient);
    event WithdrawalNetworkUpdated(WithdrawalNetwork oldWithdrawalNetwork, WithdrawalNetwork newWithdrawalNetwork);

    /// Gas that a withdrawal asks for on L1.
    uint256 private constant WITHDRAWAL_GAS = 400_000;

    // Slots 0 to 2; genesis writes 1 and 2.
    uint256 public totalProcessed;
    uint256 public minWithdrawalAmount;
    address public recipient;
    WithdrawalNetwork public withdrawalNetwork;

    receive() external payable {}

    /// Genesis marks the vaults as initialized: this is for a vault deployed later.
    function initialize(address recipient_, uint256 minWithdrawalAmount_, WithdrawalNetwork network_)
        external
        initializer
    {
        requireProxyAdminOrOwner();
        recipient = recipient_;
        minWithdrawalAmount = minWithdrawalAmount_;
        withdrawalNetwork = network_;
    }

    function withdraw() external returns (uint256 value) {
        value = address(this).balance;
        require(
            value >= minWithdrawalAmount, "FeeVault: withdrawal amount must be greater than minimum withdrawal amount"
        );
        totalProcessed += value;
        (address to, WithdrawalNetwork network) = (recipient, withdrawalNetwork);
        emit Withdrawal(value, to, msg.sender);
        emit Withdrawal(value, to, msg.sender, network);
        if (network == WithdrawalNetwork.L2) {
            bool success;
            assembly ("memory-safe") {
                // What the recipient answers is not copied.
                success := call(gas(), to, value, 0, 0, 0, 0)
            }
            require(success, "FeeVault: failed to send ETH to L2 fee recipient");
        } else {
            IL2ToL1MessagePasser(Predeploys.L2_TO_L1_MESSAGE_PASSER).initiateWithdrawal{value: value}(
                to, WITHDRAWAL_GAS, ""
            );
        }
    }

    function setMinWithdrawalAmount(uint256 newAmount) external {
        requireProxyAdminOwner();
        emit MinWithdrawalAmountUpdated(minWithdrawalAmount, newAmount);
        minWithdrawalAmount = newAmount;
    }

    function setRecipient(address newRecipient) external {
        requireProxyAdminOwner();
        emit RecipientUpdated(recipient, newRecipient);
        recipient = newRecipient;
    }

    function setWithdrawalNetwork(WithdrawalNetwork newNetwork) external {
        requireProxyAdminOwner();
        emit WithdrawalNetworkUpdated(withdrawalNetwork, newNetwork);
        withdrawalNetwork = newNetwork;
    }

    // The same three, as the first vaults called them.

    function MIN_WITHDRAWAL_AMOUNT() external view returns (uint256) {
        return minWithdrawalAmount;
    }

    function RECIPIENT() external view returns (address) {
        return recipient;
    }

    function WITHDRAWAL_NETWORK() external view returns (WithdrawalNetwork) {
        return withdrawalNetwork;
    }
}
