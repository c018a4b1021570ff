// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IMigrationRecord} from "./IMigrationRecord.sol";
import {PhaAddresses} from "./PhaAddresses.sol";

/// What the contracts that hold PHA for others have in common: governance acts through the timelock, and nothing
/// is paid before the migration is.
abstract contract TimelockOwned {
    error OnlyTimelock(address caller);
    /// The migration has not been paid for: see `MigrationRecord.activate`.
    error NotActive();

    function requireTimelock() internal view {
        if (msg.sender != PhaAddresses.TIMELOCK) revert OnlyTimelock(msg.sender);
    }

    function requireActive() internal view {
        if (!migration().active()) revert NotActive();
    }

    function migration() internal pure returns (IMigrationRecord) {
        return IMigrationRecord(PhaAddresses.MIGRATION_RECORD);
    }
}
