// An agent of Alith for Node, unmodified, at the loopback proxy: with a preamble, a memory, a tool, and embeddings.
import assert from "node:assert/strict";
import { Agent, RemoteModelEmbeddings, WindowBufferMemory } from "alith";
import { Client } from "./told.mjs";

const { OPENAI_BASE_URL: url, OPENAI_API_KEY: key } = process.env;
const client = new Client("Alith for Node", "alith");
const listed = await (await fetch(`${url}/models`, { headers: { authorization: `Bearer ${key}` } })).json();
const [character, encoder] = [listed.data[0].id, listed.data.at(-1).id];
const agent = (more) => new Agent({ model: character, apiKey: key, baseUrl: `${url}/`, ...more });

assert.ok(await agent({ preamble: "You sing." }).prompt("Who are you?"));
client.does("an agent with a preamble");
const memory = new WindowBufferMemory();
const remembering = agent({ memory });
assert.ok((await remembering.prompt("I am Ada.")) && (await remembering.prompt("Who am I?")));
assert.deepEqual(memory.messages().map(({ role }) => role), ["user", "assistant", "user", "assistant"]);
client.does("a memory");
const add = { name: "add", description: "Adds two numbers.", parameters: JSON.stringify({ type: "object", properties: { a: { type: "integer" }, b: { type: "integer" } }, required: ["a", "b"] }), handler: (a, b) => a + b };
assert.ok(await agent({ tools: [add], preamble: "You sing." }).prompt("Who are you?"));
client.does("a tool, offered");
const vectors = await new RemoteModelEmbeddings(encoder, key, url).embedTexts(["I sing.", "The rent is due."]);
assert.notDeepEqual(vectors[0], vectors[1]);
client.does("embeddings");
assert.ok(!Object.getOwnPropertyNames(Agent.prototype).some((name) => /stream/i.test(name)));
client.doesNot("a stream", "an agent has none");
client.doesNot("a tool, called", "an agent cannot demand a call, and the test's model of 135M parameters makes none by itself");
client.end();
