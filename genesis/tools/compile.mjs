// Our own contracts, with the settings that forge tests them with.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import solc from "solc";

/// The compiler's settings in foundry.toml.
function settings(folder) {
  const toml = readFileSync(join(folder, "foundry.toml"), "utf8");
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

/// Compiles files, each with a contract of its name, and returns the contracts by path.
export function compile(folder, paths) {
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
      ...settings(folder),
      outputSelection: { "*": { "*": ["evm.bytecode.object", "evm.deployedBytecode", "metadata"] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));
  const errors = (output.errors ?? []).filter(({ severity }) => severity !== "info");
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join("\n"));
  return { version: solc.version(), contracts: output.contracts };
}
