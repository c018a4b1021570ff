#!/usr/bin/env node
// Breaks a contract in one place at a time and runs tests that should notice. Prints every mutant that
// they did not notice; exits with 1 if there is one that --known does not list.
//
//   tools/mutate.mjs FILE [--in FILE] --at ADDRESS [--functions a,b] --suites FILE:CONTRACT,... [--known FILE] [--list]
//
// FILE is broken; it is, or --in is, a contract that tests find at a fixed address, where its code is replaced
// behind the `setUp` of each suite. All mutants are compiled in this process, then one run of forge in a copy
// of the project tries them, each as a test that passes if some test of the suites fails. Tests with arguments
// are left out.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

/// What to replace on a line of code. Each match is one mutant.
const OPERATORS = [
  // Comparisons, by their neighbours and their opposites.
  [/ < /g, " <= "],
  [/ <= /g, " < "],
  [/ > /g, " >= "],
  [/ >= /g, " > "],
  [/ == /g, " != "],
  [/ != /g, " == "],
  // Arithmetic.
  [/ \+ /g, " - "],
  [/ - /g, " + "],
  [/ \* /g, " / "],
  [/ \/ /g, " * "],
  [/ \+= /g, " -= "],
  [/ -= /g, " += "],
  [/\+\+/g, "--"],
  // Logic.
  [/ && /g, " || "],
  [/ \|\| /g, " && "],
  [/!(?=[a-zA-Z])/g, ""],
  [/\? (\w+(?:\.\w+)*) : (\w+(?:\.\w+)*)/g, "? $2 : $1"],
  // Guards.
  [/^\s*if \(.*\) (?:revert|return) .*;$/g, ""],
  [/^\s*require\w*\(.*\);$/g, ""],
  [/ (nonReentrant|onlyOwner|onlySettlement)\b/g, ""],
  // Effects.
  [/^\s*(credit|pull|refund|settle|startDispute)\(.*\);$/g, ""],
  [/^\s*WORKERS\.\w+\(.*\);$/g, ""],
  [/^\s*\w+(?:\.\w+|\[[^\]]*\])+ [-+]?= .*;$/g, ""],
  [/^\s*delete .*;$/g, ""],
  // Amounts and their owners.
  [/\bamount - fee\b/g, "amount"],
  [/\bprice - amount\b/g, "price"],
  [/\bmaximum - price\b/g, "maximum"],
  [/\bjob\.amount\b/g, "job.price"],
  [/\bjob\.price\b/g, "job.amount"],
  [/\bcredit\((?:payout|treasury|job\.client|reporter|client|record\.operator), /g, "credit(msg.sender, "],
  [/\bjob\.client\b/g, "job.worker"],
  [/\bjob\.worker\b/g, "job.client"],
  [/\breceived\b/g, "amount"],
  [/\blost - reward\b/g, "lost"],
  [/\bwanted - bond\b/g, "wanted"],
  [/(?<!revert \w+\()\bmsg\.sender\b/g, "tx.origin"],
];

function options(args) {
  const [file] = args;
  const value = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
  if (!file || !value("--at") || !value("--suites")) {
    console.error("usage: mutate.mjs FILE [--in FILE] --at ADDRESS [--functions a,b] --suites FILE:CONTRACT,... [--known FILE] [--list]");
    process.exit(2);
  }
  return {
    file,
    target: value("--in") ?? file,
    address: value("--at"),
    functions: value("--functions")?.split(","),
    suites: value("--suites").split(",").map((suite) => suite.split(":")),
    known: value("--known"),
    list: args.includes("--list"),
  };
}

/// For each line, the function it is in the body or head of, if any.
function functionsOf(lines) {
  let current;
  return lines.map((line) => {
    const head = line.match(/^    (?:function (\w+)|modifier (\w+)|constructor)/);
    if (head) current = head[1] ?? head[2] ?? "constructor";
    const here = current;
    if (/^    }$/.test(line) || (head && /[;}]$/.test(line))) current = undefined;
    return here;
  });
}

function mutantsOf(source, functions) {
  const lines = source.split("\n");
  const where = functionsOf(lines);
  const mutants = [];
  lines.forEach((line, index) => {
    const isCode = where[index] && !/^\s*(\/\/|emit\b|event\b|error\b)/.test(line);
    if (!isCode || (functions && !functions.includes(where[index]))) return;
    for (const [pattern, replacement] of OPERATORS) {
      for (const match of line.matchAll(pattern)) {
        const here = new RegExp(pattern.source, "y");
        here.lastIndex = match.index;
        const changed = line.replace(here, replacement);
        if (changed === line) continue;
        const text = [...lines.slice(0, index), changed, ...lines.slice(index + 1)].join("\n");
        mutants.push({ function: where[index], before: line.trim(), after: changed.trim() || "(dropped)", text });
      }
    }
  });
  return mutants;
}

const { file, target, address, functions, suites, known, list } = options(process.argv.slice(2));
const folder = join(dirname(fileURLToPath(import.meta.url)), "..");
const source = readFileSync(join(folder, file), "utf8");
const contract = basename(target, ".sol");
const mutants = mutantsOf(source, functions);
const name = (mutant) => `${mutant.function}: \`${mutant.before}\` -> \`${mutant.after}\``;
if (list) {
  for (const mutant of mutants) console.log(name(mutant));
  console.log(`${mutants.length} mutants`);
  process.exit(0);
}

