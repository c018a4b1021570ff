// Where each contract comes from. tools/build.mjs reads these two lists and writes one file of each.

import { eip712DomainType, keccak, word } from "./words.mjs";

const bedrock = (name, more = {}) => ({
  name,
  package: "@eth-optimism/contracts-bedrock",
  path: `forge-artifacts/${more.file ?? name}.sol/${name}.json`,
  license: "MIT",
  ...more,
});
const own = (name, layer) => ({ name, source: `contracts/${layer}/${name}.sol` });
const safe = (path) => ({
  package: "@gnosis.pm/safe-contracts",
  path: `build/artifacts/contracts/${path}`,
  license: "LGPL-3.0-only",
});
const accountAbstraction = (version) => ({
  package: `@account-abstraction/contracts-${version}`,
  path: "artifacts/EntryPoint.json",
  license: "GPL-3.0-only",
});
// Constants of one Solidity library, which also holds what npm has no other package of.
const preinstall = (name, constant, more = {}) => ({
  name,
  package: "@eth-optimism/contracts-bedrock",
  path: "src/libraries/Preinstalls.sol",
  constant,
  license: "MIT",
  ...more,
});

// `fixed` and `perChain` are immutables: 32-byte words in the code. The first are the same on every
// chain and are filled in by the build, the others by whoever writes a genesis.

/// Runtime code: what a genesis places.
export const l2 = [
  // Behind proxies.
  bedrock("Proxy"),
  bedrock("ProxyAdmin"),
  bedrock("LegacyMessagePasser"),
  bedrock("DeployerWhitelist"),
  bedrock("L1BlockNumber"),
  bedrock("L2CrossDomainMessenger"),
  bedrock("L2StandardBridge"),
  bedrock("L2ERC721Bridge"),
  bedrock("L2ToL1MessagePasser"),
  bedrock("OptimismMintableERC20Factory"),
  bedrock("OptimismMintableERC721Factory", {
    fixed: { BRIDGE: word("0x4200000000000000000000000000000000000014") },
    perChain: { REMOTE_CHAIN_ID: "l1_chain_id" },
  }),
  bedrock("SchemaRegistry"),
  bedrock("EAS", {
    // The order of the immutables in OpenZeppelin's EIP712, whose declarations the package lacks.
    immutables: {
      1011: "_CACHED_DOMAIN_SEPARATOR",
      1013: "_CACHED_CHAIN_ID",
      1015: "_CACHED_THIS",
      1017: "_HASHED_NAME",
      1019: "_HASHED_VERSION",
      1021: "_TYPE_HASH",
      3791: "_name",
    },
    fixed: {
      _CACHED_THIS: word("0x4200000000000000000000000000000000000021"),
      _HASHED_NAME: keccak("EAS"),
      _HASHED_VERSION: keccak("1.3.0"),
      _TYPE_HASH: keccak(eip712DomainType(["name", "version", "chainId", "verifyingContract"])),
      _name: Buffer.from("EAS").toString("hex").padEnd(64, "0"),
    },
    perChain: { _CACHED_CHAIN_ID: "chain_id", _CACHED_DOMAIN_SEPARATOR: "domain_separator" },
  }),
  own("L1Block", "l2"),
  own("GasPriceOracle", "l2"),
  own("SequencerFeeVault", "l2"),
  own("BaseFeeVault", "l2"),
  own("L1FeeVault", "l2"),
  own("OperatorFeeVault", "l2"),
  own("PhaToken", "pha"),
  own("MigrationRecord", "pha"),
  own("CollateralRegistry", "attestation"),
  own("AttestationPolicy", "attestation"),
  own("WorkerRegistry", "attestation"),
  own("GpuJobSettlement", "attestation"),
  // On their own.
  bedrock("WETH"),
  { name: "Safe", ...safe("GnosisSafe.sol/GnosisSafe.json"), sameAs: "Safe_v130Code" },
  { name: "SafeL2", ...safe("GnosisSafeL2.sol/GnosisSafeL2.json"), sameAs: "SafeL2_v130Code" },
  {
    name: "MultiSend",
    ...safe("libraries/MultiSend.sol/MultiSend.json"),
    // Hardhat does not say where immutables are: its own address, to tell that it is called directly.
    words: { 224: word("0x998739BFdAAdde7C933B942a68053933098f9EDa") },
    sameAs: "MultiSend_v130Code",
  },
  {
    name: "MultiSendCallOnly",
    ...safe("libraries/MultiSendCallOnly.sol/MultiSendCallOnly.json"),
    sameAs: "MultiSendCallOnly_v130Code",
  },
  {
    name: "SafeSingletonFactory",
    package: "@gnosis.pm/safe-singleton-factory",
    path: "artifacts/1/deployment.json",
    license: "MIT",
    // A signed transaction: its data is 14 bytes that return the 69 after them.
    creationInTransaction: { prefix: "604580600e600039806000f350fe", length: 69 },
    sameAs: "SafeSingletonFactoryCode",
  },
  // The code every chain has there, byte for byte: forge compares its hash.
  preinstall("DeterministicDeploymentProxy", "DeterministicDeploymentProxyCode"),
  preinstall("Multicall3", "MultiCall3Code"),
  preinstall("Create2Deployer", "Create2DeployerCode"),
  preinstall("Permit2", "Permit2TemplateCode", {
    at: { CHAIN_ID: [6945], DOMAIN_SEPARATOR: [6983] },
    perChain: { CHAIN_ID: "chain_id", DOMAIN_SEPARATOR: "domain_separator" },
  }),
  {
    name: "EntryPoint06",
    ...accountAbstraction("0.6"),
    words: {
      5087: word("0x7fc98430eAEdbb6070B35B39D798725049088348"),
      16021: word("0x7fc98430eAEdbb6070B35B39D798725049088348"),
      16822: word("0x7fc98430eAEdbb6070B35B39D798725049088348"),
    },
    sameAs: "EntryPointCode",
  },
  { name: "SenderCreator06", ...accountAbstraction("0.6"), created: true, sameAs: "SenderCreatorCode" },
  {
    name: "EntryPoint07",
    ...accountAbstraction("0.7"),
    words: {
      3362: word("0xEFC2c1444eBCC4Db75e7613d20C6a62fF67A167C"),
      12875: word("0xEFC2c1444eBCC4Db75e7613d20C6a62fF67A167C"),
    },
  },
  { name: "SenderCreator07", ...accountAbstraction("0.7"), created: true },
];

/// Creation code: what is deployed on L1. Proxies of three kinds, as the contracts behind them expect.
export const l1 = [
  bedrock("AddressManager"),
  bedrock("L1ChugSplashProxy"),
  bedrock("L1CrossDomainMessenger"),
  bedrock("L1ERC721Bridge"),
  bedrock("L1StandardBridge"),
  bedrock("L2OutputOracle"),
  bedrock("OptimismMintableERC20Factory"),
  bedrock("OptimismPortal"),
  bedrock("ProtocolVersions"),
  bedrock("Proxy"),
  bedrock("ProxyAdmin"),
  bedrock("ResolvedDelegateProxy"),
  bedrock("SuperchainConfig"),
  own("SystemConfig", "l1"),
];
