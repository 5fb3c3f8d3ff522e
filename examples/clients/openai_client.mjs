// The official OpenAI client for Node, unmodified, at the loopback proxy: chats, completes, responds, streams, calls tools, embeds, gets typed errors.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { Client } from "./told.mjs";

const table = new Client("OpenAI for Node", "openai");
const client = new OpenAI({ maxRetries: 0 }); // URL and key come from the environment, as with any other endpoint
const model = (await client.models.list()).data[0].id;
const messages = [{ role: "user", content: "Who are you?" }];
const asked = { model, messages, max_tokens: 8 };

const reply = await client.chat.completions.create({ ...asked, temperature: 0, seed: 1 });
const text = reply.choices[0].message.content;
assert.equal(reply.usage.total_tokens, reply.usage.prompt_tokens + reply.usage.completion_tokens);
assert.equal(reply.lazai.receipt.receipt.completion_tokens, reply.usage.completion_tokens);

const pieces = [];
const stream = await client.chat.completions.create({ ...asked, temperature: 0, seed: 1, stream: true });
for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta?.content ?? "");
assert.equal(pieces.join(""), text);
table.does("models, a chat, a stream");

// A stop string, probabilities, JSON of a schema.
const stop = text.slice(Math.floor(text.length / 2)).slice(0, 2);
const cut = await client.chat.completions.create({ ...asked, temperature: 0, seed: 1, stop });
assert.deepEqual([cut.choices[0].message.content, cut.choices[0].finish_reason], [text.slice(0, text.indexOf(stop)), "stop"]);
const told = await client.chat.completions.create({ ...asked, temperature: 0, seed: 1, logprobs: true, top_logprobs: 2 });
for (const token of told.choices[0].logprobs.content) assert.equal(token.logprob, token.top_logprobs[0].logprob);
const schema = { type: "object", properties: { a: { enum: [1, 2] } }, required: ["a"], additionalProperties: false };
const response_format = { type: "json_schema", json_schema: { name: "answer", strict: true, schema } };
const formed = (await client.chat.completions.create({ ...asked, max_tokens: 40, temperature: 0, response_format })).choices[0];
assert.ok(formed.finish_reason === "length" || [1, 2].includes(JSON.parse(formed.message.content).a));
table.does("stop strings, probabilities, JSON of a schema");

// The helper that calls functions: the model must call this one.
const noted = [];
const note = { name: "note", function: (song) => noted.push(song), parse: JSON.parse, parameters: { type: "object", properties: { mood: { enum: ["glad", "sad"] } }, required: ["mood"], additionalProperties: false } };
const tool_choice = { type: "function", function: { name: "note" } };
const calling = client.chat.completions.runTools({ model, messages, max_tokens: 160, temperature: 0, tools: [{ type: "function", function: note }], tool_choice });
await calling.done();
assert.ok(noted.length === 1 && ["glad", "sad"].includes(noted[0].mood), JSON.stringify(noted));
table.does("tools, by `runTools`");

// A legacy completion and a response to the same words, whole and streamed.
const prompt = { model, prompt: messages[0].content, max_tokens: 8, temperature: 0, seed: 1 };
assert.equal((await client.completions.create(prompt)).choices[0].text, text);
let completed = "";
for await (const chunk of await client.completions.create({ ...prompt, stream: true })) completed += chunk.choices[0]?.text ?? "";
assert.equal(completed, text);
const responding = { model, input: messages[0].content, max_output_tokens: 8, temperature: 0, seed: 1 };
const response = await client.responses.create(responding);
assert.deepEqual([response.output_text, response.usage.output_tokens], [text, reply.usage.completion_tokens]);
const kinds = [];
for await (const event of await client.responses.create({ ...responding, stream: true })) kinds.push(event.type);
assert.deepEqual([kinds[0], kinds[2], kinds[3], kinds[4]], ["response.created", "response.output_item.added", "response.content_part.added", "response.output_text.delta"]);
assert.match(kinds.at(-1), /^response\.(completed|incomplete)$/);
assert.equal((await client.responses.stream({ ...responding, stop }).finalResponse()).output_text, cut.choices[0].message.content);
const tools = [{ type: "function", name: "note", parameters: note.parameters, strict: true }];
const called = (await client.responses.create({ ...responding, max_output_tokens: 160, tools, tool_choice: { type: "function", name: "note" } })).output[0];
assert.ok(called.type === "function_call" && ["glad", "sad"].includes(JSON.parse(called.arguments).mood), JSON.stringify(called));
table.does("completions; responses, whole and streamed");

// Embeddings, by an encoder on this machine.
const encoder = (await client.models.list()).data.at(-1).id;
const embedded = await client.embeddings.create({ model: encoder, input: ["I sing.", "The rent is due."] });
const plain = await client.embeddings.create({ model: encoder, input: "I sing.", encoding_format: "float" });
assert.deepEqual(plain.data[0].embedding, embedded.data[0].embedding);
table.does("embeddings");

// The helper that accumulates, with its events.
const runner = client.chat.completions.stream({ ...asked, seed: 2 });
let heard = "";
runner.on("content", (delta) => (heard += delta));
assert.equal((await runner.finalChatCompletion()).choices[0].message.content, heard);
table.does("the helper for streams");

const refused = (kind, code, request) =>
  assert.rejects(client.chat.completions.create({ ...asked, ...request }), (error) => error instanceof kind && error.code === code);
await refused(OpenAI.NotFoundError, "request.model", { model: "gpt-4o" });
await refused(OpenAI.BadRequestError, "request.invalid", { n: 9 });
await assert.rejects(client.responses.create({ ...responding, store: true }), (error) => error.code === "request.invalid" && error.param === "store");
await refused(OpenAI.BadRequestError, "node.setting", { response_format: { type: "json_schema", json_schema: { name: "x", schema: { not: {} } } } });
await refused(OpenAI.BadRequestError, "node.prompt_too_long", { messages: [{ role: "user", content: "la ".repeat(2_500) }] });
await assert.rejects(new OpenAI({ apiKey: "another", maxRetries: 0 }).models.list(), OpenAI.AuthenticationError);
table.does("errors by their types");

// A client that hangs up in the middle: what was said is still paid, and the next request is served.
const aborted = await client.chat.completions.create({ ...asked, seed: 3, stream: true });
for await (const _ of aborted) break;
assert.ok((await client.chat.completions.create({ ...asked, seed: 4 })).usage);
table.does("hanging up in the middle");

// Without the proxy, a node says what it wants: status 402 with signed offers, as x402 has it.
const unpaid = await fetch(`${process.env.LAZAI_NODE_URL}/v1/chat/completions`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ model, messages }),
});
assert.equal(unpaid.status, 402);
const required = JSON.parse(Buffer.from(unpaid.headers.get("payment-required"), "base64"));
assert.equal(required.x402Version, 2);
assert.equal(required.accepts[0].scheme, "lazai-session");
assert.equal(required.accepts[0].extra.model, model);
assert.deepEqual((await unpaid.json()).payment, required);
// A page of another origin may ask a node, and read what it wants.
const preflight = await fetch(`${process.env.LAZAI_NODE_URL}/v1/chat/completions`, {
  method: "OPTIONS",
  headers: { origin: "https://page.example", "access-control-request-method": "POST" },
});
assert.equal(preflight.status, 204);
assert.match(preflight.headers.get("access-control-allow-headers"), /payment-signature/);
assert.equal(unpaid.headers.get("access-control-allow-origin"), "*");
assert.match(unpaid.headers.get("access-control-expose-headers"), /payment-required/);
table.does("a node's 402 as x402 has it, and across origins");
table.end();
