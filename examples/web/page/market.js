// The page's ways to the outside: the publisher's files, the node, the wallet.
import { Chat, LocalKey, TokenCounter, beginConversation, openSessionCall, readMarketPlace, readModels } from "./sdk/lazai.js";

/** What the publisher of this page says of the market: where it is, who answers, for how much. */
export async function market() {
  const told = await (await fetched("market.json")).json();
  return { ...told, place: readMarketPlace(await bytes("place.json")) };
}

export async function fetched(url, options) {
  const answer = await fetch(url, options);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer;
}

export async function bytes(url, options) {
  return new Uint8Array(await (await fetched(url, options)).arrayBuffer());
}

/** The characters that the node offers, each with its signed offer. */
export async function models(told) {
  return readModels(await bytes(`${told.nodeUrl}/v1/models`));
}

/** The visitor's wallet; on a test chain without one, the chain's own account, which its node signs for. */
function wallet(told) {
  if (globalThis.ethereum) return globalThis.ethereum;
  if (!told.testChain) throw new Error("no wallet: install one that speaks EIP-1193");
  return {
    async request({ method, params = [] }) {
      const call = { jsonrpc: "2.0", id: 1, method: method === "eth_requestAccounts" ? "eth_accounts" : method, params };
      const options = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(call) };
      const { result, error } = await (await fetched(told.rpcUrl, options)).json();
      if (error) throw new Error(error.message);
      return result;
    },
  };
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Opens a session by the wallet, with a deposit in base units. The key that talks is made here and never leaves the page. */
export async function open(told, model, deposit, say) {
  const provider = wallet(told);
  const [payer] = await provider.request({ method: "eth_requestAccounts" });
  const chainId = `0x${told.place.domain.chainId.toString(16)}`;
  if ((await provider.request({ method: "eth_chainId" })) !== chainId) {
    await provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId }] });
  }
  const key = LocalKey.random();
  // Any number that the payer has not used: the session's id is made of it.
  const nonce = crypto.getRandomValues(new BigUint64Array(1))[0];
  const call = openSessionCall(told.place, nonce, key.address(), model, deposit);
  say("Your wallet is asked to open the session.");
  const hash = await provider.request({ method: "eth_sendTransaction", params: [{ from: payer, ...call }] });
  say(`Sent: ${hash}. Waiting for the chain.`);
  for (let tries = 0; ; tries++) {
    const receipt = await provider.request({ method: "eth_getTransactionReceipt", params: [hash] });
    if (receipt) {
      if (receipt.status !== "0x1") throw new Error("the chain refused the session");
      break;
    }
    if (tries > 120) throw new Error("the chain does not show the transaction");
    await pause(500);
  }
  return new Chat(beginConversation(told.place, payer, nonce, key.address(), model, deposit), told.place.domain, key);
}

const headers = (request) => Object.fromEntries(request.headers.map(({ name, value }) => [name, value]));

/** Sends a request to the node, and gives the bytes of its answer to `push` as they come. */
const transport = (told) => async (request, push) => {
  // The node learns of the session from the chain; it may need a block more, or asked just now.
  for (let tries = 0; ; tries++) {
    const answer = await fetch(told.nodeUrl + request.path, { method: "POST", headers: headers(request), body: request.body });
    if ([402, 503].includes(answer.status) && tries < 20) {
      await pause(500);
      continue;
    }
    for await (const piece of pieces(answer.body)) push(piece);
    return answer.status;
  }
};

/** Says something; `hear` gets the pieces of the reply as they come. The reply is checked before it is paid. */
export function say(told, chat, words, hear) {
  return chat.say(words, {}, transport(told), hear);
}

/** What counts tokens as the node should: the tokenizer that this page's publisher serves. It is some megabytes. */
export async function counter() {
  const [tokenizer, config] = await Promise.all([bytes("tokenizer.json"), bytes("tokenizer_config.json")]);
  return TokenCounter.fromJson(tokenizer, config);
}

async function* pieces(body) {
  if (!body) return;
  const reader = body.getReader();
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) yield value;
}
