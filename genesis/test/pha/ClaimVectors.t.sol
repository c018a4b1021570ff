// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Blake2b} from "../../contracts/pha/Blake2b.sol";
import {ClaimAuthority} from "../../contracts/pha/ClaimAuthority.sol";
import {ClaimMessage} from "../../contracts/pha/ClaimMessage.sol";
import {Claim, Claims, Signature} from "../../contracts/pha/Claims.sol";
import {ParachainSignature} from "../../contracts/pha/ParachainSignature.sol";
import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {ClaimFixture} from "./ClaimFixture.sol";

interface VmSkip {
    function skip(bool skipping, string calldata reason) external;
    function toString(uint256 value) external pure returns (string memory);
}

/// Signatures of real wallets, and of public development keys over real claims. ECDSA is verified; for the others
/// the stand-in of the precompile knows exactly the inputs that vectors call valid.
contract ClaimVectorsTest is ClaimFixture {
    string private constant PATH = "out/vectors/signatures.json";

    /// What the vectors claim with: the claims contract was at another address when they were made.
    Claims private constant there = Claims(0x5048410000000000000000000000000000000002);
    address private constant TO = 0x00000000219ab540356cBB839Cbe05303d7705Fa;
    uint64 private constant UNTIL = 1_798_675_200;

    string private file;

    function setUp() public {
        bool found = json.exists(PATH);
        VmSkip(address(vm)).skip(!found, "no vectors");
        file = vm.readFile(PATH);
        vm.chainId(2035);
        for (uint256 i; has(i); ++i) {
            if (isClaim(i) && !seen(i)) owe(json.parseJsonBytes32(file, at(i, "account")), 1 ether);
        }
        owe(json.parseJsonBytes32(file, ".multisig.account"), 1 ether);
        owe(json.parseJsonBytes32(file, ".derived_accounts.as_derivative.account"), 1 ether);
        begin(true);
        place(address(there), type(Claims).runtimeCode);
        // A token that says yes: the real one pays for the claims contract at its own address only.
        vm.etch(address(pha), hex"60015f5260205ff3");
    }

    function at(uint256 i, string memory field) private pure returns (string memory) {
        return string.concat(".vectors[", VmSkip(address(vm)).toString(i), "].", field);
    }

    function has(uint256 i) private view returns (bool) {
        return json.keyExistsJson(file, at(i, "scheme"));
    }

    function isClaim(uint256 i) private view returns (bool) {
        return json.keyExistsJson(file, at(i, "account"));
    }

    function seen(uint256 i) private view returns (bool) {
        for (uint256 j; j < i; ++j) {
            if (
                isClaim(j)
                    && json.parseJsonBytes32(file, at(j, "account")) == json.parseJsonBytes32(file, at(i, "account"))
            ) {
                return true;
            }
        }
        return false;
    }

    function is_(string memory scheme, string memory name) private pure returns (bool) {
        return keccak256(bytes(scheme)) == keccak256(bytes(name));
    }

    /// As `ParachainSignature` takes it.
    function encoded(string memory scheme, bytes memory signature, string memory keyField)
        private
        view
        returns (bytes memory)
    {
        if (is_(scheme, "ed25519")) return bytes.concat(hex"00", signature);
        if (is_(scheme, "sr25519")) return bytes.concat(hex"01", signature);
        return bytes.concat(hex"02", signature, json.parseJsonBytes(file, keyField));
    }

    function knowVector(uint256 i) private {
        string memory scheme = json.parseJsonString(file, at(i, "scheme"));
        if (!json.parseJsonBool(file, at(i, "valid")) || is_(scheme, "ecdsa")) return;
        bytes memory message = bytes(json.parseJsonString(file, at(i, "message")));
        bool wrapped = json.parseJsonBool(file, at(i, "wrapped"));
        know(
            is_(scheme, "ed25519") ? 0 : 1,
            json.parseJsonBytes32(file, at(i, "public_key")),
            json.parseJsonBytes(file, at(i, "signature")),
            wrapped ? bytes.concat("<Bytes>", message, "</Bytes>") : message
        );
    }

    function isValid(bytes calldata signature, bytes32 signer, bytes memory payload) external view returns (bool) {
        return ParachainSignature.isValid(signature, signer, payload);
    }

    function test_VerifiesEveryVector() public {
        uint256 i;
        for (; has(i); ++i) {
            string memory scheme = json.parseJsonString(file, at(i, "scheme"));
            bytes memory message = bytes(json.parseJsonString(file, at(i, "message")));
            bytes memory signature = json.parseJsonBytes(file, at(i, "signature"));
            bytes32 signer = json.parseJsonBytes32(file, at(i, isClaim(i) ? "account" : "public_key"));
            bool wrapped = json.parseJsonBool(file, at(i, "wrapped"));
            bytes memory data = encoded(scheme, signature, at(i, "uncompressed"));

            if (!is_(scheme, "ecdsa")) {
                vm.assertFalse(this.isValid(data, signer, ClaimMessage.payload(message, wrapped)), "not known yet");
            }
            knowVector(i);
            vm.assertEq(
                this.isValid(data, signer, ClaimMessage.payload(message, wrapped)),
                json.parseJsonBool(file, at(i, "valid")),
                at(i, "valid")
            );
            vm.assertFalse(this.isValid(data, signer, ClaimMessage.payload(message, !wrapped)), "wrapped otherwise");
        }
        vm.assertGe(i, 9, "vectors");
    }

    function test_ClaimsWithEveryValidVector() public {
        uint256 claimed;
        for (uint256 i; has(i); ++i) {
            if (!isClaim(i)) continue;
            knowVector(i);
            bytes32 from = json.parseJsonBytes32(file, at(i, "account"));
            vm.assertEq(there.text(from, TO, 0, UNTIL), json.parseJsonString(file, at(i, "message")), "message");
            string memory scheme = json.parseJsonString(file, at(i, "scheme"));
            Claim memory claim = claimOf(from, TO);
            claim.until = UNTIL;
            claim.wrapped = json.parseJsonBool(file, at(i, "wrapped"));
            claim.signatures = new Signature[](1);
            claim.signatures[0].data =
                encoded(scheme, json.parseJsonBytes(file, at(i, "signature")), at(i, "uncompressed"));
            // Free again if another vector has claimed it.
            vm.store(address(there), keccak256(abi.encode(from, 0)), 0);
            if (json.parseJsonBool(file, at(i, "valid"))) {
                there.claim(claim);
                ++claimed;
                vm.assertEq(there.claimedTo(from), TO, "claimed");
            } else {
                vm.expectRevert(abi.encodeWithSelector(Claims.InvalidSignature.selector, from));
                there.claim(claim);
            }
        }
        vm.assertGe(claimed, 4, "claims");
    }

    function test_HashesTheEcdsaVectorAsItSays() public view {
        for (uint256 i; has(i); ++i) {
            if (!is_(json.parseJsonString(file, at(i, "scheme")), "ecdsa")) continue;
            bytes memory message = bytes(json.parseJsonString(file, at(i, "message")));
            vm.assertEq(
                Blake2b.hash256(ClaimMessage.payload(message, true)), json.parseJsonBytes32(file, at(i, "digest"))
            );
            vm.assertEq(
                Blake2b.hash256(json.parseJsonBytes(file, at(i, "public_key"))),
                json.parseJsonBytes32(file, at(i, "account"))
            );
        }
    }

    function test_ClaimsTheMultisigOfTheVectors() public {
        bytes32 from = json.parseJsonBytes32(file, ".multisig.account");
        bytes32[] memory signatories = json.parseJsonBytes32Array(file, ".multisig.signatories");
        Claim memory claim = claimOf(from, TO);
        claim.until = UNTIL;
        claim.authority.signatories = signatories;
        claim.authority.threshold = 2;
        claim.signatures = new Signature[](2);
        vm.assertEq(there.text(from, TO, 0, UNTIL), json.parseJsonString(file, ".multisig.message"));
        for (uint256 i; i < 2; ++i) {
            string memory place_ = string.concat(".multisig.signatures[", VmSkip(address(vm)).toString(i), "].");
            bytes32 signer = json.parseJsonBytes32(file, string.concat(place_, "signer"));
            bytes memory signature = json.parseJsonBytes(file, string.concat(place_, "signature"));
            know(1, signer, signature, bytes.concat("<Bytes>", bytes(there.text(from, TO, 0, UNTIL)), "</Bytes>"));
            // The vectors name the last signatory first.
            uint16 number = signer == signatories[0] ? 0 : 2;
            vm.assertEq(signer, signatories[number], "signatory");
            claim.signatures[1 - i] = Signature(number, bytes.concat(hex"01", signature));
        }
        there.claim(claim);
        vm.assertEq(there.claimedTo(from), TO);
    }

    function test_DerivesTheDerivativeOfTheVectors() public view {
        vm.assertEq(
            ClaimAuthority.derivative(json.parseJsonBytes32(file, ".derived_accounts.as_derivative.parent"), 0),
            json.parseJsonBytes32(file, ".derived_accounts.as_derivative.account")
        );
    }
}
