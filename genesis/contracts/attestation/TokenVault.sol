// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Governed} from "./Governed.sol";

/// Holds one ERC-20 and pays out on demand only: nobody's refusal to be paid can hold up anybody else.
///
/// | Slot | Bytes from the right | Holds |
/// |---|---|---|
/// | 2 | 0-19 | `token` |
/// | 3 | | `credits`: account -> amount it may withdraw |
///
/// The guard against re-entrancy is in transient storage.
abstract contract TokenVault is Governed, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    event Credited(address indexed account, uint256 amount);
    event Withdrawn(address indexed account, uint256 amount);

    /// The token took a fee, or moves balances in other ways that accounts here would not notice.
    error TransferMismatch(uint256 expected, uint256 actual);
    error NothingToWithdraw(address account);

    /// Fixed for good when the contract is initialized.
    IERC20 public token;
    mapping(address account => uint256) public credits;

    /// Sends the caller everything it is owed.
    function withdraw() external nonReentrant returns (uint256 amount) {
        amount = credits[msg.sender];
        if (amount == 0) revert NothingToWithdraw(msg.sender);
        credits[msg.sender] = 0;
        emit Withdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    function initializeVault(address owner_, IERC20 token_) internal {
        initializeOwner(owner_);
        nonZero(address(token_));
        token = token_;
    }

    function credit(address account, uint256 amount) internal {
        if (amount == 0) return;
        credits[account] += amount;
        emit Credited(account, amount);
    }

    /// Takes exactly this much. The last thing a function does.
    function pull(address from, uint256 amount) internal {
        if (amount == 0) return;
        IERC20 token_ = token;
        uint256 before = token_.balanceOf(address(this));
        token_.safeTransferFrom(from, address(this), amount);
        uint256 received = token_.balanceOf(address(this)) - before;
        if (received != amount) revert TransferMismatch(amount, received);
    }
}
