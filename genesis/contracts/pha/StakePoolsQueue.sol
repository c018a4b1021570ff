// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {PhaAccount} from "./PhaAccount.sol";
import {PhaAddresses} from "./PhaAddresses.sol";
import {StakePoolsVotes} from "./StakePoolsVotes.sol";

/// Shares made, waiting and paid out.
///
/// The requests of a pool are a list in the order they were made, so that one can leave it from anywhere. Shares in
/// a request stay their owner's: they earn and vote until they are paid, at the price of that moment.
abstract contract StakePoolsQueue is StakePoolsVotes {
    event Deposited(uint32 indexed pid, bytes32 indexed account, uint256 amount, uint256 shares);
    event Requested(uint32 indexed pid, bytes32 indexed account, uint256 shares);
    event Withdrawn(uint32 indexed pid, bytes32 indexed account, uint256 amount, uint256 shares);
    /// PHA that was in a pool without shares.
    event Orphaned(uint32 indexed pid, uint256 amount);

    /// Its shares are worth nothing, so no price can be made. They stay whose they are.
    error PoolBankrupt(uint32 pid);
    error AboveCap(uint32 pid, uint256 value, uint256 cap);
    error BelowDust(uint256 shares);
    error NotEnoughShares(uint256 owned, uint256 asked);

    /// How long a request waits in a stake pool. Free value pays it then, and all value is free as long as nothing
    /// is bonded to workers.
    uint256 public constant STAKE_POOL_WAIT = 7 days;

    /// How long a vault has to find the PHA for a request; then anybody may redeem its stakes.
    uint256 public constant VAULT_WAIT = 21 days;

    /// Requests that a deposit or a request pays in passing: enough to keep a queue moving, for some 400,000 gas.
    uint256 internal constant PAID_IN_PASSING = 4;

    /// Makes shares for PHA that the caller has brought in. Returns the pool's worth with them.
    function mintShares(Pool storage pool, uint32 pid, bytes32 account, uint256 amount)
        internal
        returns (Worth memory worth, uint256 shares)
    {
        worth = settle(pool, pid);
        if (worth.shares == 0) {
            // What rounding left behind belongs to nobody who is still here.
            worth.value -= sweep(pool, pid);
            if (pool.kind == Kind.Vault) pool.priceCheckpoint = uint128(PRICE_ONE);
            shares = amount;
        } else {
            if (worth.value == 0) revert PoolBankrupt(pid);
            shares = Math.mulDiv(amount, worth.shares, worth.value);
        }
        if (shares <= DUST) revert BelowDust(shares);
        if (worth.value + amount > pool.cap) revert AboveCap(pid, worth.value + amount, pool.cap);
        worth.value += amount;
        worth.shares += shares;
        addValue(pool, amount);
        pool.totalShares = SafeCast.toUint128(worth.shares);
        positions[pid][account].shares += uint128(shares);
        emit Deposited(pid, account, amount, shares);
    }

    /// Opens a request in place of the one the account may have.
    function openRequest(Pool storage pool, uint32 pid, bytes32 account, uint256 shares) internal {
        uint256 owned = positions[pid][account].shares;
        if (shares > owned) revert NotEnoughShares(owned, shares);
        if (shares <= DUST) revert BelowDust(shares);
        // Dust does not stay behind.
        if (owned - shares <= DUST) shares = owned;
        closeRequest(pool, pid, requestOf[pid][account]);

        uint32 number = ++pool.requestsEver;
        uint32 last = pool.lastRequest;
        requests[pid][number] = Request(account, uint128(shares), uint64(block.timestamp), last, 0);
        requestOf[pid][account] = number;
        if (last == 0) pool.firstRequest = number;
        else requests[pid][last].next = number;
        pool.lastRequest = number;
        pool.queuedShares += uint128(shares);
        emit Requested(pid, account, shares);
    }

    /// Takes a request out of the queue; the number 0 is none.
    function closeRequest(Pool storage pool, uint32 pid, uint32 number) internal {
        if (number == 0) return;
        Request storage request = requests[pid][number];
        (uint32 previous, uint32 next) = (request.previous, request.next);
        if (previous == 0) pool.firstRequest = next;
        else requests[pid][previous].next = next;
        if (next == 0) pool.lastRequest = previous;
        else requests[pid][next].previous = previous;
        pool.queuedShares -= request.shares;
        delete requestOf[pid][request.account];
        delete requests[pid][number];
    }

    /// Pays at most `max` requests, the oldest first, as far as they are due and value is free. Returns how many.
    function pay(Pool storage pool, uint32 pid, Worth memory worth, uint256 max) internal returns (uint256 paid) {
        for (; paid < max && worth.value != 0; paid++) {
            uint32 number = pool.firstRequest;
            if (number == 0) break;
            Request storage request = requests[pid][number];
            if (pool.kind == Kind.StakePool && block.timestamp < request.start + STAKE_POOL_WAIT) break;

            (uint256 free, uint256 shares) = (pool.value, request.shares);
            uint256 amount = priced(shares, worth);
            if (amount > free) {
                if (free <= DUST) break;
                shares = Math.mulDiv(free, worth.shares, worth.value);
                if (shares == 0) break;
                amount = priced(shares, worth);
            }
            payRequest(pool, pid, number, worth, shares, amount);
        }
    }

    /// Pays `shares` of a request with `amount`. What is left of it waits on, unless it is dust.
    function payRequest(
        Pool storage pool,
        uint32 pid,
        uint32 number,
        Worth memory worth,
        uint256 shares,
        uint256 amount
    ) private {
        Request storage request = requests[pid][number];
        bytes32 account = request.account;
        uint256 left = request.shares - shares;
        if (left <= DUST) {
            shares += left;
            closeRequest(pool, pid, number);
        } else {
            request.shares = uint128(left);
            pool.queuedShares -= uint128(shares);
        }
        burnShares(pool, pid, account, worth, shares, amount);
        deliver(pid, account, amount);
        count(pid, account, worth);
        emit Withdrawn(pid, account, amount, shares);
    }

    /// Ends shares for `amount` of a pool's value.
    function burnShares(
        Pool storage pool,
        uint32 pid,
        bytes32 account,
        Worth memory worth,
        uint256 shares,
        uint256 amount
    ) internal {
        worth.value -= amount;
        worth.shares -= shares;
        removeValue(pool, amount);
        pool.totalShares = uint128(worth.shares);
        positions[pid][account].shares -= uint128(shares);
    }

    /// Hands PHA to whoever an account is; keeps it for one that has not claimed.
    function deliver(uint32 pid, bytes32 account, uint256 amount) private {
        if (isVaultAccount(account)) {
            uint32 vault = uint32(uint256(account));
            pools[vault].value += uint128(amount);
            forgetInvestment(vault, pid);
            return;
        }
        address to = PhaAccount.resolve(account);
        if (to == address(0)) kept[account] += amount;
        else PHA.transfer(to, amount);
    }

    /// Strikes a stake pool from the list of a vault that has no shares of it any more. The list is as short as
    /// `MAX_INVESTMENTS`, or came with the genesis, eight to a word.
    function forgetInvestment(uint32 vault, uint32 target) internal {
        if (positions[target][vaultAccount(vault)].shares != 0) return;
        uint32[] storage list = pools[vault].investments;
        for (uint256 i = list.length; i > 0; i--) {
            if (list[i - 1] == target) {
                list[i - 1] = list[list.length - 1];
                list.pop();
                return;
            }
        }
    }

    function addValue(Pool storage pool, uint256 amount) internal {
        pool.value += SafeCast.toUint128(amount);
        if (pool.kind == Kind.StakePool) staked += uint128(amount);
    }

    function removeValue(Pool storage pool, uint256 amount) internal {
        pool.value -= uint128(amount);
        if (pool.kind == Kind.StakePool) staked -= uint128(amount);
    }

    function sweep(Pool storage pool, uint32 pid) private returns (uint256 amount) {
        amount = pool.value;
        if (amount == 0) return 0;
        removeValue(pool, amount);
        PHA.transfer(PhaAddresses.TREASURY, amount);
        emit Orphaned(pid, amount);
    }
}
