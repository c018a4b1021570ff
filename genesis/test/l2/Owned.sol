// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// The part of a ProxyAdmin that predeploys ask for.
contract Owned {
    address public owner;

    constructor(address owner_) {
        owner = owner_;
    }
}
