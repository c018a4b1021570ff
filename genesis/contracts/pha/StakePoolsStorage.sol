// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {Pausable} from "./Pausable.sol";

/// What the stake pools keep, and how a genesis writes it.
///
/// Words are 32 bytes; bit 0 is the lowest of a word; `||` joins words; numbers in keys are words. Amounts of PHA
/// and shares have 18 decimals (those of the parachain times 10^6). An account is a word: an address behind 12
/// zero bytes, an AccountId of the parachain as it is, or a vault: "vault" in ASCII, 23 zero bytes, pid u32
/// (`vaultAccount`).
///
///   slot 0    bits 0-63 and 64-127 pauses, 0 in a genesis || 128-255 staked: the sum of all stake pools' values
///   slot 1    bits 0-191 reward index, 0 in a genesis || 192-223 number of pools, the next pid || 224-231 0
///   slot 2    pools: P = keccak(pid || 2)
///   P         bits 0-127 value (a stake pool's whole value; a vault's free value) || 128-255 total shares
///   P + 1     bits 0-191 reward index at the last change, 0 in a genesis || 192-223 commission in ppm ||
///             224-231 kind: 1 stake pool, 2 vault || 232-247 number of members of the whitelist, 0 for no whitelist
///   P + 2     owner, an account
///   P + 3     bits 0-127 cap of the value, 2^128 - 1 for none (vaults: always) || 128-255 due to the owner: PHA of
///             a stake pool, shares (part of the total) of a vault
///   P + 4     queue: bits 0-31 first request || 32-63 last request || 64-95 requests made ever (the highest
///             number) || 96-223 sum of the shares of all open requests
///   P + 5     vault: price up to which commission was taken, 18 decimals, 0 for never || zero
///   P + 6     vault: number n of stake pools in which it has shares (no bound in a genesis but gas: 9,000 a pool)
///   keccak(P + 6) + i / 8, bits 32 * (i % 8) and up: pid of the i-th of these, u32
///   slot 3    positions: keccak(account || keccak(pid || 3)): bits 0-127 shares || 128-255 votes, 0 in a genesis
///             Account is CLAIMS for all who have not claimed, but for the shares in open vault requests: these are at
///             their AccountId. A vault's own shares are at its `vaultAccount`. Shares in requests are included.
///   slot 4    requests: R = keccak(number || keccak(pid || 4)), numbers from 1 in the order of the queue
///   R         account
///   R + 1     bits 0-127 shares || 128-191 start || 192-223 number before it || 224-255 number after it; 0 for none
///   slot 5    number of an account's request: keccak(account || keccak(pid || 5)), 0 for none
///   slot 6    whitelists: 1 at keccak(account || keccak(pid || 6)) for each member
///   slot 7    kept for accounts that have not claimed: keccak(account || 7), 0 in a genesis
///   slots 8, 9   votes, 0 in a genesis
///
/// For all pools together: sum of P.value = PHA of the contract. For each pool: sum of positions + a vault's
/// shares due to the owner = total shares.
abstract contract StakePoolsStorage is Pausable {
    enum Kind {
        None,
        StakePool,
        Vault
    }

    struct Pool {
        uint128 value;
        uint128 totalShares;
        // Word 1.
        uint192 rewardIndex;
        uint32 commissionPpm;
        Kind kind;
        uint16 members;
        // Word 2.
        bytes32 owner;
        // Word 3.
        uint128 cap;
        uint128 ownerDue;
        // Word 4.
        uint32 firstRequest;
        uint32 lastRequest;
        uint32 requestsEver;
        uint128 queuedShares;
        // Word 5.
        uint128 priceCheckpoint;
        // Word 6.
        uint32[] investments;
    }

    struct Position {
        uint128 shares;
        /// What the shares were worth when their owner's votes were last counted.
        uint128 votes;
    }

    struct Request {
        bytes32 account;
        uint128 shares;
        uint64 start;
        uint32 previous;
        uint32 next;
    }

    struct Voter {
        address delegatee;
        /// Sum of the votes of all positions.
        uint96 votes;
    }

    /// A stake of at most this many shares is not worth its storage (the parachain's 1,000 units), and a deposit
    /// must buy more: so that rounding down takes less than a billionth of it, whatever the price.
    uint256 internal constant DUST = 1e9;

    /// 2^80: the reward index is in 2^-80 of PHA for each PHA staked.
    uint256 internal constant INDEX_ONE = 2 ** 80;

    uint256 internal constant PRICE_ONE = 1e18;
    uint32 internal constant WHOLE_PPM = 1_000_000;

    // Slot 0 begins with those of `Pausable`.
    uint128 public staked;
    // Slot 1.
    uint192 internal rewardIndex;
    uint32 public poolCount;
    bool internal entered;
    // Slots 2 to 9.
    mapping(uint32 pid => Pool) internal pools;
    mapping(uint32 pid => mapping(bytes32 account => Position)) internal positions;
    mapping(uint32 pid => mapping(uint32 number => Request)) internal requests;
    mapping(uint32 pid => mapping(bytes32 account => uint32)) internal requestOf;
    mapping(uint32 pid => mapping(bytes32 account => bool)) public whitelist;
    mapping(bytes32 account => uint256) public kept;
    mapping(address holder => Voter) internal voters;
    mapping(address delegatee => Checkpoints.Trace208) internal votesOf;

    error NoSuchPool(uint32 pid);
    error NotAStakePool(uint32 pid);
    error NotAVault(uint32 pid);

    /// By what name a vault owns shares of stake pools.
    function vaultAccount(uint32 vault) public pure returns (bytes32) {
        return bytes32("vault") | bytes32(uint256(vault));
    }

    function isVaultAccount(bytes32 account) internal pure returns (bool) {
        return uint256(account) >> 32 == uint256(bytes32("vault")) >> 32;
    }

    function requirePool(uint32 pid) internal view returns (Pool storage pool) {
        pool = pools[pid];
        if (pool.kind == Kind.None) revert NoSuchPool(pid);
    }

    function requireStakePool(uint32 pid) internal view returns (Pool storage pool) {
        pool = pools[pid];
        if (pool.kind != Kind.StakePool) revert NotAStakePool(pid);
    }

    function requireVault(uint32 pid) internal view returns (Pool storage pool) {
        pool = pools[pid];
        if (pool.kind != Kind.Vault) revert NotAVault(pid);
    }
}
