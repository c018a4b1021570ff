#!/usr/bin/env node
// Breaks a contract in one place at a time and runs tests that should notice. Prints every mutant that
// they did not notice; exits with 1 if there is one that --known does not list.
//
//   tools/mutate.mjs FILE [--functions a,b,c] --tests GLOB [--known FILE] [--list] [--forge COMMAND]
//
// Works in a copy of the project, without the optimizer and with the contracts apart from their tests, so
// that a mutant takes seconds. A mutant that does not compile is no mutant.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

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
  if (!file || !value("--tests")) {
    console.error("usage: mutate.mjs FILE [--functions a,b] --tests GLOB [--known FILE] [--list] [--forge COMMAND]");
    process.exit(2);
  }
  return {
    file,
    functions: value("--functions")?.split(","),
    tests: value("--tests"),
    known: value("--known"),
    forge: value("--forge")?.split(" ") ?? ["./tools/forge.sh"],
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
        const text = [...lines.slice(0, index), changed, ...lines.slice(index + 1)].join("\n");
        mutants.push({ function: where[index], before: line.trim(), after: changed.trim() || "(dropped)", text });
      }
    }
  });
  return mutants;
}

const { file, functions, tests, known, forge, list } = options(process.argv.slice(2));
const folder = join(dirname(fileURLToPath(import.meta.url)), "..");
const source = readFileSync(join(folder, file), "utf8");
const mutants = mutantsOf(source, functions);
const name = (mutant) => `${mutant.function}: \`${mutant.before}\` -> \`${mutant.after}\``;
if (list) {
  for (const mutant of mutants) console.log(name(mutant));
  console.log(`${mutants.length} mutants`);
  process.exit(0);
}

const copy = mkdtempSync(join(tmpdir(), "mutate-"));
for (const part of ["contracts", "test", "tools", "artifacts", "foundry.toml", "package.json"]) {
  cpSync(join(folder, part), join(copy, part), { recursive: true });
}
symlinkSync(join(folder, "node_modules"), join(copy, "node_modules"));

/// Whether the tests pass; `undefined` if this does not compile.
function passes() {
  const args = [...forge.slice(1), "test", "--match-path", tests, "--fuzz-runs", "32", "--fail-fast"];
  const env = { ...process.env, FOUNDRY_OPTIMIZER: "false", FOUNDRY_DYNAMIC_TEST_LINKING: "true" };
  const { status, stdout, stderr } = spawnSync(forge[0], args, { cwd: copy, env, encoding: "utf8" });
  if (/Compiler run failed|Compilation failed/.test(stdout + stderr)) return undefined;
  // A hunt for a mutant must not count a forge that did not run.
  if (!/Ran \d+ tests? /.test(stdout)) throw new Error(`forge ran no tests:\n${stdout}${stderr}`);
  return status === 0;
}

if (passes() !== true) throw new Error("the tests fail before anything is changed");
const accepted = known && existsSync(known) ? readFileSync(known, "utf8") : "";
const count = { killed: 0, invalid: 0, explained: 0, survived: 0 };
for (const [index, mutant] of mutants.entries()) {
  if (index % 10 === 0) console.error(`${index} of ${mutants.length}`);
  writeFileSync(join(copy, file), mutant.text);
  const verdict = passes();
  if (verdict === undefined) count.invalid += 1;
  else if (!verdict) count.killed += 1;
  else if (accepted.includes(name(mutant))) count.explained += 1;
  else {
    count.survived += 1;
    console.log(`SURVIVED ${name(mutant)}`);
  }
}
rmSync(copy, { recursive: true });
const { killed, invalid, explained, survived } = count;
console.log(
  `${file}: ${mutants.length - invalid} mutants, ${killed} killed, ${explained} explained, ${survived} not explained` +
    ` (${invalid} more do not compile)`,
);
process.exit(survived > 0 ? 1 : 0);
