// A session in Node, at a real node, on a real chain: the example page's market says where.
import assert from "node:assert/strict";
import test from "node:test";

import { SealedPost, readMarketPlace, speechNote } from "@lazai/sdk";
import { Session } from "@lazai/sdk/session";
import { chat } from "../examples/talk.mjs";

const { LAZAI_PAGE_URL: page } = process.env;
// ANCHOR: place
const told = await (await fetch(`${page}market.json`)).json();
const place = readMarketPlace(new Uint8Array(await (await fetch(`${page}place.json`)).arrayBuffer()));
// ANCHOR_END: place
const sent = [];
/** The test chain's own account: its node signs for it. */
const wallet = {
  async request({ method, params = [] }) {
    const call = { jsonrpc: "2.0", id: 1, method: method === "eth_requestAccounts" ? "eth_accounts" : method, params };
    const options = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(call) };
    const { result, error } = await (await fetch(told.rpcUrl, options)).json();
    if (error) throw new Error(error.message);
    if (method === "eth_sendTransaction") sent.push(result);
    return result;
  },
};

test("the quick start opens a session, talks, pays and asks for its end", async () => {
  await chat(told.nodeUrl, place, wallet);
  assert.equal(sent.length, 2);
});

test("a reply is heard as a whole too, and what goes wrong is thrown where it is heard", async () => {
  // ANCHOR: session
  const session = await Session.open({ node: told.nodeUrl, place, wallet, deposit: told.deposit });
  const turn = await session.say("hi", { maxTokens: 2 });
  // ANCHOR_END: session
  assert.equal(session.turn, turn);
  assert.ok(turn.completionTokens <= 2 && BigInt(session.owed()) > 0n && turn.text.length > 0);
  const heard = [];
  for await (const piece of session.say("and?")) heard.push(piece);
  assert.equal(heard.join(""), session.turn.text);
  const [owed, long] = [session.owed(), "and then ".repeat(400)];
  await assert.rejects(async () => { for await (const _ of session.say(long)); }, { code: "node.prompt_too_long" });
  await assert.rejects(session.say(long), { code: "node.prompt_too_long" });
  // What was refused cost nothing, and the conversation goes on.
  assert.equal(session.owed(), owed);
  await session.say("go on");
  const ticket = structuredClone(session.ticket());
  session.free();
  // The page is gone; the deposit is not.
  await Session.closeBy(ticket, place, wallet);
});

/** Does something while every request and answer of `fetch` is kept; `change` may change an answer. */
async function tapped(work, change = (answer) => answer) {
  const [plain, seen] = [globalThis.fetch, []];
  globalThis.fetch = async (url, options = {}) => {
    const answer = await change(await plain(url, options), String(url));
    const heard = new Uint8Array(await answer.clone().arrayBuffer());
    seen.push({ url: String(url), sent: Buffer.from(options.body ?? ""), heard: Buffer.from(heard), headers: JSON.stringify(options.headers ?? {}) });
    return answer;
  };
  try {
    return [await work(), seen];
  } finally {
    globalThis.fetch = plain;
  }
}

test("what is said goes sealed, and comes back sealed", async () => {
  const words = "zanzibarite heliotropes";
  const session = await Session.open({ node: told.nodeUrl, place, wallet, deposit: told.deposit });
  const [turn, seen] = await tapped(async () => {
    await session.say(words);
    return session.say("and?", { maxTokens: 8 });
  });
  assert.ok(seen.length >= 4 && seen.every(({ url }) => url === `${told.nodeUrl}/.well-known/ohttp-gateway`), JSON.stringify(seen.map(({ url }) => url)));
  const id = JSON.parse(session.toJson()).session;
  for (const secret of ["zanzibar", "heliotro", turn.text.slice(0, 8), id.slice(2, 18), "payment-signature"]) {
    assert.ok(!seen.some(({ sent, heard, headers }) => [sent, heard, headers].some((bytes) => bytes.includes(secret))), secret);
  }
  await session.close();
});

