#!/usr/bin/env node
// Writes artifacts/l2.json (runtime code for a genesis) and artifacts/l1.json (creation code to
// deploy): one contract a line, sorted by name. `--check` compares instead and exits with 1 if they
// are not what sources and packages say.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { compile } from "./compile.mjs";
import { l1, l2 } from "./contracts.mjs";
import { keccak } from "./words.mjs";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..");
const bytes = (hex) => Buffer.from(hex.replace(/^0x/, ""), "hex");
const sha256 = (data) => createHash("sha256").update(data).digest("hex");

function fail(name, message) {
  throw new Error(`${name}: ${message}`);
}

/// A file of an npm package, and where it is from.
function packaged({ package: name, path, license }) {
  const root = join(folder, "node_modules", name);
  const manifest = JSON.parse(readFileSync(join(root, "package.json")));
  const content = readFileSync(join(root, path));
  const from = { package: `${manifest.name}@${manifest.version}`, path, license, sha256: sha256(content) };
  return { content, from };
}

/// The bytes of a `bytes constant` of a Solidity library.
function constant(source, name) {
  const found = source.toString().match(new RegExp(`\\b${name}\\s*=\\s*hex"([0-9a-fA-F]+)"`));
  return found ? bytes(found[1]) : fail(name, "is not a constant of that file");
}

/// The one contract that a constructor creates: in solc's output, the code behind the second `INVALID`
/// that ends an initialisation of the form "copy so many bytes from there and return them".
function created(creation, name) {
  const found = [...creation.toString("hex").matchAll(/61([0-9a-f]{4})908161001c8239f35b600080fdfe/g)];
  if (found.length !== 1) fail(name, `the constructor holds ${found.length} contracts`);
  const [init] = found;
  const start = (init.index + init[0].length) / 2;
  return creation.subarray(start, start + parseInt(init[1], 16));
}

/// The data of a signed legacy transaction, if it is just a given prefix and so many bytes.
function inTransaction(transaction, { prefix, length }, name) {
  const at = transaction.toString("hex").indexOf(prefix) / 2;
  if (!(at > 0)) fail(name, "the transaction does not create a contract in the way expected");
  const start = at + prefix.length / 2;
  return transaction.subarray(start, start + length);
}

/// Names by id of the immutables declared in a syntax tree.
function declared(node, found = {}) {
  if (node?.nodeType === "VariableDeclaration" && node.mutability === "immutable") found[node.id] = node.name;
  for (const child of Object.values(node ?? {})) if (child && typeof child === "object") declared(child, found);
  return found;
}

/// Fills in what is the same everywhere; returns where the rest goes.
function immutables(entry, code, places) {
  for (const [at, value] of Object.entries(entry.words ?? {})) put(entry.name, code, Number(at), value);
  const perChain = {};
  for (const [name, offsets] of Object.entries(places)) {
    const { [name]: value } = entry.fixed ?? {};
    const { [name]: kind } = entry.perChain ?? {};
    if (value !== undefined) for (const at of offsets) put(entry.name, code, at, value);
    else if (kind !== undefined) perChain[kind] = [...(perChain[kind] ?? []), ...offsets].sort((a, b) => a - b);
    else fail(entry.name, `nobody says what ${name} is`);
  }
  const known = Object.keys({ ...entry.fixed, ...entry.perChain });
  for (const name of known) if (!(name in places)) fail(entry.name, `has no immutable ${name}`);
  return perChain;
}

function put(name, code, at, value) {
  if (value.length !== 64) fail(name, `${value} is not a word`);
  const place = code.subarray(at, at + 32);
  if (code[at - 1] !== 0x7f || place.some((byte) => byte !== 0)) fail(name, `no empty word at ${at}`);
  place.set(bytes(value));
}

/// Runtime and creation code of a contract in a package, and where its immutables are.
function fromPackage(entry) {
  const { content, from } = packaged(entry);
  if (entry.constant) return { from, runtime: constant(content, entry.constant), places: entry.at ?? {} };
  const artifact = JSON.parse(content);
  if (entry.creationInTransaction) {
    const transaction = bytes(artifact.transaction);
    return { from, runtime: inTransaction(transaction, entry.creationInTransaction, entry.name), places: {} };
  }
  const hex = (code) => bytes(code.object ?? code);
  const creation = hex(artifact.bytecode);
  if (entry.created) return { from, runtime: Buffer.from(created(creation, entry.name)), places: {} };
  const names = { ...declared(artifact.ast), ...entry.immutables };
  const places = {};
  for (const [id, list] of Object.entries(artifact.deployedBytecode.immutableReferences ?? {})) {
    places[names[id] ?? id] = list.map(({ start }) => start);
  }
  return { from, runtime: hex(artifact.deployedBytecode), creation, places };
}

/// The same of a contract of ours. Its hash covers every file that went into it and the settings.
function fromSource(entry, { version, contracts }) {
  const contract = contracts[entry.source][entry.name];
  const { object, immutableReferences } = contract.evm.deployedBytecode;
  if (Object.keys(immutableReferences ?? {}).length > 0) fail(entry.name, "has immutables");
  const from = {
    source: entry.source,
    compiler: version.replace(/\.Emscripten.*$/, ""),
    license: "MIT OR Apache-2.0",
    sha256: sha256(contract.metadata),
  };
  return { from, runtime: bytes(object), creation: bytes(contract.evm.bytecode.object), places: {} };
}

function assemble(list, layer, compiled) {
  return list
    .map((entry) => {
      const { from, runtime, creation, places } = entry.source ? fromSource(entry, compiled) : fromPackage(entry);
      if (layer === "l1") return { name: entry.name, ...from, hash: keccak(creation), creation: `0x${creation.toString("hex")}` };
      const perChain = immutables(entry, runtime, places);
      if (entry.sameAs) {
        const library = { package: "@eth-optimism/contracts-bedrock", path: "src/libraries/Preinstalls.sol" };
        const other = constant(packaged(library).content, entry.sameAs);
        if (!runtime.equals(other)) fail(entry.name, `is not ${entry.sameAs} of ${library.package}`);
      }
      return { name: entry.name, ...from, immutables: perChain, hash: keccak(runtime), code: `0x${runtime.toString("hex")}` };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function text(list) {
  return `[\n${list.map((contract) => JSON.stringify(contract)).join(",\n")}\n]\n`;
}

const paths = [...l2, ...l1].flatMap(({ source }) => source ?? []);
const compiled = compile(folder, paths);
const check = process.argv.includes("--check");
let different = 0;
for (const [layer, list] of Object.entries({ l2, l1 })) {
  const file = join(folder, "artifacts", `${layer}.json`);
  const built = text(assemble(list, layer, compiled));
  if (!check) {
    writeFileSync(file, built);
    console.log(`artifacts/${layer}.json: ${list.length} contracts, ${built.length} bytes`);
  } else if (readFileSync(file, "utf8") !== built) {
    console.error(`artifacts/${layer}.json is not what the sources say: run npm run build in genesis and commit it`);
    different += 1;
  } else {
    console.log(`artifacts/${layer}.json is what the sources say`);
  }
}
process.exit(different > 0 ? 1 : 0);
