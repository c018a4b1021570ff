// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IOwned} from "./Predeploys.sol";

/// Who may administer the contract behind a proxy: the proxy's admin, and the owner of that admin.
/// Names of errors are those of the OP contracts, so that their tools read them.
abstract contract ProxyAdminOwned {
    error ProxyAdminOwnedBase_NotProxyAdminOwner();
    error ProxyAdminOwnedBase_NotProxyAdminOrProxyAdminOwner();
    /// The proxy has no admin. (OP's contracts would then look for a kind of proxy that no predeploy has.)
    error ProxyAdminOwnedBase_NotResolvedDelegateProxy();

    /// The admin of an EIP-1967 proxy.
    bytes32 private constant ADMIN_SLOT = bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1);

    function proxyAdmin() public view returns (address admin) {
        bytes32 slot = ADMIN_SLOT;
        assembly ("memory-safe") {
            admin := sload(slot)
        }
        if (admin == address(0)) revert ProxyAdminOwnedBase_NotResolvedDelegateProxy();
    }

    function proxyAdminOwner() public view returns (address) {
        return IOwned(proxyAdmin()).owner();
    }

    function requireProxyAdminOwner() internal view {
        if (msg.sender != proxyAdminOwner()) revert ProxyAdminOwnedBase_NotProxyAdminOwner();
    }

    function requireProxyAdminOrOwner() internal view {
        if (msg.sender != proxyAdmin() && msg.sender != proxyAdminOwner()) {
            revert ProxyAdminOwnedBase_NotProxyAdminOrProxyAdminOwner();
        }
    }
}
