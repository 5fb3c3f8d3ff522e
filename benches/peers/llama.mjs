// llama.cpp on the same file, by npm's node-llama-cpp: reading a prompt, and choosing tokens after a short one.
// node llama.mjs MODEL TEXT PROMPT_TOKENS REPLY_TOKENS ROUNDS; prints a line of JSON. The package is looked for in NODE_PATH's folder.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const folder = process.env.LAZAI_PEER_NODE;
const entry = createRequire(join(folder, "package.json")).resolve("node-llama-cpp");
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry).href);

const [modelPath, text, promptTokens, replyTokens, rounds] = process.argv.slice(2);
const threads = Number(process.env.LAZAI_THREADS);
const llama = await getLlama({ gpu: false, maxThreads: threads, logLevel: LlamaLogLevel.error, build: "never" });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: 2048, sequences: 1, threads, batchSize: 512 });
const sequence = context.getSequence();
const tokens = model.tokenize(text.repeat(200)).slice(0, Number(promptTokens));

// The clock starts at the first token, whose time is the prompt's.
async function run(prompt, count) {
    await sequence.clearHistory();
    const begun = performance.now();
    let first = 0;
    let made = 0;
    for await (const _ of sequence.evaluate(prompt, { temperature: 0 })) {
        made += 1;
        if (made === 1) first = performance.now();
        if (made > count) break;
    }
    return { first_s: (first - begun) / 1000, rest_s: (performance.now() - first) / 1000 };
}

const prefill = [];
const decode = [];
for (let round = 0; round < Number(rounds); round++) {
    prefill.push(tokens.length / (await run(tokens, 1)).first_s);
    decode.push(Number(replyTokens) / (await run(tokens.slice(0, 8), Number(replyTokens))).rest_s);
}
console.log(JSON.stringify({ prefill: Math.max(...prefill), decode: Math.max(...decode), prompt_tokens: tokens.length }));
process.exit(0);
