// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IMigrationRecord} from "./IMigrationRecord.sol";
import {PhaAddresses} from "./PhaAddresses.sol";
import {PhaToken} from "./PhaToken.sol";
import {Treasury} from "./Treasury.sol";

/// What this chain was seeded from, and whether the PHA it owes is here.
///
/// Storage, all written by a genesis and, but for `activatedAt`, never changed. Bit 0 is the lowest of a word:
///
///   slot 0   bits 0-31 paraId || 32-63 snapshotBlock || 64-71 stateVersion || 72-79 evidenceLevel ||
///            80-111 accounts || 112-175 activatedAt: 0, or the genesis' timestamp if it mints
///   slot 1   blockHash
///   slot 2   stateRoot
///   slot 3   entitlementsRoot
///   slot 4   reportHash
///   slot 5   pairsCount
///   slot 6   totalIssuance12
///   slot 7   l2Issuance18, the sum of slots 8 to 12
///   slot 8   claimsFunding
///   slot 9   stakePoolsFunding
///   slot 10  rewardStreamFunding
///   slot 11  treasuryFunding
///   slot 12  escrowFunding
contract MigrationRecord is IMigrationRecord {
    event Activated(uint256 claims, uint256 stakePools, uint256 rewardStream, uint256 treasury, uint256 escrow);

    error AlreadyActive(uint64 since);
    /// The treasury holds less than the migration owes: see `l2Issuance18`.
    error NotFunded(uint256 held, uint256 owed);
    /// A genesis without a snapshot.
    error NoSnapshot();

    uint32 public paraId;
    /// Height of the parachain block the chain was seeded from.
    uint32 public snapshotBlock;
    /// Version of the state trie: 0 or 1.
    uint8 public stateVersion;
    /// 1: the state is that of the block with this hash. 2: the relay chain has finalized that block.
    uint8 public evidenceLevel;
    /// Number of account records in the data accounts.
    uint32 public accounts;
    /// Seconds since 1970; 0 before.
    uint64 public activatedAt;

    bytes32 public blockHash;
    bytes32 public stateRoot;
    /// Root over the account records with their stakes and queue entries.
    bytes32 public entitlementsRoot;
    /// Keccak-256 of the reconciliation report.
    bytes32 public reportHash;
    /// Number of pairs of key and value in the state.
    uint256 public pairsCount;
    /// The parachain's issuance, with its 12 decimals.
    uint256 public totalIssuance12;
    /// What is owed on this chain, with 18 decimals: the issuance without what bridges had taken out.
    uint256 public l2Issuance18;

    uint256 public claimsFunding;
    uint256 public stakePoolsFunding;
    uint256 public rewardStreamFunding;
    uint256 public treasuryFunding;
    uint256 public escrowFunding;

    /// Pays everybody what this record says they hold, out of what L1 has deposited into the treasury, and opens the
    /// chain for transfers of PHA. Anybody may call, once. What is deposited in excess stays in the treasury.
    function activate() external {
        if (activatedAt != 0) revert AlreadyActive(activatedAt);
        if (blockHash == 0) revert NoSnapshot();
        uint256 deposited = PhaToken(PhaAddresses.PHA).balanceOf(PhaAddresses.TREASURY);
        if (deposited < l2Issuance18) revert NotFunded(deposited, l2Issuance18);
        activatedAt = uint64(block.timestamp);
        emit Activated(claimsFunding, stakePoolsFunding, rewardStreamFunding, treasuryFunding, escrowFunding);
        Treasury(PhaAddresses.TREASURY).distribute(claimsFunding, stakePoolsFunding, rewardStreamFunding, escrowFunding);
    }

    function active() external view returns (bool) {
        return activatedAt != 0;
    }
}
