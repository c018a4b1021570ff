// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {PhaGovernor} from "../../contracts/pha/PhaGovernor.sol";
import {PhaTimelock} from "../../contracts/pha/PhaTimelock.sol";
import {StakeGenesis} from "./StakeGenesis.sol";

/// A chain with a governor and its timelock, written word by word as the storage is documented.
abstract contract Council is StakeGenesis {
    PhaGovernor internal constant GOVERNOR = PhaGovernor(payable(PhaAddresses.GOVERNOR));
    PhaTimelock internal constant TIMELOCK = PhaTimelock(payable(PhaAddresses.TIMELOCK));

    uint256 private constant DELAY_SLOT = 0x9a37c2aa9d186a0969ff8a8267bf4e07e864c2f2768f5040949e28a624fb3601;
    uint256 private constant ROLES_SLOT = 0x02dd7bc7dec4dceedda775e58dd541e08a116c6c53815c0bd028192f7b626800;
    uint256 private constant NAME_SLOT = 0x7c712897014dbe49c045ef1299aa2d5f9e67e48eea4403efa21f1e0f3ac0cb00;
    uint256 private constant DOMAIN_SLOT = 0xa16a46d94261c7517cc8ff89f61c0ce93598e3c849801011dee649a6a557d100;
    uint256 private constant SETTINGS_SLOT = 0x00d7616c8fe29c6c2fbe1d0c5bc8f2faa4c35b43746e70b24b4d532752affd00;
    uint256 private constant TIMELOCK_SLOT = 0x0d5829787b8befdbc6044ef7457d8a95c2a04bc99235349f1a212c063e59d400;

    function setUp() public virtual override {
        super.setUp();
        place(PhaAddresses.TIMELOCK, type(PhaTimelock).runtimeCode);
        place(PhaAddresses.GOVERNOR, type(PhaGovernor).runtimeCode);
        writeTimelock();
        writeGovernor();
    }

    function writeTimelock() private {
        write(PhaAddresses.TIMELOCK, DELAY_SLOT, 8 days);
        writeRole(0, PhaAddresses.TIMELOCK);
        writeRole(keccak256("PROPOSER_ROLE"), PhaAddresses.GOVERNOR);
        writeRole(keccak256("CANCELLER_ROLE"), PhaAddresses.GOVERNOR);
        writeRole(keccak256("CANCELLER_ROLE"), PhaAddresses.TIMELOCK);
        writeRole(keccak256("EXECUTOR_ROLE"), address(0));
        for (uint256 i = 0; i < 6; i++) {
            writeSeat(0, i, councillor(i));
        }
        for (uint256 i = 0; i < 4; i++) {
            writeSeat(1, i, technician(i));
        }
    }

    function writeRole(bytes32 role, address who) private {
        bytes32 members = keccak256(abi.encode(role, ROLES_SLOT));
        write(PhaAddresses.TIMELOCK, uint256(keccak256(abi.encode(who, members))), 1);
    }

    function writeSeat(uint256 slot, uint256 index, bytes32 seat) private {
        write(PhaAddresses.TIMELOCK, slot, index + 1);
        write(PhaAddresses.TIMELOCK, uint256(keccak256(abi.encode(slot))) + index, uint256(seat));
    }

    function writeGovernor() private {
        // Funding of the claims contract.
        write(PhaAddresses.MIGRATION_RECORD, 8, 10_000_000 * ONE);
        write(PhaAddresses.GOVERNOR, NAME_SLOT, text("Phala Governor"));
        write(PhaAddresses.GOVERNOR, DOMAIN_SLOT + 2, text("Phala Governor"));
        write(PhaAddresses.GOVERNOR, DOMAIN_SLOT + 3, text("1"));
        write(PhaAddresses.GOVERNOR, SETTINGS_SLOT, 1_000 * ONE);
        write(PhaAddresses.GOVERNOR, SETTINGS_SLOT + 1, 1 days | 7 days << 48);
        write(PhaAddresses.GOVERNOR, TIMELOCK_SLOT, uint160(PhaAddresses.TIMELOCK));
    }

    function text(string memory short) internal pure returns (uint256) {
        return uint256(bytes32(bytes(short))) | bytes(short).length * 2;
    }

    function write(address where, uint256 slot, uint256 value) internal {
        vm.store(where, bytes32(slot), bytes32(value));
    }

    function councillor(uint256 i) internal pure returns (bytes32) {
        return keccak256(abi.encode("council", i));
    }

    function technician(uint256 i) internal pure returns (bytes32) {
        return keccak256(abi.encode("committee", i));
    }

    /// Lets the first `count` seats of a list claim, each to an address of its own.
    function seatCouncil(uint256 count) internal {
        for (uint256 i = 0; i < count; i++) {
            claim(councillor(i), member(i));
        }
    }

    function seatCommittee(uint256 count) internal {
        for (uint256 i = 0; i < count; i++) {
            claim(technician(i), member(i));
        }
    }

    function member(uint256 i) internal pure returns (address) {
        return address(uint160(0xbeef00 + i));
    }
}
