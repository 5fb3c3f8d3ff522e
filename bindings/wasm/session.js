// A session with a character at a node: opened by the visitor's wallet, talked in over `fetch`, closed by the wallet.
import { Chat, LocalKey, SealedPost, beginConversation, closeSessionCall, openSessionCall, readModels } from "./lazai.js";

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const headers = (request) => Object.fromEntries(request.headers.map(({ name, value }) => [name, value]));

/** The number of times that the chain is asked for a transaction: a minute in all. */
const CHAIN_TRIES = 120;
/** Errors of a node that waiting mends, and the number of tries: it sees a session when that is as deep in the chain as the
 * node waits for, which may take minutes. */
const WORTH_WAITING = { "node.unknown_session": 600, "node.busy": 20 };
const BETWEEN_MS = 500;

/** Has the wallet send a transaction on the market's chain, and waits until the chain shows it. */
async function send(wallet, place, payer, call, what, onStatus) {
  const chainId = `0x${place.domain.chainId.toString(16)}`;
  if ((await wallet.request({ method: "eth_chainId" })) !== chainId) {
    await wallet.request({ method: "wallet_switchEthereumChain", params: [{ chainId }] });
  }
  onStatus(`Your wallet is asked to ${what} the session.`);
  const hash = await wallet.request({ method: "eth_sendTransaction", params: [{ from: payer, ...call }] });
  onStatus(`Sent: ${hash}. Waiting for the chain.`);
  for (let tries = 0; tries < CHAIN_TRIES; tries++, await pause(BETWEEN_MS)) {
    const receipt = await wallet.request({ method: "eth_getTransactionReceipt", params: [hash] });
    if (receipt?.status === "0x1") return;
    if (receipt) throw new Error(`the chain refused to ${what} the session: transaction ${hash}`);
  }
  throw new Error(`the chain does not show transaction ${hash}`);
}

/** The bytes of a body, piece by piece. */
async function* pieces(body) {
  const reader = body?.getReader();
  for (let read = await reader?.read(); read && !read.done; read = await reader.read()) yield read.value;
}

/** The code of a node's refusal. */
function code(refusal) {
  try {
    return JSON.parse(new TextDecoder().decode(refusal)).error?.code;
  } catch {
    return undefined;
  }
}

/** Codes of a gateway that has another key by now, and the number of times that its models are asked for that. */
const OTHER_KEY = ["request.seal_key", "request.sealed"];
const KEY_TRIES = 2;

/**
 * Posts a request to a node, sealed to the key that the node signed: once a session has one, nothing goes in clear text. Gives the
 * answer's status, its bytes to `push` as they come, and the bytes of a refusal back.
 */
async function post({ node, place, model, sealTerms }, request, push) {
  const sealed = sealTerms && new SealedPost(request, sealTerms, place.domain, model.offer.node);
  const sent = sealed
    ? { path: sealed.path(), headers: { "content-type": sealed.contentType() }, body: sealed.body() }
    : { path: request.path, headers: headers(request), body: request.body };
  try {
    const answer = await fetch(node + sent.path, { method: "POST", headers: sent.headers, body: sent.body });
    if (!answer.ok) return { status: answer.status, refusal: new Uint8Array(await answer.arrayBuffer()) };
    const refusal = [];
    const status = () => (sealed ? sealed.status() : answer.status);
    const take = (bytes) => (status() < 300 ? push(bytes) : refusal.push(...bytes));
    for await (const bytes of pieces(answer.body)) take(sealed ? sealed.open(bytes) : bytes);
    if (sealed) take(sealed.finish());
    return status() < 300 ? { status: status() } : { status: status(), refusal: Uint8Array.from(refusal) };
  } finally {
    sealed?.free();
  }
}

/** Sends requests to the node of a session, and gives the bytes of its answers to `push` as they come. */
const transport = (opened) => async (request, push) => {
  for (let tries = 0, keys = 0; ; ) {
    const { status, refusal } = await post(opened, request, push);
    if (!refusal) return status;
    const said = code(refusal);
    if (opened.sealTerms && OTHER_KEY.includes(said) && keys++ < KEY_TRIES) {
      const listed = (await models(`${opened.node}/v1/models`)).find(({ id }) => id === opened.model.id);
      opened.sealTerms = listed?.sealTerms ?? opened.sealTerms;
    } else if (tries++ < (WORTH_WAITING[said] ?? 0)) {
      await pause(BETWEEN_MS);
    } else {
      push(refusal);
      return status;
    }
  }
};

const models = async (url) => {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return readModels(new Uint8Array(await answer.arrayBuffer()));
};

/**
 * Something on its way: to be heard piece by piece (`for await`), or as a whole (`await`). `begin` gets what takes each piece, and
 * gives a promise of the whole.
 */
