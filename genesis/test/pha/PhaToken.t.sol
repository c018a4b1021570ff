// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {PhaAddresses} from "../../contracts/pha/PhaAddresses.sol";
import {PhaToken} from "../../contracts/pha/PhaToken.sol";
import {Genesis} from "./Genesis.sol";

/// A migration record of which the test says whether it is active.
contract Switch {
    bool public active;

    function set(bool on) external {
        active = on;
    }
}

/// What the standard bridge asks its messenger.
contract Messenger {
    address public xDomainMessageSender;
    bytes public sent;

    constructor(address otherBridge) {
        xDomainMessageSender = otherBridge;
    }

    function paused() external pure returns (bool) {
        return false;
    }

    function sendMessage(address, bytes calldata message, uint32) external payable {
        sent = message;
    }

    function call(address to, bytes calldata data) external {
        (bool success, bytes memory answer) = to.call(data);
        assembly {
            if iszero(success) { revert(add(answer, 32), mload(answer)) }
        }
    }
}

interface IBridge {
    function initialize(address otherBridge) external;
    function bridgeERC20To(address local, address remote, address to, uint256 amount, uint32 gas, bytes calldata data)
        external;
    function finalizeBridgeERC20(
        address local,
        address remote,
        address from,
        address to,
        uint256 amount,
        bytes calldata data
    ) external;
}

