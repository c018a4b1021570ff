// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PhaAddresses} from "./PhaAddresses.sol";

/// What an account of the parachain is owed, with 18 decimals.
struct AccountRecord {
    bytes32 account;
    uint128 liquid;
    uint128 vesting;
    /// Unix seconds between which `vesting` is released evenly.
    uint32 vestingStart;
    uint32 vestingEnd;
    /// Rows of the tables of stakes and requests.
    uint32 firstStake;
    uint16 stakes;
    uint32 firstRequest;
    uint16 requests;
    /// Bit 0: has proxies of type Any without delay.
    uint8 flags;
}

struct StakeRecord {
    uint32 pid;
    uint128 shares;
}

/// An open request to withdraw from a vault.
struct RequestRecord {
    uint32 pid;
    uint64 start;
    uint128 shares;
}

/// The entitlements as a genesis wrote them: tables of rows, in the code of accounts that hold nothing else.
/// Code is one zero byte and then rows; which is why no row can ever change or be run.
library DataAccounts {
    /// No such row.
    error NoRow(uint256 table, uint256 index);

    uint256 internal constant ACCOUNTS = 0;
    uint256 internal constant STAKES = 1;
    uint256 internal constant REQUESTS = 2;
    uint256 internal constant PROXIES = 3;

    // Bytes of a row, and rows in the code of one account: as many as fit 24,481 bytes.
    uint256 private constant ACCOUNT_SIZE = 96;
    uint256 private constant ACCOUNTS_PER_CHUNK = 255;
    uint256 private constant STAKE_SIZE = 24;
    uint256 private constant STAKES_PER_CHUNK = 1_020;
    uint256 private constant REQUEST_SIZE = 32;
    uint256 private constant REQUESTS_PER_CHUNK = 765;
    uint256 private constant PROXY_SIZE = 64;
    uint256 private constant PROXIES_PER_CHUNK = 382;

    function account(uint256 index) internal view returns (AccountRecord memory record) {
        bytes memory row = accountRow(index);
        uint256 amounts = word(row, 32);
        uint256 rest = word(row, 64);
        record.account = bytes32(word(row, 0));
        record.liquid = uint128(amounts >> 128);
        record.vesting = uint128(amounts);
        record.vestingStart = uint32(rest >> 224);
        record.vestingEnd = uint32(rest >> 192);
        record.firstStake = uint32(rest >> 160);
        record.stakes = uint16(rest >> 144);
        record.firstRequest = uint32(rest >> 112);
        record.requests = uint16(rest >> 96);
        record.flags = uint8(rest >> 88);
    }

    function stake(uint256 index) internal view returns (StakeRecord memory) {
        uint256 packed = word(stakeRow(index), 0);
        return StakeRecord(uint32(packed >> 224), uint128(packed >> 96));
    }

    function request(uint256 index) internal view returns (RequestRecord memory) {
        uint256 packed = word(requestRow(index), 0);
        return RequestRecord(uint32(packed >> 224), uint64(packed >> 160), uint128(packed >> 32));
    }

    /// Whether a row says that `delegate` may do anything for `holder`, at once.
    function isProxy(uint256 index, bytes32 holder, bytes32 delegate) internal view returns (bool) {
        bytes memory row = read(PROXIES, index, PROXY_SIZE, PROXIES_PER_CHUNK);
        return bytes32(word(row, 0)) == holder && bytes32(word(row, 32)) == delegate;
    }

    /// The AccountId of a record, for searching.
    function accountId(uint256 index) internal view returns (bytes32) {
        return bytes32(word(accountRow(index), 0));
    }

    /// What the Merkle tree of entitlements hashes for a record: it with its stakes and requests.
    function preimage(uint256 index) internal view returns (bytes memory row) {
        AccountRecord memory record = account(index);
        row = accountRow(index);
        for (uint256 i; i < record.stakes; ++i) {
            row = bytes.concat(row, stakeRow(record.firstStake + i));
        }
        for (uint256 i; i < record.requests; ++i) {
            row = bytes.concat(row, requestRow(record.firstRequest + i));
        }
    }

    function accountRow(uint256 index) private view returns (bytes memory) {
        return read(ACCOUNTS, index, ACCOUNT_SIZE, ACCOUNTS_PER_CHUNK);
    }

    function stakeRow(uint256 index) private view returns (bytes memory) {
        return read(STAKES, index, STAKE_SIZE, STAKES_PER_CHUNK);
    }

    function requestRow(uint256 index) private view returns (bytes memory) {
        return read(REQUESTS, index, REQUEST_SIZE, REQUESTS_PER_CHUNK);
    }

    /// Indices have 32 bits, but for the last of a run of 16 bits of them: their chunks have 32.
    function read(uint256 table, uint256 index, uint256 size, uint256 perChunk)
        private
        view
        returns (bytes memory row)
    {
        address chunk = address(uint160(PhaAddresses.DATA) + uint160(table << 32 | index / perChunk));
        uint256 offset = 1 + index % perChunk * size;
        if (offset + size > chunk.code.length) revert NoRow(table, index);
        row = new bytes(size);
        assembly ("memory-safe") {
            extcodecopy(chunk, add(row, 32), offset, size)
        }
    }

    function word(bytes memory row, uint256 offset) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(row, 32), offset))
        }
    }
}
