// The character in a project of Eliza's, as JSON: `node eliza_character.mjs dist/index.js`. Of the program nothing is run but the
// character; what it takes from elsewhere is empty.
import { readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";

const source = readFileSync(process.argv[2], "utf8");
const found = /\b\w*[cC]haracter\d* = (\{[\s\S]*?\n\});/.exec(source);
if (!found) throw new Error("no character in " + process.argv[2]);
const elsewhere = new Proxy({}, { has: () => true, get: (_, name) => (name === "process" ? { env: {} } : "") });
const character = runInContext(`(${found[1]})`, createContext(elsewhere), { timeout: 1000 });
process.stdout.write(JSON.stringify(character));
