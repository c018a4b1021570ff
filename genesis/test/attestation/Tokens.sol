// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// An ordinary token.
contract TestToken is ERC20("Test", "TEST") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// Keeps one in a hundred of each transfer.
contract FeeToken is TestToken {
    function _update(address from, address to, uint256 amount) internal override {
        uint256 fee = from == address(0) ? 0 : amount / 100;
        if (fee != 0) super._update(from, address(0), fee);
        super._update(from, to, amount - fee);
    }
}

/// Adds something on top of each transfer: as wrong for accounts as a fee.
contract BonusToken is TestToken {
    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0)) super._update(address(0), to, 1);
    }
}

/// Says no without reverting.
contract FalseToken is TestToken {
    function transfer(address, uint256) public pure override returns (bool) {
        return false;
    }

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}

/// Calls somebody in the middle of each transfer.
contract CallingToken is TestToken {
    address private target;
    bytes private data;
    bool public called;
    bool public succeeded;
    bytes public answer;

    function callDuringTransfers(address target_, bytes calldata data_) external {
        (target, data, called) = (target_, data_, false);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (target == address(0) || called) return;
        called = true;
        (succeeded, answer) = target.call(data);
    }
}
