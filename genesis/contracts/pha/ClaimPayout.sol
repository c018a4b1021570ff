// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ClaimVesting} from "./ClaimVesting.sol";
import {AccountRecord, DataAccounts, RequestRecord, StakeRecord} from "./DataAccounts.sol";
import {Entitlements} from "./Entitlements.sol";
import {IStakePools} from "./IStakePools.sol";
import {PhaAddresses} from "./PhaAddresses.sol";
import {PhaToken} from "./PhaToken.sol";

/// Pays an account out, once, after somebody has shown to have the right.
abstract contract ClaimPayout is Entitlements, ClaimVesting {
    /// `vesting` is all of it, free or not: see `VestingCreated`.
    event Claimed(
        bytes32 indexed account, address indexed to, uint256 liquid, uint256 vesting, uint256 fee, address submitter
    );

    error AlreadyClaimed(bytes32 account, address to);
    /// Nobody could ever move what is claimed to it.
    error InvalidDestination(address to);
    error NotClaimed(bytes32 account);

    /// Stakes and requests still to be moved for an account that has claimed, the last of its rows.
    mapping(bytes32 account => uint256) public rowsLeft;

    /// Moves stakes and requests that did not fit the gas of a claim: some accounts have many, and shares of a vault
    /// cost gas for each of its pools. Anybody may call.
    function moveRows(uint32 index, uint256 count) external {
        requireOpen();
        AccountRecord memory record = DataAccounts.account(index);
        address to = claimedTo[record.account];
        if (to == address(0)) revert NotClaimed(record.account);
        uint256 left = rowsLeft[record.account];
        count = min(count, left);
        rowsLeft[record.account] = left - count;
        move(record, to, rows(record) - left, count);
    }

    /// Moves up to `count` stakes and requests at once.
    function pay(AccountRecord memory record, address to, uint256 fee, uint256 count) internal {
        requireDestination(to);
        claimedTo[record.account] = to;
        uint256 all = rows(record);
        count = min(count, all);
        if (count != all) rowsLeft[record.account] = all - count;
        emit Claimed(record.account, to, record.liquid, record.vesting, fee, msg.sender);

        PhaToken pha = PhaToken(PhaAddresses.PHA);
        pha.delegateClaimed(to);
        uint256 amount = record.liquid - fee;
        // What has vested since the snapshot needs no transaction of its own, for which a claimant may have no gas.
        if (record.vesting != 0) amount += createVesting(to, record.vesting, record.vestingStart, record.vestingEnd);
        if (amount != 0) pha.transfer(to, amount);
        if (fee != 0) pha.transfer(msg.sender, fee);
        move(record, to, 0, count);
    }

    /// Stakes come first, then requests.
    function move(AccountRecord memory record, address to, uint256 first, uint256 count) private {
        for (uint256 row = first; row < first + count; ++row) {
            if (row < record.stakes) {
                StakeRecord memory stake = DataAccounts.stake(record.firstStake + row);
                IStakePools(PhaAddresses.STAKE_POOLS).claimStake(record.account, to, stake.pid, stake.shares);
            } else {
                RequestRecord memory request = DataAccounts.request(record.firstRequest + row - record.stakes);
                IStakePools(PhaAddresses.STAKE_POOLS).claimRequest(record.account, to, request.pid);
            }
        }
    }

    function rows(AccountRecord memory record) private pure returns (uint256) {
        return uint256(record.stakes) + record.requests;
    }

    function unclaimedRecord(uint32 index) internal view returns (AccountRecord memory record) {
        record = DataAccounts.account(index);
        address to = claimedTo[record.account];
        if (to != address(0)) revert AlreadyClaimed(record.account, to);
    }

    function requireOpen() internal view {
        requireActive();
        requireRunning();
    }

    /// Any address but the zero address and those of this kind of contracts, 0x5048…1000 to 1fff.
    function requireDestination(address to) internal pure {
        if (to == address(0) || uint160(to) >> 12 == uint160(PhaAddresses.PHA) >> 12) revert InvalidDestination(to);
    }
}
