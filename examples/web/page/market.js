// The page's ways to the outside: the publisher's files, the node, the wallet.
import { TokenCounter, readMarketPlace } from "./sdk/lazai.js";
import { Session } from "./sdk/session.js";

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
  return Session.models(told.nodeUrl);
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

/** Opens a session by the visitor's wallet, with a deposit in base units. */
export function open(told, model, deposit, onStatus) {
  return Session.open({ node: told.nodeUrl, place: told.place, wallet: wallet(told), deposit, model, onStatus });
}

/** What counts tokens as the node should: the tokenizer that this page's publisher serves. It is some megabytes. */
export async function counter() {
  const [tokenizer, config] = await Promise.all([bytes("tokenizer.json"), bytes("tokenizer_config.json")]);
  return TokenCounter.fromJson(tokenizer, config);
}
