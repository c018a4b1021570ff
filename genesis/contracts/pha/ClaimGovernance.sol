// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ClaimPayout} from "./ClaimPayout.sol";
import {AccountRecord} from "./DataAccounts.sol";

/// Claims that no signature can prove: nested multisigs, delayed proxies, lost cases. Governance proposes one with
/// the hash of public evidence; for 14 days everybody can look, and whoever has the key can claim first.
abstract contract ClaimGovernance is ClaimPayout {
    struct Proposal {
        address to;
        /// From when it can be carried out (seconds since 1970).
        uint64 due;
        bytes32 evidence;
    }

    event ClaimProposed(uint32 indexed index, bytes32 indexed account, address to, bytes32 evidence, uint64 due);
    event ClaimProposalCancelled(uint32 indexed index);

    error NoEvidence();
    error NoProposal(uint32 index);
    error NotDue(uint64 due);

    uint64 public constant GOVERNANCE_DELAY = 14 days;

    mapping(uint32 index => Proposal) public proposals;

    /// A new proposal for the same account takes the place of the old one, and the delay starts again.
    function proposeClaim(uint32 index, address to, bytes32 evidence) external {
        requireTimelock();
        if (evidence == 0) revert NoEvidence();
        requireDestination(to);
        AccountRecord memory record = unclaimedRecord(index);
        uint64 due = uint64(block.timestamp) + GOVERNANCE_DELAY;
        proposals[index] = Proposal(to, due, evidence);
        emit ClaimProposed(index, record.account, to, evidence, due);
    }

    function cancelProposal(uint32 index) external {
        requireTimelock();
        takeProposal(index);
        emit ClaimProposalCancelled(index);
    }

    /// Anybody may carry a proposal out when it is due. Up to `rows_` stakes and requests are moved at once.
    function executeProposal(uint32 index, uint256 rows_) external {
        requireOpen();
        Proposal memory proposal = takeProposal(index);
        if (block.timestamp < proposal.due) revert NotDue(proposal.due);
        pay(unclaimedRecord(index), proposal.to, 0, rows_);
    }

    function takeProposal(uint32 index) private returns (Proposal memory proposal) {
        proposal = proposals[index];
        if (proposal.due == 0) revert NoProposal(index);
        delete proposals[index];
    }
}