contract PhaTokenTest is Genesis {
    event Mint(address indexed account, uint256 amount);
    event Burn(address indexed account, uint256 amount);
    event DelegateChanged(address indexed delegator, address indexed from, address indexed to);

    address private constant L2_MESSENGER = 0x4200000000000000000000000000000000000007;
    uint256 private constant ALICE_KEY = 0xa11ce;

    PhaToken private constant pha = PhaToken(PhaAddresses.PHA);
    address private alice = vm.addr(ALICE_KEY);
    address private bob = account("bob");
    address private carol = account("carol");
    address[4] private pots =
        [PhaAddresses.CLAIMS, PhaAddresses.TREASURY, PhaAddresses.REWARD_STREAM, PhaAddresses.ESCROW];

    function setUp() public {
        vm.warp(1_800_000_000);
        place(address(pha), type(PhaToken).runtimeCode);
        place(PhaAddresses.MIGRATION_RECORD, type(Switch).runtimeCode);
        activate(true);
    }

    function activate(bool on) private {
        Switch(PhaAddresses.MIGRATION_RECORD).set(on);
    }

    function mint(address to, uint256 amount) private {
        vm.prank(PhaAddresses.L2_STANDARD_BRIDGE);
        pha.mint(to, amount);
    }

    function test_SaysWhatItIs() public view {
        vm.assertEq(pha.name(), "Phala");
        vm.assertEq(pha.symbol(), "PHA");
        vm.assertEq(uint256(pha.decimals()), 18);
        vm.assertEq(pha.totalSupply(), 0);
        address[6] memory links =
            [pha.remoteToken(), pha.l1Token(), pha.REMOTE_TOKEN(), pha.bridge(), pha.l2Bridge(), pha.BRIDGE()];
        for (uint256 i; i < 6; ++i) {
            vm.assertEq(links[i], i < 3 ? PhaAddresses.L1_PHA : PhaAddresses.L2_STANDARD_BRIDGE, "link");
        }
    }

    function testFuzz_ClaimsThreeInterfacesOnly(bytes4 other) public pure {
        bytes4[3] memory ids = [bytes4(0x01ffc9a7), bytes4(0x1d1d8b63), bytes4(0xec4fc8e3)];
        bool known;
        for (uint256 i; i < 3; ++i) {
            vm.assertTrue(pha.supportsInterface(ids[i]), "interface");
            known = known || other == ids[i];
        }
        vm.assertEq(pha.supportsInterface(other), known, "other");
        vm.assertFalse(pha.supportsInterface(0xffffffff), "ffffffff");
    }

    // The bridge.

    function test_MintsAndBurnsForTheBridgeOnly() public {
        vm.expectEmit(true, true, true, true, address(pha));
        emit Mint(alice, 10 ether);
        mint(alice, 10 ether);
        vm.expectEmit(true, true, true, true, address(pha));
        emit Burn(alice, 4 ether);
        vm.prank(PhaAddresses.L2_STANDARD_BRIDGE);
        pha.burn(alice, 4 ether);
        vm.assertEq(pha.balanceOf(alice), 6 ether);
        vm.assertEq(pha.totalSupply(), 6 ether);
    }

    function testFuzz_RefusesToMintOrBurnForOthers(address other) public {
        vm.assume(other != PhaAddresses.L2_STANDARD_BRIDGE && other != PhaAddresses.PROXY_ADMIN);
        vm.expectRevert(abi.encodeWithSelector(PhaToken.OnlyBridge.selector, other));
        vm.prank(other);
        pha.mint(alice, 1);
        vm.expectRevert(abi.encodeWithSelector(PhaToken.OnlyBridge.selector, other));
        vm.prank(other);
        pha.burn(alice, 1);
    }

    function test_IsAMintableTokenToTheBridgeOfTheStack() public {
        address otherBridge = account("L1 bridge");
        place(PhaAddresses.L2_STANDARD_BRIDGE, artifact("L2StandardBridge"));
        vm.etch(L2_MESSENGER, address(new Messenger(otherBridge)).code);
        vm.store(L2_MESSENGER, 0, word(otherBridge));
        IBridge bridge = IBridge(PhaAddresses.L2_STANDARD_BRIDGE);
        bridge.initialize(otherBridge);

        Messenger(L2_MESSENGER)
            .call(
                address(bridge),
                abi.encodeCall(
                    IBridge.finalizeBridgeERC20, (address(pha), PhaAddresses.L1_PHA, alice, alice, 5 ether, "")
                )
            );
        vm.assertEq(pha.balanceOf(alice), 5 ether);
        vm.prank(alice);
        bridge.bridgeERC20To(address(pha), PhaAddresses.L1_PHA, bob, 2 ether, 100_000, "");
        vm.assertEq(pha.totalSupply(), 3 ether);
        vm.assertEq(
            Messenger(L2_MESSENGER).sent(),
            abi.encodeCall(IBridge.finalizeBridgeERC20, (PhaAddresses.L1_PHA, address(pha), alice, bob, 2 ether, ""))
        );

        vm.expectRevert("StandardBridge: wrong remote token for Optimism Mintable ERC20 local token");
        vm.prank(alice);
        bridge.bridgeERC20To(address(pha), bob, bob, 1 ether, 100_000, "");
    }

    // Before the migration is paid for.

    function test_MovesNothingBeforeActivation() public {
        genesisMint(alice, 10 ether, false);
        vm.prank(alice);
        pha.approve(bob, 10 ether);
        activate(false);

        vm.expectRevert(PhaToken.NotActive.selector);
        vm.prank(alice);
        pha.transfer(bob, 1);
        vm.expectRevert(PhaToken.NotActive.selector);
        vm.prank(bob);
        pha.transferFrom(alice, bob, 1);
        vm.expectRevert(PhaToken.NotActive.selector);
        vm.prank(alice);
        pha.transfer(PhaAddresses.TREASURY, 1);
        vm.expectRevert(PhaToken.NotActive.selector);
        mint(alice, 1);
        vm.expectRevert(PhaToken.NotActive.selector);
        vm.prank(PhaAddresses.L2_STANDARD_BRIDGE);
        pha.burn(alice, 1);

        activate(true);
        vm.prank(alice);
        pha.transfer(bob, 1 ether);
        vm.prank(bob);
        pha.transferFrom(alice, bob, 1 ether);
        vm.assertEq(pha.balanceOf(bob), 2 ether);
    }

    function test_TakesTheFundingBeforeActivation() public {
        activate(false);
        mint(PhaAddresses.TREASURY, 7 ether);
        vm.assertEq(pha.balanceOf(PhaAddresses.TREASURY), 7 ether);
        vm.expectRevert(PhaToken.NotActive.selector);
        vm.prank(PhaAddresses.TREASURY);
        pha.transfer(alice, 1);
    }

    function test_RemembersThatItIsActive() public {
        mint(alice, 2);
        vm.etch(PhaAddresses.MIGRATION_RECORD, "");
        vm.prank(alice);
        pha.transfer(bob, 1);
        vm.assertEq(pha.balanceOf(bob), 1);
        vm.assertEq(uint256(vm.load(address(pha), 0)), 1);
    }

    // Transfers.

    function test_RefusesRecipientsThatCannotMoveIt() public {
        mint(alice, 1 ether);
        vm.prank(alice);
        pha.approve(bob, 1 ether);
        address[2] memory lost = [address(0), address(pha)];
        for (uint256 i; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(PhaToken.InvalidRecipient.selector, lost[i]));
            vm.prank(alice);
            pha.transfer(lost[i], 1);
            vm.expectRevert(abi.encodeWithSelector(PhaToken.InvalidRecipient.selector, lost[i]));
            vm.prank(bob);
            pha.transferFrom(alice, lost[i], 1);
            vm.expectRevert(abi.encodeWithSelector(PhaToken.InvalidRecipient.selector, lost[i]));
            mint(lost[i], 1);
        }
    }

    function test_GivesPermit2NothingByItself() public {
        address permit2 = 0x000000000022D473030F116dDEE9F6B43aC78BA3;
        mint(alice, 1 ether);
        vm.assertEq(pha.allowance(alice, permit2), 0);
        vm.expectRevert(bytes4(keccak256("InsufficientAllowance()")));
        vm.prank(permit2);
        pha.transferFrom(alice, permit2, 1);
        vm.prank(alice);
        pha.approve(permit2, 1);
        vm.prank(permit2);
        pha.transferFrom(alice, permit2, 1);
        vm.assertEq(pha.balanceOf(permit2), 1);
    }

    function test_TakesAPermitOnce() public {
        bytes32 digest = permitDigest(alice, bob, 5, 0, block.timestamp);
        (uint8 v, bytes32 r, bytes32 s) = json.sign(ALICE_KEY, digest);
        pha.permit(alice, bob, 5, block.timestamp, v, r, s);
        vm.assertEq(pha.allowance(alice, bob), 5);
        vm.assertEq(pha.nonces(alice), 1);

        vm.expectRevert(bytes4(keccak256("InvalidPermit()")));
        pha.permit(alice, bob, 5, block.timestamp, v, r, s);
        vm.warp(block.timestamp + 1);
        vm.expectRevert(bytes4(keccak256("PermitExpired()")));
        pha.permit(alice, bob, 5, block.timestamp - 1, v, r, s);
    }

    function permitDigest(address owner, address spender, uint256 value, uint256 nonce, uint256 deadline)
        private
        view
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Phala"),
                keccak256("1"),
                block.chainid,
                address(pha)
            )
        );
        vm.assertEq(pha.DOMAIN_SEPARATOR(), domain);
        bytes32 permit = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                owner,
                spender,
                value,
                nonce,
                deadline
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, permit));
    }

    // Votes.

    function test_CountsVotesByTimestamp() public {
        vm.assertEq(pha.CLOCK_MODE(), "mode=timestamp");
        vm.assertEq(uint256(pha.clock()), block.timestamp);
        mint(alice, 10 ether);
        vm.prank(alice);
        pha.delegate(bob);
        uint256 then = block.timestamp;
        vm.warp(then + 10);
        vm.prank(alice);
        pha.transfer(carol, 4 ether);

        vm.assertEq(pha.getVotes(bob), 6 ether);
        vm.assertEq(pha.getPastVotes(bob, then), 10 ether);
        vm.assertEq(pha.getPastVotes(bob, then - 1), 0);
        vm.assertEq(pha.getPastTotalSupply(then), 10 ether);
        vm.assertEq(pha.getPastTotalSupply(then - 1), 0);
        vm.expectRevert(bytes4(keccak256("ERC5805FutureLookup()")));
        pha.getPastVotes(bob, block.timestamp);
        vm.expectRevert(bytes4(keccak256("ERC5805FutureLookup()")));
        pha.getPastTotalSupply(block.timestamp);
    }

    function test_TakesADelegationBySignature() public {
        mint(alice, 3);
        bytes32 delegation = keccak256(
            abi.encode(keccak256("Delegation(address delegatee,uint256 nonce,uint256 expiry)"), bob, 0, block.timestamp)
        );
        (uint8 v, bytes32 r, bytes32 s) =
            json.sign(ALICE_KEY, keccak256(abi.encodePacked(hex"1901", pha.DOMAIN_SEPARATOR(), delegation)));
        pha.delegateBySig(bob, 0, block.timestamp, v, r, s);
        vm.assertEq(pha.delegates(alice), bob);
        vm.assertEq(pha.getVotes(bob), 3);
    }

    function test_LeavesPotsOutOfTheEligibleSupply() public {
        for (uint256 i; i < 4; ++i) {
            mint(pots[i], (i + 1) * 1 ether);
        }
        mint(alice, 5 ether);
        mint(PhaAddresses.STAKE_POOLS, 7 ether);
        uint256 first = block.timestamp;
        vm.warp(first + 1);
        vm.prank(PhaAddresses.CLAIMS);
        pha.transfer(bob, 1 ether);
        vm.warp(first + 2);

        vm.assertEq(pha.getPastEligibleSupply(first - 1), 0);
        vm.assertEq(pha.getPastEligibleSupply(first), 12 ether);
        vm.assertEq(pha.getPastEligibleSupply(first + 1), 13 ether);
    }

    function test_LetsPotsNeitherVoteNorBeDelegates() public {
        for (uint256 i; i < 4; ++i) {
            vm.assertEq(pha.delegates(pots[i]), pots[i], "delegate");
            vm.expectRevert(abi.encodeWithSelector(PhaToken.PotHasNoVote.selector, pots[i]));
            vm.prank(pots[i]);
            pha.delegate(alice);
            vm.expectRevert(abi.encodeWithSelector(PhaToken.PotHasNoVote.selector, pots[i]));
            vm.prank(alice);
            pha.delegate(pots[i]);
        }
    }

    // What the claims contract may do.

    function test_MakesAClaimantTheirOwnDelegate() public {
        mint(alice, 5);
        vm.expectEmit(true, true, true, true, address(pha));
        emit DelegateChanged(alice, address(0), alice);
        vm.prank(PhaAddresses.CLAIMS);
        pha.delegateClaimed(alice);
        vm.assertEq(pha.getVotes(alice), 5);
    }

    function test_ChangesNoChoiceOfAClaimant() public {
        vm.prank(alice);
        pha.delegate(bob);
        vm.prank(carol);
        pha.delegate(address(0));
        vm.startPrank(PhaAddresses.CLAIMS);
        pha.delegateClaimed(alice);
        pha.delegateClaimed(carol);
        pha.delegateClaimed(PhaAddresses.TREASURY);
        vm.stopPrank();
        vm.assertEq(pha.delegates(alice), bob);
        vm.assertEq(pha.delegates(carol), address(0));
        vm.assertEq(pha.delegates(PhaAddresses.TREASURY), PhaAddresses.TREASURY);
    }

    function test_LetsVestingPhaVoteForItsHolder() public {
        mint(PhaAddresses.CLAIMS, 100);
        mint(alice, 5);
        vm.prank(alice);
        pha.delegate(bob);
        vm.prank(PhaAddresses.CLAIMS);
        pha.grantVestingVotes(alice, 40);
        vm.assertEq(pha.getVotes(bob), 45);
        vm.assertEq(pha.getVotes(PhaAddresses.CLAIMS), 60);
        vm.assertEq(pha.vestingVotes(alice), 40);

        // They follow a later choice, and stay when the balance goes.
        vm.startPrank(alice);
        pha.delegate(carol);
        pha.transfer(bob, 5);
        vm.stopPrank();
        vm.assertEq(pha.getVotes(bob), 0);
        vm.assertEq(pha.getVotes(carol), 40);

        vm.startPrank(PhaAddresses.CLAIMS);
        pha.revokeVestingVotes(alice, 10);
        pha.transfer(alice, 10);
        vm.stopPrank();
        vm.assertEq(pha.getVotes(carol), 40);
        vm.assertEq(pha.getVotes(PhaAddresses.CLAIMS), 60);
        vm.assertEq(pha.vestingVotes(alice), 30);

        vm.expectRevert();
        vm.prank(PhaAddresses.CLAIMS);
        pha.revokeVestingVotes(alice, 31);
    }

    function testFuzz_LetsNobodyElseSteerVotes(address other) public {
        vm.assume(other != PhaAddresses.CLAIMS && other != PhaAddresses.PROXY_ADMIN);
        bytes memory refusal = abi.encodeWithSelector(PhaToken.OnlyClaims.selector, other);
        vm.startPrank(other);
        vm.expectRevert(refusal);
        pha.delegateClaimed(alice);
        vm.expectRevert(refusal);
        pha.grantVestingVotes(alice, 1);
        vm.expectRevert(refusal);
        pha.revokeVestingVotes(alice, 1);
        vm.stopPrank();
    }

    // Storage.

    function test_ReadsAGenesisThatMints() public {
        vm.store(address(pha), 0, bytes32(uint256(1)));
        genesisMint(PhaAddresses.CLAIMS, 90 ether, true);
        genesisMint(PhaAddresses.STAKE_POOLS, 10 ether, false);
        uint256 genesis = block.timestamp;
        vm.warp(genesis + 2);
        vm.assertEq(pha.totalSupply(), 100 ether);
        vm.assertEq(pha.balanceOf(PhaAddresses.CLAIMS), 90 ether);
        vm.assertEq(pha.getPastTotalSupply(genesis), 100 ether);
        vm.assertEq(pha.getPastTotalSupply(genesis - 1), 0);
        vm.assertEq(pha.getPastEligibleSupply(genesis), 10 ether);

        vm.prank(PhaAddresses.CLAIMS);
        pha.transfer(alice, 1 ether);
        mint(bob, 3 ether);
        vm.warp(genesis + 4);
        vm.assertEq(pha.getPastEligibleSupply(genesis + 2), 14 ether);
        vm.assertEq(pha.getPastTotalSupply(genesis + 2), 103 ether);
    }

    function test_WritesWhereItsLayoutSays() public {
        address self = address(pha);
        mint(alice, 5);
        vm.prank(alice);
        pha.approve(bob, 3);
        vm.prank(alice);
        pha.delegate(bob);
        vm.prank(alice);
        pha.delegate(carol);
        vm.prank(bob);
        pha.delegate(address(0));
        mint(PhaAddresses.CLAIMS, 9);
        vm.prank(PhaAddresses.CLAIMS);
        pha.grantVestingVotes(alice, 4);
        test_TakesAPermitOnce();
        vm.warp(1_800_000_000);

        vm.assertEq(vm.load(self, 0), bytes32(uint256(1)), "active");
        vm.assertEq(vm.load(self, keccak256(abi.encode(alice, 1))), bytes32(uint256(4)), "vesting votes");
        vm.assertEq(vm.load(self, keccak256(abi.encode(bob, 2))), bytes32(uint256(1)), "declined");
        vm.assertEq(vm.load(self, bytes32(TOTAL_SUPPLY_SLOT)), bytes32(uint256(14)), "supply");
        vm.assertEq(vm.load(self, balanceSlot(alice)), bytes32(uint256(5)), "balance");
        bytes32 slot = keccak256(abi.encodePacked(alice, uint96(0x7f5e9f20), bob));
        vm.assertEq(vm.load(self, slot), bytes32(uint256(5)), "allowance");
        slot = keccak256(abi.encodePacked(alice, uint96(0x38377508)));
        vm.assertEq(vm.load(self, slot), bytes32(uint256(1)), "nonce");
        slot = keccak256(abi.encodePacked(alice, uint32(0xff466c9f)));
        vm.assertEq(vm.load(self, slot), word(carol), "delegate");
        vm.assertEq(vm.load(self, TOTAL_SUPPLY_CHECKPOINTS), checkpoint(14), "supply's checkpoint");
        vm.assertEq(vm.load(self, checkpointSlot(carol)), checkpoint(9), "checkpoint");
        vm.assertEq(vm.load(self, checkpointSlot(PhaAddresses.CLAIMS)), checkpoint(5), "checkpoint of a pot");

        vm.warp(1_800_000_001);
        mint(alice, 1);
        vm.assertEq(uint256(vm.load(self, checkpointSlot(carol))) >> 48, 9 << 48 | 2, "count of checkpoints");
        slot = bytes32(uint256(checkpointSlot(carol)) + 1);
        vm.assertEq(vm.load(self, slot), bytes32(10 << 96 | 2 << 48 | block.timestamp), "second checkpoint");
    }
}
