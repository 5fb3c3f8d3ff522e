// The official x402 server for Node, unmodified, whose facilitator is `lazai facilitator`: paid by the official client and by `lazai pay`;
// and what becomes of payments when the facilitator is away.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import express from "express";
import { paymentMiddleware, x402ResourceServer } from "@x402/express";
import { HTTPFacilitatorClient } from "@x402/core/server";
import { ExactEvmScheme as Priced } from "@x402/evm/exact/server";
import { ExactEvmScheme } from "@x402/evm";
import { wrapFetchWithPaymentFromConfig, decodePaymentResponseHeader } from "@x402/fetch";
import { createPublicClient, http, parseAbi } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { Client } from "./told.mjs";

const { LAZAI_CLI: cli, LAZAI_WALLET_KEY: key, LAZAI_NETWORK: network, LAZAI_DOLLAR: dollar, LAZAI_RPC_URL: rpc } = process.env;
const { LAZAI_KEYSTORES: keystores } = process.env;
const table = new Client("x402 server for Node, by our facilitator", "@x402/express");
const home = mkdtempSync(join(tmpdir(), "lazai-x402-"));
const chain = createPublicClient({ transport: http(rpc) });
const abi = parseAbi(["function balanceOf(address) view returns (uint256)"]);
const held = (account) => chain.readContract({ address: dollar, abi, functionName: "balanceOf", args: [account] });
const payTo = `0x${"5b".repeat(20)}`;
const PRICE = 1_000n;

// A port that is free now; nobody else here will want it in the next moment.
const port = await new Promise((done) => {
  const probe = createServer().listen(0, "127.0.0.1", () => {
    const { port } = probe.address();
    probe.close(() => done(port));
  });
});

/** Starts the facilitator, and waits until it says where it is. */
async function facilitator() {
  const args = ["--json", "facilitator", "--rpc", rpc, "--deployment", process.env.LAZAI_DEPLOYMENT, "--chain", join(home, "chain"), "--depth", "1"];
  args.push("--keystore", join(keystores, "facilitator"), "--password-file", join(keystores, "password"), "--until-input-ends");
  args.push("--asset", dollar, "--pay-to", payTo, "--least", "10", "--address", `127.0.0.1:${port}`);
  const child = spawn(cli, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((done) => child.once("exit", done));
  for await (const line of createInterface({ input: child.stdout })) return { told: JSON.parse(line), stop: () => (child.stdin.end(), ended) };
  throw new Error("the facilitator ended at once");
}

/** `lazai pay`: the exit code, and the line that it prints. */
async function pay(url, ...more) {
  const args = ["--json", "pay", url, "--network", network, "--asset", dollar, "--keystore", join(keystores, "wallet"), "--password-file", join(keystores, "password")];
  const child = spawn(cli, [...args, ...more], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (piece) => (out += piece));
  const code = await new Promise((done) => child.once("close", done));
  return { code, ...JSON.parse(out.trim().split("\n").at(-1) ?? "{}") };
}

let running = await facilitator();
const server = new x402ResourceServer(new HTTPFacilitatorClient({ url: running.told.url })).register(network, new Priced());
const app = express();
const price = { amount: `${PRICE}`, asset: dollar, extra: { name: "Dollar", version: "1" } };
let served = 0;
app.use(paymentMiddleware({ "GET /report": { accepts: { scheme: "exact", price, network, payTo }, description: "a report", mimeType: "application/json" } }, server));
app.get("/report", (_, answer) => answer.json({ report: ++served }));
const listening = await new Promise((done) => {
  const listening = app.listen(0, "127.0.0.1", () => done(listening));
});
const url = `http://127.0.0.1:${listening.address().port}/report`;

// By itself, the client pays in the dollars that it knows.
const spendControls = { allowedAssets: [{ network, asset: dollar }] };
const schemes = [{ network, client: new ExactEvmScheme(privateKeyToAccount(key)) }];
const paying = wrapFetchWithPaymentFromConfig(fetch, { schemes, spendControls });
const answer = await paying(url);
assert.equal(answer.status, 200, await answer.clone().text());
const settled = decodePaymentResponseHeader(answer.headers.get("payment-response"));
assert.ok(settled.success && settled.network === network, JSON.stringify(settled));
assert.equal((await chain.getTransactionReceipt({ hash: settled.transaction })).status, "success");
assert.equal(await held(payTo), PRICE);
table.does("verify and settle, for `@x402/fetch`");

const asked = await pay(url, "--ask");
assert.deepEqual([asked.code, asked.amount, asked.payTo], [0, `${PRICE}`, payTo], JSON.stringify(asked));
const bought = await pay(url, "--budget", `${PRICE}`);
assert.deepEqual([bought.code, bought.status, bought.payment?.amount, bought.payment?.outcome?.success], [0, 200, `${PRICE}`, true], JSON.stringify(bought));
assert.equal(await held(payTo), 2n * PRICE);
table.does("paid by `lazai pay`");

const dear = await pay(url, "--budget", `${PRICE - 1n}`);
assert.deepEqual([dear.code, dear.error?.code], [1, "payment.over_limit"], JSON.stringify(dear));
assert.equal(await held(payTo), 2n * PRICE);
table.does("nothing beyond a budget");

// The facilitator goes away between price and payment: nobody is served, and later the same payment is taken, once.
const before = served;
await running.stop();
const book = ["--book", join(home, "purse.json"), "--total", `${PRICE}`, "--budget", `${PRICE}`];
const away = await pay(url, ...book);
assert.ok(away.code !== 0 && served === before, JSON.stringify(away));
assert.equal(await held(payTo), 2n * PRICE);
running = await facilitator();
const later = await pay(url, ...book);
assert.deepEqual([later.code, later.status], [0, 200], JSON.stringify(later));
assert.equal(await held(payTo), 3n * PRICE);
const more = await pay(url, ...book);
assert.deepEqual([more.code, more.error?.code], [1, "payment.over_limit"], JSON.stringify(more));
table.does("a facilitator that was away: nobody is served for nothing, and nobody pays twice");

// One payment for two requests at once.
const sent = [];
const watched = (input, init) => {
  const request = new Request(input, init);
  const header = request.headers.get("payment-signature");
  if (header) sent.push(header);
  return header ? new Response("", { status: 500 }) : fetch(request);
};
await wrapFetchWithPaymentFromConfig(watched, { schemes, spendControls })(url);
const twice = await Promise.all([0, 1, 2].map(() => fetch(url, { headers: { "payment-signature": sent[0] } })));
assert.deepEqual(twice.map(({ status }) => status).sort(), [200, 402, 402]);
assert.equal(await held(payTo), 4n * PRICE);
table.does("one payment for several requests at once: one is served");

writeFileSync(join(home, "served"), `${served}`);
listening.close();
listening.closeAllConnections();
await running.stop();
table.end();
process.exit(0);
