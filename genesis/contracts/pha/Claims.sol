// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Authority, ClaimAuthority} from "./ClaimAuthority.sol";
import {ClaimGovernance} from "./ClaimGovernance.sol";
import {ClaimMessage} from "./ClaimMessage.sol";
import {AccountRecord, DataAccounts} from "./DataAccounts.sol";
import {ParachainSignature} from "./ParachainSignature.sol";

/// A signature as `ParachainSignature` takes it, by a signatory of a multisig; number 0 for a key.
struct Signature {
    uint16 signatory;
    bytes data;
}

/// A claim, of which the signers sign the text (`Claims.text`) and anybody submits the rest.
struct Claim {
    /// Number of the account's record.
    uint32 index;
    Authority authority;
    /// Whether wallets signed "<Bytes>" || text || "</Bytes>" or the bare text.
    bool wrapped;
    address to;
    /// Paid to whoever submits, from the claim.
    uint256 fee;
    /// The last second (since 1970) at which it may be submitted.
    uint64 until;
    /// With ascending signatories; none for `execute`.
    Signature[] signatures;
    /// How many stakes and requests to move at once, at most; `moveRows` moves the rest. Not signed: it changes
    /// nothing about what is whose.
    uint32 rows;
}

/// Where holders of the parachain take what is theirs. A genesis writes no word of this contract's storage: what is
/// owed is in the data accounts. For those who read it without calling:
///
///   slot 0   claimedTo: keccak(account || 0), the address
///   slot 1   bits 0-63 pausedUntil || 64-127 pausedAt
///   slot 2   schedules: keccak(holder || 2) is how many; number i is the word at keccak(keccak(holder || 2)) + i:
///            bits 0-95 amount || 96-191 released || 192-223 start || 224-255 end
///   slot 3   rowsLeft: keccak(account || 3)
///   slot 4   proposals: keccak(index || 4): bits 0-159 to || 160-223 due; the word after it: evidence
///   slot 5   approvals: keccak(signer || keccak(keccak of the text || 5)), 1 if given
contract Claims is ClaimGovernance {
    using ClaimAuthority for Authority;

    event Approved(bytes32 indexed from, bytes32 indexed signer, bytes32 indexed textHash);

    error Expired(uint64 until);
    error FeeAboveCap(uint256 fee, uint256 cap);
    error InvalidSignature(bytes32 signer);
    error NotAscending(uint256 signatory);
    error NoSuchSignatory(uint256 signatory);
    error NotEnoughSigners(uint256 count, uint256 needed);
    error TooManyClaims(uint256 count);
    /// `execute` counts approvals only.
    error NotByApproval();

    /// The fee may be the larger of the two, and no more than the liquid part.
    uint256 private constant FEE_CAP = 5 ether;
    uint256 private constant FEE_CAP_DIVISOR = 200;

    /// As many claims of plain keys fit the gas of a transaction.
    uint256 private constant CLAIMS_MAX = 50;

    mapping(bytes32 textHash => mapping(bytes32 signer => bool)) private approvals;

    function claim(Claim calldata claim_) external {
        requireOpen();
        submit(claim_, unclaimedRecord(claim_.index));
    }

    /// What somebody else has submitted in the meantime is left out.
    function claimMany(Claim[] calldata claims) external {
        requireOpen();
        if (claims.length > CLAIMS_MAX) revert TooManyClaims(claims.length);
        for (uint256 i; i < claims.length; ++i) {
            AccountRecord memory record = DataAccounts.account(claims[i].index);
            if (claimedTo[record.account] == address(0)) submit(claims[i], record);
        }
    }

    /// Puts one signer's signature on chain, for signers who do not meet.
    function approve(
        bytes32 from,
        address to,
        uint256 fee,
        uint64 until,
        bytes32 signer,
        bool wrapped,
        bytes calldata signature
    ) external {
        requireOpen();
        requireTime(until);
        bytes memory text_ = ClaimMessage.text(snapshotBlock(), from, to, fee, until);
        if (!ParachainSignature.isValid(signature, signer, ClaimMessage.payload(text_, wrapped))) {
            revert InvalidSignature(signer);
        }
        bytes32 textHash = keccak256(text_);
        approvals[textHash][signer] = true;
        emit Approved(from, signer, textHash);
    }

    /// Claims with what `approve` has put on chain.
    function execute(Claim calldata claim_) external {
        requireOpen();
        if (claim_.signatures.length != 0) revert NotByApproval();
        AccountRecord memory record = unclaimedRecord(claim_.index);
        requireTime(claim_.until);
        bytes32 holder = claim_.authority.resolve(record.account);
        bytes32 textHash = keccak256(textOf(claim_, record));
        uint256 count;
        for (uint256 i; i < claim_.authority.signers(); ++i) {
            if (approvals[textHash][claim_.authority.signer(holder, i)]) ++count;
        }
        requireEnough(count, claim_.authority);
        payOut(claim_, record);
    }

    /// The sentence to sign.
    function text(bytes32 from, address to, uint256 fee, uint64 until) external view returns (string memory) {
        return string(ClaimMessage.text(snapshotBlock(), from, to, fee, until));
    }

    /// Whether `approve` has seen a good signature of `signer` under this text.
    function approved(bytes32 from, address to, uint256 fee, uint64 until, bytes32 signer)
        external
        view
        returns (bool)
    {
        return approvals[keccak256(ClaimMessage.text(snapshotBlock(), from, to, fee, until))][signer];
    }

    /// The highest fee a claim of so much liquid PHA may pay.
    function feeCap(uint256 liquid) public pure returns (uint256) {
        uint256 cap = liquid / FEE_CAP_DIVISOR > FEE_CAP ? liquid / FEE_CAP_DIVISOR : FEE_CAP;
        return cap < liquid ? cap : liquid;
    }

    function submit(Claim calldata claim_, AccountRecord memory record) private {
        requireTime(claim_.until);
        bytes32 holder = claim_.authority.resolve(record.account);
        bytes memory payload = ClaimMessage.payload(textOf(claim_, record), claim_.wrapped);
        uint256 count = claim_.signatures.length;
        uint256 next;
        for (uint256 i; i < count; ++i) {
            Signature calldata signature = claim_.signatures[i];
            if (signature.signatory < next) revert NotAscending(signature.signatory);
            if (signature.signatory >= claim_.authority.signers()) revert NoSuchSignatory(signature.signatory);
            next = uint256(signature.signatory) + 1;
            bytes32 signer = claim_.authority.signer(holder, signature.signatory);
            if (!ParachainSignature.isValid(signature.data, signer, payload)) revert InvalidSignature(signer);
        }
        requireEnough(count, claim_.authority);
        payOut(claim_, record);
    }

    function payOut(Claim calldata claim_, AccountRecord memory record) private {
        uint256 cap = feeCap(record.liquid);
        if (claim_.fee > cap) revert FeeAboveCap(claim_.fee, cap);
        pay(record, claim_.to, claim_.fee, claim_.rows);
    }

    function textOf(Claim calldata claim_, AccountRecord memory record) private view returns (bytes memory) {
        return ClaimMessage.text(snapshotBlock(), record.account, claim_.to, claim_.fee, claim_.until);
    }

    function requireTime(uint64 until) private view {
        if (block.timestamp > until) revert Expired(until);
    }

    function requireEnough(uint256 count, Authority calldata authority) private pure {
        if (count < authority.needed()) revert NotEnoughSigners(count, authority.needed());
    }
}
