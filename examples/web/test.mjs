// A visitor in headless Chromium: drops a card, checks where a character comes from, opens a session on a real chain, talks,
// watches the split.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import { accessible, colours, events, narrow, page, picture, send, text, until, visit, withAxe } from "./browser.mjs";

const { LAZAI_ROOT: root, LAZAI_PAGE_URL: url } = process.env;

/** Goes to an element with the keyboard's focus, and presses a key. */
async function press(id, key = "Enter") {
  await page(`document.getElementById(${JSON.stringify(id)}).focus()`);
  for (const type of ["keyDown", "keyUp"]) {
    await send("Input.dispatchKeyEvent", { type, key, code: key, windowsVirtualKeyCode: 13, ...(type === "keyDown" && { text: "\r" }) });
  }
}

async function write(id, words) {
  await page(`(document.getElementById(${JSON.stringify(id)}).focus(), document.getElementById(${JSON.stringify(id)}).select())`);
  await send("Input.insertText", { text: words });
}

await visit({
  async "the page loads, and is small"() {
    const begun = Date.now();
    await send("Page.navigate", { url });
    await until("loading", "document.getElementById('verdict')?.textContent.includes('holds')");
    const bytes = await page("performance.getEntriesByType('resource').reduce((sum, e) => sum + e.encodedBodySize, 0)");
    await withAxe();
    return `${Date.now() - begun} ms, ${bytes} bytes with evidence, nothing packed`;
  },
  async "a DAT's provenance is verified in the browser"() {
    const trust = await page("[...document.querySelectorAll('#links b')].map((b) => b.textContent)");
    assert.ok(trust.length >= 8 && trust.includes("proved") && trust.includes("attested") && trust.includes("claimed"), trust.join());
    assert.ok(!trust.includes("broken"));
    assert.match(await text("links"), /receipt: node 0x[0-9a-f]{40} signed 1 receipts; the last is of the reply "/);
    return `${trust.length} links, ${(await text("verdict")).trim()}`;
  },
  async "a dropped card is shown, a file that is none is refused with its code"() {
    const drop = (name) => {
      const base64 = fs.readFileSync(path.join(root, "vectors/characters", name)).toString("base64");
      return page(`(() => {
        const bytes = Uint8Array.from(atob("${base64}"), (c) => c.charCodeAt(0));
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([bytes], "${path.basename(name)}", { type: "image/png" }));
        document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
      })()`);
    };
    await drop("refused/no-card.png");
    await until("a refusal", "document.getElementById('card-error').textContent.includes('card.no_card')");
    await drop("png/both.png");
    await until("the card", "!document.getElementById('card').hidden && document.getElementById('card-error').textContent === ''");
    assert.equal(await text("card-name"), "Vesper");
    await until("the portrait", "document.getElementById('portrait').naturalWidth > 0");
  },
  async "a session is opened by the wallet, with the keyboard"() {
    await press("open");
    await until("the session", "document.getElementById('session').textContent.startsWith('Open, with a deposit of 0.05')");
    assert.equal(await text("session-error"), "");
  },
  async "a reply comes in pieces, is checked and promised"() {
    await page("globalThis.pieces = 0, new MutationObserver(() => pieces++).observe(document.getElementById('messages').lastChild ?? document.getElementById('messages'), { childList: true, subtree: true })");
    await write("words", "Who are you?");
    await press("words");
    await until("the reply", "document.querySelector('#messages li[data-role=assistant] small')");
    assert.ok((await page("pieces")) > 2);
    assert.match(await page("document.querySelector('#messages small').textContent"), /^\d+ \+ \d+ tokens, (bounded|counted); model claimed by the node; 0\.\d+ owed, promised by voucher$/);
    await until("the focus", "document.activeElement.id === 'words'");
  },
  async "the split is a picture, exact to the last unit"() {
    const [, creator, node, pool, owed] = /unit: (\d+) \+ (\d+) \+ (\d+) = (\d+)\./.exec(await text("parts")).map((n, i) => (i ? BigInt(n) : n));
    assert.equal(creator + node + pool, owed);
    assert.deepEqual([node, pool], [(owed * 2000n) / 10000n, (owed * 1000n) / 10000n]);
    const widths = await page("[...document.querySelectorAll('#picture rect')].map((r) => Math.round(r.getAttribute('width')))");
    assert.deepEqual(widths, [418, 118, 58]);
    assert.match(await page("document.querySelector('#picture svg').getAttribute('aria-label')"), /^Of 0\.\d+: Contributors/);
    return `${owed} = ${creator} + ${node} + ${pool}`;
  },
  async "a second reply adds to it"() {
    const before = await text("parts");
    await write("words", "And where do you live?");
    await press("send");
    await until("the reply", "document.querySelectorAll('#messages li[data-role=assistant] small').length === 2");
    assert.notEqual(await text("parts"), before);
    assert.equal(await text("chat-error"), "");
  },
  async "a reply is spoken when its button is pressed: marked where it is heard, paid, and stopped"() {
    const button = "document.querySelector('#messages .speak')";
    assert.match(await page(`${button}.textContent`), /^Speak it, for 0\.\d+$/);
    // What really goes to the sound of the system.
    await page(`(() => {
      const { start } = AudioBufferSourceNode.prototype;
      globalThis.sounds = [];
      AudioBufferSourceNode.prototype.start = function (...when) { sounds.push(this.buffer.length); return start.apply(this, when); };
    })()`);
    const before = await text("parts");
    const pressed = async () => {
      await page(`${button}.id = "speak"`);
      await press("speak");
    };
    await pressed();
    await until("a sentence that is marked", "document.querySelector('#messages .heard[aria-current=true]')");
    assert.equal(await page(`${button}.textContent`), "Stop");
    await until("the end", `${button}.textContent.startsWith('Speak it')`);
    assert.equal(await page("document.querySelectorAll('#messages .heard').length"), 0);
    const frames = await page("sounds.reduce((sum, length) => sum + length, 0)");
    assert.ok(frames > 4_800, `${frames} samples`);
    assert.equal(await text("chat-error"), "");
    assert.notEqual(await text("parts"), before);
    // Pressed again while it speaks, it is silent at once.
    const heard = await page("sounds.length");
    await pressed();
    await until("more sound", `sounds.length > ${heard}`);
    await pressed();
    await until("silence", `${button}.textContent.startsWith('Speak it') && !document.querySelector('#messages .heard')`);
    assert.equal(await text("chat-error"), "");
    return `${frames} samples`;
  },
  async "her own reply's provenance is verified too"() {
    await press("origin");
    await until("the verdict", "/holds|not hold/.test(document.getElementById('origin-verdict').textContent)");
    assert.match(await text("origin-verdict"), /^Every link holds/);
    const session = await page("JSON.stringify([...document.querySelectorAll('#origin-links li')].map((l) => l.textContent))");
    assert.ok(session.includes("proved") && !session.includes("broken"));
    assert.match(session, /receipts; the last is of the reply /);
  },
  async "nobody is shut out"() {
    await page("document.querySelector('#messages li[data-role=assistant] span span').classList.add('heard')");
    await accessible("light");
    await picture("web-light.png");
    await colours("dark");
    await accessible("dark");
    await picture("web-dark.png");
    await narrow();
    await accessible("narrow");
  },
  async "a blocked character stays blocked"() {
    await press("block");
    await send("Page.reload");
    await until("loading", "document.getElementById('verdict')?.textContent.includes('holds')");
    assert.equal(await page("document.getElementById('open').disabled"), true);
  },
  async "nothing went wrong unseen"() {
    const bad = events.filter(({ method, params }) => method === "Runtime.exceptionThrown" || (method === "Log.entryAdded" && params.entry.level === "error"));
    // A node that has not seen the session yet says 402, or 503 if it looked just now; the page asks again.
    assert.deepEqual(bad.filter(({ params }) => !/status of (402|503)/.test(params.entry?.text)).map(({ params }) => params), []);
  },
});
