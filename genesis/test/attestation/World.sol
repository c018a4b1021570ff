// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Attestation} from "../../contracts/attestation/Attestation.sol";
import {AttestationAddresses} from "../../contracts/attestation/AttestationAddresses.sol";
import {AttestationPolicy} from "../../contracts/attestation/AttestationPolicy.sol";
import {CollateralRegistry} from "../../contracts/attestation/CollateralRegistry.sol";
import {Evidence} from "../../contracts/attestation/Evidence.sol";
import {GpuJobSettlement} from "../../contracts/attestation/GpuJobSettlement.sol";
import {PolicyRules} from "../../contracts/attestation/PolicyRules.sol";
import {WorkerRegistry} from "../../contracts/attestation/WorkerRegistry.sol";
import {Test} from "../Test.sol";
import {Owned} from "../l2/Owned.sol";
import {FakeGpuSettle, FakeGpuVerify, FakeTdxVerify, RecordedAnswers} from "./FakePrecompiles.sol";
import {TestToken} from "./Tokens.sol";

/// The four predeploys at their addresses over stand-ins of the precompiles, a policy that admits one program
/// and one firmware, and hands to make evidence with.
abstract contract World is Test {
    /// A guest with its GPUs, whatever evidence it is asked for.
    struct Machine {
        uint256 key;
        address worker;
        address operator;
        address payout;
        bytes32 ppidHash;
        bytes32 program;
        uint256 firstGpu;
        uint256 gpus;
        bytes32 measurementsHash;
    }

    uint16 internal constant H100 = 1;
    uint16 internal constant H200 = 2;
    uint256 internal constant H100_BOND = 1_250 ether;
    uint256 internal constant H200_BOND = 1_875 ether;
    uint32 internal constant DELAY = 2 days;
    uint32 internal constant MAX_AGE = 24 hours;
    uint32 internal constant EXIT_DELAY = 14 days;
    uint32 internal constant ARBITER_TIMEOUT = 3 days;
    uint16 internal constant FEE_BPS = 250;
    uint16 internal constant MISSED_BPS = 1_000;
    uint96 internal constant PRICE_CAP = 1_000_000 ether;
    bytes6 internal constant FMSPC = 0xb0c06f000000;
    bytes32 internal constant MEASURED = keccak256("hopper 590");
    bytes32 internal constant ADMIN_SLOT = bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1);
    uint256 internal constant START = 1_800_000_000;

    CollateralRegistry internal constant collaterals = CollateralRegistry(AttestationAddresses.COLLATERAL_REGISTRY);
    AttestationPolicy internal constant policy = AttestationPolicy(AttestationAddresses.ATTESTATION_POLICY);
    WorkerRegistry internal constant registry = WorkerRegistry(AttestationAddresses.WORKER_REGISTRY);
    GpuJobSettlement internal constant settlement = GpuJobSettlement(AttestationAddresses.GPU_JOB_SETTLEMENT);

    TestToken internal token;
    Owned internal admin;
    address internal owner = account("owner");
    address internal guardian = account("guardian");
    address internal treasury = account("treasury");
    address internal arbiter = account("arbiter");
    address internal client = account("client");
    address internal operator = account("operator");
    address internal payout = account("payout");

    /// Makes each quote another one.
    uint256 internal quotes;
    /// What the next quotes claim, besides what the machine says.
    uint8 internal tcbStatus;
    string internal advisories;
    uint32 internal evalDataNumber = 17;
    uint64 internal collateralExpiry = uint64(START + 30 days);
    uint64 internal collateralLatestIssue = uint64(START - 1 days);
    uint8 internal arch = 1;

    function makeWorld(TestToken token_) internal {
        vm.warp(START);
        vm.roll(1_000);
        token = token_;
        admin = new Owned(account("admin"));
        place(AttestationAddresses.TDX_VERIFY, address(new FakeTdxVerify()).code);
        place(AttestationAddresses.GPU_VERIFY, address(new FakeGpuVerify()).code);
        place(AttestationAddresses.GPU_SETTLE, address(new FakeGpuSettle()).code);
        place(address(collaterals), address(new CollateralRegistry()).code);
        place(address(policy), address(new AttestationPolicy()).code);
        place(address(registry), address(new WorkerRegistry()).code);
        place(address(settlement), address(new GpuJobSettlement()).code);
        vm.startPrank(address(admin));
        policy.initialize(owner, policySettings());
        registry.initialize(owner, token, treasury, EXIT_DELAY);
        settlement.initialize(owner, token, settlementSettings());
        vm.stopPrank();

        Machine memory any = machine(1, 1);
        loosen(abi.encodeCall(policy.setListed, (PolicyRules.List.Workload, workloadOf(any), true)));
        loosen(abi.encodeCall(policy.setMeasurement, (MEASURED, H100, uint64(START + 365 days))));
        for (uint256 i; i < 3; ++i) {
            address rich = [client, operator, address(this)][i];
            token.mint(rich, 100_000_000 ether);
            vm.startPrank(rich);
            token.approve(address(registry), type(uint256).max);
            token.approve(address(settlement), type(uint256).max);
            vm.stopPrank();
        }
    }

    function place(address predeploy, bytes memory code) internal {
        vm.etch(predeploy, code);
        vm.store(predeploy, ADMIN_SLOT, bytes32(uint256(uint160(address(admin)))));
    }

    function policySettings() internal view returns (AttestationPolicy.Settings memory) {
        PolicyRules.ClassBond[] memory bonds = new PolicyRules.ClassBond[](2);
        bonds[0] = PolicyRules.ClassBond(H100, H100_BOND);
        bonds[1] = PolicyRules.ClassBond(H200, H200_BOND);
        return AttestationPolicy.Settings(guardian, DELAY, MAX_AGE, 17, 1, false, bonds);
    }

    function settlementSettings() internal view returns (GpuJobSettlement.Settings memory) {
        return GpuJobSettlement.Settings(arbiter, FEE_BPS, MISSED_BPS, ARBITER_TIMEOUT, treasury, PRICE_CAP);
    }

    /// Announces a change of the policy, and makes it at the time it may be made. Does not move the clock.
    function loosen(bytes memory change) internal {
        uint256 now_ = block.timestamp;
        vm.startPrank(owner);
        policy.schedule(change);
        vm.warp(now_ + DELAY);
        (bool success,) = address(policy).call(change);
        vm.stopPrank();
        vm.assertTrue(success, "loosened");
        vm.warp(now_);
    }

    function tighten(bytes memory change) internal {
        vm.prank(owner);
        (bool success,) = address(policy).call(change);
        vm.assertTrue(success, "tightened");
    }

    function machine(uint256 seed, uint256 gpus) internal view returns (Machine memory made) {
        made.key = uint256(keccak256(abi.encode("worker", seed)));
        made.worker = vm.addr(made.key);
        made.operator = operator;
        made.payout = payout;
        made.ppidHash = keccak256(abi.encode("ppid", seed));
        made.program = "program";
        made.firstGpu = 100 * seed;
        made.gpus = gpus;
        made.measurementsHash = MEASURED;
    }

    // What the guest's platform says.

    /// A TD report of 584 bytes. Places are those of the note's section 5.3, written down a second time.
    function tdReport(Machine memory from, bytes32 first, bytes32 second) internal pure returns (bytes memory report) {
        report = new bytes(584);
        fill(report, 120, 8, "attributes");
        fill(report, 128, 8, "xfam");
        fill(report, 136, 48, from.program);
        fill(report, 184, 48, "mrconfigid");
        fill(report, 328, 48, "rtmr0");
        fill(report, 376, 48, "rtmr1");
        fill(report, 424, 48, "rtmr2");
        fill(report, 472, 48, "rtmr3");
        for (uint256 i; i < 32; ++i) {
            report[520 + i] = first[i];
            report[552 + i] = second[i];
        }
    }

    function workloadOf(Machine memory from) internal pure returns (bytes32) {
        bytes memory image = abi.encodePacked(
            measured(48, from.program), measured(48, "rtmr0"), measured(48, "rtmr1"), measured(48, "rtmr2")
        );
        bytes memory settings =
            abi.encodePacked(measured(48, "mrconfigid"), measured(8, "xfam"), measured(8, "attributes"));
        return keccak256(abi.encodePacked(image, settings));
    }

    function fill(bytes memory report, uint256 at, uint256 length, bytes32 what) private pure {
        bytes memory value = measured(length, what);
        for (uint256 i; i < length; ++i) {
            report[at + i] = value[i];
        }
    }

    function measured(uint256 length, bytes32 what) private pure returns (bytes memory value) {
        value = new bytes(length);
        for (uint256 i; i < length; ++i) {
            value[i] = keccak256(abi.encode(what))[i % 32];
        }
    }

    function platformClaims(Machine memory from, bytes32 first, bytes32 second)
        internal
        view
        returns (Attestation.TdxClaims memory claims)
    {
        claims.tcbStatus = tcbStatus;
        claims.quoteVersion = 4;
        claims.bodyType = 2;
        claims.tcbEvalDataNumber = evalDataNumber;
        claims.tcbDate = uint64(START - 100 days);
        claims.collateralLatestIssue = collateralLatestIssue;
        claims.collateralExpiry = collateralExpiry;
        claims.fmspc = FMSPC;
        claims.ppidHash = from.ppidHash;
        claims.quoteId = keccak256(abi.encode("quoteId", from.worker, quotes));
        claims.tdReport = tdReport(from, first, second);
        claims.advisories = advisories;
    }

    /// Evidence that is genuine at this block's time.
    function platformEvidence(Attestation.TdxClaims memory claims)
        internal
        returns (Evidence.PlatformEvidence memory evidence)
    {
        evidence.quote = abi.encodePacked("quote", ++quotes);
        evidence.collateral = collateral(uint64(START - 2 days), "260101000000Z", "260101000000Z");
        recordTdx(evidence.quote, evidence.collateral, claims);
    }

    function recordTdx(bytes memory quote, bytes memory blob, Attestation.TdxClaims memory claims) internal {
        bytes memory input = abi.encodePacked(hex"01000000", uint64(block.timestamp), uint32(quote.length), quote, blob);
        RecordedAnswers(AttestationAddresses.TDX_VERIFY).record(input, abi.encode(claims));
    }

    function platformFor(Machine memory from, bytes32 nonce) internal returns (Evidence.PlatformEvidence memory) {
        return platformEvidence(platformClaims(from, bytes32(bytes20(from.worker)), nonce));
    }

    /// A blob C whose lists are of these times; `salt` makes it another one.
    function collateral(uint256 salt, string memory pckCrlIssued, string memory rootCrlIssued)
        internal
        pure
        returns (bytes memory)
    {
        bytes memory info = abi.encodePacked('{"tcbInfo":', salt, "}");
        bytes memory identity = '{"qe":1}';
        bytes memory pckCrl = crl("Platform CA", pckCrlIssued);
        bytes memory rootCrl = crl("Root CA", rootCrlIssued);
        bytes memory lengths = abi.encodePacked(
            uint32(info.length),
            uint32(identity.length),
            uint32(rootCrl.length),
            uint32(pckCrl.length),
            uint32(6),
            uint32(0)
        );
        bytes memory signed = abi.encodePacked(info, identity, rootCrl, pckCrl);
        return abi.encodePacked(lengths, new bytes(128), "signer", signed);
    }

    /// What a revocation list looks like from its beginning to the first entry, in DER.
    function crl(bytes memory issuer, string memory issued) internal pure returns (bytes memory) {
        bytes memory time = abi.encodePacked(uint8(bytes(issued).length == 13 ? 0x17 : 0x18), der(bytes(issued)));
        bytes memory list = abi.encodePacked(
            hex"020101", // Version 2.
            hex"300a06082a8648ce3d040302", // ECDSA with SHA-256.
            hex"30",
            der(issuer),
            time,
            hex"170d", // nextUpdate
            "271231000000Z"
        );
        bytes memory signed = abi.encodePacked(hex"30", der(list), hex"30003000");
        return abi.encodePacked(hex"30", der(signed));
    }

    /// Length and contents.
    function der(bytes memory contents) internal pure returns (bytes memory) {
        uint256 length = contents.length;
        if (length < 0x80) return abi.encodePacked(uint8(length), contents);
        if (length < 0x100) return abi.encodePacked(hex"81", uint8(length), contents);
        return abi.encodePacked(hex"82", uint16(length), contents);
    }

    // What its GPUs say.

    function gpuClaims(Machine memory from, uint256 index) internal view returns (Attestation.GpuClaims memory claims) {
        uint256 id = from.firstGpu + index;
        claims.leafKey = leafKey(id);
        claims.leafSerial = bytes20(keccak256(abi.encode("serial", id)));
        claims.deviceId = keccak256(abi.encode("device", id));
        claims.issuerKeyHash = keccak256("ica");
        claims.arch = arch;
        claims.measurementsHash = from.measurementsHash;
    }

    function leafKey(uint256 id) internal pure returns (bytes memory) {
        return abi.encodePacked(hex"04", keccak256(abi.encode("key", id)), bytes32(0), bytes32(id));
    }

    /// Four certificates and a report that answers the nonce.
    function gpuEvidence(Attestation.GpuClaims memory claims, bytes32 nonce)
        internal
        returns (Evidence.GpuEvidence memory evidence)
    {
        evidence.certificates = new bytes[](4);
        bytes memory input = abi.encodePacked(hex"01000401", nonce, new bytes(97));
        for (uint256 i; i < 4; ++i) {
            evidence.certificates[i] = abi.encodePacked("certificate", i, claims.deviceId);
            input = abi.encodePacked(input, uint16(evidence.certificates[i].length), evidence.certificates[i]);
        }
        evidence.report = abi.encodePacked("report", claims.deviceId, nonce);
        input = abi.encodePacked(input, uint16(evidence.report.length), evidence.report);
        RecordedAnswers(AttestationAddresses.GPU_VERIFY).record(input, abi.encode(claims));
    }

    function gpusFor(Machine memory from, bytes32 nonce) internal returns (Evidence.GpuEvidence[] memory gpus) {
        gpus = new Evidence.GpuEvidence[](from.gpus);
        for (uint256 i; i < gpus.length; ++i) {
            gpus[i] = gpuEvidence(gpuClaims(from, i), nonce);
        }
    }

    function knownGpu(Attestation.GpuClaims memory claims, bytes32 nonce)
        internal
        returns (Evidence.KnownGpu memory gpu)
    {
        gpu = Evidence.KnownGpu(
            claims.deviceId,
            claims.leafSerial,
            claims.issuerKeyHash,
            claims.leafKey,
            abi.encodePacked("report", claims.deviceId, nonce)
        );
        bytes memory input = abi.encodePacked(hex"01010001", nonce, gpu.leafKey, uint16(gpu.report.length), gpu.report);
        // All that the precompile knows without certificates.
        Attestation.GpuClaims memory told;
        told.leafKey = claims.leafKey;
        told.issuerKeyHash = keccak256(claims.leafKey);
        told.measurementsHash = claims.measurementsHash;
        RecordedAnswers(AttestationAddresses.GPU_VERIFY).record(input, abi.encode(told));
    }

    function knownGpusFor(Machine memory from, bytes32 nonce) internal returns (Evidence.KnownGpu[] memory gpus) {
        gpus = new Evidence.KnownGpu[](from.gpus);
        for (uint256 i; i < gpus.length; ++i) {
            gpus[i] = knownGpu(gpuClaims(from, i), nonce);
        }
    }

    function identitiesOf(Machine memory from) internal view returns (Evidence.GpuIdentity[] memory gpus) {
        gpus = new Evidence.GpuIdentity[](from.gpus);
        for (uint256 i; i < gpus.length; ++i) {
            Attestation.GpuClaims memory claims = gpuClaims(from, i);
            gpus[i] = Evidence.GpuIdentity(
                claims.deviceId, claims.leafSerial, claims.issuerKeyHash, keccak256(claims.leafKey)
            );
        }
    }

    function gpuSetHashOf(Machine memory from) internal view returns (bytes32 hash) {
        Evidence.GpuIdentity[] memory gpus = identitiesOf(from);
        for (uint256 i; i < gpus.length; ++i) {
            hash = keccak256(abi.encode(hash, gpus[i]));
        }
    }

    // What the worker signs.

    function nonceOf(Machine memory from, uint64 refBlock) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("phala.worker.v1"),
                block.chainid,
                address(registry),
                from.worker,
                from.operator,
                from.payout,
                refBlock,
                blockhash(refBlock),
                from.gpus
            )
        );
    }

    function refBlockNow() internal view returns (uint64) {
        return uint64(block.number - 1);
    }

    function registerSignature(Machine memory from, uint64 refBlock, bytes32 nonce)
        internal
        view
        returns (bytes memory)
    {
        return sign(from.key, registerDigest(from, refBlock, nonce));
    }

    function registerDigest(Machine memory from, uint64 refBlock, bytes32 nonce) internal view returns (bytes32) {
        bytes memory ids;
        for (uint256 i; i < from.gpus; ++i) {
            ids = abi.encodePacked(ids, gpuClaims(from, i).deviceId);
        }
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Register(address operator,address payout,uint64 refBlock,bytes32 nonce,bytes32 deviceIdsHash)"
                ),
                from.operator,
                from.payout,
                refBlock,
                nonce,
                keccak256(ids)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain("WorkerRegistry", address(registry)), structHash));
    }

    function domain(string memory name, address at) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256("1"),
                block.chainid,
                at
            )
        );
    }

    function sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// Registers with good evidence; the operator pays the bond.
    function register(Machine memory from) internal {
        uint64 refBlock = refBlockNow();
        bytes32 nonce = nonceOf(from, refBlock);
        Evidence.PlatformEvidence memory platform = platformFor(from, nonce);
        Evidence.GpuEvidence[] memory gpus = gpusFor(from, nonce);
        bytes memory signature = registerSignature(from, refBlock, nonce);
        vm.prank(from.operator);
        registry.register(from.operator, from.payout, refBlock, platform, gpus, signature);
    }

    function renew(Machine memory from) internal {
        uint64 refBlock = refBlockNow();
        bytes32 nonce = nonceOf(from, refBlock);
        Evidence.PlatformEvidence memory platform = platformFor(from, nonce);
        Evidence.KnownGpu[] memory gpus = knownGpusFor(from, nonce);
        bytes memory signature = registerSignature(from, refBlock, nonce);
        vm.prank(from.operator);
        registry.renew(from.worker, refBlock, platform, gpus, signature);
    }

    // Jobs.

    function terms(Machine memory wanted) internal view returns (GpuJobSettlement.Terms memory) {
        return GpuJobSettlement.Terms({
            specHash: keccak256("spec"),
            inputHash: keccak256("input"),
            workloadId: workloadOf(wanted),
            gpuClass: H100,
            gpuCount: 1,
            assurance: 1,
            maxPrice: 100 ether,
            acceptBy: uint64(block.timestamp + 1 hours),
            runFor: 2 hours,
            challengeWindow: type(uint32).max,
            provider: address(0)
        });
    }

    function post(GpuJobSettlement.Terms memory wanted) internal returns (bytes32 jobId) {
        vm.prank(client);
        return settlement.post(wanted);
    }

    function accept(bytes32 jobId, Machine memory by, uint128 price) internal {
        vm.prank(by.operator);
        settlement.accept(jobId, by.worker, price);
    }

    /// A posted and accepted job of this price.
    function acceptedJob(Machine memory by, uint128 price) internal returns (bytes32 jobId) {
        jobId = post(terms(by));
        accept(jobId, by, price);
    }

    /// What a worker in its first epoch signs for the usual job.
    function receiptOf(bytes32 jobId, uint256 amount) internal view returns (Attestation.Receipt memory) {
        return Attestation.Receipt({
            jobId: jobId,
            specHash: keccak256("spec"),
            inputHash: keccak256("input"),
            resultHash: keccak256("result"),
            deliveryHash: keccak256("delivery"),
            startedAt: uint64(block.timestamp),
            finishedAt: uint64(block.timestamp),
            gpuSeconds: 60,
            amount: amount,
            epoch: 1
        });
    }

    function receiptDigest(Attestation.Receipt memory receipt) internal view returns (bytes32) {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Receipt(bytes32 jobId,bytes32 specHash,bytes32 inputHash,bytes32 resultHash,bytes32 deliveryHash,uint64 startedAt,uint64 finishedAt,uint64 gpuSeconds,uint256 amount,uint64 epoch)"
                ),
                receipt
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain("GpuJobSettlement", address(settlement)), structHash));
    }

    function signReceipt(uint256 key, Attestation.Receipt memory receipt) internal view returns (bytes memory) {
        return sign(key, receiptDigest(receipt));
    }

    /// A receipt in a batch: 385 bytes.
    function packed(uint256 key, Attestation.Receipt memory receipt) internal view returns (bytes memory) {
        return abi.encodePacked(abi.encode(receipt), signReceipt(key, receipt));
    }

    function commit(uint256 key, Attestation.Receipt memory receipt) internal {
        bytes memory signature = signReceipt(key, receipt);
        settlement.commit(receipt, signature);
    }

    function stateOf(bytes32 jobId) internal view returns (GpuJobSettlement.State) {
        return settlement.jobOf(jobId).state;
    }

    function assertState(bytes32 jobId, GpuJobSettlement.State expected) internal view {
        vm.assertEq(uint256(stateOf(jobId)), uint256(expected), "state");
    }

    function assertStatus(Machine memory of_, WorkerRegistry.Status expected) internal view {
        vm.assertEq(uint256(registry.statusOf(of_.worker)), uint256(expected), "status");
    }
}
