// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {PhaAccount} from "./PhaAccount.sol";
import {StakePoolsQueue} from "./StakePoolsQueue.sol";

/// What the owners of pools and vaults do, and what others may do to a vault that does not pay.
abstract contract StakePoolsOwners is StakePoolsQueue {
    event PoolCreated(uint32 indexed pid, Kind kind, address indexed owner);
    event CommissionSet(uint32 indexed pid, uint32 commissionPpm);
    event CapSet(uint32 indexed pid, uint256 cap);
    event WhitelistChanged(uint32 indexed pid, bytes32 indexed account, bool member);
    /// Words for people are in the log, not in the state.
    event DescriptionSet(uint32 indexed pid, string description);
    event OwnerPaid(uint32 indexed pid, address indexed owner, uint256 amount);
    event Invested(uint32 indexed vault, uint32 indexed pid, uint256 amount, uint256 shares);
    event ForceRedeemed(uint32 indexed vault, uint32 indexed pid, uint256 amount, uint256 shares);

    error EnteredAgain();
    error NotOwner(uint32 pid, address caller);
    error OwnerHasNotClaimed(uint32 pid, bytes32 owner);
    error CommissionAboveWhole(uint32 commissionPpm);
    error CapBelowValue(uint256 cap, uint256 value);
    error WhitelistFull(uint32 pid);
    error NotWhitelisted(uint32 pid, bytes32 account);
    error NotEnoughFree(uint256 free, uint256 asked);
    /// Free value belongs to those who wait before it is invested.
    error RequestsWaiting(uint32 vault);
    error TooManyInvestments(uint32 vault);
    error NothingOverdue(uint32 vault);

    /// As on the parachain.
    uint256 private constant MAX_MEMBERS = 100;

    /// Each is priced whenever the vault is: 9,000 gas.
    uint256 private constant MAX_INVESTMENTS = 64;

    uint128 internal constant NO_CAP = type(uint128).max;

    /// Guards whatever moves PHA or shares.
    modifier open() {
        requireActive();
        requireRunning();
        _;
    }

    /// PHA calls nobody back; should that change, nothing here is entered twice.
    modifier nonReentrant() {
        if (entered) revert EnteredAgain();
        entered = true;
        _;
        entered = false;
    }

    // Pools.

    function createStakePool(uint32 commissionPpm, uint128 cap) external open returns (uint32 pid) {
        Pool storage pool;
        (pid, pool) = create(Kind.StakePool, commissionPpm);
        pool.cap = cap;
    }

    function createVault(uint32 commissionPpm) external open returns (uint32 pid) {
        Pool storage pool;
        (pid, pool) = create(Kind.Vault, commissionPpm);
        pool.cap = NO_CAP;
    }

    /// A new commission takes its part of what comes in from now on.
    function setCommission(uint32 pid, uint32 commissionPpm) external open nonReentrant {
        Pool storage pool = requireOwned(pid);
        requireCommission(commissionPpm);
        settle(pool, pid);
        pool.commissionPpm = commissionPpm;
        emit CommissionSet(pid, commissionPpm);
    }

    function setCap(uint32 pid, uint128 cap) external open nonReentrant {
        Pool storage pool = requireOwned(pid);
        uint256 value = settle(requireStakePool(pid), pid).value;
        if (cap < value) revert CapBelowValue(cap, value);
        pool.cap = cap;
        emit CapSet(pid, cap);
    }

    /// With the first member a pool takes deposits from members and its owner only, without the last one from
    /// everybody.
    function setWhitelist(uint32 pid, bytes32 account, bool member) external {
        Pool storage pool = requireOwned(pid);
        setMember(pool, pid, account, member);
        if (pool.members > MAX_MEMBERS) revert WhitelistFull(pid);
    }

    /// Lets the address that a member of the parachain has claimed to take its place.
    function admit(uint32 pid, bytes32 account) external {
        address to = PhaAccount.resolve(account);
        if (!whitelist[pid][account] || to == address(0)) revert NotWhitelisted(pid, account);
        setMember(pools[pid], pid, account, false);
        setMember(pools[pid], pid, PhaAccount.fromAddress(to), true);
    }

    function setDescription(uint32 pid, string calldata text) external {
        requireOwned(pid);
        emit DescriptionSet(pid, text);
    }

    /// Gives owners what commission has brought them: PHA of a stake pool, shares of a vault. Anybody may call.
    function payOwner(uint32 pid) external open nonReentrant {
        Pool storage pool = requirePool(pid);
        address owner = PhaAccount.resolve(pool.owner);
        if (owner == address(0)) revert OwnerHasNotClaimed(pid, pool.owner);
        Worth memory worth = settle(pool, pid);
        uint256 due = pool.ownerDue;
        pool.ownerDue = 0;
        if (pool.kind == Kind.StakePool) {
            PHA.transfer(owner, due);
        } else {
            bytes32 account = PhaAccount.fromAddress(owner);
            positions[pid][account].shares += uint128(due);
            count(pid, account, worth);
        }
        emit OwnerPaid(pid, owner, due);
    }

    // Vaults.

    /// Puts free value of a vault into a stake pool.
    function invest(uint32 vault, uint32 pid, uint256 amount) external open nonReentrant returns (uint256 shares) {
        Pool storage pool = requireOwned(vault);
        Pool storage target = requireStakePool(pid);
        Worth memory worth = settle(requireVault(vault), vault);
        pay(pool, vault, worth, PAID_IN_PASSING);
        if (pool.firstRequest != 0) revert RequestsWaiting(vault);
        if (amount > pool.value) revert NotEnoughFree(pool.value, amount);
        bytes32 account = vaultAccount(vault);
        requireAdmitted(target, pid, account);
        if (positions[pid][account].shares == 0) {
            if (pool.investments.length >= MAX_INVESTMENTS) revert TooManyInvestments(vault);
            pool.investments.push(pid);
        }
        pool.value -= uint128(amount);
        (worth, shares) = mintShares(target, pid, account, amount);
        emit Invested(vault, pid, amount, shares);
    }

    /// Asks for shares of a stake pool that a vault has; what they bring becomes free value of the vault.
    function divest(uint32 vault, uint32 pid, uint256 shares) external open nonReentrant {
        requireOwned(vault);
        requireVault(vault);
        request(requireStakePool(pid), pid, vaultAccount(vault), shares);
    }

    /// Whether a vault has let a request wait for longer than it may.
    function isOverdue(uint32 vault) public view returns (bool) {
        Pool storage pool = requireVault(vault);
        uint32 first = pool.firstRequest;
        return first != 0 && block.timestamp >= requests[vault][first].start + VAULT_WAIT;
    }

    /// Takes what a vault with an overdue request needs for all its requests out of its stake pools, without a
    /// wait, and pays. Anybody may call; looks at `maxPools` stake pools and pays `maxRequests` requests at most.
    function forceRedeem(uint32 vault, uint256 maxPools, uint256 maxRequests) external open nonReentrant {
        if (!isOverdue(vault)) revert NothingOverdue(vault);
        Pool storage pool = pools[vault];
        Worth memory worth = settle(pool, vault);
        uint256 paid = pay(pool, vault, worth, maxRequests);
        uint256 i = pool.investments.length;
        for (; i > 0 && maxPools > 0; maxPools--) {
            uint256 needed =
                worth.shares == 0 ? 0 : Math.mulDiv(pool.queuedShares, worth.value, worth.shares, Math.Rounding.Ceil);
            if (needed <= pool.value) break;
            redeem(pool, vault, pool.investments[--i], needed - pool.value, worth);
        }
        pay(pool, vault, worth, maxRequests - paid);
    }

    /// Turns shares that a vault has of a stake pool into at most a little more than `amount`. What rounding takes
    /// of the vault's worth leaves `whole`.
    function redeem(Pool storage pool, uint32 vault, uint32 pid, uint256 amount, Worth memory whole) private {
        Pool storage target = pools[pid];
        Worth memory worth = settleStakePool(target, pid);
        if (worth.value == 0) return;
        bytes32 account = vaultAccount(vault);
        uint256 owned = positions[pid][account].shares;
        uint256 shares = Math.mulDiv(amount, worth.shares, worth.value, Math.Rounding.Ceil);
        if (shares + DUST >= owned) shares = owned;
        amount = priced(shares, worth);
        whole.value -= priced(owned, worth);

        // Shares that wait in the stake pool anyway go first.
        uint32 number = requestOf[pid][account];
        uint256 waiting = requests[pid][number].shares;
        uint256 left = waiting > shares ? waiting - shares : 0;
        if (left <= DUST) {
            closeRequest(target, pid, number);
        } else {
            requests[pid][number].shares = uint128(left);
            target.queuedShares -= uint128(shares);
        }
        burnShares(target, pid, account, worth, shares, amount);
        whole.value += amount + priced(owned - shares, worth);
        pool.value += uint128(amount);
        forgetInvestment(vault, pid);
        emit ForceRedeemed(vault, pid, amount, shares);
    }

    // Shared.

    function request(Pool storage pool, uint32 pid, bytes32 account, uint256 shares) internal {
        Worth memory worth = settle(pool, pid);
        if (worth.value == 0) revert PoolBankrupt(pid);
        openRequest(pool, pid, account, shares);
        pay(pool, pid, worth, PAID_IN_PASSING);
    }

    function requireAdmitted(Pool storage pool, uint32 pid, bytes32 account) internal view {
        if (pool.members == 0 || whitelist[pid][account]) return;
        if (account != PhaAccount.fromAddress(PhaAccount.resolve(pool.owner))) revert NotWhitelisted(pid, account);
    }

    function requireOwned(uint32 pid) private view returns (Pool storage pool) {
        pool = requirePool(pid);
        if (PhaAccount.resolve(pool.owner) != msg.sender) revert NotOwner(pid, msg.sender);
    }

    function requireCommission(uint32 commissionPpm) private pure {
        if (commissionPpm > WHOLE_PPM) revert CommissionAboveWhole(commissionPpm);
    }

    function create(Kind kind, uint32 commissionPpm) private returns (uint32 pid, Pool storage pool) {
        requireCommission(commissionPpm);
        pid = poolCount++;
        pool = pools[pid];
        (pool.kind, pool.commissionPpm, pool.owner) = (kind, commissionPpm, PhaAccount.fromAddress(msg.sender));
        emit PoolCreated(pid, kind, msg.sender);
    }

    function setMember(Pool storage pool, uint32 pid, bytes32 account, bool member) private {
        if (whitelist[pid][account] == member) return;
        whitelist[pid][account] = member;
        if (member) pool.members++;
        else pool.members--;
        emit WhitelistChanged(pid, account, member);
    }
}
