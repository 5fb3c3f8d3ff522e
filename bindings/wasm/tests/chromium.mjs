// The package in headless Chromium: the scenarios, in the page and in a worker, and how long a verification takes.
import { spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";

const root = process.env.LAZAI_ROOT;
const pkg = process.env.LAZAI_PACKAGE;
const voice = process.env.LAZAI_VOICE_PACKAGE;
const worker = `
import init, * as sdk from "/pkg/verifier/web/lazai_verifier.js";
onmessage = async ({ data: [statement, proof] }) => { await init(); postMessage(sdk.verifyProof(statement, proof).tokens); };`;
const speaker = `
import init, { BaseVoice } from "/pkg/voice/web/voice.js";
import { compare } from "/root/bindings/wasm/tests/spoken.mjs";
onmessage = async ({ data: expected }) => {
  await init();
  const voice = await BaseVoice.open(async (name) => (await fetch("/voice/" + name)).arrayBuffer());
  const begun = performance.now();
  const seconds = compare(voice, expected);
  postMessage(seconds.toFixed(2) + " s of speech in " + (performance.now() - begun).toFixed(0) + " ms");
};`;
const page = `<!doctype html><meta charset=utf-8><title>lazai</title><script type=module>
const results = [];
const check = async (name, f) => { try { results.push([name, true, (await f()) ?? ""]); } catch (e) { results.push([name, false, String(e.stack ?? e)]); } };
const read = async (file) => (await fetch("/root/" + file)).arrayBuffer();
const json = async (file) => JSON.parse(new TextDecoder().decode(await read(file)));
try {
  const sdk = await import("/pkg/web/lazai.js");
  await sdk.default();
  const { NAMES, run } = await import("/root/bindings/wasm/tests/scenarios.mjs");
  for (const name of NAMES) await check("scenario " + name, async () => (await run(sdk, await json("scenarios/" + name + ".json"), read)) + " steps");
  const verifier = await import("/pkg/verifier/web/lazai_verifier.js");
  await verifier.default();
  const [statement, proof] = [new Uint8Array(await read("vectors/zk/statement.json")), new Uint8Array(await read("vectors/zk/proof.bin"))];
  const worker = (script, message) => new Promise((done, fail) => {
    const thread = new Worker(script, { type: "module" });
    thread.onmessage = (e) => done(e.data);
    thread.onerror = (e) => fail(new Error(e.message));
    thread.postMessage(message);
  });
  await check("a worker verifies", async () => (await worker("/worker.js", [statement, proof])) + " tokens");
  const expected = await json("vectors/voice/spoken.json");
  if (${Boolean(voice)}) await check("a worker speaks", () => worker("/speaker.js", expected));
  await check("verify_ms", () => {
    const times = [];
    for (let i = 0; i < 25; i++) { const begun = performance.now(); verifier.verifyProof(statement, proof); times.push(performance.now() - begun); }
    return times.slice(5).sort((a, b) => a - b)[10].toFixed(2);
  });
} catch (e) { results.push(["load", false, String(e.stack ?? e)]); }
await fetch("/report", { method: "POST", body: JSON.stringify(results) });
</script>`;

const types = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };
let report;
const reported = new Promise((resolve) => (report = resolve));
const server = http.createServer((request, response) => {
  const answer = (type, body) => response.writeHead(200, { "content-type": type }).end(body);
  if (request.url === "/") return answer("text/html", page);
  if (request.url === "/speaker.js") return answer("text/javascript", speaker);
  if (request.url === "/worker.js") return answer("text/javascript", worker);
  if (request.url === "/report") {
    let body = "";
    request.on("data", (d) => (body += d)).on("end", () => { response.end(); report(JSON.parse(body)); });
    return;
  }
  const [, place, ...rest] = request.url.split("/");
  const folder = { root, pkg, voice }[place];
  const file = folder && path.join(folder, path.normalize(rest.join("/")));
  if (!file || !file.startsWith(folder) || !fs.existsSync(file)) return response.writeHead(404).end();
  answer(types[path.extname(file)] ?? "application/octet-stream", fs.readFileSync(file));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));

const profile = fs.mkdtempSync(path.join(os.tmpdir(), "lazai-chromium-"));
const flags = [
  "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", `--user-data-dir=${profile}`,
];
const browser = spawn(process.env.CHROMIUM ?? "chromium", [...flags, `http://127.0.0.1:${server.address().port}/`], { stdio: "ignore", detached: true });
browser.on("error", (e) => report([["chromium", false, String(e)]]));
const limit = setTimeout(() => report([["chromium reports within two minutes", false, ""]]), 120_000);
const results = await reported;
clearTimeout(limit);
try { process.kill(-browser.pid, "SIGKILL"); } catch {}
server.close();
server.closeAllConnections();
await new Promise((closed) => setTimeout(closed, 300));
fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });

for (const [name, passed, said] of results) console.log(`${passed ? "ok" : "FAILED"} - ${name}: ${said}`);
for (const [name, passed, said] of results.filter(([name]) => name.startsWith("scenario "))) {
  if (passed && process.env.LAZAI_RAN) fs.appendFileSync(process.env.LAZAI_RAN, `Chromium ${name.slice(9)} ${parseInt(said)}\n`);
}
if (process.env.LAZAI_REPORT) fs.writeFileSync(process.env.LAZAI_REPORT, JSON.stringify(Object.fromEntries(results.map(([n, , s]) => [n, s]))));
process.exit(results.every(([, passed]) => passed) ? 0 : 1);
