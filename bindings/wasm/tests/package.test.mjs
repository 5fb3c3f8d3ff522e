// The package under Node: scenarios, interop with viem and another card library, signers of others, memory.
import assert from "node:assert/strict";
import { appendFile, readFile, readdir } from "node:fs/promises";
import path from "node:path";
import test from "node:test";

import * as sdk from "@lazai/sdk";
import * as verifier from "@lazai/sdk/verifier";
import { NAMES, record, run } from "./scenarios.mjs";

const root = process.env.LAZAI_ROOT;
const read = (file) => readFile(path.join(root, file));
const json = async (file) => JSON.parse(await read(file));

test("every scenario is run", async () => {
  const files = (await readdir(path.join(root, "scenarios"))).filter((f) => f.endsWith(".json"));
  assert.deepEqual(files.map((f) => f.slice(0, -5)).sort(), NAMES);
});

for (const name of NAMES) {
  test(`scenario ${name}`, async () => {
    const steps = await run(sdk, await json(`scenarios/${name}.json`), read);
    console.log(`scenario ${name}: ${steps} steps`);
    if (process.env.LAZAI_RAN) await appendFile(process.env.LAZAI_RAN, `Node ${name} ${steps}\n`);
  });
}

test("fetch pays a server of x402, once", async () => {
  const { createServer } = await import("node:http");
  const { payingFetch } = await import("@lazai/sdk/paying");
  const asset = `0x${"aa".repeat(20)}`;
  const extra = { name: "USDC", version: "2" };
  const price = { scheme: "exact", network: "eip155:84532", amount: "70", asset, payTo: `0x${"bb".repeat(20)}`, maxTimeoutSeconds: 60, extra };
  const base64 = (value) => Buffer.from(JSON.stringify(value)).toString("base64");
  const nonces = [];
  const server = createServer((asked, answer) => {
    const payment = asked.headers["payment-signature"];
    if (!payment) {
      const required = { x402Version: 2, resource: { url: "/report" }, accepts: [price] };
      return answer.writeHead(402, { "payment-required": base64(required) }).end("{}");
    }
    const sent = JSON.parse(Buffer.from(payment, "base64"));
    assert.deepEqual(sent.accepted, price);
    nonces.push(sent.payload.authorization.nonce);
    // The first answer gets lost.
    if (nonces.length === 1) return asked.socket.destroy();
    answer.writeHead(200, { "payment-response": base64({ success: true, transaction: "0x01", network: price.network }) }).end("a report");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${server.address().port}/report`;
  let kept;
  const limits = [{ network: price.network, asset, payment: "70", total: "100" }];
  const paying = payingFetch(sdk.LocalKey.random(), limits, { keep: (book) => (kept = book) });
  assert.equal(await (await paying(url)).text(), "a report");
  assert.deepEqual([nonces.length, new Set(nonces).size], [2, 1]);
  await assert.rejects(paying(url), { name: "LazaiError", code: "payment.over_limit" });
  await assert.rejects(payingFetch(sdk.LocalKey.random(), limits, { book: kept })(url), { code: "payment.over_limit" });
  server.close();
  server.closeAllConnections();
});

test("the verifier alone says the same", async () => {
  // ANCHOR: verify
  const statement = await read("vectors/zk/statement.json");
  const proof = await read("vectors/zk/proof.bin");
  const facts = verifier.verifyProof(statement, proof);
  // ANCHOR_END: verify
  assert.deepEqual(facts, sdk.verifyProof(statement, proof));
  assert.throws(() => verifier.verifyProof(statement, proof.subarray(1)), { name: "LazaiError", code: "zk.not_proof" });
});

const scenario = await json("scenarios/signatures.json");
const signing = record(scenario.steps.find((s) => s.call === "sign_voucher").args);

test("viem recovers our signatures, and ours check viem's", async () => {
  const { hashTypedData, recoverTypedDataAddress } = await import("viem");
  const { privateKeyToAccount } = await import("viem/accounts");
  const key = sdk.LocalKey.fromHex(signing.key);
  const typed = JSON.parse(sdk.voucherTypedData(signing.domain, signing.voucher));
  assert.equal(hashTypedData(typed), sdk.voucherDigest(signing.domain, signing.voucher));
  const signature = await sdk.signVoucher(signing.domain, signing.voucher, key);
  assert.equal((await recoverTypedDataAddress({ ...typed, signature })).toLowerCase(), key.address());
  const theirs = await privateKeyToAccount(signing.key).signTypedData(typed);
  sdk.checkVoucher(signing.domain, signing.voucher, theirs, key.address());
});

test("viem makes the same calls of the contract's interface", async () => {
  const { decodeFunctionData, encodeFunctionData } = await import("viem");
  const { abi } = await json("lazai-settle/artifacts/Settlement.json");
  const calls = (await json("scenarios/wallets.json")).steps.filter((s) => s.call.endsWith("_call") && s.gives);
  assert.ok(calls.length >= 5);
  for (const { gives } of calls) {
    const { functionName, args } = decodeFunctionData({ abi, data: gives.data });
    assert.equal(encodeFunctionData({ abi, functionName, args }), gives.data);
  }
  const [first] = calls;
  const { args: [opening, offer, signature] } = decodeFunctionData({ abi, data: first.gives.data });
  assert.deepEqual([opening.nonce, opening.deposit], [BigInt(first.args.nonce), BigInt(first.args.deposit)]);
  assert.equal(opening.consumer.toLowerCase(), first.args.consumer);
  assert.equal(offer.promptPrice, BigInt(first.args.model.offer.promptPrice));
  assert.equal(signature, first.args.model.signature);
});

test("a wallet signs, and what it refuses or gets wrong is said", async () => {
  const key = sdk.LocalKey.random();
  const wallet = { address: () => key.address(), sign: async (request) => key.signDigest(request.digest) };
  const signature = await sdk.signVoucher(signing.domain, signing.voucher, wallet);
  sdk.checkVoucher(signing.domain, signing.voucher, signature, key.address());
  const refusing = { ...wallet, sign: async () => { throw new Error("not today"); } };
  await assert.rejects(sdk.signVoucher(signing.domain, signing.voucher, refusing), (e) => e.code === "signer.refused" && /not today/.test(e.message));
  const other = sdk.LocalKey.random();
  const wrong = { ...wallet, sign: (request) => other.signDigest(request.digest) };
  await assert.rejects(sdk.signVoucher(signing.domain, signing.voucher, wrong), { code: "signer.wrong_signature" });
});

test("a conversation is one call over a page's own network", async () => {
  const vector = await json("vectors/chat/counted.json");
  const open = () => new sdk.Chat(vector.conversation, record(vector.domain), sdk.LocalKey.fromHex(vector.key));
  const folder = "vectors/models/qwen2";
  const counter = sdk.TokenCounter.fromJson(await read(`${folder}/tokenizer.json`), await read(`${folder}/tokenizer_config.json`));
  const paths = [];
  const node = (said) => async ({ path }, push) => {
    paths.push(path);
    if (path.endsWith("vouchers")) return 204;
    for (const bytes of new TextEncoder().encode(said).reduce((all, b, i) => (i % 50 ? all.at(-1).push(b) : all.push([b]), all), [])) push(Uint8Array.from(bytes));
    return 200;
  };
  // A receipt for other words than were said.
  const chat = open();
  await assert.rejects(chat.say("Who are you?", {}, node(vector.stream)), { code: "consumer.receipt" });
  assert.deepEqual([paths, chat.owed(), chat.messages()], [["/v1/chat/completions"], "0", []]);
  const reply = await json("vectors/chat/reply.json");
  const other = new sdk.Chat(reply.conversation, record(reply.domain), sdk.LocalKey.fromHex(reply.key));
  let heard = "";
  const turn = await other.say("Who are you?", { seed: 1n }, node(reply.stream), (piece) => { heard += piece; });
  assert.deepEqual([heard, turn.tokenCheck, turn.modelChecked, turn.payment ?? null], [turn.text, "bounded", true, null]);
  assert.deepEqual(paths.slice(1), ["/v1/chat/completions", "/v1/lazai/vouchers"]);
  assert.ok(JSON.parse(other.toJson()).paid);
  // One that counts with another tokenizer pays nothing.
  const third = new sdk.Chat(reply.conversation, record(reply.domain), sdk.LocalKey.fromHex(reply.key));
  third.recountWith(counter);
  await assert.rejects(third.say("Who are you?", { seed: 1n }, node(reply.stream)), { code: "consumer.receipt" });
  const broken = async () => { throw new Error("no line"); };
  await assert.rejects(third.say("Who are you?", {}, broken), (e) => e.code === "node.transport" && /no line/.test(e.message));
});

test("a card exported here opens with another library", async () => {
  const { CCardLib } = await import("@risuai/ccardlib");
  const character = sdk.Character.fromBytes(await read("vectors/characters/json/v3.json"));
  // It is strict: of V3, it knows no ids but numbers, so an entry with another id goes out first.
  assert.equal(CCardLib.character.check(JSON.parse(character.toV2Json())), "v2");
  const v3 = JSON.parse(character.toV3Json());
  v3.data.character_book.entries = v3.data.character_book.entries.filter((entry) => typeof entry.id !== "string");
  assert.equal(CCardLib.character.check(v3), "v3");
  assert.equal(CCardLib.character.convert(v3, { from: "v3", to: "v2" }).data.name, character.name());
  const older = sdk.Character.fromBytes(await read("vectors/characters/png/chara.png"));
  assert.equal(CCardLib.character.check(JSON.parse(older.toV3Json())), "v3");
});

test("ten thousand rounds of each handle leave no memory behind", async () => {
  const card = await read("vectors/characters/json/v2.json");
  const vector = await json("vectors/chat/reply.json");
  const domain = record(vector.domain);
  const round = () => {
    sdk.Character.fromBytes(card).free();
    sdk.Blocklist.fromJson("[1]").free();
    const key = sdk.LocalKey.fromHex(vector.key);
    new sdk.Chat(vector.conversation, domain, key).free();
    key.free();
  };
  const memory = () => {
    globalThis.gc();
    return process.memoryUsage().rss;
  };
  for (let i = 0; i < 1_000; i++) round();
  const before = memory();
  for (let i = 0; i < 10_000; i++) round();
  const grown = memory() - before;
  console.log(`10000 rounds: ${grown} bytes more`);
  assert.ok(grown < 32 << 20, `${grown} bytes`);
});

test("freed handles say so, and using frees", () => {
  const key = sdk.LocalKey.random();
  key[Symbol.dispose]();
  assert.throws(() => key.address());
});
