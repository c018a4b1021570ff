// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Attestation} from "./Attestation.sol";
import {AttestationAddresses} from "./AttestationAddresses.sol";
import {AttestationPolicy} from "./AttestationPolicy.sol";
import {Crl} from "./Crl.sol";

/// The newest collateral of Intel by which quotes are judged, one for each processor family (FMSPC) and
/// issuer of platform certificates. Anybody may bring newer collateral together with any quote it is good
/// for: that `TDX_VERIFY` accepts the pair means that Intel signed every part and that none has expired.
///
/// It has no owner and no settings; a genesis writes nothing, and there is nothing to initialize.
///
/// | Slot | Holds |
/// |---|---|
/// | 0 | `entries`: id -> entry; `collateralId` makes the id |
/// | 1 | `newestEvalDataNumber`: FMSPC -> number |
contract CollateralRegistry {
    /// Slot 0: `fmspc` (bytes 0-5), `evalDataNumber` (6-9), `latestIssue` (10-17), `expiry` (18-25), `chunks` (26).
    /// Slot 1: `pckCrlIssued` (0-15), `rootCrlIssued` (16-31). Slot 2: `issuer`. Slots 3 and 4: `pointers`.
    struct Entry {
        bytes6 fmspc;
        uint32 evalDataNumber;
        /// Unix seconds.
        uint64 latestIssue;
        uint64 expiry;
        uint8 chunks;
        /// See `Crl.identify`.
        uint128 pckCrlIssued;
        uint128 rootCrlIssued;
        bytes32 issuer;
        /// Contracts whose code is 0x00 and a part of the collateral.
        address[2] pointers;
    }

    event CollateralUpdated(
        bytes32 indexed id,
        bytes6 indexed fmspc,
        bytes32 indexed issuer,
        uint32 evalDataNumber,
        uint64 latestIssue,
        uint64 expiry,
        bytes32 collateralHash
    );

    /// TDX_VERIFY did not answer: out of gas, or the collateral is no frame, or the fork is not active.
    error VerificationFailed();
    /// TDX_VERIFY says that this quote proves nothing under this collateral.
    error QuoteRefused();
    /// Some part of the collateral is older than what is here, or nothing is newer.
    error NotNewer(bytes32 id);
    error CollateralTooLong(uint256 length);
    error UnknownCollateral(bytes32 id);
    error WriteFailed();

    /// Code of a contract is at most 24,576 bytes, of which the first keeps it from being run.
    uint256 public constant CHUNK_LENGTH = 24_575;
    /// 48 KB; collateral has 10 KB today. To write a third chunk would not fit the gas cap of a transaction.
    uint256 public constant CHUNKS_MAX = 2;

    mapping(bytes32 id => Entry) private entries;
    /// Nobody is attested by collateral with a lower one.
    mapping(bytes6 fmspc => uint32) public newestEvalDataNumber;

    /// Verifies the quote by the collateral, at the time of this block, and stores the collateral if it is
    /// newer: nothing in it may be older than what is stored, and something must be newer.
    function update(bytes calldata quote, bytes calldata collateral) external returns (bytes32 id) {
        AttestationPolicy(AttestationAddresses.ATTESTATION_POLICY)
            .requireRunning(AttestationAddresses.TDX_VERIFY, Attestation.VERSION);
        if (collateral.length > CHUNK_LENGTH * CHUNKS_MAX) revert CollateralTooLong(collateral.length);
        (Attestation.Answer answer, Attestation.TdxClaims memory claims) = Attestation.verifyTdx(quote, collateral);
        if (answer == Attestation.Answer.Failed) revert VerificationFailed();
        if (answer == Attestation.Answer.Refused) revert QuoteRefused();

        (bytes32 issuer, uint128 pckCrlIssued, uint128 rootCrlIssued) = identify(collateral);
        id = collateralId(claims.fmspc, issuer);
        Entry storage entry = entries[id];
        requireNewer(id, entry, claims, pckCrlIssued, rootCrlIssued);

        entry.fmspc = claims.fmspc;
        entry.evalDataNumber = claims.tcbEvalDataNumber;
        entry.latestIssue = claims.collateralLatestIssue;
        entry.expiry = claims.collateralExpiry;
        entry.pckCrlIssued = pckCrlIssued;
        entry.rootCrlIssued = rootCrlIssued;
        entry.issuer = issuer;
        entry.chunks = store(entry.pointers, collateral);
        if (claims.tcbEvalDataNumber > newestEvalDataNumber[claims.fmspc]) {
            newestEvalDataNumber[claims.fmspc] = claims.tcbEvalDataNumber;
        }
        emit CollateralUpdated(
            id,
            claims.fmspc,
            issuer,
            claims.tcbEvalDataNumber,
            claims.collateralLatestIssue,
            claims.collateralExpiry,
            keccak256(collateral)
        );
    }

    /// The collateral of this id, as `TDX_VERIFY` takes it.
    function collateralOf(bytes32 id) external view returns (bytes memory collateral) {
        Entry storage entry = entries[id];
        uint256 chunks = entry.chunks;
        if (chunks == 0) revert UnknownCollateral(id);
        for (uint256 i; i < chunks; ++i) {
            bytes memory code = entry.pointers[i].code;
            bytes memory chunk = new bytes(code.length - 1);
            assembly ("memory-safe") {
                mcopy(add(chunk, 32), add(code, 33), mload(chunk))
            }
            collateral = i == 0 ? chunk : bytes.concat(collateral, chunk);
        }
    }

    function entryOf(bytes32 id) external view returns (Entry memory) {
        return entries[id];
    }

    /// The id of collateral for a processor family and an issuer of platform certificates, which is
    /// keccak256 of the DER name that signs the platform CRL.
    function collateralId(bytes6 fmspc, bytes32 issuer) public pure returns (bytes32) {
        return keccak256(abi.encode(fmspc, issuer));
    }

    function requireNewer(
        bytes32 id,
        Entry storage entry,
        Attestation.TdxClaims memory claims,
        uint128 pckCrlIssued,
        uint128 rootCrlIssued
    ) private view {
        bool older = claims.tcbEvalDataNumber < entry.evalDataNumber || claims.collateralLatestIssue < entry.latestIssue
            || claims.collateralExpiry < entry.expiry || pckCrlIssued < entry.pckCrlIssued
            || rootCrlIssued < entry.rootCrlIssued;
        bool newer = claims.tcbEvalDataNumber > entry.evalDataNumber || claims.collateralLatestIssue > entry.latestIssue
            || claims.collateralExpiry > entry.expiry || pckCrlIssued > entry.pckCrlIssued
            || rootCrlIssued > entry.rootCrlIssued;
        if (older || !newer) revert NotNewer(id);
    }

    /// Who issued the platform CRL, and when each of the two lists was issued. The precompile has checked
    /// that the lengths add up.
    function identify(bytes calldata blob)
        private
        pure
        returns (bytes32 issuer, uint128 pckCrlIssued, uint128 rootCrlIssued)
    {
        // Six lengths of 4 bytes, two signatures of 64, then: signer, QE signer, TCB info, QE identity, the lists.
        uint256 rootCrlLength = uint32(bytes4(blob[8:12]));
        uint256 pckCrlLength = uint32(bytes4(blob[12:16]));
        uint256 pckCrlAt = blob.length - pckCrlLength;
        (issuer, pckCrlIssued) = Crl.identify(blob[pckCrlAt:]);
        (, rootCrlIssued) = Crl.identify(blob[pckCrlAt - rootCrlLength:pckCrlAt]);
    }

    /// Deploys contracts whose code is the data behind a zero byte.
    function store(address[2] storage pointers, bytes calldata data) private returns (uint8 chunks) {
        for (uint256 from; from < data.length; from += CHUNK_LENGTH) {
            uint256 to = from + CHUNK_LENGTH < data.length ? from + CHUNK_LENGTH : data.length;
            // "Return everything behind these eleven bytes", which begins with the zero.
            bytes memory creation = abi.encodePacked(hex"600b5981380380925939f300", data[from:to]);
            address pointer;
            assembly ("memory-safe") {
                pointer := create(0, add(creation, 32), mload(creation))
            }
            if (pointer == address(0)) revert WriteFailed();
            pointers[chunks++] = pointer;
        }
    }
}
