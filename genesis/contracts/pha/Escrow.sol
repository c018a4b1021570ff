// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PhaAddresses} from "./PhaAddresses.sol";
import {PhaToken} from "./PhaToken.sol";
import {TimelockOwned} from "./TimelockOwned.sol";

/// PHA whose owners the parachain's state does not tell: what other chains held for their users, what was put into
/// Phat clusters, deposits in flight, what was sent to accounts nobody has. Each is a sub-account with the AccountId
/// it had on the parachain ("sibl" and a para id for a chain). Governance releases it against public evidence, which
/// everybody can look at for 14 days.
///
/// Storage, for those who write a genesis: slot 0, mapping(bytes32 => uint256): the amount of a sub-account.
contract Escrow is TimelockOwned {
    struct Release {
        bytes32 id;
        address to;
        /// From when it can be carried out (seconds since 1970); 0 once it has been, or was cancelled.
        uint64 due;
        uint256 amount;
        bytes32 evidence;
    }

    event ReleaseProposed(
        uint256 indexed number, bytes32 indexed id, address to, uint256 amount, bytes32 evidence, uint64 due
    );
    event ReleaseCancelled(uint256 indexed number);
    event Released(uint256 indexed number, bytes32 indexed id, address indexed to, uint256 amount, bytes32 evidence);

    error NoEvidence();
    error NoRecipient();
    error NoRelease(uint256 number);
    error NotDue(uint64 due);
    error NotHeld(bytes32 id, uint256 held, uint256 amount);

    uint64 public constant GOVERNANCE_DELAY = 14 days;

    /// What a sub-account holds.
    mapping(bytes32 id => uint256) public held;

    Release[] private releases;

    function proposeRelease(bytes32 id, address to, uint256 amount, bytes32 evidence)
        external
        returns (uint256 number)
    {
        requireTimelock();
        if (evidence == 0) revert NoEvidence();
        if (to == address(0)) revert NoRecipient();
        requireHeld(id, amount);
        number = releases.length;
        uint64 due = uint64(block.timestamp) + GOVERNANCE_DELAY;
        releases.push(Release(id, to, due, amount, evidence));
        emit ReleaseProposed(number, id, to, amount, evidence, due);
    }

    function cancelRelease(uint256 number) external {
        requireTimelock();
        takeRelease(number);
        emit ReleaseCancelled(number);
    }

    /// Anybody may carry a release out when it is due.
    function release(uint256 number) external {
        requireActive();
        Release memory taken = takeRelease(number);
        if (block.timestamp < taken.due) revert NotDue(taken.due);
        requireHeld(taken.id, taken.amount);
        held[taken.id] -= taken.amount;
        emit Released(number, taken.id, taken.to, taken.amount, taken.evidence);
        PhaToken(PhaAddresses.PHA).transfer(taken.to, taken.amount);
    }

    function releaseAt(uint256 number) external view returns (Release memory) {
        return releases[number];
    }

    function releaseCount() external view returns (uint256) {
        return releases.length;
    }

    function takeRelease(uint256 number) private returns (Release memory taken) {
        if (number >= releases.length || releases[number].due == 0) revert NoRelease(number);
        taken = releases[number];
        releases[number].due = 0;
    }

    function requireHeld(bytes32 id, uint256 amount) private view {
        if (amount > held[id]) revert NotHeld(id, held[id], amount);
    }
}
