// The official x402 client for Node, unmodified, at a node that sells single replies: pays, and gets its reply.
import assert from "node:assert/strict";
import { wrapFetchWithPaymentFromConfig, decodePaymentResponseHeader } from "@x402/fetch";
import { ExactEvmScheme } from "@x402/evm";
import { createPublicClient, http, parseAbi } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { Client } from "./told.mjs";

const { LAZAI_NODE_URL: node, LAZAI_WALLET_KEY: key, LAZAI_NETWORK: network, LAZAI_DOLLAR: dollar } = process.env;
const table = new Client("x402 for Node", "@x402/fetch");
const account = privateKeyToAccount(key);
const chain = createPublicClient({ transport: http(process.env.LAZAI_RPC_URL) });
const purse = () => chain.readContract({ address: dollar, abi: parseAbi(["function balanceOf(address) view returns (uint256)"]), functionName: "balanceOf", args: [account.address] });
const sent = [];
const watched = (input, init) => {
  const request = new Request(input, init);
  const header = request.headers.get("payment-signature");
  if (header) sent.push(header);
  return fetch(request);
};
// By itself, the client pays in the dollars that it knows.
const spendControls = { allowedAssets: [{ network, asset: dollar }] };
const paying = wrapFetchWithPaymentFromConfig(watched, { schemes: [{ network, client: new ExactEvmScheme(account) }], spendControls });
const model = (await (await fetch(`${node}/v1/models`)).json()).data[0].id;
const post = (words, more = {}) => ({ method: "POST", headers: { "content-type": "application/json", ...more }, body: JSON.stringify({ model, messages: [{ role: "user", content: words }], max_tokens: 8 }) });

const before = await purse();
const answer = await paying(`${node}/v1/chat/completions`, post("Who are you?"));
assert.equal(answer.status, 200, await answer.clone().text());
const reply = await answer.json();
const settled = decodePaymentResponseHeader(answer.headers.get("payment-response"));
assert.ok(settled.success && settled.network === network && /^0x[0-9a-f]{64}$/.test(settled.transaction), JSON.stringify(settled));
assert.equal(before - (await purse()), BigInt(settled.amount));
assert.equal((await chain.getTransactionReceipt({ hash: settled.transaction })).status, "success");
table.does("a reply for one signed transfer");

// The same payment with the same words gets the same reply; with other words, none.
const again = await fetch(`${node}/v1/chat/completions`, post("Who are you?", { "payment-signature": sent[0] }));
assert.deepEqual((await again.json()).choices[0].message, reply.choices[0].message);
const other = await fetch(`${node}/v1/chat/completions`, post("What else?", { "payment-signature": sent[0] }));
assert.deepEqual([other.status, (await other.json()).error.code], [409, "request.payment"]);
assert.equal(before - (await purse()), BigInt(settled.amount));
table.does("the same payment again: the same reply, nothing twice");

const streamed = await paying(`${node}/v1/chat/completions`, { ...post("And now?"), body: JSON.stringify({ model, messages: [{ role: "user", content: "And now?" }], max_tokens: 8, stream: true }) });
const events = await streamed.text();
assert.ok(streamed.status === 200 && events.trimEnd().endsWith("data: [DONE]"), events);
table.does("a stream");

// Who has nothing pays nothing, and hears why.
const poor = wrapFetchWithPaymentFromConfig(fetch, { schemes: [{ network, client: new ExactEvmScheme(privateKeyToAccount(`0x${"22".repeat(32)}`)) }], spendControls });
const refused = await poor(`${node}/v1/chat/completions`, post("Who are you?"));
assert.deepEqual([refused.status, decodePaymentResponseHeader(refused.headers.get("payment-response")).errorReason], [402, "insufficient_funds"]);
table.does("a refusal with its reason");
table.end();
