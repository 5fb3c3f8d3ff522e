// An agent of Alith for Node, unmodified, with `lazai mcp` among its servers. Alith runs one round: what a tool says is its answer.
import assert from "node:assert/strict";
import { Agent } from "alith";
import { servers } from "./lazai_mcp.mjs";
import { model } from "./scripted_model.mjs";
import { Client } from "./told.mjs";

const client = new Client("Alith for Node, by MCP", "alith");
const { url, offered, end } = await model("lazai_characters", {});
const agent = new Agent({ model: "scripted", apiKey: "none", baseUrl: url, mcpConfigPath: servers() });
const found = await agent.prompt("Who is there?");
assert(found.includes("dat:1:1"), found);
assert((await offered()).includes("lazai_say"));
client.does("an agent that lists characters");
client.end();
end();
// Alith's runtime keeps the process.
process.exit(0);
