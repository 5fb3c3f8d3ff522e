// Headless Chromium, driven by its own protocol over a pipe; `axe-core` looks for barriers.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const { LAZAI_AXE: axe, LAZAI_REPORT: report, CHROMIUM: chromium = "chromium" } = process.env;
const profile = fs.mkdtempSync(path.join(os.tmpdir(), "lazai-web-"));
const flags = [
  "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", `--user-data-dir=${profile}`, "--remote-debugging-pipe", "about:blank",
];
const browser = spawn(chromium, flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"], detached: true });

// The protocol: JSON, each message ended by a zero byte.
const waiting = new Map();
/** What the browser told by itself. */
export const events = [];
let session, number = 0, rest = "";
browser.stdio[4].setEncoding("utf8").on("data", (data) => {
  const messages = (rest + data).split("\0");
  rest = messages.pop();
  for (const message of messages.map((m) => JSON.parse(m))) {
    const { resolve, reject } = waiting.get(message.id) ?? {};
    if (!resolve) events.push(message);
    else if (message.error) reject(new Error(message.error.message));
    else resolve(message.result);
  }
});
export function send(method, params = {}) {
  const id = ++number;
  browser.stdio[3].write(JSON.stringify({ id, method, params, sessionId: session }) + "\0");
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

/** Evaluates an expression in the page, and gives its value. */
export async function page(expression) {
  const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true, userGesture: true });
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value;
}
export const text = (id) => page(`document.getElementById(${JSON.stringify(id)}).textContent`);

/** Waits until an expression holds; says what the page shows if it does not. */
export async function until(what, expression, seconds = 30) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await new Promise((done) => setTimeout(done, 50))) {
    if (await page(expression)) return;
  }
  throw new Error(`${what} did not happen in ${seconds} s; the page shows:\n${await page("document.body.innerText")}`);
}

/** Has `axe` in the page. */
export const withAxe = () => page(fs.readFileSync(axe, "utf8"));

/** No barrier that axe knows of (WCAG 2.2, A and AA, and good practice). */
export async function accessible(where) {
  const found = await page("axe.run().then((r) => r.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`))");
  assert.deepEqual(found, [], where);
}

export const colours = (scheme) => send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });

/** A small phone; nothing is wider than it. */
export async function narrow() {
  await send("Emulation.setDeviceMetricsOverride", { width: 320, height: 640, deviceScaleFactor: 1, mobile: true });
  assert.ok(await page("document.documentElement.scrollWidth <= 320"), "it is wider than a small phone");
}

export async function picture(name) {
  if (!report) return;
  const { cssContentSize } = await send("Page.getLayoutMetrics");
  const clip = { x: 0, y: 0, width: cssContentSize.width, height: cssContentSize.height, scale: 1 };
  const { data } = await send("Page.captureScreenshot", { format: "png", captureBeyondViewport: true, clip });
  fs.writeFileSync(path.join(report, name), Buffer.from(data, "base64"));
}

/** Does each step in a page of its own, and ends the process: with 1 if one failed. */
export async function visit(steps) {
  let failed = 0;
  try {
    const { targetInfos } = await send("Target.getTargets");
    const { targetId } = targetInfos.find(({ type }) => type === "page");
    session = (await send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
    for (const domain of ["Page", "Runtime", "Log"]) await send(`${domain}.enable`);
    await colours("light");
    for (const [name, step] of Object.entries(steps)) console.log(`ok - ${name}${((said) => (said ? `: ${said}` : ""))(await step())}`);
  } catch (error) {
    failed = 1;
    console.log(`FAILED - ${error.stack}`);
  }
  try { process.kill(-browser.pid, "SIGKILL"); } catch {}
  await new Promise((gone) => setTimeout(gone, 300));
  fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  process.exit(failed);
}
