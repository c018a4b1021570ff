#!/usr/bin/env node
// The compiler of npm behind as much of solc's command line as forge uses: `--version`, and standard
// JSON from stdin to stdout.

import { readFileSync } from "node:fs";
import solc from "solc";

const args = process.argv.slice(2);
if (args.includes("--version")) {
  // forge reads the version from the second line and wants a platform behind it.
  const version = solc.version().replace(".Emscripten.clang", ".Linux.g++");
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${version}`);
} else if (args.includes("--standard-json")) {
  process.stdout.write(solc.compile(readFileSync(0, "utf8")));
} else {
  console.error(`solc.mjs: neither --version nor --standard-json in: ${args.join(" ")}`);
  process.exit(1);
}
