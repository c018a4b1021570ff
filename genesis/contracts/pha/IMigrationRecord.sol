// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// What the other PHA contracts ask the migration record.
interface IMigrationRecord {
    /// Whether the chain holds the PHA it owes. Nothing that moves PHA works before.
    function active() external view returns (bool);

    /// Height of the parachain block the chain was seeded from.
    function snapshotBlock() external view returns (uint32);

    /// Root over the account records with their stakes and queue entries.
    function entitlementsRoot() external view returns (bytes32);

    /// Number of account records in the data accounts.
    function accounts() external view returns (uint32);
}