test("a key that is over is asked for anew; none is no reason for clear text", async () => {
  const session = await Session.open({ node: told.nodeUrl, place, wallet, deposit: told.deposit });
  const refusal = JSON.stringify({ error: { code: "request.seal_key", message: "yesterday's key" } });
  let refused = 0;
  const over = (answer, url) =>
    url.endsWith("ohttp-gateway") && !refused++ ? new Response(refusal, { status: 400 }) : answer;
  const [, seen] = await tapped(() => session.say("hi", { maxTokens: 2 }), over);
  assert.ok(refused > 1 && seen.some(({ url }) => url.endsWith("/v1/models")));
  // Whoever stands between takes the keys out of the list, and refuses what is sealed.
  const between = async (answer, url) => {
    if (url.endsWith("ohttp-gateway")) return new Response(refusal, { status: 400 });
    const list = await answer.json();
    for (const { lazai } of list.data) delete lazai.seal;
    return new Response(JSON.stringify(list));
  };
  const said = () => tapped(() => assert.rejects(session.say("heliotropes"), { code: "request.seal_key" }), between);
  const [, tried] = await said();
  assert.ok(!tried.some(({ sent, headers }) => sent.includes("heliotro") || headers.includes("payment-signature")));
  // Another node's key is no key.
  const [{ sealTerms, offer }] = await Session.models(told.nodeUrl);
  const forged = JSON.parse(sealTerms);
  forged.terms.public_key = `0x${"11".repeat(32)}`;
  const request = { path: "/v1/chat/completions", headers: [], body: "{}" };
  assert.throws(() => new SealedPost(request, JSON.stringify(forged), place.domain, offer.node), { code: "node.unsealed" });
  assert.throws(() => new SealedPost(request, sealTerms, place.domain, `0x${"22".repeat(20)}`), { code: "node.unsealed" });
  await session.close();
});

test("a text is spoken phrase by phrase, checked, paid, and says that it is synthetic", async (t) => {
  const [{ characterPrice }] = await Session.models(told.nodeUrl);
  if (!characterPrice) return t.skip("the node has no voice");
  const session = await Session.open({ node: told.nodeUrl, place, wallet, deposit: told.deposit });
  // ANCHOR: speak
  const phrases = [];
  const speech = session.speak("The city never sleeps. Nor does she.");
  for await (const { samples, sampleRate } of speech) phrases.push({ samples, sampleRate });
  const { wav, sampleRate, characters } = await speech;
  // ANCHOR_END: speak
  assert.ok(phrases.length >= 1 && phrases.every((phrase) => phrase.sampleRate === sampleRate));
  // What was heard is what the file has, which a node signed for.
  const heard = phrases.flatMap(({ samples }) => [...samples]);
  const inFile = new Int16Array(wav.slice(44, 44 + 2 * heard.length).buffer);
  assert.ok(heard.length > sampleRate && inFile.every((sample, at) => sample === heard[at]));
  assert.equal(characters, 36n);
  assert.equal(BigInt(session.owed()), 36n * BigInt(characterPrice));
  assert.equal(speechNote(wav).characters, 36n);
  wav[60] ^= 1;
  assert.throws(() => speechNote(wav), { code: "speech.broken" });
  // Turns wait for one another, and what is refused costs nothing.
  const owed = session.owed();
  const [silent, turn] = await Promise.allSettled([session.speak(" "), session.say("hi", { maxTokens: 2 })]);
  assert.equal(silent.reason.code, "node.setting");
  assert.equal(turn.value.owed, session.owed());
  assert.ok(BigInt(session.owed()) > BigInt(owed));
  await assert.rejects(session.speak("too dear", { most: "1" }), { code: "consumer.price" });
  await session.close();
});

test("a character that is not there, and a chain that refuses", async () => {
  await assert.rejects(Session.open({ node: told.nodeUrl, place, wallet, deposit: "1", model: "nobody" }), /does not offer nobody/);
  const dry = { request: (call) => (call.method === "eth_getTransactionReceipt" ? Promise.resolve({ status: "0x0" }) : wallet.request(call)) };
  await assert.rejects(Session.open({ node: told.nodeUrl, place, wallet: dry, deposit: told.deposit }), /refused to open/);
});
