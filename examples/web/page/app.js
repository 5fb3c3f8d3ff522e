// What the visitor sees and does; everything that counts is done by the SDK, in this page.
import init, { Blocklist, Character, evidenceWithWords, verifyEvidence } from "./sdk/lazai.js";
import * as outside from "./market.js";
import { Reading, characters, inSentences } from "./speech.js";
import { baseUnits, coins, draw } from "./split.js";

const $ = (id) => document.getElementById(id);
const encoder = new TextEncoder();
let told, offers, session, counting, reading;

/** What went wrong, with its code where there is one. */
const words = (error) => (error.code ? `${error.message} (${error.code})` : error.message);

async function attempt(place, work) {
  $(place).textContent = "";
  try {
    return await work();
  } catch (error) {
    $(place).textContent = words(error);
  }
}

function save(name, text) {
  const link = Object.assign(document.createElement("a"), { download: name, href: URL.createObjectURL(new Blob([text])) });
  link.click();
  URL.revokeObjectURL(link.href);
}

// 1. The card.
let character;

function show(file, content) {
  character?.free();
  character = Character.fromBytes(content);
  $("card-name").textContent = character.name();
  const tags = character.tags().join(", ");
  $("card-about").textContent = [`${character.lorebookEntries()} lorebook entries`, character.creator() && `by ${character.creator()}`, tags].filter(Boolean).join(" · ");
  $("card-greeting").textContent = character.greeting(0, "you") ?? "";
  $("card-notes").replaceChildren(...character.notes().map(({ action, place, reason }) => Object.assign(document.createElement("li"), { textContent: `${action} ${place}: ${reason}` })));
  const picture = /^\x89PNG|^RIFF/.test(String.fromCharCode(...content.slice(0, 4)));
  if ($("portrait").src) URL.revokeObjectURL($("portrait").src);
  $("portrait").hidden = !picture;
  if (picture) Object.assign($("portrait"), { src: URL.createObjectURL(new Blob([content], { type: file.type || "image/png" })), alt: `Portrait of ${character.name()}` });
  $("card").hidden = false;
}

async function take(file) {
  $("card").hidden = true;
  if (file) await attempt("card-error", async () => show(file, new Uint8Array(await file.arrayBuffer())));
}

