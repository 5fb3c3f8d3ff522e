// Runs scenarios/*.json with the TypeScript that a React Native app gets, in Node: generated from the same definitions, over
// another runtime than a phone's. The runner is that of the package for the web; what is called otherwise here stands below.
import fs from "node:fs";
import path from "node:path";
import * as lazai from "./node/index";
import { NAMES, run } from "./scenarios.mjs";

const root = process.env.LAZAI_ROOT!;

/** Null, as JSON has it, is undefined here. */
function defined(value: unknown): unknown {
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.map(defined);
  if (Object.getPrototypeOf(value ?? 0) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value as object).map(([key, inner]) => [key, defined(inner)]));
}

const buffer = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;

/** An error as the other package for JavaScript has it. */
function thrown(error: unknown): unknown {
  if (!lazai.LazaiError.instanceOf(error)) return error;
  const { code, detail } = error.inner;
  return Object.assign(new Error(detail), { name: "LazaiError", code });
}

/** A function with bytes as buffers, and errors with codes. */
function call<A extends unknown[], R>(work: (...args: A) => R) {
  return (...args: { [I in keyof A]: A[I] extends ArrayBuffer ? Uint8Array : A[I] }): R => {
    const buffers = args.map((arg) => (arg instanceof Uint8Array ? buffer(arg) : defined(arg))) as unknown as A;
    try {
      const done = work(...buffers);
      return (done instanceof Promise ? done.catch((e) => Promise.reject(thrown(e))) : done) as R;
    } catch (error) {
      throw thrown(error);
    }
  };
}

/** Signs like a device's key store: an object of the app's own. */
class Wallet implements lazai.Signer {
  constructor(private readonly key: lazai.LocalKeyLike) {}
  address = () => this.key.address();
  sign = async (request: lazai.SigningRequest) => this.key.signDigest(request.digest);
}

const signing = <D, T>(sign: (domain: D, value: T, signer: lazai.Signer) => Promise<unknown>) =>
  call((domain: D, value: T, key: lazai.LocalKeyLike) => sign(domain, value, new Wallet(key)));

const none = { maxTokens: undefined, temperatureMilli: undefined, topPMilli: undefined, seed: undefined };

class Chat {
  private readonly chat: lazai.ChatLike;
  constructor(conversation: string, domain: lazai.Domain, key: lazai.LocalKeyLike) {
    this.chat = new lazai.Chat(conversation, domain, new Wallet(key));
  }
  ask = call((messages: lazai.Message[], settings: object) => this.chat.ask(messages, { ...none, ...settings }));
  hear = call((bytes: ArrayBuffer) => this.chat.hear(bytes));
  finish = call(async () => {
    const turn = await this.chat.finish();
    const finishReason = lazai.FinishReason[turn.finishReason].toLowerCase();
    return { ...turn, finishReason, tokenCheck: lazai.TokenCheck[turn.tokenCheck].toLowerCase() };
  });
  askSpeech = call((text: string, terms: string, speed?: number, most?: string) => this.chat.askSpeech(text, terms, speed, most));
  hearSpeech = call((bytes: ArrayBuffer) => new Uint8Array(this.chat.hearSpeech(bytes)));
  finishSpeech = call(async () => {
    const spoken = await this.chat.finishSpeech();
    return { ...spoken, wav: new Uint8Array(spoken.wav), voice: lazai.SpokenVoice[spoken.voice].toLowerCase() };
  });
  recountWith = (counter: lazai.TokenCounterLike) => this.chat.recountWith(counter);
  refusal = (status: number, body: Uint8Array) => thrown(this.chat.refusal(status, buffer(body)));
  paid = () => this.chat.paid();
  owed = () => this.chat.owed();
}

class Payer {
  private readonly payer: lazai.PayerLike;
  constructor(key: lazai.LocalKeyLike, limits: lazai.SpendingLimit[], book?: string) {
    this.payer = call(() => new lazai.Payer(new Wallet(key), limits, book))();
  }
  pay = call((request: string, headers: lazai.Header[], body: ArrayBuffer, now: bigint) => this.payer.pay(request, headers, body, now));
  answered = call((payment: lazai.SignedPayment, status: number, headers: lazai.Header[], body: ArrayBuffer) =>
    this.payer.answered(payment, status, headers, body),
  );
  open = call((request: string, now: bigint) => this.payer.open(request, now));
  spent = call((network: string, asset: string) => this.payer.spent(network, asset));
  toJson = () => this.payer.toJson();
}

class Character {
  private constructor(private readonly inner: lazai.CharacterLike) {}
  static fromBytes = call((bytes: ArrayBuffer) => new Character(lazai.Character.fromBytes(bytes)));
  name = () => this.inner.name();
  lorebookEntries = () => this.inner.lorebookEntries();
  toV2Json = () => this.inner.toV2Json();
  toV3Json = () => this.inner.toV3Json();
  toPng = call((image: ArrayBuffer) => new Uint8Array(this.inner.toPng(image)));
  free = () => (this.inner as lazai.Character).uniffiDestroy();
}

const sdk = {
  Character,
  Chat,
  Payer,
  Blocklist: {
    fromJson: call((json: string) => {
      const list = lazai.Blocklist.fromJson(json) as lazai.Blocklist;
      return Object.assign(list, { free: () => list.uniffiDestroy() });
    }),
  },
  TokenCounter: {
    fromGguf: call(lazai.TokenCounter.fromGguf),
    fromJson: call((tokenizer: ArrayBuffer, config: ArrayBuffer) => lazai.TokenCounter.fromJson(tokenizer, config, undefined)),
  },
  LocalKey: { fromHex: call(lazai.LocalKey.fromHex) },
  splitRevenue: call(lazai.splitRevenue),
  voucherDigest: call(lazai.voucherDigest),
  signVoucher: signing(lazai.signVoucher),
  checkVoucher: call(lazai.checkVoucher),
  signOffer: signing(lazai.signOffer),
  checkOffer: call(lazai.checkOffer),
  offerStep: call(lazai.offerStep),
  signReceipt: signing(lazai.signReceipt),
  checkReceipt: call(lazai.checkReceipt),
  reportCharacter: signing(lazai.reportCharacter),
  speechNote: call((file: ArrayBuffer) => {
    const note = lazai.speechNote(file);
    return { ...note, voice: lazai.SpokenVoice[note.voice].toLowerCase() };
  }),
  failWith: call(lazai.failWith),
  readMarketPlace: call(lazai.readMarketPlace),
  openSessionCall: call(lazai.openSessionCall),
  beginConversation: call(lazai.beginConversation),
  closeSessionCall: call(lazai.closeSessionCall),
  withdrawCall: call(lazai.withdrawCall),
  verifyProof: call(lazai.verifyProof),
  evidenceWithWords: call(lazai.evidenceWithWords),
  verifyEvidence: call((evidence: ArrayBuffer, anchor: ArrayBuffer) => {
    const { holds, links } = lazai.verifyEvidence(evidence, anchor);
    return { holds, links: links.map((link) => ({ ...link, trust: lazai.TrustLevel[link.trust].toLowerCase() })) };
  }),
};

const read = (file: string) => fs.readFileSync(path.join(root, file));
for (const name of NAMES) {
  const scenario = JSON.parse(read(`scenarios/${name}.json`).toString());
  console.log(`ok - scenario ${name}: ${await run(sdk, scenario, read)} steps`);
}