function onItsWay(begin) {
  const heard = [];
  let wake = () => {};
  const whole = begin((piece) => {
    heard.push(piece);
    wake();
    return true;
  }).finally(() => wake());
  let over = false;
  const ended = whole.then(() => (over = true), () => (over = true));
  async function* hear() {
    for (;;) {
      while (heard.length) yield heard.shift();
      if (over) break;
      await Promise.race([new Promise((woken) => (wake = woken)), ended]);
    }
    // Errors are thrown where it is heard.
    await whole;
  }
  return {
    [Symbol.asyncIterator]: hear,
    then: (done, failed) => whole.then(done, failed),
    catch: (failed) => whole.catch(failed),
    finally: (ended) => whole.finally(ended),
  };
}

export class Session {
  /** The conversation, step by step. */
  chat;
  /** The last reply that was checked, with its receipt's numbers. */
  turn;
  #opened;
  #transport;
  #turns = Promise.resolve();

  constructor(chat, opened) {
    this.chat = chat;
    this.#opened = opened;
    this.#transport = transport(opened);
  }

  /** The characters that a node offers, each with its signed offer. */
  static async models(node) {
    return models(`${node}/v1/models`);
  }

  /** Opens a session; see `session.d.ts`. The key that talks is made here and never leaves. */
  static async open({ node, place, wallet, deposit, model, onStatus = () => {} }) {
    const listed = (await Session.models(node)).find(({ id }) => model === undefined || id === model);
    if (!listed) throw new Error(`the node does not offer ${model ?? "any character"}`);
    // By itself, a model has the card that is part of its prompts.
    const [found] = await models(`${node}/v1/models/${listed.id}`);
    if (found?.id !== listed.id) throw new Error(`the node answers with another character than ${listed.id}`);
    const [payer] = await wallet.request({ method: "eth_requestAccounts" });
    const key = LocalKey.random();
    // Any number that the payer has not used: the session's id is made of it.
    const nonce = crypto.getRandomValues(new BigUint64Array(1))[0];
    const call = openSessionCall(place, nonce, key.address(), found, deposit);
    await send(wallet, place, payer, call, "open", onStatus);
    const conversation = beginConversation(place, payer, nonce, key.address(), found, deposit);
    const opened = { node, place, wallet, payer, nonce, consumer: key.address(), model: found, sealTerms: found.sealTerms };
    return new Session(new Chat(conversation, place.domain, key), opened);
  }

  /** Turns wait for one another: a session has one at a time. */
  #next(work) {
    const turn = this.#turns.then(work);
    this.#turns = turn.then(() => {}, () => {});
    return turn;
  }

  /** Says something: to be heard piece by piece (`for await`), or as a whole (`await`). */
  say(words, settings = {}) {
    return onItsWay((push) =>
      this.#next(() => this.chat.say(words, settings, this.#transport, push)).then((turn) => (this.turn = turn)),
    );
  }

  /** Has a text spoken: to be heard phrase by phrase (`for await`), or as a whole (`await`). */
  speak(words, { speedMilli, most } = {}) {
    return onItsWay((push) =>
      this.#next(async () => {
        const { node, model } = this.#opened;
        // Terms hold for minutes: those of now are agreed to.
        const terms = (await Session.models(node)).find(({ id }) => id === model.id)?.speechTerms;
        if (!terms) throw new Error("the node has no voice for this character");
        const hear = (bytes, sampleRate) => push({ samples: new Int16Array(bytes.buffer), sampleRate });
        return this.chat.speak(words, terms, this.#transport, speedMilli, most, hear);
      }),
    );
  }

  /** The character, with its signed offer, as the session was opened with it. */
  get model() {
    return this.#opened.model;
  }

  /** The amount owed for the session so far, in base units. */
  owed() {
    return this.chat.owed();
  }

  /** The conversation with its receipts: evidence. */
  toJson() {
    return this.chat.toJson();
  }

  /** The values that close the session after the page is gone; holds no key. */
  ticket() {
    const { node, payer, nonce, consumer, model } = this.#opened;
    return { node, payer, nonce: nonce.toString(), consumer, model };
  }

  /** Asks the chain for the session's end. The node then has the market's dispute window; after it, asking again ends the session. */
  close(onStatus = () => {}) {
    return Session.closeBy(this.ticket(), this.#opened.place, this.#opened.wallet, onStatus);
  }

  /** As `close`, with a ticket that was kept. */
  static async closeBy({ payer, nonce, consumer, model }, place, wallet, onStatus = () => {}) {
    const call = closeSessionCall(place, payer, BigInt(nonce), consumer, model);
    await send(wallet, place, payer, call, "close", onStatus);
  }

  free() {
    this.chat.free();
  }

  [Symbol.dispose]() {
    this.free();
  }
}
