// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Blake2b} from "../../contracts/pha/Blake2b.sol";
import {Authority, ClaimAuthority, Step} from "../../contracts/pha/ClaimAuthority.sol";
import {Claim, Claims, Signature} from "../../contracts/pha/Claims.sol";
import {MigrationRecord} from "../../contracts/pha/MigrationRecord.sol";
import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {PhaToken} from "../../contracts/pha/PhaToken.sol";
import {Treasury} from "../../contracts/pha/Treasury.sol";
import {Genesis} from "./Genesis.sol";

interface VmText {
    function toString(uint256 value) external pure returns (string memory);
    function toString(bytes calldata value) external pure returns (string memory);
    function toString(bytes32 value) external pure returns (string memory);
    function toLowercase(string calldata text) external pure returns (string memory);
}

/// Stands where SUBSTRATE_VERIFY is, which forge does not have: it knows the inputs it was told of, byte by byte.
contract KnownSignatures {
    mapping(bytes32 => bool) private known;

    function know(bytes calldata input) external {
        known[keccak256(input)] = true;
    }

    /// A call of `know` has its selector and a length that no input of the precompile has.
    fallback(bytes calldata input) external returns (bytes memory) {
        return abi.encode(known[keccak256(input)] ? 1 : 0);
    }
}

/// Notes what claims asks of the stake pools.
contract NotedStakes {
    struct Note {
        bytes32 account;
        address to;
        uint32 pid;
        uint128 shares;
        bool request;
    }

    Note[] public notes;

    function claimStake(bytes32 account, address to, uint32 pid, uint128 shares) external {
        require(msg.sender == PhaAddresses.CLAIMS);
        notes.push(Note(account, to, pid, shares, false));
    }

    function claimRequest(bytes32 account, address to, uint32 pid) external {
        require(msg.sender == PhaAddresses.CLAIMS);
        notes.push(Note(account, to, pid, 0, true));
    }

    function count() external view returns (uint256) {
        return notes.length;
    }
}

