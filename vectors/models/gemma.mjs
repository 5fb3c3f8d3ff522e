// Token ids and greedy replies of Gemma 3 270M, by llama.cpp (node-llama-cpp 3): `node gemma.mjs MODEL.gguf > gemma-3-270m.json`.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { LlamaLogLevel, getLlama } from "node-llama-cpp";

const TEXTS = [
    "Hush, darling: the rain is early tonight.",
    "It's 2024, they'll say 12345 times...\n\n  and\tmore ",
    "Ünïcode, 日本語, e\u0301 and 🎷!",
    "   spaces   ",
    "a  b   c    d",
    "\n\n\n\nline\n\n",
    `x${" ".repeat(40)}y`,
    "<start_of_turn>user\nhi<end_of_turn>\n",
    "<b>bold</b> text <table>",
    "def f(x):\n        return x + 1\n",
    "\u0915\u094d\u0937 \u0635\u0628\u0627\u062d",
    "\t\ttabs\t",
    "",
    "word".repeat(50),
    "\u00a0nbsp \u3000ideographic",
    "\ufffd\u0000end",
    "🏴‍☠️ 👩‍👩‍👧",
];
const PROMPTS = [
    "<bos>The capital of France is",
    "<bos><start_of_turn>user\nWhat is the capital of France?<end_of_turn>\n<start_of_turn>model\n",
    "<bos>Once upon a time, in a small village by the sea,",
    `<bos>${"The old lighthouse keeper walked down to the shore every morning, counting gulls and ships. ".repeat(40)}`,
];

const path = process.argv[2];
const llama = await getLlama({ gpu: false, maxThreads: 1, logLevel: LlamaLogLevel.error, build: "never" });
const model = await llama.loadModel({ modelPath: path });
const context = await model.createContext({ contextSize: 2048, sequences: 1, threads: 1 });
const sequence = context.getSequence();
const replies = [];
for (const prompt of PROMPTS) {
    await sequence.clearHistory();
    const ids = model.tokenize(prompt, true);
    const reply = [];
    for await (const token of sequence.evaluate(ids, { temperature: 0 })) {
        reply.push(token);
        if (model.isEogToken(token) || reply.length >= 40) {
            break;
        }
    }
    replies.push({ prompt, ids: [...ids], reply });
}
const texts = TEXTS.map((text) => ({ text, ids: [...model.tokenize(text, true)] }));
const sha256 = createHash("sha256").update(readFileSync(path)).digest("hex");
console.log(JSON.stringify({ sha256, texts, replies }));
process.exit(0);
