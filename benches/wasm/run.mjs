// node run.mjs MODULE STATEMENT PROOF: milliseconds of one verification, after some to warm up.
import { readFileSync } from "node:fs";

const [module, statement, proof] = process.argv.slice(2).map((path) => readFileSync(path));
const { instance } = await WebAssembly.instantiate(module, {});
const { memory, reserve, verify } = instance.exports;
const place = (bytes) => {
  const at = reserve(bytes.length);
  new Uint8Array(memory.buffer, at, bytes.length).set(bytes);
  return at;
};
const good = [place(statement), statement.length, place(proof), proof.length];
const damaged = Buffer.from(proof);
damaged[proof.length / 2 | 0] ^= 1;
const bad = [good[0], good[1], place(damaged), damaged.length];
if (verify(...good) !== 0 || verify(...bad) !== 3) throw new Error("the verifier in WebAssembly disagrees");
for (let i = 0; i < 20; i++) verify(...good);
const started = performance.now();
const runs = 50;
for (let i = 0; i < runs; i++) verify(...good);
console.log((performance.now() - started) / runs);
