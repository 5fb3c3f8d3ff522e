// Vercel's AI SDK, unmodified, at the loopback proxy, by its provider for OpenAI-compatible endpoints: text whole and streamed, objects of a
// schema, a tool that it calls and tells the result of, embeddings.
import assert from "node:assert/strict";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embedMany, generateObject, generateText, Output, stepCountIs, streamObject, streamText, tool } from "ai";
import { z } from "zod";
import { Client } from "./told.mjs";

const { OPENAI_BASE_URL: baseURL, OPENAI_API_KEY: apiKey } = process.env;
const client = new Client("Vercel AI SDK", "ai");
const listed = await (await fetch(`${baseURL}/models`, { headers: { authorization: `Bearer ${apiKey}` } })).json();
const [character, encoder] = [listed.data[0].id, listed.data.at(-1).id];
const lazai = createOpenAICompatible({ name: "lazai", baseURL, apiKey, includeUsage: true, supportsStructuredOutputs: true });
const asked = { model: lazai(character), prompt: "Who are you?", maxOutputTokens: 8, temperature: 0, seed: 1, maxRetries: 0 };
const long = { ...asked, maxOutputTokens: 160 };

const whole = await generateText(asked);
assert.ok(whole.text && whole.usage.outputTokens > 0 && whole.usage.outputTokens <= 8, JSON.stringify(whole.usage));
client.does("generateText");
const stream = streamText(asked);
const pieces = [];
for await (const piece of stream.textStream) pieces.push(piece);
assert.ok(pieces.length > 2 && pieces.join("") === whole.text, pieces.join("|"));
assert.deepEqual((await stream.usage).outputTokens, whole.usage.outputTokens);
client.does("streamText, with its usage");

const schema = z.object({ mood: z.enum(["glad", "sad"]), minutes: z.number().int().min(1).max(9) });
const { object } = await generateObject({ ...long, schema });
schema.parse(object);
client.does("generateObject");
schema.parse((await generateText({ ...long, output: Output.object({ schema }) })).output);
client.does("generateText with Output.object");
let last;
const objects = streamObject({ ...long, schema });
for await (const partial of objects.partialObjectStream) last = partial;
assert.deepEqual(await objects.object, last);
schema.parse(last);
client.does("streamObject");

let noted = [];
const note = tool({ description: "Notes a mood.", inputSchema: z.object({ mood: z.enum(["glad", "sad"]) }), execute: async ({ mood }) => (noted.push(mood), `noted: ${mood}`) });
const tooled = { ...long, tools: { note }, toolChoice: "required", stopWhen: stepCountIs(2), prepareStep: ({ stepNumber }) => (stepNumber ? { toolChoice: "auto" } : {}) };
const called = await generateText(tooled);
assert.ok(["glad", "sad"].includes(noted[0]) && called.steps.length === 2 && called.steps[0].toolResults[0].output === `noted: ${noted[0]}`, JSON.stringify(called.steps.map((s) => s.content)));
client.does("a tool, and a step after its result");
noted = [];
const kinds = [];
for await (const part of streamText(tooled).fullStream) kinds.push(part.type);
assert.ok(["glad", "sad"].includes(noted[0]) && kinds.includes("tool-input-delta") && kinds.includes("tool-result") && !kinds.includes("error"), kinds.join());
client.does("a streamed tool");

const { embeddings } = await embedMany({ model: lazai.textEmbeddingModel(encoder), values: ["I sing.", "The rent is due."], maxRetries: 0 });
assert.notDeepEqual(embeddings[0], embeddings[1]);
client.does("embedMany");
await assert.rejects(generateText({ ...asked, model: lazai("gpt-4o") }), (error) => APICallError.isInstance(error) && error.statusCode === 404);
await assert.rejects(generateText({ ...asked, prompt: "la ".repeat(2_500) }), (error) => APICallError.isInstance(error) && error.statusCode === 400 && !error.isRetryable);
client.does("errors, and whether to ask again");
client.end();
