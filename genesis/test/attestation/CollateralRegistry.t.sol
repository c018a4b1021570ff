// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Attestation} from "../../contracts/attestation/Attestation.sol";
import {AttestationAddresses} from "../../contracts/attestation/AttestationAddresses.sol";
import {CollateralRegistry} from "../../contracts/attestation/CollateralRegistry.sol";
import {Crl} from "../../contracts/attestation/Crl.sol";
import {PolicyRules} from "../../contracts/attestation/PolicyRules.sol";
import {TestToken} from "./Tokens.sol";
import {World} from "./World.sol";

contract CrlReader {
    function identify(bytes memory der) external pure returns (bytes32, uint128) {
        return Crl.identify(der);
    }
}

/// Collateral comes from anybody, and only ever gets newer.
contract CollateralRegistryTest is World {
    bytes private constant QUOTE = "quote";
    string private constant JULY = "260701000000Z";
    string private constant AUGUST = "260801000000Z";
    Machine private worker;

    function setUp() public {
        makeWorld(new TestToken());
        worker = machine(1, 1);
    }

    function claims() private view returns (Attestation.TdxClaims memory) {
        return platformClaims(worker, 0, 0);
    }

    function update(bytes memory blob) private returns (bytes32) {
        recordTdx(QUOTE, blob, claims());
        return collaterals.update(QUOTE, blob);
    }

    function refuses(bytes memory blob) private {
        recordTdx(QUOTE, blob, claims());
        bytes32 id = collaterals.collateralId(FMSPC, issuer());
        vm.expectRevert(abi.encodeWithSelector(CollateralRegistry.NotNewer.selector, id));
        collaterals.update(QUOTE, blob);
    }

    /// The name in the platform list, with its tag and length.
    function issuer() private pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"300b", "Platform CA"));
    }

    function test_StoresWhatAQuoteProves() public {
        bytes memory blob = collateral(1, JULY, JULY);
        bytes32 expected = keccak256(abi.encode(FMSPC, issuer()));
        recordTdx(QUOTE, blob, claims());
        vm.expectEmit(true, true, true, true, address(collaterals));
        emit CollateralRegistry.CollateralUpdated(
            expected, FMSPC, issuer(), 17, collateralLatestIssue, collateralExpiry, keccak256(blob)
        );
        bytes32 id = collaterals.update(QUOTE, blob);
        vm.assertEq(id, expected, "id");
        vm.assertEq(collaterals.collateralOf(id), blob, "stored");
        vm.assertEq(collaterals.newestEvalDataNumber(FMSPC), 17, "newest");
        CollateralRegistry.Entry memory entry = collaterals.entryOf(id);
        vm.assertEq(entry.chunks, 1, "chunks");
        vm.assertEq(entry.issuer, issuer(), "issuer");
        vm.assertEq(entry.fmspc, FMSPC, "fmspc");
        vm.assertEq(entry.pointers[0].code, bytes.concat(hex"00", blob), "code");
        vm.assertEq(entry.pointers[1], address(0), "no second chunk");
    }

    function test_AnEntryLiesInItsSlotsAsDocumented() public {
        bytes32 id = update(collateral(1, JULY, AUGUST));
        uint256 at = uint256(keccak256(abi.encode(id, 0)));
        vm.assertEq(
            load(at),
            uint256(1) << 208 | uint256(collateralExpiry) << 144 | uint256(collateralLatestIssue) << 80 | uint256(17)
                << 48 | uint48(FMSPC),
            "slot 0"
        );
        vm.assertEq(load(at + 1), uint256(time(AUGUST)) << 128 | time(JULY), "slot 1");
        vm.assertEq(bytes32(load(at + 2)), issuer(), "slot 2");
        vm.assertEq(load(at + 3), uint160(collaterals.entryOf(id).pointers[0]), "slot 3");
        vm.assertEq(load(uint256(keccak256(abi.encode(FMSPC, 1)))), 17, "newest");
    }

    function load(uint256 slot) private view returns (uint256) {
        return uint256(vm.load(address(collaterals), bytes32(slot)));
    }

    /// The tag of UTCTime and its 13 characters.
    function time(string memory digits) private pure returns (uint128) {
        return uint128(0x17) << 120 | uint128(uint104(bytes13(bytes(digits)))) << 16;
    }

    function test_StoresCollateralThatIsLongerThanAContract() public {
        for (uint256 i; i < 3; ++i) {
            uint256 length = [uint256(24_575), 24_576, 2 * 24_575][i];
            bytes memory blob = longCollateral(length);
            vm.assertEq(blob.length, length, "length");
            evalDataNumber = uint32(20 + i);
            bytes32 id = update(blob);
            vm.assertEq(collaterals.entryOf(id).chunks, i == 0 ? 1 : 2, "chunks");
            vm.assertEq(collaterals.collateralOf(id), blob, "stored");
        }
        bytes memory tooLong = longCollateral(2 * 24_575 + 1);
        vm.expectRevert(abi.encodeWithSelector(CollateralRegistry.CollateralTooLong.selector, tooLong.length));
        collaterals.update(QUOTE, tooLong);
    }

    function longCollateral(uint256 length) private pure returns (bytes memory) {
        bytes memory pckCrl = crl("Platform CA", JULY);
        bytes memory rootCrl = crl("Root CA", JULY);
        bytes memory info = new bytes(length - 152 - pckCrl.length - rootCrl.length);
        info[info.length - 1] = "}";
        bytes memory lengths =
            abi.encodePacked(uint32(info.length), uint32(0), uint32(rootCrl.length), uint32(pckCrl.length), uint64(0));
        return abi.encodePacked(lengths, new bytes(128), info, rootCrl, pckCrl);
    }

    function test_ASmallerOneLeavesNothingOfALargerOne() public {
        bytes32 id = update(longCollateral(30_000));
        evalDataNumber = 18;
        bytes memory blob = collateral(1, JULY, JULY);
        vm.assertEq(update(blob), id, "same id");
        vm.assertEq(collaterals.collateralOf(id), blob, "stored");
    }

    function test_NothingGetsOlder() public {
        bytes32 id = update(collateral(1, JULY, JULY));
        // The same again, and the same with other bytes.
        refuses(collateral(1, JULY, JULY));
        refuses(collateral(2, JULY, JULY));

        // Each part for itself: something is newer, but that part is older.
        evalDataNumber = 18;
        collateralLatestIssue -= 1;
        refuses(collateral(2, AUGUST, AUGUST));
        collateralLatestIssue += 1;
        collateralExpiry -= 1;
        refuses(collateral(2, AUGUST, AUGUST));
        collateralExpiry += 1;
        refuses(collateral(2, "260630235959Z", AUGUST));
        refuses(collateral(2, AUGUST, "260630235959Z"));
        evalDataNumber = 16;
        refuses(collateral(2, AUGUST, AUGUST));
        vm.assertEq(collaterals.collateralOf(id), collateral(1, JULY, JULY), "as before");
    }

    function test_OneNewerPartIsEnough() public {
        bytes32 id = update(collateral(1, JULY, JULY));
        evalDataNumber = 18;
        update(collateral(2, JULY, JULY));
        vm.assertEq(collaterals.newestEvalDataNumber(FMSPC), 18, "newest");
        collateralLatestIssue += 1;
        update(collateral(3, JULY, JULY));
        collateralExpiry += 1;
        update(collateral(4, JULY, JULY));
        update(collateral(5, AUGUST, JULY));
        update(collateral(6, AUGUST, AUGUST));
        // From 2050 on, times are written in another way.
        update(collateral(7, "20500101000000Z", AUGUST));
        refuses(collateral(8, AUGUST, AUGUST));
        vm.assertEq(collaterals.collateralOf(id), collateral(7, "20500101000000Z", AUGUST), "the last");
    }

    function test_EachFamilyAndIssuerHasItsOwn() public {
        bytes32 id = update(collateral(1, JULY, JULY));
        Attestation.TdxClaims memory other = claims();
        other.fmspc = 0x90c06f000000;
        other.tcbEvalDataNumber = 5;
        bytes memory blob = collateral(2, JULY, JULY);
        recordTdx(QUOTE, blob, other);
        bytes32 second = collaterals.update(QUOTE, blob);
        vm.assertTrue(second != id, "another id");
        vm.assertEq(collaterals.newestEvalDataNumber(0x90c06f000000), 5, "its newest");
        vm.assertEq(collaterals.newestEvalDataNumber(FMSPC), 17, "the first one's");
        vm.assertEq(collaterals.collateralOf(second), blob, "second");
        vm.assertEq(collaterals.collateralOf(id), collateral(1, JULY, JULY), "first");
    }

    /// Of one family the highest number counts, whoever issued the platform's certificate.
    function test_TheNewestNumberOfAFamilyDoesNotFall() public {
        evalDataNumber = 20;
        update(collateral(1, JULY, JULY));
        evalDataNumber = 19;
        bytes memory pckCrl = crl("Processor CA", JULY);
        bytes memory rootCrl = crl("Root CA", JULY);
        bytes memory blob = abi.encodePacked(
            uint64(0), uint32(rootCrl.length), uint32(pckCrl.length), uint64(0), new bytes(128), rootCrl, pckCrl
        );
        bytes32 id = update(blob);
        vm.assertEq(collaterals.entryOf(id).evalDataNumber, 19, "its own");
        vm.assertEq(collaterals.newestEvalDataNumber(FMSPC), 20, "of the family");
    }

    function test_RefusesWhatNoQuoteProves() public {
        vm.expectRevert(CollateralRegistry.QuoteRefused.selector);
        collaterals.update(QUOTE, collateral(1, JULY, JULY));
        vm.expectRevert(CollateralRegistry.VerificationFailed.selector);
        collaterals.update{gas: 5_000_000}(QUOTE, "no frame");
        vm.etch(AttestationAddresses.TDX_VERIFY, "");
        vm.expectRevert(CollateralRegistry.VerificationFailed.selector);
        collaterals.update(QUOTE, collateral(1, JULY, JULY));
    }

    function test_StoresNothingWhileTheVerifierIsPaused() public {
        tighten(abi.encodeCall(policy.setPaused, (AttestationAddresses.TDX_VERIFY, 1, true)));
        bytes memory blob = collateral(1, JULY, JULY);
        recordTdx(QUOTE, blob, claims());
        vm.expectRevert(
            abi.encodeWithSelector(PolicyRules.PrecompilePaused.selector, AttestationAddresses.TDX_VERIFY, 1)
        );
        collaterals.update(QUOTE, blob);
    }

    function test_KnowsWhatItDoesNotHave() public {
        vm.expectRevert(abi.encodeWithSelector(CollateralRegistry.UnknownCollateral.selector, bytes32("id")));
        collaterals.collateralOf("id");
    }

    function test_AWriteThatFailsStoresNothing() public {
        bytes memory blob = longCollateral(24_575);
        recordTdx(QUOTE, blob, claims());
        // Enough to verify, not enough for 4.9 million gas of code.
        vm.expectRevert(CollateralRegistry.WriteFailed.selector);
        collaterals.update{gas: 5_000_000}(QUOTE, blob);
    }

    // Revocation lists.

    function test_ReadsIssuerAndTimeOfAList() public {
        CrlReader reader = new CrlReader();
        (bytes32 name, uint128 issued) = reader.identify(crl("Platform CA", JULY));
        vm.assertEq(name, issuer(), "issuer");
        vm.assertEq(issued, time(JULY), "time");
        // The version may be left out; long names have longer lengths.
        bytes memory long = new bytes(200);
        bytes memory list = abi.encodePacked(hex"3000", hex"30", der(long), hex"170d", JULY);
        (name, issued) = reader.identify(abi.encodePacked(hex"30", der(abi.encodePacked(hex"30", der(list)))));
        vm.assertEq(name, keccak256(abi.encodePacked(hex"3081c8", long)), "long issuer");
        vm.assertEq(issued, time(JULY), "time of the second");
        (, uint128 july) = reader.identify(crl("x", JULY));
        (, uint128 august) = reader.identify(crl("x", AUGUST));
        (, uint128 later) = reader.identify(crl("x", "20500101000000Z"));
        (, uint128 latest) = reader.identify(crl("x", "20500101000001Z"));
        vm.assertTrue(july < august && august < later && later < latest, "in order");
    }

    function test_RefusesWhatIsNoList() public {
        CrlReader reader = new CrlReader();
        bytes memory good = crl("Platform CA", JULY);
        for (uint256 length; length < 49; ++length) {
            bytes memory cut = new bytes(length);
            for (uint256 i; i < length; ++i) {
                cut[i] = good[i];
            }
            refusesList(reader, cut);
        }
        // Tags of the list, the signed part, the algorithm, the issuer and the time; lengths out of bounds.
        uint256[6] memory places = [uint256(0), 2, 7, 19, 32, 33];
        for (uint256 i; i < places.length; ++i) {
            bytes memory bad = bytes.concat(good);
            bad[places[i]] = 0x05;
            refusesList(reader, bad);
        }
        for (uint256 i; i < 4; ++i) {
            bytes memory bad = bytes.concat(good);
            bad[1] = [bytes1(0x80), 0x84, 0x82, 0xff][i];
            refusesList(reader, bad);
        }
        refusesList(reader, crl("x", "2607010000Z"));
    }

    function refusesList(CrlReader reader, bytes memory der_) private {
        vm.expectRevert(Crl.MalformedCrl.selector);
        reader.identify(der_);
    }
}
