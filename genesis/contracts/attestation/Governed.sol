// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ProxyAdminOwned} from "../l2/ProxyAdminOwned.sol";

/// An owner who hands over in two steps, and the start of the storage layout of every predeploy here:
///
/// | Slot | Bytes from the right | Holds |
/// |---|---|---|
/// | 0 | 0-19, 20 | `owner`, `initialized` (1) |
/// | 1 | 0-19 | `pendingOwner` |
///
/// A genesis writes storage itself and runs no constructor. So an implementation is locked not by a word it
/// stores but by having no EIP-1967 admin: only the admin of a proxy, or that admin's owner, may initialize.
abstract contract Governed is ProxyAdminOwned {
    event OwnershipTransferStarted(address indexed previousOwner, address indexed newOwner);
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

    error NotOwner(address caller);
    error AlreadyInitialized();
    error ZeroAddress();

    address public owner;
    bool public initialized;
    address public pendingOwner;

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    /// Nothing changes until the new owner accepts; zero takes the offer back.
    function transferOwnership(address newOwner) external onlyOwner {
        pendingOwner = newOwner;
        emit OwnershipTransferStarted(owner, newOwner);
    }

    function acceptOwnership() external {
        if (msg.sender != pendingOwner) revert NotOwner(msg.sender);
        emit OwnershipTransferred(owner, msg.sender);
        owner = msg.sender;
        pendingOwner = address(0);
    }

    function initializeOwner(address owner_) internal {
        requireProxyAdminOrOwner();
        if (initialized) revert AlreadyInitialized();
        initialized = true;
        owner = nonZero(owner_);
        emit OwnershipTransferred(address(0), owner_);
    }

    function nonZero(address value) internal pure returns (address) {
        if (value == address(0)) revert ZeroAddress();
        return value;
    }
}