/// Runtime code of a version of the contract; `undefined` if it does not compile. Without the optimizer,
/// which takes most of the time and changes nothing the tests see.
function compile(text) {
  const find = (path) => {
    const found = [join(folder, path), join(folder, "node_modules", path)].find((each) => existsSync(each));
    return found ? { contents: readFileSync(found, "utf8") } : { error: `no ${path}` };
  };
  const outputSelection = { [target]: { [contract]: ["evm.deployedBytecode.object"] } };
  const sources = { [target]: { content: readFileSync(join(folder, target), "utf8") }, [file]: { content: text } };
  const settings = { evmVersion: "prague", optimizer: { enabled: false }, outputSelection };
  const input = { language: "Solidity", sources, settings };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: find }));
  return output.contracts?.[target]?.[contract]?.evm.deployedBytecode.object || undefined;
}

/// The test that tries a mutant by its number. Number 0 is no mutant.
function driver(count) {
  const imports = suites.map(([path, suite]) => `import {${suite}} from "${join("..", path)}";`);
  const tries = suites.map(([path, suite]) => {
    const artifact = JSON.parse(readFileSync(join(copy, "out", basename(path), `${suite}.json`), "utf8"));
    const selectors = Object.entries(artifact.methodIdentifiers)
      .filter(([signature]) => /^test\w*\(\)$/.test(signature))
      .map(([, selector]) => selector);
    return `        if (notices(address(new ${suite}()), hex"${selectors.join("")}", code)) return true;`;
  });
  const tests = Array.from({ length: count - 1 }, (_, i) => `    function test_${i + 1}() public { require(tried(${i + 1}), "survived"); }`);
  return `// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;
${imports.join("\n")}
interface Cheats {
    function etch(address, bytes calldata) external;
    function parseBytes(string calldata) external pure returns (bytes memory);
    function readFile(string calldata) external view returns (string memory);
    function revertToState(uint256) external returns (bool);
    function snapshotState() external returns (uint256);
    function toString(uint256) external pure returns (string memory);
}
contract Mutants {
    bool public constant IS_TEST = true;
    Cheats private constant cheats = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));
    function tried(uint256 number) private returns (bool) {
        bytes memory code = cheats.parseBytes(cheats.readFile(string.concat("out/mutants/", cheats.toString(number))));
${tries.join("\n")}
        return false;
    }
    function notices(address suite, bytes memory selectors, bytes memory code) private returns (bool) {
        uint256 empty = cheats.snapshotState();
        (bool success,) = suite.call(abi.encodeWithSignature("setUp()"));
        require(success, "setUp");
        cheats.etch(${address}, code);
        for (uint256 i; i < selectors.length; i += 4) {
            uint256 state = cheats.snapshotState();
            (success,) = suite.call(abi.encodePacked(selectors[i], selectors[i + 1], selectors[i + 2], selectors[i + 3]));
            cheats.revertToState(state);
            if (!success) return true;
        }
        cheats.revertToState(empty);
        return false;
    }
    function test_0() public { require(!tried(0), "the tests fail before anything is changed"); }
${tests.join("\n")}
}
`;
}

const copy = mkdtempSync(join(tmpdir(), "mutate-"));
for (const part of ["contracts", "test", "tools", "artifacts", "foundry.toml", "package.json"]) {
  cpSync(join(folder, part), join(copy, part), { recursive: true });
}
symlinkSync(join(folder, "node_modules"), join(copy, "node_modules"));

function forge(...args) {
  const env = { ...process.env, FOUNDRY_OPTIMIZER: "false" };
  return spawnSync("./tools/forge.sh", args, { cwd: copy, env, encoding: "utf8", maxBuffer: 1 << 30 });
}

console.error(`${mutants.length} mutants to compile`);
const codes = [{ code: compile(source) }];
for (const mutant of mutants) {
  const code = compile(mutant.text);
  if (code) codes.push({ code, mutant });
}
mkdirSync(join(copy, "out", "mutants"), { recursive: true });
codes.forEach(({ code }, number) => writeFileSync(join(copy, "out", "mutants", `${number}`), `0x${code}`));

const built = forge("build", ...suites.map(([path]) => path));
if (built.status !== 0) throw new Error(`the suites do not compile:\n${built.stdout}${built.stderr}`);
writeFileSync(join(copy, "test", "Mutants.t.sol"), driver(codes.length));
console.error(`${codes.length - 1} mutants to try`);
const { stdout, stderr } = forge("test", "--match-path", "test/Mutants.t.sol");
rmSync(copy, { recursive: true });

// A test of the suites that fails may leave an expectation open, for which forge fails the mutant's test: only
// the reason tells. Each mutant must have been tried.
const verdicts = new Map(
  [...stdout.matchAll(/^\[(PASS|FAIL: .*)\] test_(\d+)\(\)/gm)].map(([, verdict, number]) => [Number(number), verdict]),
);
const strange = codes.findIndex((_, number) => !verdicts.has(number) || verdicts.get(number) === "FAIL: setUp");
if (verdicts.get(0) !== "PASS" || strange >= 0) {
  throw new Error(`forge did not try mutant ${Math.max(strange, 0)}:\n${stdout.slice(-4_000)}${stderr}`);
}
const accepted = known && existsSync(known) ? readFileSync(known, "utf8") : "";
const survivors = codes.flatMap(({ mutant }, number) =>
  mutant && verdicts.get(number) === "FAIL: survived" ? [name(mutant)] : [],
);
const open = survivors.filter((survivor) => !accepted.includes(survivor));
for (const survivor of open) console.log(`SURVIVED ${survivor}`);
const explained = survivors.length - open.length;
console.log(
  `${file}: ${codes.length - 1} mutants, ${codes.length - 1 - survivors.length} killed, ${explained} explained, ${open.length} not explained` +
    ` (${mutants.length + 1 - codes.length} more do not compile)`,
);
process.exit(open.length > 0 ? 1 : 0);
