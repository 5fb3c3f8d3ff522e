// An operator in headless Chromium: looks at the status page of a node that was talked with.
import assert from "node:assert/strict";

import { accessible, colours, events, narrow, page, picture, send, until, visit, withAxe } from "../web/browser.mjs";

const { LAZAI_OPERATIONS_URL: url } = process.env;
const status = await (await fetch(`${url}/status.json`)).json();
const shown = (number) => String(number).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");

await visit({
  async "the page tells what the data tells, and asks nobody else"() {
    await send("Network.enable");
    await send("Page.navigate", { url: `${url}/` });
    await until("loading", "document.readyState === 'complete' && !!document.querySelector('main h1')");
    const asked = events.filter(({ method }) => method === "Network.requestWillBeSent").map(({ params }) => params.request.url);
    assert.deepEqual(asked.filter((asked) => !asked.startsWith("data:")), [`${url}/`]);
    const text = await page("document.body.innerText");
    const [character] = status.characters;
    for (const told of [character.name, character.model, status.node, shown(status.money[0].owed), "serving"]) {
      assert.ok(text.includes(told), `${told} in ${text}`);
    }
    assert.equal(await page("document.querySelector('.tiles dd').textContent"), `${status.sessions.open} of ${status.sessions.all}`);
    return `${(await page("document.documentElement.outerHTML.length")).toLocaleString("en")} characters`;
  },
  async "its pictures are of the numbers"() {
    const spans = status.last_hour.spans.filter((span) => span.completion_tokens > 0).length;
    assert.ok(spans > 0 && spans <= (await page("document.querySelectorAll('.hour rect').length")));
    const { owed, redeemed } = status.money[0];
    const width = await page("Number(document.querySelector('.bar .one').getAttribute('width'))");
    assert.ok(Math.abs(width / 1000 - Number(redeemed) / Number(owed)) < 0.01, `${width}: ${redeemed} of ${owed}`);
    assert.match(await page("document.querySelector('.bar').getAttribute('aria-label')"), /^Of \d+ base units owed, \d+ are redeemed/);
    return `${spans} spans, ${Math.round(width / 10)} % redeemed`;
  },
  async "it renews itself, unless that is switched off"() {
    await page("document.querySelector('h1').textContent = 'old'");
    await until("renewing", "document.querySelector('h1').textContent === 'LazAI node'", 15);
    await page("(document.getElementById('live').checked = false, document.querySelector('h1').textContent = 'old')");
    await new Promise((done) => setTimeout(done, 11_000));
    assert.equal(await page("document.querySelector('h1').textContent"), "old");
    await send("Page.reload");
    await until("loading", "document.querySelector('h1')?.textContent === 'LazAI node'");
  },
  async "nobody is shut out"() {
    await send("Page.setBypassCSP", { enabled: true });
    await withAxe();
    await accessible("light");
    await picture("status-light.png");
    await colours("dark");
    await accessible("dark");
    await picture("status-dark.png");
    await narrow();
    await accessible("narrow");
    await picture("status-narrow.png");
  },
  async "nothing went wrong unseen"() {
    const bad = events.filter(({ method, params }) => method === "Runtime.exceptionThrown" || (method === "Log.entryAdded" && params.entry.level === "error"));
    assert.deepEqual(bad.map(({ params }) => params), []);
  },
});
