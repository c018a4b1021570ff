// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IStakePools} from "./IStakePools.sol";
import {PhaAccount} from "./PhaAccount.sol";
import {PhaAddresses} from "./PhaAddresses.sol";
import {StakePoolsOwners} from "./StakePoolsOwners.sol";

/// The parachain's stake pools and vaults, with the shares people had of them, carried on by the rules they had
/// there: `StakePoolsValue` holds those of prices, `StakePoolsQueue` those of deposits and withdrawals,
/// `StakePoolsOwners` those of owners, `StakePoolsVotes` those of votes, `StakePoolsStorage` the storage.
///
/// All is counted from what was booked, never from the balance of this contract: PHA that is sent here is nobody's.
/// Rounding goes against whoever calls, so that no pool owes more than it has.
contract StakePools is StakePoolsOwners, IStakePools {
    event StakeClaimed(uint32 indexed pid, bytes32 indexed account, address indexed to, uint256 shares);
    event RequestClaimed(uint32 indexed pid, bytes32 indexed account, address indexed to, uint256 shares, uint256 kept);

    error OnlyClaims(address caller);
    /// Sets a deposit's price: what it bought is less than the caller accepts.
    error TooFewShares(uint256 shares, uint256 minimum);
    /// PHA could not be paid out to it, which would stop a queue.
    error InvalidRecipient(address to);
    error TooManyPools(uint256 count);

    /// A claim counts the votes of a vault's shares when its price is not dearer than this many stake pools
    /// (9,000 gas each); else `refreshVotes` does.
    uint256 private constant PRICED_IN_CLAIM = 8;

    /// Pools whose votes one call counts.
    uint256 private constant MAX_REFRESHED = 64;

    // Stakers.

    /// Buys shares of a pool or a vault for `amount` of PHA that the caller has approved.
    function deposit(uint32 pid, uint256 amount, uint256 minShares)
        external
        open
        nonReentrant
        returns (uint256 shares)
    {
        Pool storage pool = requirePool(pid);
        bytes32 account = PhaAccount.fromAddress(msg.sender);
        requireAdmitted(pool, pid, account);
        PHA.transferFrom(msg.sender, address(this), amount);
        Worth memory worth;
        (worth, shares) = mintShares(pool, pid, account, amount);
        if (shares < minShares) revert TooFewShares(shares, minShares);
        pay(pool, pid, worth, PAID_IN_PASSING);
        count(pid, account, worth);
    }

    /// Asks for the PHA of shares. The caller's open request, if there is one, ends; this one waits its own time.
    /// A request is for all shares if less than dust would stay.
    function requestWithdrawal(uint32 pid, uint256 shares) external open nonReentrant {
        bytes32 account = PhaAccount.fromAddress(msg.sender);
        request(requirePool(pid), pid, account, shares);
    }

    /// Pays at most `max` requests that are due. Anybody may call.
    function processQueue(uint32 pid, uint256 max) external open nonReentrant returns (uint256 paid) {
        Pool storage pool = requirePool(pid);
        return pay(pool, pid, settle(pool, pid), max);
    }

    /// Counts the votes of a holder's shares at their present worth, for the holder's present delegate.
    function refreshVotes(address holder, uint32[] calldata pids) external open nonReentrant {
        if (pids.length > MAX_REFRESHED) revert TooManyPools(pids.length);
        bytes32 account = PhaAccount.fromAddress(holder);
        for (uint256 i = 0; i < pids.length; i++) {
            count(pids[i], account, settle(requirePool(pids[i]), pids[i]));
        }
        if (holder != PhaAddresses.CLAIMS) recount(holder, 0, 0);
    }

    // Claims.

    /// Hands over shares that the claims contract has for everybody.
    function claimStake(bytes32 account, address to, uint32 pid, uint128 shares) external open nonReentrant {
        requireClaim(to);
        Position storage from = positions[pid][PhaAccount.fromAddress(PhaAddresses.CLAIMS)];
        if (shares > from.shares) revert NotEnoughShares(from.shares, shares);
        from.shares -= shares;
        positions[pid][PhaAccount.fromAddress(to)].shares += shares;
        countClaimed(pid, to);
        emit StakeClaimed(pid, account, to, shares);
    }

    /// Hands over what is left of an account's open request, in its place in the queue, and what it was paid. If
    /// the new owner has an open request as well, the two become one in the place of the later one.
    function claimRequest(bytes32 account, address to, uint32 pid) external open nonReentrant {
        requireClaim(to);
        uint256 paid = kept[account];
        uint128 shares = positions[pid][account].shares;
        if (shares != 0) {
            delete positions[pid][account];
            positions[pid][PhaAccount.fromAddress(to)].shares += shares;
            passOn(pid, account, PhaAccount.fromAddress(to));
            countClaimed(pid, to);
        }
        if (paid != 0) {
            delete kept[account];
            PHA.transfer(to, paid);
        }
        emit RequestClaimed(pid, account, to, shares, paid);
    }

    function passOn(uint32 pid, bytes32 account, bytes32 to) private {
        Pool storage pool = pools[pid];
        uint32 number = requestOf[pid][account];
        uint32 other = requestOf[pid][to];
        if (number == 0) return;
        if (other != 0) {
            bool isLater = requests[pid][number].start > requests[pid][other].start;
            (uint32 goes, uint32 stays) = isLater ? (other, number) : (number, other);
            uint128 shares = requests[pid][goes].shares;
            closeRequest(pool, pid, goes);
            requests[pid][stays].shares += shares;
            pool.queuedShares += shares;
            number = stays;
        }
        delete requestOf[pid][account];
        requests[pid][number].account = to;
        requestOf[pid][to] = number;
    }

    /// Claims are not to pay for the rewards of all pools: the price is that of the last time anybody came by.
    function countClaimed(uint32 pid, address to) private {
        Pool storage pool = pools[pid];
        if (pool.investments.length > PRICED_IN_CLAIM) return;
        count(pid, PhaAccount.fromAddress(to), worthAt(pool, pid, rewardIndex));
    }

    function requireClaim(address to) private view {
        if (msg.sender != PhaAddresses.CLAIMS) revert OnlyClaims(msg.sender);
        if (to == address(0) || to == address(this) || to == PhaAddresses.PHA) revert InvalidRecipient(to);
    }

    // What there is.

    /// A pool as it is stored: not settled.
    function poolOf(uint32 pid) external view returns (Pool memory) {
        return pools[pid];
    }

    /// Shares of an account, those in its request included.
    function sharesOf(uint32 pid, bytes32 account) external view returns (uint256) {
        return positions[pid][account].shares;
    }

    function positionOf(uint32 pid, address holder) external view returns (Position memory) {
        return positions[pid][PhaAccount.fromAddress(holder)];
    }

    /// An account's open request; all zero for none.
    function openRequestOf(uint32 pid, bytes32 account) external view returns (Request memory) {
        return requests[pid][requestOf[pid][account]];
    }

    /// A request by its number, to walk a queue with.
    function requestAt(uint32 pid, uint32 number) external view returns (Request memory) {
        return requests[pid][number];
    }

    function voterOf(address holder) external view returns (Voter memory) {
        return voters[holder];
    }
}
