// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Attestation} from "../../contracts/attestation/Attestation.sol";
import {AttestationAddresses} from "../../contracts/attestation/AttestationAddresses.sol";
import {Evidence} from "../../contracts/attestation/Evidence.sol";
import {GpuJobSettlement} from "../../contracts/attestation/GpuJobSettlement.sol";
import {WorkerRegistry} from "../../contracts/attestation/WorkerRegistry.sol";
import {TestToken} from "./Tokens.sol";
import {World} from "./World.sol";

/// Does anything anybody could do, in any order, well or badly, and keeps books of its own.
contract Market is World {
    uint256 private constant WORKERS = 3;
    uint256 private constant JOBS_MAX = 40;

    Machine[] private workers;
    bytes32[] public jobs;
    /// How often a job ended.
    mapping(bytes32 jobId => uint256) public endings;
    /// What was put in and taken out of the escrow, and of the bonds.
    uint256 public escrowed;
    uint256 public withdrawn;
    uint256 public bondsWithdrawn;
    /// Calls that were meant to succeed and did, so that the run is not one of refusals.
    uint256 public done;
    bool public paidAStranger;

    constructor() {
        makeWorld(new TestToken());
        for (uint256 i; i < WORKERS; ++i) {
            Machine memory made = machine(1 + i, 1 + i);
            made.payout = account(string(abi.encodePacked("payout", i)));
            workers.push(made);
            register(made);
        }
    }

    function jobCount() external view returns (uint256) {
        return jobs.length;
    }

    function workerAt(uint256 index) external view returns (address) {
        return workers[index].worker;
    }

    // Everybody who can be owed anything.
    function parties() public view returns (address[] memory all) {
        all = new address[](5 + WORKERS);
        (all[0], all[1], all[2]) = (client, treasury, operator);
        (all[3], all[4]) = (account("reporter"), account("second client"));
        for (uint256 i; i < WORKERS; ++i) {
            all[5 + i] = workers[i].payout;
        }
    }

    /// Even odds, whatever numbers the fuzzer likes best.
    function even(uint256 seed, uint256 among) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed))) % among;
    }

    function pick(uint256 seed) private view returns (bytes32) {
        // Rather a late one: old ones have mostly ended.
        uint256 among = jobs.length < 8 ? jobs.length : 8;
        return among == 0 ? bytes32(0) : jobs[jobs.length - 1 - even(seed, among)];
    }

    function attempt(address from, address to, bytes memory call) private returns (bool success) {
        vm.prank(from);
        (success,) = to.call(call);
        if (success) ++done;
    }

    /// Counts a job's ending if this call was it.
    function attemptEnding(address from, bytes32 jobId, bytes memory call) private {
        bool before = hasEnded(jobId);
        bool success = attempt(from, address(settlement), call);
        if (success && hasEnded(jobId)) ++endings[jobId];
        if (before && success) endings[jobId] += 100;
    }

    function hasEnded(bytes32 jobId) private view returns (bool) {
        return stateOf(jobId) >= GpuJobSettlement.State.Settled;
    }

    function post(uint256 seed, uint96 price, uint32 runFor, uint32 window, bool evidence) external {
        if (jobs.length >= JOBS_MAX) return;
        GpuJobSettlement.Terms memory t = terms(workers[0]);
        t.maxPrice = uint128(even(price, 5_000 ether));
        t.runFor = uint32(1 + even(runFor, 4 hours));
        t.challengeWindow = uint32(even(window, 30 minutes));
        t.assurance = evidence ? 2 : 1;
        if (even(seed, 4) == 0) t.provider = operator;
        bytes32 jobId = settlement.jobIdOf(client, settlement.clientNonces(client), t.specHash);
        if (attempt(client, address(settlement), abi.encodeCall(settlement.post, (t)))) {
            jobs.push(jobId);
            escrowed += t.maxPrice;
        }
    }

    function accept(uint256 seed, uint256 who, uint256 price) external {
        bytes32 jobId = pick(seed);
        Machine memory worker = workers[even(who, WORKERS)];
        uint128 asked = uint128(even(price, uint256(settlement.jobOf(jobId).price) + 2));
        attempt(operator, address(settlement), abi.encodeCall(settlement.accept, (jobId, worker.worker, asked)));
    }

    function receiptFor(uint256 seed, uint256 amount) private view returns (Attestation.Receipt memory receipt) {
        bytes32 jobId = pick(seed);
        receipt = receiptOf(jobId, even(amount, uint256(settlement.jobOf(jobId).price) + 2));
        receipt.epoch = registry.workerOf(settlement.jobOf(jobId).worker).epoch;
    }

    /// Mostly by the job's worker, sometimes by another.
    function signerFor(bytes32 jobId, uint256 who) private view returns (Machine memory) {
        for (uint256 i; i < WORKERS; ++i) {
            if (even(who, 5) != 0 && workers[i].worker == settlement.jobOf(jobId).worker) return workers[i];
        }
        return workers[even(who, WORKERS)];
    }

    function commit(uint256 seed, uint256 who, uint256 amount) external {
        Attestation.Receipt memory receipt = receiptFor(seed, amount);
        bytes memory signature = signReceipt(signerFor(receipt.jobId, who).key, receipt);
        attempt(address(this), address(settlement), abi.encodeCall(settlement.commit, (receipt, signature)));
    }

    function commitBatch(uint256[4] calldata seeds, uint256 who, uint256 amount) external {
        bytes memory batch;
        for (uint256 i; i < 4; ++i) {
            Attestation.Receipt memory receipt = receiptFor(seeds[i], amount);
            batch = bytes.concat(batch, packed(signerFor(receipt.jobId, who).key, receipt));
        }
        attempt(address(this), address(settlement), abi.encodeCall(settlement.commitBatch, (batch)));
    }

    function commitWithEvidence(uint256 seed, uint256 who, uint256 amount) external {
        Attestation.Receipt memory receipt = receiptFor(seed, amount);
        Machine memory signer = signerFor(receipt.jobId, who);
        bytes32 nonce = settlement.jobNonce(receipt.jobId, receiptDigest(receipt));
        Evidence.PlatformEvidence memory platform = platformFor(signer, nonce);
        Evidence.KnownGpu[] memory gpus = knownGpusFor(signer, nonce);
        bytes memory signature = signReceipt(signer.key, receipt);
        attempt(
            address(this),
            address(settlement),
            abi.encodeCall(settlement.commitWithEvidence, (receipt, signature, platform, gpus))
        );
    }

    function cancel(uint256 seed, uint256 rarely) external {
        if (even(rarely, 8) != 0) return;
        bytes32 jobId = pick(seed);
        attemptEnding(client, jobId, abi.encodeCall(settlement.cancel, (jobId)));
    }

    function release(uint256 seed) external {
        bytes32 jobId = pick(seed);
        attemptEnding(client, jobId, abi.encodeCall(settlement.release, (jobId)));
    }

    function dispute(uint256 seed) external {
        bytes32 jobId = pick(seed);
        attempt(client, address(settlement), abi.encodeCall(settlement.dispute, (jobId, "no")));
    }

    function expire(uint256 seed) external {
        bytes32 jobId = pick(seed);
        attemptEnding(address(this), jobId, abi.encodeCall(settlement.expire, (jobId)));
    }

    function finalize(uint256 seed) external {
        bytes32 jobId = pick(seed);
        attemptEnding(address(this), jobId, abi.encodeCall(settlement.finalize, (jobId)));
    }

    function resolve(uint256 seed, uint256 amount) external {
        bytes32 jobId = pick(seed);
        uint128 given = uint128(even(amount, uint256(settlement.jobOf(jobId).amount) + 2));
        attemptEnding(arbiter, jobId, abi.encodeCall(settlement.resolve, (jobId, given)));
    }

    function settleDispute(uint256 seed) external {
        bytes32 jobId = pick(seed);
        attemptEnding(address(this), jobId, abi.encodeCall(settlement.settleDispute, (jobId)));
    }

    /// Rarely, and only the last worker, or soon everybody is a liar.
    function lie(uint256 seed, uint256 rarely) external {
        if (even(rarely, 32) != 0) return;
        Attestation.Receipt memory a = receiptOf(pick(seed), 1);
        Attestation.Receipt memory b = receiptOf(pick(seed), 2);
        uint256 key = workers[WORKERS - 1].key;
        (bytes memory signatureA, bytes memory signatureB) = (signReceipt(key, a), signReceipt(key, b));
        attempt(
            account("reporter"),
            address(settlement),
            abi.encodeCall(settlement.reportEquivocation, (a, signatureA, b, signatureB))
        );
    }

    function withdraw(uint256 who) external {
        address party = parties()[even(who, 5 + WORKERS)];
        uint256 owed = settlement.credits(party);
        uint256 before = token.balanceOf(party);
        if (attempt(party, address(settlement), abi.encodeCall(settlement.withdraw, ()))) {
            withdrawn += owed;
            if (token.balanceOf(party) - before != owed) paidAStranger = true;
        }
        owed = registry.credits(party);
        if (attempt(party, address(registry), abi.encodeCall(registry.withdraw, ()))) bondsWithdrawn += owed;
    }

    function comeAndGo(uint256 who, uint256 what) external {
        Machine memory worker = workers[even(who, WORKERS)];
        uint256 choice = even(what, 16);
        if (choice == 0) {
            attempt(operator, address(registry), abi.encodeCall(registry.retire, (worker.worker)));
        } else if (choice == 1) {
            attempt(operator, address(registry), abi.encodeCall(registry.releaseBond, (worker.worker)));
        } else if (choice == 2) {
            Evidence.GpuIdentity[] memory none = new Evidence.GpuIdentity[](0);
            attempt(guardian, address(registry), abi.encodeCall(registry.freeze, (worker.worker, none)));
        } else {
            attempt(owner, address(registry), abi.encodeCall(registry.unfreeze, (worker.worker)));
            vm.roll(block.number + 1);
            try this.attest(even(who, WORKERS)) {
                ++done;
            } catch {}
        }
    }

    function attest(uint256 who) external {
        register(workers[who]);
    }

    function change(uint16 fee, uint16 missed) external {
        vm.prank(owner);
        settlement.setRates(fee % 1_001, missed % 5_001);
    }

    function wait(uint32 time, uint256 rarely) external {
        vm.warp(block.timestamp + even(time, even(rarely, 8) == 0 ? 8 hours : 10 minutes));
    }
}

