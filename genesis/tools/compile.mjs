// Our own contracts, with the settings that forge tests them with.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import solc from "solc";

const configuration = (folder) => readFileSync(join(folder, "foundry.toml"), "utf8");

/// The compiler's settings in foundry.toml.
function settings(folder) {
  const toml = configuration(folder);
  const value = (key) => {
    const found = toml.match(new RegExp(`^${key} = (.+)$`, "m"));
    if (!found) throw new Error(`foundry.toml does not say ${key}`);
    return JSON.parse(found[1].replaceAll("_", key === "evm_version" ? "_" : ""));
  };
  return {
    evmVersion: value("evm_version"),
    optimizer: { enabled: value("optimizer"), runs: value("optimizer_runs") },
    viaIR: value("via_ir"),
    metadata: { bytecodeHash: value("bytecode_hash"), appendCBOR: value("cbor_metadata") },
  };
}

/// The optimizer's runs for files that have their own in foundry.toml.
function ownRuns(folder) {
  const restriction = /\{ paths = "([^"*{]+)", optimizer_runs = (\d+) \}/g;
  return new Map([...configuration(folder).matchAll(restriction)].map(([, path, runs]) => [path, Number(runs)]));
}

/// "Transient storage can break composability": said of every use. Our one is a re-entrancy guard, which ends clear.
const TRANSIENT_STORAGE = "2394";

/// Compiles files, each with a contract of its name, and returns the contracts by path.
export function compile(folder, paths) {
  const common = settings(folder);
  const own = ownRuns(folder);
  const contracts = {};
  for (const runs of new Set([common.optimizer.runs, ...own.values()])) {
    const group = paths.filter((path) => (own.get(path) ?? common.optimizer.runs) === runs);
    const output = compileWith(folder, group, { ...common, optimizer: { ...common.optimizer, runs } });
    for (const path of group) contracts[path] = output[path];
  }
  return { version: solc.version(), contracts };
}

function compileWith(folder, paths, settings) {
  if (paths.length === 0) return {};
  const sources = Object.fromEntries(
    paths.map((path) => [path, { content: readFileSync(join(folder, path), "utf8") }]),
  );
  const read = (path) => {
    const file = [join(folder, path), join(folder, "node_modules", path)].find((file) => existsSync(file));
    return file ? { contents: readFileSync(file, "utf8") } : { error: `${path} is in no package` };
  };
  const input = {
    language: "Solidity",
    sources,
    settings: {
      ...settings,
      outputSelection: { "*": { "*": ["evm.bytecode.object", "evm.deployedBytecode", "metadata"] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));
  const errors = (output.errors ?? []).filter(
    ({ severity, errorCode }) => severity !== "info" && errorCode !== TRANSIENT_STORAGE,
  );
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join("\n"));
  return output.contracts;
}
