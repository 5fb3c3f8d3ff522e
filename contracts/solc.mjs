#!/usr/bin/env node
// forge wants a native compiler; this is the one from npm, behind the same command line.
import { createRequire } from "node:module";
import { readFileSync, writeSync } from "node:fs";

const solc = createRequire(import.meta.url)("solc");
if (process.argv.includes("--version")) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else {
  const output = Buffer.from(solc.compile(readFileSync(0, "utf8")));
  for (let at = 0; at < output.length; ) at += writeSync(1, output, at);
}