function cards() {
  const drop = $("drop");
  for (const [event, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    drop.addEventListener(event, (e) => (e.preventDefault(), drop.classList.toggle("over", over)));
  }
  drop.addEventListener("drop", (e) => take(e.dataTransfer.files[0]));
  $("file").addEventListener("change", (e) => take(e.target.files[0]));
  $("export-v3").addEventListener("click", () => save(`${character.name()}.v3.json`, character.toV3Json()));
  $("export-v2").addEventListener("click", () => save(`${character.name()}.v2.json`, character.toV2Json()));
}

// 2. Where it comes from.
function links(list, verdict, evidence, anchor) {
  const begun = performance.now();
  const report = verifyEvidence(evidence, anchor);
  const took = Math.round(performance.now() - begun);
  list.replaceChildren(...report.links.map(({ name, trust, says, notSaid }) => {
    const item = document.createElement("li");
    const badge = Object.assign(document.createElement("b"), { className: trust, textContent: trust });
    const told = Object.assign(document.createElement("span"), { textContent: `${name}: ${says}` });
    item.append(badge, told);
    if (notSaid) told.append(Object.assign(document.createElement("small"), { textContent: `It does not say: ${notSaid}` }));
    return item;
  }));
  verdict.textContent = report.holds ? `Every link holds; checked in ${took} ms.` : "It does not hold: see the broken links.";
  verdict.className = report.holds ? "proved" : "broken";
}

// 3. A session.
const chosen = () => offers[$("model").selectedIndex];

function offer() {
  const { promptPrice, completionPrice, completionCeiling, sessionS } = chosen().offer;
  $("price").textContent = `${coins(promptPrice)} for a token that is read, ${coins(completionPrice)} for one that is said (at most ${completionCeiling}); a session lasts ${Number(sessionS) / 60} minutes.`;
  const blocked = blocklist.isBlocked(chosen().offer.classId);
  $("block").textContent = blocked ? "Show this character again" : "Block this character";
  $("open").disabled = blocked;
  if (blocked) $("session").textContent = "You blocked this character.";
}

async function open() {
  $("open").disabled = true;
  await attempt("session-error", async () => {
    const deposit = baseUnits($("deposit").value);
    if (!deposit) throw new Error("a deposit is a number of coins, such as 0.05");
    reading?.stop();
    session?.free();
    session = await outside.open(told, chosen().id, deposit, (text) => ($("session").textContent = text));
    // Once it is here, receipts are recounted; until then they are held to bounds.
    const talking = session;
    counting ??= outside.counter();
    counting.then((counter) => session === talking && talking.chat.recountWith(counter)).catch((error) => {
      counting = undefined;
      $("session-error").textContent = `receipts are held to bounds only: ${words(error)}`;
    });
    $("session").textContent = `Open, with a deposit of ${coins(deposit)}. What is not used goes back to you.`;
    for (const id of ["words", "send", "keep"]) $(id).disabled = false;
    $("messages").replaceChildren();
    $("words").focus();
  });
  $("open").disabled = false;
}

// 4. The conversation.
function message(role, text) {
  const item = Object.assign(document.createElement("li"), { textContent: text });
  item.dataset.role = role;
  $("messages").append(item);
  return item;
}

/** A button that reads a reply aloud, and stops: nothing sounds, and nothing is paid for it, before it is pressed. */
function speaker(parts) {
  const { characterPrice } = session.model;
  const cost = coins(BigInt(characterPrice) * BigInt(characters(parts)));
  const label = `Speak it, for ${cost}`;
  const button = Object.assign(document.createElement("button"), { type: "button", className: "speak", textContent: label });
  let own;
  button.addEventListener("click", async () => {
    if (own) return own.stop();
    reading?.stop();
    own = reading = new Reading(parts);
    button.textContent = "Stop";
    const talking = session;
    const paid = () => draw($("picture"), $("parts"), talking.owed(), told.splitBps);
    await attempt("chat-error", () => own.read(talking, paid));
    own = undefined;
    button.textContent = label;
  });
  return button;
}

async function talk(event) {
  event.preventDefault();
  const said = $("words").value.trim();
  if (!said) return;
  for (const id of ["words", "send", "origin"]) $(id).disabled = true;
  const asked = message("user", said);
  const reply = message("assistant", "");
  const spoken = reply.appendChild(document.createElement("span"));
  $("log").setAttribute("aria-busy", "true");
  const done = await attempt("chat-error", async () => {
    for await (const piece of session.say(said)) spoken.append(piece);
    const { promptTokens, completionTokens, owed, tokenCheck, modelChecked } = session.turn;
    const model = modelChecked ? "model as the ledger names it" : "model claimed by the node";
    reply.append(Object.assign(document.createElement("small"), { className: "quiet", textContent: `${promptTokens} + ${completionTokens} tokens, ${tokenCheck}; ${model}; ${coins(owed)} owed, promised by voucher` }));
    const parts = inSentences(spoken, session.turn.text);
    if (session.model.characterPrice && characters(parts)) reply.append(speaker(parts));
    draw($("picture"), $("parts"), owed, told.splitBps);
    $("words").value = "";
    return true;
  });
  // What was not answered was not said.
  if (!done) for (const item of [asked, reply]) item.remove();
  $("log").removeAttribute("aria-busy");
  for (const id of ["words", "send"]) $(id).disabled = false;
  $("origin").disabled = session.chat.messages().length === 0;
  $("words").focus();
}

async function origin() {
  $("origin").disabled = true;
  await attempt("chat-error", async () => {
    $("origin-verdict").textContent = "The node redeems, and whoever keeps the ledger gathers the evidence…";
    const { evidence, anchor } = await (await outside.fetched("evidence", { method: "POST", body: session.toJson() })).json();
    // The words are added here: whoever is shown the evidence later sees them only if the visitor wants it.
    const shown = evidenceWithWords(encoder.encode(evidence), session.toJson());
    links($("origin-links"), $("origin-verdict"), encoder.encode(shown), encoder.encode(anchor));
  });
  $("origin").disabled = false;
}

let blocklist;

function block() {
  const { classId } = chosen().offer;
  if (blocklist.isBlocked(classId)) blocklist.unblock(classId);
  else blocklist.block(classId);
  localStorage.setItem("lazai.blocked", blocklist.toJson());
  $("session").textContent = "";
  offer();
}

async function begin() {
  await init();
  cards();
  blocklist = Blocklist.fromJson(localStorage.getItem("lazai.blocked") ?? "[]");
  told = await outside.market();
  offers = await outside.models(told);
  $("model").replaceChildren(...offers.map(({ id, name }) => new Option(name ? `${name} (${id})` : id)));
  $("deposit").value = coins(told.deposit);
  $("model").addEventListener("change", offer);
  $("open").addEventListener("click", open);
  $("say").addEventListener("submit", talk);
  $("origin").addEventListener("click", origin);
  $("keep").addEventListener("click", () => save("conversation.json", session.toJson()));
  $("block").addEventListener("click", block);
  offer();
  draw($("picture"), $("parts"), "0", told.splitBps);
  $("parts").textContent = "Nothing is owed yet.";
  const [evidence, anchor] = await Promise.all([outside.bytes("evidence.json"), outside.bytes("anchor.json")]);
  links($("links"), $("verdict"), evidence, anchor);
  $("market").textContent = `Chain ${told.place.domain.chainId}, ledger ${told.place.ledger.slice(0, 10)}…, node ${told.nodeUrl}`;
}

begin().catch((error) => ($("market").textContent = `This page does not work now: ${words(error)}`));
