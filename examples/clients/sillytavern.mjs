// SillyTavern, unmodified, at the loopback proxy: its server is started, given URL and key as a user would type them, asked for
// models, for replies in one piece and as a stream, for a call of a tool and for JSON of a schema. Run by `cargo xtask clients sillytavern`;
// 430 MB of packages.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { Client } from "./told.mjs";

const client = new Client("SillyTavern", "sillytavern");
const { OPENAI_BASE_URL: url, OPENAI_API_KEY: key } = process.env;
const folder = path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "node_modules/sillytavern");
const home = fs.mkdtempSync(path.join(os.tmpdir(), "lazai-sillytavern-"));
const port = await new Promise((free) => {
  const probe = net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = probe.address();
    probe.close(() => free(port));
  });
});
const options = { port, listen: false, dataRoot: path.join(home, "data"), configPath: path.join(home, "config.yaml"), disableCsrf: true, browserLaunchEnabled: false };
const server = spawn(process.execPath, ["server.js", ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
let log = "";
for (const stream of [server.stdout, server.stderr]) stream.on("data", (data) => (log += data));

const at = `http://127.0.0.1:${port}`;
const post = (where, body) => fetch(at + where, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
const custom = { chat_completion_source: "custom", custom_url: url };
let failed = 0;
try {
  for (const end = Date.now() + 180_000; ; await new Promise((done) => setTimeout(done, 500))) {
    if (await fetch(`${at}/csrf-token`).then((answer) => answer.ok, () => false)) break;
    assert.ok(Date.now() < end && server.exitCode === null, "SillyTavern does not start");
  }
  assert.ok((await post("/api/secrets/write", { key: "api_key_custom", value: key, label: "lazai" })).ok);
  const status = await (await post("/api/backends/chat-completions/status", custom)).json();
  const [model] = status.data.map(({ id }) => id);
  assert.match(model, /^dat:\d+:\d+$/);
  client.does("models");
  const asked = { ...custom, model, temperature: 0.7, top_p: 0.9, max_tokens: 8, messages: [{ role: "user", content: "Who are you?" }] };
  const whole = await (await post("/api/backends/chat-completions/generate", { ...asked, stream: false })).json();
  assert.ok(whole.choices?.[0]?.message?.content, JSON.stringify(whole));
  client.does("a chat");
  const messages = [...asked.messages, whole.choices[0].message, { role: "user", content: "And where do you live?" }];
  const stream = await (await post("/api/backends/chat-completions/generate", { ...asked, messages, stream: true })).text();
  const pieces = stream.split("\n").filter((line) => line.startsWith("data: {")).map((line) => JSON.parse(line.slice(6)).choices[0]?.delta?.content ?? "");
  assert.ok(pieces.length > 2 && pieces.join("") && stream.includes("data: [DONE]"), stream);
  client.does("a stream");
  const leave = { type: "function", function: { name: "leave", description: "Leaves.", parameters: { type: "object", properties: {} } } };
  const tooled = await (await post("/api/backends/chat-completions/generate", { ...asked, max_tokens: 160, temperature: 0, tools: [leave], tool_choice: "required", stream: false })).json();
  assert.deepEqual(tooled.choices?.[0]?.message?.tool_calls?.[0]?.function, { name: "leave", arguments: "{}" }, JSON.stringify(tooled));
  client.does("a tool");
  const value = { type: "object", properties: { mood: { enum: ["glad", "sad"] } }, required: ["mood"], additionalProperties: false };
  const formed = await (await post("/api/backends/chat-completions/generate", { ...asked, max_tokens: 40, temperature: 0, json_schema: { name: "song", strict: true, value }, stream: false })).json();
  assert.match(JSON.parse(formed.choices?.[0]?.message?.content ?? "{}").mood ?? JSON.stringify(formed), /^(glad|sad)$/);
  client.does("JSON of a schema");
  const long = { ...asked, messages: [{ role: "user", content: "la ".repeat(2_500) }] };
  const refused = await (await post("/api/backends/chat-completions/generate", { ...long, stream: true })).json();
  assert.equal(refused.error?.code, "node.prompt_too_long", JSON.stringify(refused));
  client.does("an error, told where a stream was asked for");
  const short = await (await post("/api/backends/chat-completions/generate", { ...long, stream: false })).json();
  assert.equal(short.error?.message, "Bad Request", JSON.stringify(short));
  client.doesNot("what an error says, where no stream was asked for", "its server passes on the status alone");
  client.end();
} catch (error) {
  failed = 1;
  console.log(`FAILED - ${error.stack}\n${log.slice(-4000)}`);
}
server.kill("SIGKILL");
fs.rmSync(home, { recursive: true, force: true, maxRetries: 5 });
process.exit(failed);
