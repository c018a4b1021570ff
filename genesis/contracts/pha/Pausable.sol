// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {TimelockOwned} from "./TimelockOwned.sol";

/// A stop for an emergency. It ends by itself, and no second one follows at once: long enough to replace faulty
/// code, too short to keep people from what is theirs.
abstract contract Pausable is TimelockOwned {
    event Paused(uint64 until);

    error IsPaused(uint64 until);
    error PauseTooLong(uint64 until, uint64 longest);
    error PauseTooSoon(uint64 earliest);

    uint64 public constant PAUSE_MAX = 72 hours;
    /// From the longest end of a pause to the start of another.
    uint64 public constant PAUSE_REST = 72 hours;

    /// Claims do nothing before this time.
    uint64 public pausedUntil;
    /// When the last pause began.
    uint64 public pausedAt;

    /// Stops until a time (seconds since 1970); one that has passed ends the pause. A pause that runs can be made
    /// shorter and longer, up to `PAUSE_MAX` after it began.
    function pause(uint64 until) external {
        requireTimelock();
        uint64 time = uint64(block.timestamp);
        uint64 longest = pausedAt + PAUSE_MAX;
        if (time >= longest && until > time) {
            if (pausedAt != 0 && time < longest + PAUSE_REST) revert PauseTooSoon(longest + PAUSE_REST);
            pausedAt = time;
            longest = time + PAUSE_MAX;
        }
        if (until > time && until > longest) revert PauseTooLong(until, longest);
        pausedUntil = until;
        emit Paused(until);
    }

    function requireRunning() internal view {
        if (block.timestamp < pausedUntil) revert IsPaused(pausedUntil);
    }
}
