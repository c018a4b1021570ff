// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {MerkleProofLib} from "solady/src/utils/MerkleProofLib.sol";

import {AccountRecord, DataAccounts, RequestRecord, StakeRecord} from "./DataAccounts.sol";
import {TimelockOwned} from "./TimelockOwned.sol";

/// What every account of the parachain is owed, for everybody to read.
abstract contract Entitlements is TimelockOwned {
    struct Entitlement {
        uint32 index;
        AccountRecord record;
        StakeRecord[] stakes;
        RequestRecord[] requests;
        /// Zero as long as it has not been claimed.
        address claimedTo;
    }

    /// The account is owed nothing.
    error NoEntitlement(bytes32 account);

    /// The address an account has claimed to; zero as long as it has not.
    mapping(bytes32 account => address) public claimedTo;

    /// The entitlement of an account, found by halves: records are sorted.
    function entitlement(bytes32 account) external view returns (Entitlement memory) {
        uint32 low;
        uint32 high = migration().accounts();
        while (low < high) {
            uint32 middle = low + (high - low) / 2;
            bytes32 found = DataAccounts.accountId(middle);
            if (found == account) return entitlementAt(middle);
            if (found < account) low = middle + 1;
            else high = middle;
        }
        revert NoEntitlement(account);
    }

    /// The entitlement in a record.
    function entitlementAt(uint32 index) public view returns (Entitlement memory result) {
        result.index = index;
        AccountRecord memory record = DataAccounts.account(index);
        result.record = record;
        result.claimedTo = claimedTo[record.account];
        result.stakes = new StakeRecord[](record.stakes);
        for (uint256 i; i < record.stakes; ++i) {
            result.stakes[i] = DataAccounts.stake(record.firstStake + i);
        }
        result.requests = new RequestRecord[](record.requests);
        for (uint256 i; i < record.requests; ++i) {
            result.requests[i] = DataAccounts.request(record.firstRequest + i);
        }
    }

    /// The leaf of a record in the tree of entitlements: the hash of the hash of the record with its stakes and
    /// requests.
    function leaf(uint32 index) external view returns (bytes32) {
        return leafOf(DataAccounts.preimage(index));
    }

    /// Whether `preimage` (record, stakes and requests as in the data accounts) is in the tree; pairs are sorted.
    function isEntitled(bytes calldata preimage, bytes32[] calldata proof) external view returns (bool) {
        return MerkleProofLib.verifyCalldata(proof, migration().entitlementsRoot(), leafOf(preimage));
    }

    function snapshotBlock() internal view returns (uint32) {
        return migration().snapshotBlock();
    }

    function leafOf(bytes memory preimage) private pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(preimage)));
    }
}
