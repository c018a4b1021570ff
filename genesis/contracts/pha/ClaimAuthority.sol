// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Blake2b} from "./Blake2b.sol";
import {DataAccounts} from "./DataAccounts.sol";

/// How one account of the parachain acts for another.
struct Step {
    /// `ClaimAuthority.PROXY` or `ClaimAuthority.DERIVATIVE`.
    uint8 kind;
    /// The account that acts: the delegate, or the parent.
    bytes32 account;
    /// Row of the proxy table, or index of the derivative account.
    uint32 index;
}

/// Why signers may claim an account. From the account a path of steps leads to whoever signs: a key, or, with
/// signatories, a multisig. The common kinds are
///
///   0 key          no step, no signatories
///   1 multisig     no step
///   2 proxy        one step
///   3 derivative   one step
///
/// and whatever these combine to, such as a multisig that is the proxy of a pure account.
struct Authority {
    Step[] path;
    /// Ascending; empty for a key.
    bytes32[] signatories;
    uint16 threshold;
}

library ClaimAuthority {
    error TooManySteps(uint256 count);
    /// The proxy table does not say that `delegate` may act for `account`.
    error NotProxy(bytes32 account, bytes32 delegate);
    error NotDerivative(bytes32 account, bytes32 derived);
    error NotMultisig(bytes32 account, bytes32 derived);
    /// Derivative accounts have 16-bit indices.
    error NoSuchDerivative(uint256 index);
    error UnknownStep(uint8 kind);
    error WrongSignatories(uint256 count);
    error WrongThreshold(uint256 threshold);

    uint8 internal constant PROXY = 2;
    uint8 internal constant DERIVATIVE = 3;

    /// Longer chains of command go through governance.
    uint256 private constant STEPS_MAX = 4;
    /// `MaxSignatories` of the parachain.
    uint256 private constant SIGNATORIES_MAX = 100;

    /// What the utility and the multisig pallet both hash accounts with.
    bytes16 private constant PREFIX = "modlpy/utilisuba";

    /// The account at the end of the path, which is the key or the multisig that must sign.
    function resolve(Authority calldata authority, bytes32 from) internal view returns (bytes32 holder) {
        holder = from;
        uint256 steps = authority.path.length;
        if (steps > STEPS_MAX) revert TooManySteps(steps);
        for (uint256 i; i < steps; ++i) {
            Step calldata step = authority.path[i];
            if (step.kind == PROXY) {
                if (!DataAccounts.isProxy(step.index, holder, step.account)) revert NotProxy(holder, step.account);
            } else if (step.kind == DERIVATIVE) {
                bytes32 derived = derivative(step.account, step.index);
                if (derived != holder) revert NotDerivative(holder, derived);
            } else {
                revert UnknownStep(step.kind);
            }
            holder = step.account;
        }
        if (authority.signatories.length != 0) {
            bytes32 derived = multisig(authority.signatories, authority.threshold);
            if (derived != holder) revert NotMultisig(holder, derived);
        }
    }

    /// How many signers it takes.
    function needed(Authority calldata authority) internal pure returns (uint256) {
        return authority.signatories.length == 0 ? 1 : authority.threshold;
    }

    /// How many signers there are to choose from.
    function signers(Authority calldata authority) internal pure returns (uint256) {
        return authority.signatories.length == 0 ? 1 : authority.signatories.length;
    }

    function signer(Authority calldata authority, bytes32 holder, uint256 index) internal pure returns (bytes32) {
        return authority.signatories.length == 0 ? holder : authority.signatories[index];
    }

    /// `utility.as_derivative`.
    function derivative(bytes32 parent, uint32 index) internal view returns (bytes32) {
        if (index > type(uint16).max) revert NoSuchDerivative(index);
        return Blake2b.hash256(bytes.concat(PREFIX, parent, littleEndian(uint16(index))));
    }

    /// `multisig.multi_account_id`: the signatories as a SCALE vector, then the threshold.
    function multisig(bytes32[] calldata signatories, uint16 threshold) internal view returns (bytes32) {
        uint256 count = signatories.length;
        if (count < 2 || count > SIGNATORIES_MAX) revert WrongSignatories(count);
        if (threshold == 0 || threshold > count) revert WrongThreshold(threshold);
        for (uint256 i = 1; i < count; ++i) {
            if (signatories[i - 1] >= signatories[i]) revert WrongSignatories(count);
        }
        bytes memory compact =
            count < 64 ? bytes.concat(bytes1(uint8(count << 2))) : bytes.concat(littleEndian(uint16(count << 2 | 1)));
        return Blake2b.hash256(bytes.concat(PREFIX, compact, abi.encodePacked(signatories), littleEndian(threshold)));
    }

    function littleEndian(uint16 value) private pure returns (bytes2) {
        return bytes2(value << 8 | value >> 8);
    }
}
