// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Blake2b} from "../../contracts/pha/Blake2b.sol";
import {Authority, ClaimAuthority} from "../../contracts/pha/ClaimAuthority.sol";
import {Claim, Claims, Signature} from "../../contracts/pha/Claims.sol";
import {ClaimPayout} from "../../contracts/pha/ClaimPayout.sol";
import {DataAccounts} from "../../contracts/pha/DataAccounts.sol";
import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {ClaimFixture} from "./ClaimFixture.sol";

interface VmWallet {
    struct Wallet {
        address addr;
        uint256 publicKeyX;
        uint256 publicKeyY;
        uint256 privateKey;
    }

    function createWallet(uint256 privateKey) external returns (Wallet memory);
}

contract ClaimAuthorityTest is ClaimFixture {
    event Approved(bytes32 indexed from, bytes32 indexed signer, bytes32 indexed textHash);

    uint8 private constant PROXY = 2;
    uint8 private constant DERIVATIVE = 3;

    // Ascending, as the first bytes say.
    bytes32 private constant A = bytes32(uint256(0xa1) << 248 | 1);
    bytes32 private constant B = bytes32(uint256(0xb1) << 248 | 2);
    bytes32 private constant C = bytes32(uint256(0xc1) << 248 | 3);
    bytes32 private constant PURE = bytes32(uint256(0x11) << 248 | 4);
    bytes32 private constant PURE_OF_MULTISIG = bytes32(uint256(0x12) << 248 | 5);

    bytes32 private multisig = multisigOf(three(), 2);
    bytes32 private derivative = derivativeOf(A, 258);
    bytes32 private derivativeOfMultisig = derivativeOf(multisig, 0);
    address private to = account("to");

    function setUp() public {
        bytes32[6] memory holders = [A, multisig, derivative, derivativeOfMultisig, PURE, PURE_OF_MULTISIG];
        for (uint256 i; i < 6; ++i) {
            owe(holders[i], 10 ether);
        }
        begin(true);
        // 383 rows: the last is the first of the second chunk.
        bytes memory rows = abi.encodePacked(PURE, A, PURE, B, PURE_OF_MULTISIG, multisig);
        for (uint256 i = 3; i < 382; ++i) {
            rows = bytes.concat(rows, keccak256(abi.encode(i)), keccak256(abi.encode(i)));
        }
        writeTable(3, bytes.concat(rows, derivative, C), 382 * 64);
    }

    function three() private pure returns (bytes32[] memory list) {
        list = new bytes32[](3);
        (list[0], list[1], list[2]) = (A, B, C);
    }

    function multisigOf(bytes32[] memory list, uint16 threshold) private view returns (bytes32) {
        bytes memory compact = list.length < 64
            ? abi.encodePacked(uint8(list.length * 4))
            : abi.encodePacked(uint8(list.length * 4 + 1), uint8(list.length / 64));
        return Blake2b.hash256(
            bytes.concat(
                "modlpy/utilisuba", compact, abi.encodePacked(list), abi.encodePacked(uint8(threshold), uint8(0))
            )
        );
    }

    function derivativeOf(bytes32 parent, uint16 index) private view returns (bytes32) {
        return Blake2b.hash256(abi.encodePacked("modlpy/utilisuba", parent, uint8(index % 256), uint8(index / 256)));
    }

    /// A claim of `from`, by signatories with these numbers.
    function multisigClaim(bytes32 from, uint16[] memory by) private returns (Claim memory claim) {
        claim = claimOf(from, to);
        claim.authority.signatories = three();
        claim.authority.threshold = 2;
        claim.signatures = new Signature[](by.length);
        for (uint256 i; i < by.length; ++i) {
            claim.signatures[i] = signed(claim, from, three()[by[i]], by[i]);
        }
    }

    function numbers(uint16 a, uint16 b) private pure returns (uint16[] memory list) {
        list = new uint16[](2);
        (list[0], list[1]) = (a, b);
    }

    function refuse(Claim memory claim, bytes memory reason) private {
        vm.expectRevert(reason);
        claims.claim(claim);
    }

    function signAll(Claim memory claim, bytes32 from, bytes32 signer) private {
        claim.signatures = new Signature[](1);
        claim.signatures[0] = signed(claim, from, signer, 0);
    }

    // Multisigs.

    function test_PaysAMultisigForAnyTwoOfThree() public {
        claims.claim(multisigClaim(multisig, numbers(0, 2)));
        vm.assertEq(pha.balanceOf(to), 10 ether);
        vm.assertEq(claims.claimedTo(multisig), to);
    }

    function test_PaysAMultisigForAllThree() public {
        uint16[] memory all = new uint16[](3);
        (all[1], all[2]) = (1, 2);
        claims.claim(multisigClaim(multisig, all));
        vm.assertEq(claims.claimedTo(multisig), to);
    }

    function test_RefusesTooFewSigners() public {
        refuse(multisigClaim(multisig, new uint16[](1)), abi.encodeWithSelector(Claims.NotEnoughSigners.selector, 1, 2));
        refuse(multisigClaim(multisig, numbers(1, 1)), abi.encodeWithSelector(Claims.NotAscending.selector, 1));
        refuse(multisigClaim(multisig, numbers(2, 0)), abi.encodeWithSelector(Claims.NotAscending.selector, 0));
        Claim memory claim = multisigClaim(multisig, numbers(0, 1));
        claim.signatures[1].signatory = 3;
        refuse(claim, abi.encodeWithSelector(Claims.NoSuchSignatory.selector, 3));
        claim.signatures[1].signatory = 2;
        refuse(claim, abi.encodeWithSelector(Claims.InvalidSignature.selector, C));
    }

    function test_RefusesAnotherMultisig() public {
        Claim memory claim = multisigClaim(multisig, numbers(0, 1));
        claim.authority.threshold = 1;
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.NotMultisig.selector, multisig, multisigOf(three(), 1)));
        claim.authority.threshold = 0;
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.WrongThreshold.selector, 0));
        claim.authority.threshold = 4;
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.WrongThreshold.selector, 4));
        // The key of one of them does not open it, nor does the multisig sign as if it were a key.
        claim = claimOf(multisig, to);
        signAll(claim, multisig, A);
        refuse(claim, abi.encodeWithSelector(Claims.InvalidSignature.selector, multisig));
        // Nor does the multisig open the account of one of them.
        claim = multisigClaim(A, numbers(0, 1));
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.NotMultisig.selector, A, multisig));
    }

    function test_RefusesSignatoriesThatTheParachainWould() public {
        Claim memory claim = multisigClaim(multisig, numbers(0, 1));
        bytes32[] memory list = three();
        (list[0], list[1]) = (B, A);
        claim.authority.signatories = list;
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.WrongSignatories.selector, 3));
        (list[0], list[1]) = (A, A);
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.WrongSignatories.selector, 3));
        claim.authority.signatories = new bytes32[](1);
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.WrongSignatories.selector, 1));
        claim.authority.signatories = new bytes32[](101);
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.WrongSignatories.selector, 101));
    }

    function test_KnowsMultisigsOfUpToOneHundred() public view {
        uint8[4] memory sizes = [2, 63, 64, 100];
        for (uint256 s; s < 4; ++s) {
            bytes32[] memory list = new bytes32[](sizes[s]);
            for (uint256 i; i < list.length; ++i) {
                list[i] = bytes32(i + 1);
            }
            Authority memory authority;
            authority.signatories = list;
            authority.threshold = 2;
            vm.assertEq(this.resolve(authority, multisigOf(list, 2)), multisigOf(list, 2));
        }
    }

    function resolve(Authority calldata authority, bytes32 from) external view returns (bytes32) {
        return ClaimAuthority.resolve(authority, from);
    }

    // Proxies and derivatives.

    function test_PaysAPureProxyForAnyOfItsDelegates() public {
        Claim memory claim = claimOf(PURE, to);
        step(claim, PROXY, B, 1);
        signAll(claim, PURE, B);
        claims.claim(claim);
        vm.assertEq(claims.claimedTo(PURE), to);
    }

    function test_RefusesWhoIsNoProxy() public {
        Claim memory claim = claimOf(PURE, to);
        step(claim, PROXY, B, 0);
        signAll(claim, PURE, B);
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.NotProxy.selector, PURE, B));
        claim.authority.path[0].index = 2;
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.NotProxy.selector, PURE, B));
        claim.authority.path[0].index = 383;
        refuse(claim, abi.encodeWithSelector(DataAccounts.NoRow.selector, 3, 383));
        claim.authority.path[0].index = 1;
        claim.authority.path[0].account = C;
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.NotProxy.selector, PURE, C));
        // The right of a delegate is not that of the account.
        claim = claimOf(A, to);
        step(claim, PROXY, PURE, 0);
        signAll(claim, A, PURE);
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.NotProxy.selector, A, PURE));
    }

    function test_ReadsProxiesOfEveryChunk() public {
        Claim memory claim = claimOf(derivative, to);
        step(claim, PROXY, C, 382);
        signAll(claim, derivative, C);
        claims.claim(claim);
        vm.assertEq(claims.claimedTo(derivative), to);
    }

    function test_PaysADerivativeForItsParent() public {
        Claim memory claim = claimOf(derivative, to);
        step(claim, DERIVATIVE, A, 258);
        signAll(claim, derivative, A);
        claims.claim(claim);
        vm.assertEq(claims.claimedTo(derivative), to);
    }

    function test_RefusesAnotherParentOrIndex() public {
        Claim memory claim = claimOf(derivative, to);
        step(claim, DERIVATIVE, A, 1);
        signAll(claim, derivative, A);
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.NotDerivative.selector, derivative, derivativeOf(A, 1)));
        claim.authority.path[0].index = 65_536 + 258;
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.NoSuchDerivative.selector, 65_536 + 258));
        claim.authority.path[0].index = 258;
        claim.authority.path[0].account = B;
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.NotDerivative.selector, derivative, derivativeOf(B, 258)));
        claim.authority.path[0].account = A;
        claim.authority.path[0].kind = 1;
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.UnknownStep.selector, 1));
        // The parent's signature under a text of its own is another claim.
        claim.authority.path[0].kind = DERIVATIVE;
        signAll(claim, A, A);
        refuse(claim, abi.encodeWithSelector(Claims.InvalidSignature.selector, A));
    }

    function test_FollowsAPathToAMultisig() public {
        Claim memory claim = multisigClaim(PURE_OF_MULTISIG, numbers(1, 2));
        step(claim, PROXY, multisig, 2);
        claims.claim(claim);
        vm.assertEq(claims.claimedTo(PURE_OF_MULTISIG), to);

        claim = multisigClaim(derivativeOfMultisig, numbers(0, 1));
        step(claim, DERIVATIVE, multisig, 0);
        claims.claim(claim);
        vm.assertEq(claims.claimedTo(derivativeOfMultisig), to);
    }

    function test_FollowsAPathOfTwoSteps() public {
        bytes32 parent = derivativeOf(C, 1);
        writeTable(3, abi.encodePacked(PURE, parent), 382 * 64);
        Claim memory claim = claimOf(PURE, to);
        step(claim, PROXY, parent, 0);
        step(claim, DERIVATIVE, C, 1);
        signAll(claim, PURE, C);
        claims.claim(claim);
        vm.assertEq(claims.claimedTo(PURE), to);
    }

    function test_FollowsFourStepsAtMost() public {
        writeTable(3, abi.encodePacked(PURE, PURE), 382 * 64);
        Claim memory claim = claimOf(PURE, to);
        for (uint256 i; i < 5; ++i) {
            step(claim, PROXY, PURE, 0);
        }
        signAll(claim, PURE, PURE);
        refuse(claim, abi.encodeWithSelector(ClaimAuthority.TooManySteps.selector, 5));
    }

    // ECDSA.

    function ecdsaClaim(uint256 key, bytes32 from) private returns (Claim memory claim) {
        claim = claimOf(from, to);
        (uint8 v, bytes32 r, bytes32 s) = json.sign(key, Blake2b.hash256(payloadOf(claim, from)));
        VmWallet.Wallet memory wallet = VmWallet(address(vm)).createWallet(key);
        claim.signatures = new Signature[](1);
        claim.signatures[0].data = abi.encodePacked(uint8(2), r, s, v - 27, wallet.publicKeyX, wallet.publicKeyY);
    }

    function ecdsaAccount(uint256 key) private returns (bytes32) {
        VmWallet.Wallet memory wallet = VmWallet(address(vm)).createWallet(key);
        return Blake2b.hash256(abi.encodePacked(uint8(2 + wallet.publicKeyY % 2), wallet.publicKeyX));
    }

    function test_PaysWhoeverHasAnEcdsaKey() public {
        // Keys with an even and an odd y.
        uint256 parities;
        for (uint256 key = 7; key < 20; ++key) {
            owe(ecdsaAccount(key), 1 ether);
            parities |= 1 << VmWallet(address(vm)).createWallet(key).publicKeyY % 2;
        }
        vm.assertEq(parities, 3);
        begin(true);
        for (uint256 key = 7; key < 20; ++key) {
            claims.claim(ecdsaClaim(key, ecdsaAccount(key)));
        }
        vm.assertEq(pha.balanceOf(to), 13 ether);
    }

    function test_TakesEcdsaSignaturesInEveryForm() public {
        (bytes32 a, bytes32 b) = (ecdsaAccount(7), ecdsaAccount(8));
        owe(a, 1 ether);
        owe(b, 1 ether);
        begin(true);
        Claim memory claim = ecdsaClaim(7, a);
        claim.signatures[0].data[65] = bytes1(uint8(claim.signatures[0].data[65]) + 27);
        claims.claim(claim);

        // The same signature with a high s.
        claim = ecdsaClaim(8, b);
        bytes memory data = claim.signatures[0].data;
        uint256 s;
        assembly {
            s := mload(add(data, 65))
            s := sub(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141, s)
            mstore(add(data, 65), s)
        }
        data[65] = bytes1(1 - uint8(data[65]));
        claims.claim(claim);
        vm.assertEq(pha.balanceOf(to), 2 ether);
    }

    function test_RefusesWrongEcdsaSignatures() public {
        (bytes32 a, bytes32 b) = (ecdsaAccount(7), ecdsaAccount(8));
        owe(a, 1 ether);
        owe(b, 1 ether);
        begin(true);
        bytes memory reason = abi.encodeWithSelector(Claims.InvalidSignature.selector, a);
        // Signed with another key: either key may be given.
        Claim memory claim = ecdsaClaim(8, a);
        refuse(claim, reason);
        bytes memory key = ecdsaClaim(7, a).signatures[0].data;
        for (uint256 i = 66; i < 130; ++i) {
            claim.signatures[0].data[i] = key[i];
        }
        refuse(claim, reason);
        // One bit of each part.
        uint8[6] memory places = [0, 1, 33, 65, 66, 129];
        for (uint256 i; i < 6; ++i) {
            claim = ecdsaClaim(7, a);
            claim.signatures[0].data[places[i]] ^= 0x01;
            refuse(claim, reason);
        }
        // A recovery id that there is not, and one byte more.
        claim = ecdsaClaim(7, a);
        claim.signatures[0].data[65] = 0x02;
        refuse(claim, reason);
        claim = ecdsaClaim(7, a);
        claim.signatures[0].data = bytes.concat(claim.signatures[0].data, hex"00");
        refuse(claim, reason);
    }

    // On chain, one by one.

    function approveAs(bytes32 from, bytes32 signer, bool wrapped) private {
        Claim memory claim = claimOf(from, to);
        claim.wrapped = wrapped;
        bytes memory data = curve25519(1, signer, payloadOf(claim, from));
        vm.expectEmit(true, true, true, true, address(claims));
        emit Approved(from, signer, keccak256(bytes(sentence(from, to, 0, claim.until))));
        claims.approve(from, to, 0, claim.until, signer, wrapped, data);
        vm.assertTrue(claims.approved(from, to, 0, claim.until, signer), "approved");
    }

    function test_CollectsSignaturesOnChain() public {
        Claim memory claim = claimOf(multisig, to);
        claim.authority.signatories = three();
        claim.authority.threshold = 2;
        vm.expectRevert(abi.encodeWithSelector(Claims.NotEnoughSigners.selector, 0, 2));
        claims.execute(claim);
        approveAs(multisig, C, true);
        approveAs(multisig, C, false);
        vm.assertFalse(claims.approved(multisig, to, 0, claim.until, A), "approved by another");
        vm.expectRevert(abi.encodeWithSelector(Claims.NotEnoughSigners.selector, 1, 2));
        claims.execute(claim);
        // One wallet wraps, the other does not.
        approveAs(multisig, A, false);

        claim.until += 1;
        vm.expectRevert(abi.encodeWithSelector(Claims.NotEnoughSigners.selector, 0, 2));
        claims.execute(claim);
        claim.until -= 1;
        claim.to = account("another");
        vm.expectRevert(abi.encodeWithSelector(Claims.NotEnoughSigners.selector, 0, 2));
        claims.execute(claim);
        claim.to = to;
        claim.signatures = new Signature[](1);
        vm.expectRevert(Claims.NotByApproval.selector);
        claims.execute(claim);
        delete claim.signatures;

        claims.execute(claim);
        vm.assertEq(claims.claimedTo(multisig), to);
        vm.expectRevert(abi.encodeWithSelector(ClaimPayout.AlreadyClaimed.selector, multisig, to));
        claims.execute(claim);
    }

    function test_ExecutesForAKeyThatApproved() public {
        approveAs(A, A, true);
        claims.execute(claimOf(A, to));
        vm.assertEq(claims.claimedTo(A), to);
    }

    function test_RefusesAWrongOrLateApproval() public {
        Claim memory claim = claimOf(multisig, to);
        bytes memory data = curve25519(1, A, payloadOf(claim, multisig));
        vm.expectRevert(abi.encodeWithSelector(Claims.InvalidSignature.selector, B));
        claims.approve(multisig, to, 0, claim.until, B, true, data);
        vm.expectRevert(abi.encodeWithSelector(Claims.InvalidSignature.selector, A));
        claims.approve(multisig, to, 1, claim.until, A, true, data);
        approveAs(multisig, A, true);
        approveAs(multisig, B, true);
        vm.warp(claim.until + 1);
        vm.expectRevert(abi.encodeWithSelector(Claims.Expired.selector, claim.until));
        claims.approve(multisig, to, 0, claim.until, A, true, data);
        claim.authority.signatories = three();
        claim.authority.threshold = 2;
        vm.expectRevert(abi.encodeWithSelector(Claims.Expired.selector, claim.until));
        claims.execute(claim);
    }

    function test_CapsTheFeeOfWhatIsExecuted() public {
        Claim memory claim = claimOf(A, to);
        claim.fee = 5 ether + 1;
        claims.approve(A, to, claim.fee, claim.until, A, true, curve25519(1, A, payloadOf(claim, A)));
        vm.expectRevert(abi.encodeWithSelector(Claims.FeeAboveCap.selector, claim.fee, 5 ether));
        claims.execute(claim);
    }
}
