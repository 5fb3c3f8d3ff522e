// The command line of the MCP Inspector, unmodified, at `lazai mcp`.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { servers } from "./lazai_mcp.mjs";
import { Client } from "./told.mjs";

const client = new Client("MCP Inspector", "@modelcontextprotocol/inspector");
const inspector = new URL("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js", import.meta.url).pathname;
const config = servers();
const inspect = (...args) => JSON.parse(execFileSync("node", [inspector, "--cli", "--config", config, "--server", "lazai", ...args], { encoding: "utf8", env: { ...process.env, MCP_INSPECTOR_SECRET_STORE: "memory" } }));
const call = (tool, ...args) => inspect("--method", "tools/call", "--tool-name", tool, ...args.flatMap((pair) => ["--tool-arg", pair]));

const { tools } = inspect("--method", "tools/list", "--strict");
assert.equal(tools.length, 6);
client.does("tools, whose schemas it finds portable");
const [character] = call("lazai_characters").structuredContent.characters;
const reply = call("lazai_say", "message=Who are you?", `character=${character.id}`, "max_tokens=4");
assert.equal(reply.structuredContent.receipt.completion_tokens, 4);
assert.equal(reply.content[0].text, reply.structuredContent.text);
client.does("a reply");
const { session } = reply.structuredContent.receipt;
assert.equal(call("lazai_verify", `session=${session}`).structuredContent.holds, true);
client.does("its provenance");
client.end();
