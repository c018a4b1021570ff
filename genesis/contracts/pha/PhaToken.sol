// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "solady/src/tokens/ERC20.sol";
import {ERC20Votes} from "solady/src/tokens/ERC20Votes.sol";

import {IMigrationRecord} from "./IMigrationRecord.sol";
import {PhaAddresses} from "./PhaAddresses.sol";

/// PHA on this chain: ERC-20 with permit (EIP-2612) and votes (ERC-5805, by timestamp as ERC-6372 has it),
/// minted and burned by the standard bridge against PHA locked on L1.
///
/// Nothing moves before the migration is active, but for what the bridge mints into the treasury: the
/// deposit that pays for the migration.
///
/// Claims, treasury, reward stream and escrow ("pots") vote for nobody and are nobody's delegate. Each counts
/// as its own delegate, so that its past balance is known and a quorum can leave it out.
///
/// Storage, for those who write a genesis. `||` joins bytes; an address has 20 bytes, a word 32:
///
///   slot 0   1 once a transfer has seen the migration active; may stay 0
///   slot 1   mapping(address => uint256) vestingVotes, 0 for all in a genesis
///   slot 2   mapping(address => bool) declined, false for all in a genesis
///
///   0x05345cdf77eb68f44c                                       total supply
///   keccak(address || 0x000000000000000087a211a2)              balance
///   keccak(owner || 0x00000000000000007f5e9f20 || spender)     allowance
///   keccak(address || 0x000000000000000038377508)                  nonce of permits and delegations
///   keccak(address || 0xff466c9f)                              delegate
///   S = 0xff466c9f000000000000000000000000                     checkpoints of the total supply
///   S = keccak(address || 0xff466c)                            checkpoints of a delegate (a pot too)
///
/// Checkpoint i is the word at S + i: amount u160 || count u48 || timestamp u48, where count is the number of
/// checkpoints in word 0 and i + 1 in the others. A genesis that mints `amount` to an address writes its
/// balance and, if it is a pot, `amount || 1 || timestamp` at S; likewise the total supply. The timestamp must
/// not be later than the first block's.
contract PhaToken is ERC20Votes {
    event Mint(address indexed account, uint256 amount);
    event Burn(address indexed account, uint256 amount);

    /// The migration has not been paid for: see `MigrationRecord.activate`.
    error NotActive();
    error OnlyBridge(address caller);
    error OnlyClaims(address caller);
    /// Nobody could ever move what is sent to the token itself or to the zero address.
    error InvalidRecipient(address to);
    /// Claims, treasury, reward stream and escrow neither vote nor delegate.
    error PotHasNoVote(address pot);

    string private constant NAME = "Phala";

    /// Of `IERC165`, and of the two mintable-token interfaces by which a standard bridge knows a token of its own.
    bytes4 private constant ERC165_ID = 0x01ffc9a7;
    bytes4 private constant LEGACY_MINTABLE_ID = bytes4(keccak256("l1Token()"))
        ^ bytes4(keccak256("mint(address,uint256)")) ^ bytes4(keccak256("burn(address,uint256)"));
    bytes4 private constant OPTIMISM_MINTABLE_ID = bytes4(keccak256("remoteToken()")) ^ bytes4(keccak256("bridge()"))
        ^ bytes4(keccak256("mint(address,uint256)")) ^ bytes4(keccak256("burn(address,uint256)"));

    /// Saves asking the migration record with every transfer.
    bool private seenActive;

    /// Votes of PHA that still vests in the claims contract, by holder.
    mapping(address => uint256) public vestingVotes;

    /// Who has said that nobody shall vote for them, so that no claim undoes it.
    mapping(address => bool) private declined;

    function name() public pure override returns (string memory) {
        return NAME;
    }

    function symbol() public pure override returns (string memory) {
        return "PHA";
    }

    // Mintable by the bridge.

    function mint(address to, uint256 amount) external {
        requireBridge();
        requireRecipient(to);
        _mint(to, amount);
        emit Mint(to, amount);
    }

    function burn(address from, uint256 amount) external {
        requireBridge();
        _burn(from, amount);
        emit Burn(from, amount);
    }

    function remoteToken() public pure returns (address) {
        return PhaAddresses.L1_PHA;
    }

    function bridge() public pure returns (address) {
        return PhaAddresses.L2_STANDARD_BRIDGE;
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == ERC165_ID || id == LEGACY_MINTABLE_ID || id == OPTIMISM_MINTABLE_ID;
    }

    // The same, under the names of older bridge tokens.

    function REMOTE_TOKEN() external pure returns (address) {
        return remoteToken();
    }

    function BRIDGE() external pure returns (address) {
        return bridge();
    }

    function l1Token() external pure returns (address) {
        return remoteToken();
    }

    function l2Bridge() external pure returns (address) {
        return bridge();
    }

    // Transfers.

    function transfer(address to, uint256 amount) public override returns (bool) {
        requireRecipient(to);
        return super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        requireRecipient(to);
        return super.transferFrom(from, to, amount);
    }

    // Votes.

    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// As ERC-5805 calls it.
    function getPastTotalSupply(uint256 timepoint) external view returns (uint256) {
        return getPastVotesTotalSupply(timepoint);
    }

    /// The supply without the pots: what a quorum is a share of. Vesting PHA counts once it is claimed.
    function getPastEligibleSupply(uint256 timepoint) external view returns (uint256) {
        return getPastVotesTotalSupply(timepoint) - getPastVotes(PhaAddresses.CLAIMS, timepoint)
            - getPastVotes(PhaAddresses.TREASURY, timepoint) - getPastVotes(PhaAddresses.REWARD_STREAM, timepoint)
            - getPastVotes(PhaAddresses.ESCROW, timepoint);
    }

    function delegates(address holder) public view override returns (address) {
        return isPot(holder) ? holder : super.delegates(holder);
    }

    /// Makes a claimant vote for themselves, unless they have made a choice of their own.
    function delegateClaimed(address holder) external {
        requireClaims();
        if (delegates(holder) == address(0) && !declined[holder]) super._delegate(holder, holder);
    }

    /// Lets the delegate of `holder` vote with `amount` that the claims contract holds for them.
    function grantVestingVotes(address holder, uint256 amount) external {
        requireClaims();
        vestingVotes[holder] += amount;
        _moveDelegateVotes(PhaAddresses.CLAIMS, delegates(holder), amount);
    }

    /// Takes back what was granted, for PHA that is about to leave the claims contract.
    function revokeVestingVotes(address holder, uint256 amount) external {
        requireClaims();
        vestingVotes[holder] -= amount;
        _moveDelegateVotes(delegates(holder), PhaAddresses.CLAIMS, amount);
    }

    function _getVotingUnits(address holder) internal view override returns (uint256) {
        return balanceOf(holder) + vestingVotes[holder];
    }

    function _delegate(address holder, address delegatee) internal override {
        if (isPot(holder)) revert PotHasNoVote(holder);
        if (isPot(delegatee)) revert PotHasNoVote(delegatee);
        if (delegatee == address(0)) declined[holder] = true;
        super._delegate(holder, delegatee);
    }

    function _beforeTokenTransfer(address from, address to, uint256) internal override {
        if (seenActive) return;
        if (IMigrationRecord(PhaAddresses.MIGRATION_RECORD).active()) {
            seenActive = true;
        } else if (from != address(0) || to != PhaAddresses.TREASURY) {
            revert NotActive();
        }
    }

    /// Permit2 gets no allowance that its owner has not given.
    function _givePermit2InfiniteAllowance() internal pure override returns (bool) {
        return false;
    }

    function _constantNameHash() internal pure override returns (bytes32) {
        return keccak256(bytes(NAME));
    }

    function isPot(address holder) private pure returns (bool) {
        return holder == PhaAddresses.CLAIMS || holder == PhaAddresses.TREASURY || holder == PhaAddresses.REWARD_STREAM
            || holder == PhaAddresses.ESCROW;
    }

    function requireRecipient(address to) private view {
        if (to == address(0) || to == address(this)) revert InvalidRecipient(to);
    }

    function requireBridge() private view {
        if (msg.sender != PhaAddresses.L2_STANDARD_BRIDGE) revert OnlyBridge(msg.sender);
    }

    function requireClaims() private view {
        if (msg.sender != PhaAddresses.CLAIMS) revert OnlyClaims(msg.sender);
    }
}
