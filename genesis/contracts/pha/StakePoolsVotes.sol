// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {PhaAccount} from "./PhaAccount.sol";
import {PhaAddresses} from "./PhaAddresses.sol";
import {StakePoolsValue} from "./StakePoolsValue.sol";

/// Votes of stake, by timestamp: shares at their value vote through the delegate that their holder has in the PHA
/// token.
///
/// Counting all positions at each moment's price would take a walk over every position of every holder, so a
/// position counts with its value when it was last touched: by deposit, payment, claim or `refreshVotes`, which
/// anybody may call for anybody. Prices do not fall, so what is recorded is never more than the stake is worth (but
/// for what rounding takes of a vault when it invests, less than a billionth); what rewards have added since is
/// missing until somebody calls. A new delegate counts from the same moments on. Nobody counts twice: PHA leaves its
/// holder's votes in the token when it comes here, and the stake that is recorded here is with one delegate at a
/// time. Stake that nobody has claimed, and vaults' stake as such, has no votes: a vault's stake votes through those
/// who have shares of the vault.
abstract contract StakePoolsVotes is StakePoolsValue {
    using Checkpoints for Checkpoints.Trace208;

    event StakeVotesChanged(address indexed delegatee, uint256 previousVotes, uint256 newVotes);

    /// Votes are known for the past only.
    error FutureLookup(uint256 timepoint, uint48 now_);

    function clock() public view returns (uint48) {
        return uint48(block.timestamp);
    }

    function CLOCK_MODE() external pure returns (string memory) {
        return "mode=timestamp";
    }

    function getVotes(address delegatee) external view returns (uint256) {
        return votesOf[delegatee].latest();
    }

    function getPastVotes(address delegatee, uint256 timepoint) external view returns (uint256) {
        if (timepoint >= clock()) revert FutureLookup(timepoint, clock());
        return votesOf[delegatee].upperLookupRecent(uint48(timepoint));
    }

    /// Counts a position at its present worth and for its owner's present delegate.
    function count(uint32 pid, bytes32 account, Worth memory worth) internal {
        if (!hasVotes(account)) return;
        Position storage position = positions[pid][account];
        uint256 votes = priced(position.shares, worth);
        uint256 previous = position.votes;
        position.votes = SafeCast.toUint128(votes);
        recount(address(uint160(uint256(account))), previous, votes);
    }

    /// Takes `previous` from what an owner's positions count for, adds `votes`, and moves it all to the delegate.
    function recount(address holder, uint256 previous, uint256 votes) internal {
        Voter storage voter = voters[holder];
        (address from, uint256 before) = (voter.delegatee, voter.votes);
        address to = PHA.delegates(holder);
        uint256 afterwards = before + votes - previous;
        voter.votes = SafeCast.toUint96(afterwards);
        if (from == to) {
            shift(to, before, afterwards);
        } else {
            voter.delegatee = to;
            shift(from, before, 0);
            shift(to, 0, afterwards);
        }
    }

    function shift(address delegatee, uint256 minus, uint256 plus) private {
        if (delegatee == address(0) || minus == plus) return;
        uint256 previous = votesOf[delegatee].latest();
        uint256 votes = previous + plus - minus;
        votesOf[delegatee].push(clock(), SafeCast.toUint208(votes));
        emit StakeVotesChanged(delegatee, previous, votes);
    }

    function hasVotes(bytes32 account) private pure returns (bool) {
        return PhaAccount.isAddress(account) && account != PhaAccount.fromAddress(PhaAddresses.CLAIMS);
    }
}
