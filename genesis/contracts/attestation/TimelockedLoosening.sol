// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Governed} from "./Governed.sol";

/// Setters that tell loosening from tightening. What tightens takes effect at once, and the guardian may do
/// it too; what loosens has to be announced: the owner schedules the call, `delay` seconds pass, then the owner
/// makes it. Without a delay nothing has to be announced.
///
/// | Slot | Bytes from the right | Holds |
/// |---|---|---|
/// | 2 | | `readyAt`: keccak256(calldata of the setter) -> unix seconds |
/// | 3 | 0-19, 20-23 | `guardian`, `delay` (seconds); a contract below fills the rest |
abstract contract TimelockedLoosening is Governed {
    event ChangeScheduled(bytes32 indexed id, bytes change, uint256 readyAt);
    event ChangeCancelled(bytes32 indexed id);
    event ChangeMade(bytes32 indexed id);
    event GuardianSet(address guardian);
    event DelaySet(uint32 delay);

    error NotGuardian(address caller);
    error NotScheduled(bytes32 id);
    error NotReady(bytes32 id, uint256 readyAt);
    error ChangeExpired(bytes32 id, uint256 expiredAt);
    error DelayTooLong(uint32 delay);

    /// Longer, and a mistake could not be put right in time.
    uint32 public constant DELAY_LIMIT = 30 days;
    /// A change nobody made while it was ready must be announced again.
    uint32 public constant READY_FOR = 14 days;

    mapping(bytes32 change => uint256) public readyAt;
    address public guardian;
    uint32 public delay;

    /// Announces a call to a setter of this contract, given as calldata.
    function schedule(bytes calldata change) external onlyOwner returns (bytes32 id) {
        id = keccak256(change);
        uint256 ready = block.timestamp + delay;
        readyAt[id] = ready;
        emit ChangeScheduled(id, change, ready);
    }

    /// The guardian may cancel anything but its own replacement.
    function cancel(bytes calldata change) external {
        bool byGuardian = msg.sender == guardian && bytes4(change) != this.setGuardian.selector;
        if (msg.sender != owner && !byGuardian) revert NotGuardian(msg.sender);
        bytes32 id = keccak256(change);
        if (readyAt[id] == 0) revert NotScheduled(id);
        delete readyAt[id];
        emit ChangeCancelled(id);
    }

    /// A new guardian could let pass what the old one would have stopped: a change of guardian loosens.
    function setGuardian(address guardian_) external {
        authorize(true);
        guardian = guardian_;
        emit GuardianSet(guardian_);
    }

    /// A guardian who could lengthen the delay could keep the owner from anything for that long.
    function setDelay(uint32 delay_) external onlyOwner {
        authorize(delay_ < delay);
        storeDelay(delay_);
    }

    function storeDelay(uint32 delay_) internal {
        if (delay_ > DELAY_LIMIT) revert DelayTooLong(delay_);
        delay = delay_;
        emit DelaySet(delay_);
    }

    /// The first line of each setter.
    function authorize(bool loosens) internal {
        if (msg.sender != owner) {
            if (loosens) revert NotOwner(msg.sender);
            if (msg.sender != guardian) revert NotGuardian(msg.sender);
        }
        if (!loosens || delay == 0) return;
        bytes32 id = keccak256(msg.data);
        uint256 ready = readyAt[id];
        if (ready == 0) revert NotScheduled(id);
        if (block.timestamp < ready) revert NotReady(id, ready);
        if (block.timestamp > ready + READY_FOR) revert ChangeExpired(id, ready + READY_FOR);
        delete readyAt[id];
        emit ChangeMade(id);
    }
}