/// A chain with entitlements, funded and active.
abstract contract ClaimFixture is Genesis {
    struct Owed {
        bytes32 account;
        uint128 liquid;
        uint128 vesting;
        uint32 vestingStart;
        uint32 vestingEnd;
        bytes stakes;
        bytes requests;
    }

    VmText private constant texts = VmText(address(vm));

    PhaToken internal constant pha = PhaToken(PhaAddresses.PHA);
    Claims internal constant claims = Claims(PhaAddresses.CLAIMS);
    MigrationRecord internal constant record = MigrationRecord(PhaAddresses.MIGRATION_RECORD);
    NotedStakes internal constant pools = NotedStakes(PhaAddresses.STAKE_POOLS);

    uint32 internal constant SNAPSHOT = 9_064_613;
    uint64 internal constant START = 1_798_000_000;

    /// Sorted by account.
    Owed[] private owed;
    /// Of all that is owed by the claims contract.
    uint256 internal funding;

    function owe(Owed memory entry) internal {
        uint256 i = owed.length;
        owed.push();
        for (; i > 0 && owed[i - 1].account > entry.account; --i) {
            owed[i] = owed[i - 1];
        }
        owed[i] = entry;
        funding += uint256(entry.liquid) + entry.vesting;
    }

    function owe(bytes32 holder, uint128 liquid) internal {
        owe(Owed(holder, liquid, 0, 0, 0, "", ""));
    }

    function indexOf(bytes32 holder) internal view returns (uint32) {
        for (uint32 i; i < owed.length; ++i) {
            if (owed[i].account == holder) return i;
        }
        revert("not owed");
    }

    /// Writes what a genesis writes, with the PHA minted or to be deposited.
    function begin(bool mints) internal {
        vm.warp(START);
        place(address(pha), type(PhaToken).runtimeCode);
        place(address(claims), type(Claims).runtimeCode);
        place(address(record), type(MigrationRecord).runtimeCode);
        place(PhaAddresses.TREASURY, type(Treasury).runtimeCode);
        vm.etch(PhaAddresses.SUBSTRATE_VERIFY, type(KnownSignatures).runtimeCode);
        vm.etch(PhaAddresses.STAKE_POOLS, type(NotedStakes).runtimeCode);
        writeEntitlements();
        writeRecord(mints ? uint64(block.timestamp) : 0);
        if (mints) genesisMint(address(claims), funding, true);
    }

    function writeRecord(uint64 activatedAt) internal {
        uint256 facts = 2035 | uint256(SNAPSHOT) << 32 | 1 << 72 | owed.length << 80 | uint256(activatedAt) << 112;
        vm.store(address(record), 0, bytes32(facts));
        vm.store(address(record), bytes32(uint256(1)), keccak256("block"));
        vm.store(address(record), bytes32(uint256(7)), bytes32(funding));
        vm.store(address(record), bytes32(uint256(8)), bytes32(funding));
    }

    function writeEntitlements() private {
        bytes memory rows = new bytes(owed.length * 96);
        bytes memory stakes;
        bytes memory requests;
        for (uint256 i; i < owed.length; ++i) {
            Owed memory entry = owed[i];
            bytes memory row = abi.encodePacked(
                abi.encodePacked(entry.account, entry.liquid, entry.vesting, entry.vestingStart, entry.vestingEnd),
                abi.encodePacked(uint32(stakes.length / 24), uint16(entry.stakes.length / 24)),
                abi.encodePacked(uint32(requests.length / 32), uint16(entry.requests.length / 32), bytes12(0))
            );
            copy(row, 0, rows, i * 96, 96);
            if (entry.stakes.length != 0) stakes = bytes.concat(stakes, entry.stakes);
            if (entry.requests.length != 0) requests = bytes.concat(requests, entry.requests);
        }
        writeTable(0, rows, 255 * 96);
        writeTable(1, stakes, 1_020 * 24);
        writeTable(2, requests, 765 * 32);
    }

    function writeTable(uint256 table, bytes memory rows, uint256 chunkSize) internal {
        for (uint256 chunk; chunk * chunkSize < rows.length; ++chunk) {
            uint256 size = rows.length - chunk * chunkSize;
            if (size > chunkSize) size = chunkSize;
            bytes memory code = new bytes(size + 1);
            copy(rows, chunk * chunkSize, code, 1, size);
            vm.etch(dataAccount(table, chunk), code);
        }
    }

    function copy(bytes memory from, uint256 fromOffset, bytes memory to, uint256 toOffset, uint256 size) private pure {
        assembly ("memory-safe") {
            mcopy(add(add(to, 32), toOffset), add(add(from, 32), fromOffset), size)
        }
    }

    /// 0x504841ff, 11 zero bytes, the table, the chunk in four bytes.
    function dataAccount(uint256 table, uint256 chunk) internal pure returns (address) {
        return address(bytes20(abi.encodePacked(hex"504841ff", bytes11(0), uint8(table), uint32(chunk))));
    }

    function stakeRow(uint32 pid, uint128 shares) internal pure returns (bytes memory) {
        return abi.encodePacked(pid, shares, uint32(0));
    }

    function requestRow(uint32 pid, uint64 start, uint128 shares) internal pure returns (bytes memory) {
        return abi.encodePacked(pid, start, shares, uint32(0));
    }

    // Claims.

    function claimOf(bytes32 from, address to) internal view returns (Claim memory claim) {
        claim.index = indexOf(from);
        claim.wrapped = true;
        claim.to = to;
        claim.until = START + 1 days;
        claim.rows = type(uint32).max;
    }

    /// The sentence of the design, put together by forge.
    function sentence(bytes32 from, address to, uint256 fee, uint64 until) internal view returns (string memory) {
        return string.concat(
            string.concat(
                "Phala L2 claim; chain ",
                texts.toString(block.chainid),
                "; contract ",
                texts.toString(abi.encodePacked(address(claims))),
                "; snapshot 9064613; from ",
                texts.toString(from)
            ),
            "; to ",
            texts.toString(abi.encodePacked(to)),
            "; fee ",
            texts.toString(fee),
            "; until ",
            texts.toString(uint256(until))
        );
    }

    function payloadOf(Claim memory claim, bytes32 from) internal view returns (bytes memory) {
        bytes memory text = bytes(sentence(from, claim.to, claim.fee, claim.until));
        return claim.wrapped ? bytes.concat("<Bytes>", text, "</Bytes>") : text;
    }

    /// A signature that the stand-in of the precompile will take, for these bytes only.
    function curve25519(uint8 scheme, bytes32 key, bytes memory payload) internal returns (bytes memory) {
        bytes memory signature = abi.encodePacked(keccak256(bytes.concat(key, payload)), bytes32(uint256(1) << 7));
        know(scheme, key, signature, payload);
        return bytes.concat(bytes1(scheme), signature);
    }

    function know(uint8 scheme, bytes32 key, bytes memory signature, bytes memory payload) internal {
        KnownSignatures(PhaAddresses.SUBSTRATE_VERIFY).know(bytes.concat(bytes1(scheme), key, signature, payload));
    }

    function signed(Claim memory claim, bytes32 from, bytes32 signer, uint16 number)
        internal
        returns (Signature memory)
    {
        return Signature(number, curve25519(1, signer, payloadOf(claim, from)));
    }

    /// A claim signed with an sr25519 key by its owner.
    function signedClaim(bytes32 from, address to) internal returns (Claim memory claim) {
        claim = claimOf(from, to);
        sign(claim, from);
    }

    function sign(Claim memory claim, bytes32 from) internal {
        claim.signatures = new Signature[](1);
        claim.signatures[0] = signed(claim, from, from, 0);
    }

    function step(Claim memory claim, uint8 kind, bytes32 account_, uint32 index) internal pure {
        uint256 count = claim.authority.path.length;
        Step[] memory path = new Step[](count + 1);
        for (uint256 i; i < count; ++i) {
            path[i] = claim.authority.path[i];
        }
        path[count] = Step(kind, account_, index);
        claim.authority.path = path;
    }
}