/// What holds after any number of calls.
contract InvariantsTest is World {
    Market private market;

    function setUp() public {
        market = new Market();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(market);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// A part of `comeAndGo`.
    function excludeSelectors() public view returns (FuzzSelector[] memory excluded) {
        excluded = new FuzzSelector[](1);
        excluded[0] = FuzzSelector(address(market), new bytes4[](1));
        excluded[0].selectors[0] = Market.attest.selector;
    }

    function tokenOf() private view returns (TestToken) {
        return TestToken(address(settlement.token()));
    }

    /// Enough for each kind of ending in a few seconds; FOUNDRY_INVARIANT_RUNS does not change it.
    /// forge-config: default.invariant.runs = 10
    /// forge-config: default.invariant.depth = 200
    function invariant_TheBooksBalance() public view {
        theEscrowHoldsExactlyWhatItOwes();
        theRegistryHoldsExactlyItsBonds();
        aJobEndsOnce();
        onlyAttestedWorkersAreBoundToJobs();
    }

    /// Open jobs and credits are covered by what the escrow holds, to the last unit.
    function theEscrowHoldsExactlyWhatItOwes() private view {
        uint256 owed;
        address[] memory parties = market.parties();
        for (uint256 i; i < parties.length; ++i) {
            owed += settlement.credits(parties[i]);
        }
        for (uint256 i; i < market.jobCount(); ++i) {
            GpuJobSettlement.Job memory job = settlement.jobOf(market.jobs(i));
            if (job.state < GpuJobSettlement.State.Settled) owed += job.price;
        }
        vm.assertEq(tokenOf().balanceOf(address(settlement)), owed, "held is owed");
        vm.assertEq(market.escrowed(), owed + market.withdrawn(), "in is out");
        vm.assertFalse(market.paidAStranger(), "paid what was owed");
    }

    /// Bonds and credits are covered by what the registry holds, and promises are those of jobs under way.
    function theRegistryHoldsExactlyItsBonds() private view {
        uint256 owed;
        address[] memory parties = market.parties();
        for (uint256 i; i < parties.length; ++i) {
            owed += registry.credits(parties[i]);
        }
        for (uint256 i; i < 3; ++i) {
            address worker = market.workerAt(i);
            WorkerRegistry.Worker memory record = registry.workerOf(worker);
            owed += record.bond;
            uint256 promised;
            for (uint256 j; j < market.jobCount(); ++j) {
                GpuJobSettlement.Job memory job = settlement.jobOf(market.jobs(j));
                bool open = job.state >= GpuJobSettlement.State.Accepted && job.state < GpuJobSettlement.State.Settled;
                if (open && job.worker == worker) promised += uint256(job.price) * job.missedBps / 10_000;
            }
            vm.assertEq(record.reserved, promised, "promised");
        }
        vm.assertEq(tokenOf().balanceOf(address(registry)), owed, "held is owed");
    }

    function aJobEndsOnce() private view {
        for (uint256 i; i < market.jobCount(); ++i) {
            bytes32 jobId = market.jobs(i);
            bool ended = stateOf(jobId) >= GpuJobSettlement.State.Settled;
            vm.assertEq(market.endings(jobId), ended ? 1 : 0, "endings");
        }
    }

    /// Whoever is paid by a job is a worker that was attested, and the amount is one it signed for.
    function onlyAttestedWorkersAreBoundToJobs() private view {
        for (uint256 i; i < market.jobCount(); ++i) {
            GpuJobSettlement.Job memory job = settlement.jobOf(market.jobs(i));
            bool bound = job.state >= GpuJobSettlement.State.Accepted && job.missedBps + job.amount != 0;
            if (!bound) continue;
            vm.assertTrue(registry.statusOf(job.worker) != WorkerRegistry.Status.None, "attested");
            vm.assertLe(job.amount, job.price, "amount");
            vm.assertTrue(job.amount == 0 || job.digest != 0, "signed for");
        }
    }

    /// A run in which nothing succeeds would prove nothing.
    function afterInvariant() public view {
        vm.assertGt(market.done(), 0, "something happened");
    }
}
