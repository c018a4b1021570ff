// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {
    TimelockControllerUpgradeable
} from "@openzeppelin/contracts-upgradeable/governance/TimelockControllerUpgradeable.sol";

import {Pausable} from "./Pausable.sol";
import {PhaAccount} from "./PhaAccount.sol";
import {PhaAddresses} from "./PhaAddresses.sol";

/// Owner of all PHA contracts: does what the governor decided after 8 days, unless the council stops it. Its
/// technical committee can pause claims or pools for at most 72 hours.
///
/// Both bodies are carried from the parachain as lists of accounts; a seat is active once its account has claimed.
/// Two thirds of the active seats decide.
///
/// Storage, for those who write a genesis (`||` joins words; an address as a word is behind 12 zero bytes). There
/// is no initializer, so nothing is left to lock:
///
///   slot 0   number of council seats; seat i (an AccountId) at keccak(0) + i
///   slot 1   number of committee seats; seat i at keccak(1) + i
///   slots 2 to 5   0 in a genesis
///   0x9a37c2aa9d186a0969ff8a8267bf4e07e864c2f2768f5040949e28a624fb3601   the delay in seconds: 691,200
///   keccak(account || keccak(role || R)) = 1 for each of the roles below, where
///       R = 0x02dd7bc7dec4dceedda775e58dd541e08a116c6c53815c0bd028192f7b626800
///       0 (admin)                          TIMELOCK, this contract
///       keccak("PROPOSER_ROLE")            GOVERNOR
///       keccak("CANCELLER_ROLE")           GOVERNOR and TIMELOCK
///       keccak("EXECUTOR_ROLE")            the zero address: anybody may execute what is due
contract PhaTimelock is TimelockControllerUpgradeable {
    event CancelVoted(bytes32 indexed operation, address indexed member, uint256 ayes, uint256 active);
    event PauseVoted(address indexed target, uint64 until, address indexed member, uint256 ayes, uint256 active);
    event CouncilSet(bytes32[] seats);
    event CommitteeSet(bytes32[] seats);

    /// What there is to initialize was written by the genesis.
    error WrittenByGenesis();
    error NotPending(bytes32 operation);
    error NoSeat(address caller);
    error TooFewActive(uint256 active, uint256 minimum);
    error NotPausable(address target);
    error PauseOutOfBounds(uint64 until);
    error PausedLately(address target, uint64 pausableFrom);
    error TooManySeats(uint256 count);

    uint256 private constant MIN_ACTIVE_COUNCIL = 3;
    uint256 private constant MIN_ACTIVE_COMMITTEE = 2;
    uint256 private constant MAX_PAUSE = 72 hours;

    /// From the end of one pause to the next: the governor needs 1 + 7 + 8 days to replace a committee that would
    /// pause again and again.
    uint256 private constant PAUSE_DISTANCE = 16 days;

    /// Every vote walks the list and asks the claims contract about each seat. The parachain's council has 8.
    uint256 private constant MAX_SEATS = 32;

    // Slots 0 to 5.
    bytes32[] private council;
    bytes32[] private committee;
    /// Counts the lists there have been, so that votes of an old one do not count in a new one.
    uint256 private term;
    /// Seats that voted, a bit each.
    mapping(uint256 term => mapping(bytes32 operation => uint256 seats)) private cancelVotes;
    mapping(uint256 term => mapping(address target => mapping(uint64 until => uint256 seats))) private pauseVotes;
    mapping(address target => uint64) public pausableFrom;

    function initialize(uint256, address[] memory, address[] memory, address) public pure override {
        revert WrittenByGenesis();
    }

    /// A vote of the council to cancel what waits for its time here.
    function voteToCancel(bytes32 operation) external {
        if (!isOperationPending(operation)) revert NotPending(operation);
        uint256 votes = cancelVotes[term][operation];
        (uint256 active, uint256 ayes, uint256 seats) = tally(council, votes, MIN_ACTIVE_COUNCIL);
        cancelVotes[term][operation] = seats;
        emit CancelVoted(operation, msg.sender, ayes, active);
        if (isEnough(ayes, active)) {
            delete cancelVotes[term][operation];
            this.cancel(operation);
        }
    }

    /// A vote of the technical committee to pause claims or pools until a time that all voters name alike.
    function voteToPause(address target, uint64 until) external {
        if (target != PhaAddresses.CLAIMS && target != PhaAddresses.STAKE_POOLS) revert NotPausable(target);
        if (until <= block.timestamp || until > block.timestamp + MAX_PAUSE) revert PauseOutOfBounds(until);
        if (block.timestamp < pausableFrom[target]) revert PausedLately(target, pausableFrom[target]);
        uint256 votes = pauseVotes[term][target][until];
        (uint256 active, uint256 ayes, uint256 seats) = tally(committee, votes, MIN_ACTIVE_COMMITTEE);
        pauseVotes[term][target][until] = seats;
        emit PauseVoted(target, until, msg.sender, ayes, active);
        if (isEnough(ayes, active)) {
            pausableFrom[target] = until + uint64(PAUSE_DISTANCE);
            Pausable(target).pause(until);
        }
    }

    /// Seats are accounts of the parachain, or addresses behind 12 zero bytes.
    function setCouncil(bytes32[] calldata seats) external {
        requireSelf();
        setSeats(seats);
        council = seats;
        emit CouncilSet(seats);
    }

    function setCommittee(bytes32[] calldata seats) external {
        requireSelf();
        setSeats(seats);
        committee = seats;
        emit CommitteeSet(seats);
    }

    function councilSeats() external view returns (bytes32[] memory) {
        return council;
    }

    function committeeSeats() external view returns (bytes32[] memory) {
        return committee;
    }

    /// Adds the caller's seats to those that voted, and counts.
    function tally(bytes32[] storage list, uint256 votes, uint256 minimum)
        private
        view
        returns (uint256 active, uint256 ayes, uint256 seats)
    {
        bool seated;
        seats = votes;
        for (uint256 i = 0; i < list.length; i++) {
            address member = PhaAccount.resolve(list[i]);
            if (member == address(0)) continue;
            active++;
            if (member == msg.sender) {
                seated = true;
                seats |= 1 << i;
            }
            if (seats >> i & 1 == 1) ayes++;
        }
        if (!seated) revert NoSeat(msg.sender);
        if (active < minimum) revert TooFewActive(active, minimum);
    }

    function isEnough(uint256 ayes, uint256 active) private pure returns (bool) {
        return ayes * 3 >= active * 2;
    }

    function setSeats(bytes32[] calldata seats) private {
        if (seats.length > MAX_SEATS) revert TooManySeats(seats.length);
        term++;
    }

    function requireSelf() private view {
        if (msg.sender != address(this)) revert TimelockUnauthorizedCaller(msg.sender);
    }
}
