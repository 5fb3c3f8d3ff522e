// Runs scenarios/*.json word for word, in Node and in a browser; every other language has a runner like this.

// Numbers of 64 bits stand in scenarios as text, since JavaScript would lose digits: here they become bigints.
const U64 = new Set([
  "chainId", "classId", "sessionS", "validUntilS", "series", "promptTokens", "completionTokens", "seed", "records", "tokens",
  "reportedAtS", "characters",
]);
export const record = (value) =>
  Array.isArray(value)
    ? value.map(record)
    : value && typeof value === "object"
      ? Object.fromEntries(
          Object.entries(value).map(([k, v]) => [k, U64.has(k) && ["string", "number"].includes(typeof v) ? BigInt(v) : record(v)]),
        )
      : value;
const bytes = (text) => new TextEncoder().encode(text);

/** Whether something is what a scenario says; "*" is anything. */
function agrees(found, wanted) {
  if (wanted === "*") return true;
  if (wanted === null) return found === null || found === undefined;
  if (typeof wanted !== "object" || typeof found !== "object") return found === wanted;
  const keys = Object.keys(wanted);
  return keys.length === Object.keys(found).length && keys.every((k) => agrees(found[k], wanted[k]));
}

/** Runs one scenario; `read(path)` gives a file of the repository. Gives the number of steps. */
export async function run(sdk, scenario, read) {
  const content = async (source) => {
    if ("text" in source) return bytes(source.text);
    let data = new Uint8Array(await read(source.file));
    if (source.replace) {
      const text = new TextDecoder().decode(data);
      data = bytes(text.replace(source.replace[0], () => source.replace[1]));
    }
    if ("flip" in source) data[source.flip] ^= 1;
    return "cut" in source ? data.slice(0, source.cut) : data;
  };
  const openChat = async (source) => {
    const vector = JSON.parse(new TextDecoder().decode(await content(source)));
    const chat = new sdk.Chat(vector.conversation, record(vector.domain), sdk.LocalKey.fromHex(vector.key));
    return [vector, chat];
  };
  const openCounter = async (source) =>
    source.gguf
      ? sdk.TokenCounter.fromGguf(await content(source.gguf))
      : sdk.TokenCounter.fromJson(await content(source.tokenizer), await content(source.config));
  const place = async (a) => sdk.readMarketPlace(await content(a.place));
  const same = (found, wanted, what) => {
    if (!agrees(found, wanted)) throw new Error(`${what}: ${show(found)}, expected ${show(wanted)}`);
  };
  const calls = {
    split_revenue: (a) => sdk.splitRevenue(a.amount, a.creator_bps, a.node_bps, a.pool_bps),
    key_address: (a) => sdk.LocalKey.fromHex(a.key).address(),
    voucher_digest: (a) => sdk.voucherDigest(record(a.domain), record(a.voucher)),
    sign_voucher: (a) => sdk.signVoucher(record(a.domain), record(a.voucher), sdk.LocalKey.fromHex(a.key)),
    check_voucher: (a) => sdk.checkVoucher(record(a.domain), record(a.voucher), a.signature, a.signer),
    sign_offer: (a) => sdk.signOffer(record(a.domain), record(a.offer), sdk.LocalKey.fromHex(a.key)),
    check_offer: (a) => sdk.checkOffer(record(a.domain), record(a.offer), a.signature),
    offer_step: (a) => sdk.offerStep(record(a.offer)),
    sign_receipt: (a) => sdk.signReceipt(record(a.domain), record(a.receipt), sdk.LocalKey.fromHex(a.key)),
    check_receipt: (a) => sdk.checkReceipt(record(a.domain), record(a.receipt), a.signature, a.node),
    verify_evidence: async (a) => sdk.verifyEvidence(await content(a.evidence), await content(a.anchor)),
    verify_words: async (a) => {
      const conversation = new TextDecoder().decode(await content(a.conversation));
      const evidence = sdk.evidenceWithWords(await content(a.evidence), conversation);
      return sdk.verifyEvidence(new TextEncoder().encode(evidence), await content(a.anchor));
    },
    verify_proof: async (a) => sdk.verifyProof(await content(a.statement), await content(a.proof)),
    open_character: async (a) => {
      const character = sdk.Character.fromBytes(await content(a.card));
      const found = { name: character.name(), lorebookEntries: character.lorebookEntries() };
      character.free();
      return found;
    },
    copy_character: async (a) => {
      const first = sdk.Character.fromBytes(await content(a.card));
      const forms = { v2: async () => bytes(first.toV2Json()), v3: async () => bytes(first.toV3Json()) };
      const copied = await (forms[a.form] ?? (async () => first.toPng(await content(a.image))))();
      return sdk.Character.fromBytes(copied).toV3Json() === first.toV3Json() ? "same" : "different";
    },
    fail_with: (a) => sdk.failWith(a.code),
    open_session_call: async (a) => sdk.openSessionCall(await place(a), BigInt(a.nonce), a.consumer, record(a.model), a.deposit),
    begin_conversation: async (a) => sdk.beginConversation(await place(a), a.payer, BigInt(a.nonce), a.consumer, record(a.model), a.deposit),
    close_session_call: async (a) => sdk.closeSessionCall(await place(a), a.payer, BigInt(a.nonce), a.consumer, record(a.model)),
    withdraw_call: async (a) => sdk.withdrawCall(await place(a), a.asset, a.to, a.amount),
    chat_turn: async (a) => {
      const [vector, chat] = await openChat(a.chat);
      if (a.counter) chat.recountWith(await openCounter(a.counter));
      const request = await chat.ask(vector.messages, record(vector.settings));
      same(request.path, vector.request.path, "path");
      same(request.headers, vector.request.headers, "headers");
      same(JSON.parse(request.body), JSON.parse(vector.request.body), "body");
      const said = vector[a.says ?? "stream"];
      const stream = bytes(a.replace ? said.replace(a.replace[0], () => a.replace[1]) : said);
      let heard = "";
      for (let at = 0; at < stream.length; at += a.chunk) heard += chat.hear(stream.slice(at, at + a.chunk)).join("");
      const turn = await chat.finish();
      chat.paid();
      same(turn, record({ ...vector.turn, tokenCheck: a.counter ? "counted" : "bounded" }), "turn");
      same([heard, chat.owed()], [turn.text, turn.owed], "heard");
      return "*";
    },
    chat_speech: async (a) => {
      const [vector, chat] = await openChat(a.chat);
      const request = await chat.askSpeech(vector.text, vector.speechTerms, vector.speedMilli, a.most);
      same(request.path, vector.request.path, "path");
      same(request.headers, vector.request.headers, "headers");
      same(JSON.parse(request.body), JSON.parse(vector.request.body), "body");
      const said = vector[a.says ?? "stream"];
      const stream = bytes(a.replace ? said.replace(a.replace[0], () => a.replace[1]) : said);
      const heard = [];
      for (let at = 0; at < stream.length; at += a.chunk) heard.push(...chat.hearSpeech(stream.slice(at, at + a.chunk)));
      const { wav, ...spoken } = await chat.finishSpeech();
      chat.paid();
      same(spoken, record(vector.spoken), "spoken");
      same(sdk.speechNote(wav), record(vector.note), "note");
      same([...wav.slice(44, 44 + heard.length)], heard, "heard");
      return "*";
    },
    count_tokens: async (a) => {
      const counter = await openCounter(a.counter);
      return { digest: counter.digest(), ...counter.count(a.messages, a.texts) };
    },
    report_character: (a) => sdk.reportCharacter(record(a.domain), record(a.report), sdk.LocalKey.fromHex(a.key)),
    blocklist: (a) => {
      const list = sdk.Blocklist.fromJson(a.list);
      a.block.forEach((id) => list.block(BigInt(id)));
      a.unblock.forEach((id) => list.unblock(BigInt(id)));
      const found = { list: list.toJson(), blocked: [...a.unblock, ...a.block.slice(0, 1)].map((id) => list.isBlocked(BigInt(id))) };
      list.free();
      return found;
    },
    pay: async (a) => {
      const payer = new sdk.Payer(sdk.LocalKey.fromHex(a.key), a.limits);
      const now = BigInt(a.nowS);
      const asked = (answer) => payer.pay(a.request, answer.headers, bytes(answer.body), now);
      const payment = await asked(a.asked);
      const same = a.again ? (await asked(a.again)).nonce === payment.nonce : null;
      const told = a.answered;
      const outcome = told ? payer.answered(payment, told.status, told.headers, bytes(told.body)) : undefined;
      const spent = payer.spent(a.limits[0].network, a.limits[0].asset);
      // What was signed outlives the app.
      const open = new sdk.Payer(sdk.LocalKey.fromHex(a.key), a.limits, payer.toJson()).open(a.request, now) !== undefined;
      const { header, network, amount, payTo } = payment;
      return { header: header.name, network, amount, payTo, spent, same, open, outcome };
    },
    chat_refusal: async (a) => {
      throw (await openChat(a.chat))[1].refusal(a.status, bytes(a.body));
    },
  };
  for (const [number, step] of scenario.steps.entries()) {
    const place = `${scenario.name}, step ${number}, ${step.call}`;
    let found;
    try {
      found = await calls[step.call](step.args);
    } catch (error) {
      if (error.name !== "LazaiError" || error.code !== step.fails || !error.message) throw new Error(`${place}: ${error.stack ?? error}`);
      continue;
    }
    if ("fails" in step) throw new Error(`${place}: ${show(found)}, expected ${step.fails}`);
    same(found, record(step.gives), place);
  }
  return scenario.steps.length;
}

const show = (value) => JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `${v}n` : v));

/** The names of the scenarios. */
export const NAMES = ["characters", "chat", "errors", "money", "payments", "provenance", "safety", "signatures", "tokens", "wallets"];
