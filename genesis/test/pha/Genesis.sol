// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {Test} from "../Test.sol";

/// More cheat codes of forge.
interface VmJson {
    function exists(string calldata path) external view returns (bool);
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function parseJsonBool(string calldata json, string calldata key) external pure returns (bool);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
    function parseJsonBytes32Array(string calldata json, string calldata key) external pure returns (bytes32[] memory);
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
}

/// Writes contracts and words as a genesis does: nothing is constructed, nothing initialized.
abstract contract Genesis is Test {
    VmJson internal constant json = VmJson(address(vm));

    bytes32 private constant IMPLEMENTATION_SLOT = bytes32(uint256(keccak256("eip1967.proxy.implementation")) - 1);
    bytes32 private constant ADMIN_SLOT = bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1);
    uint160 private constant IMPLEMENTATIONS = uint160(0xc0D3C0d3C0d3C0D3c0d3C0d3c0D3C0d3c0d30000);

    uint256 internal constant TOTAL_SUPPLY_SLOT = 0x05345cdf77eb68f44c;
    bytes32 internal constant TOTAL_SUPPLY_CHECKPOINTS = bytes32(uint256(0xff466c9f) << 96);

    /// The runtime code of a contract the build takes from npm.
    function artifact(string memory name) internal view returns (bytes memory) {
        string memory file = vm.readFile("artifacts/l2.json");
        return json.parseJsonBytes(file, string.concat("$[?(@.name == '", name, "')].code"));
    }

    /// Places code behind the proxy of the OP stack.
    function place(address at, bytes memory code) internal {
        address implementation = address(IMPLEMENTATIONS | uint160(uint16(uint160(at))));
        vm.etch(implementation, code);
        vm.etch(at, artifact("Proxy"));
        vm.store(at, IMPLEMENTATION_SLOT, word(implementation));
        vm.store(at, ADMIN_SLOT, word(PhaAddresses.PROXY_ADMIN));
    }

    /// Where the token keeps the balance of an address.
    function balanceSlot(address holder) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(holder, bytes12(uint96(0x87a211a2))));
    }

    /// Where the token keeps the first vote checkpoint of a delegate.
    function checkpointSlot(address delegatee) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(delegatee, bytes3(0xff466c)));
    }

    /// Mints as a genesis with `genesisMint` does.
    function genesisMint(address holder, uint256 amount, bool pot) internal {
        address pha = PhaAddresses.PHA;
        vm.store(pha, balanceSlot(holder), bytes32(amount));
        uint256 supply = uint256(vm.load(pha, bytes32(TOTAL_SUPPLY_SLOT))) + amount;
        vm.store(pha, bytes32(TOTAL_SUPPLY_SLOT), bytes32(supply));
        vm.store(pha, TOTAL_SUPPLY_CHECKPOINTS, checkpoint(supply));
        if (pot) vm.store(pha, checkpointSlot(holder), checkpoint(amount));
    }

    /// A first checkpoint, made now.
    function checkpoint(uint256 amount) internal view returns (bytes32) {
        return bytes32(amount << 96 | 1 << 48 | block.timestamp);
    }

    function word(address value) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(value)));
    }
}
