// What a type checker must accept, and know the types of. Checked by tsc --strict, not run.
import init, {
  Blocklist, Character, Chat, LocalKey, TokenCounter, beginConversation, errorCodes, openSessionCall, readMarketPlace, readModels, signVoucher,
  speechNote, splitRevenue, verifyEvidence,
} from "@lazai/sdk";
import type {
  ChatTurn, Domain, HttpRequest, LazaiError, MarketPlace, ModelOffer, Provenance, RevenueParts, Signer, SpeechNote, Spoken, TokenCheck, TokenCount, Transport,
  TrustLevel, Voucher, WalletCall,
} from "@lazai/sdk";
import { payingFetch } from "@lazai/sdk/paying";
import { Session, type Phrase, type Wallet } from "@lazai/sdk/session";
import { Player } from "@lazai/sdk/sound";
import { BaseVoice, type CharacterVoice } from "@lazai/sdk/voice";
import { verifyProof } from "@lazai/sdk/verifier";
import type { ProofFacts } from "@lazai/sdk/verifier";

const bytes = new Uint8Array();
const parts: RevenueParts = splitRevenue("10", 7000, 2000, 1000);
const report: Provenance = verifyEvidence(bytes, bytes);
const trust: TrustLevel | undefined = report.links[0]?.trust;
const facts: ProofFacts = verifyProof(bytes, bytes);
const tokens: bigint = facts.tokens;
const codes: string[] = errorCodes();

const key = LocalKey.random();
const paying: typeof fetch = payingFetch(key, [{ network: "eip155:8453", asset: key.address(), payment: "1", total: "1" }]);
const wallet: Signer = { address: () => key.address(), sign: async ({ digest }) => key.signDigest(digest) };

export async function talk(place: MarketPlace, model: ModelOffer, domain: Domain, voucher: Voucher): Promise<ChatTurn> {
  await init();
  const call: WalletCall = openSessionCall(place, 1n, key.address(), model, "1000");
  using chat = new Chat(beginConversation(readMarketPlace(bytes), call.to, 1n, key.address(), model, "1000"), domain, wallet);
  const request: HttpRequest = await chat.ask([...chat.messages(), { role: "user", content: "hi" }], { maxTokens: 8, seed: 1n });
  const pieces: string[] = chat.hear(new TextEncoder().encode(request.body));
  const refused: LazaiError = chat.refusal(402, bytes);
  const signature: string = await signVoucher(domain, voucher, wallet);
  console.log(paying, pieces, refused.code, signature, readModels(bytes)[0]?.offer.classId, parts.creator, trust, tokens, codes);
  const transport: Transport = async (request, push) => (push(new TextEncoder().encode(request.body)), 200);
  const counter = TokenCounter.fromJson(bytes, bytes);
  chat.recountWith(counter);
  const count: TokenCount = counter.count(chat.messages(), ["hi"]);
  const said: ChatTurn = await chat.say("hi", {}, transport, (text) => text.length > count.ids.length);
  const check: TokenCheck = said.tokenCheck;
  console.log(check, TokenCounter.fromGguf(bytes).digest());
  return chat.finish();
}

const character = Character.fromBytes(bytes);
const greeting: string | undefined = character.greeting(0, "you");
const list = Blocklist.fromJson("[]");
list.block(1n);
// @ts-expect-error: amounts are text.
splitRevenue(10, 7000, 2000, 1000);
// @ts-expect-error: ids of 64 bits are bigints.
list.block(1);
console.log(greeting);

export async function session(place: MarketPlace, wallet: Wallet): Promise<string> {
  using session = await Session.open({ node: "https://node.example", place, wallet, deposit: "1000", onStatus: console.log });
  for await (const piece of session.say("hi", { seed: 1n })) console.log(piece.length);
  const turn: ChatTurn = await session.say("again");
  const player = new Player();
  for await (const phrase of session.speak("hi", { speedMilli: 900, most: "10" })) {
    const heard: Phrase = phrase;
    await player.play(heard).begins;
  }
  const spoken: Spoken = await session.speak("again");
  const note: SpeechNote = speechNote(spoken.wav);
  console.log(spoken.voice === "base", spoken.sampleRate + note.node.length, note.characters === 1n);
  await player.close();
  await session.close();
  return turn.owed + session.owed() + session.turn?.text + session.chat.messages().length;
}

export async function speak(player: Player): Promise<void> {
  const voice = await BaseVoice.open(async (name) => (await fetch(name)).arrayBuffer());
  const character: CharacterVoice = voice.characterVoice(bytes, bytes);
  for (const phrase of voice.speak("Hush.", { voice: character, speed: 1.1, seed: 3n })) await player.play(phrase).ends;
}
