// A base voice that speaks in this process: the same as the one in Rust, by `vectors/voice/spoken.json`.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import test from "node:test";

import init, { BaseVoice, voiceAssets } from "@lazai/sdk/voice";
import { compare } from "./spoken.mjs";

const folder = process.env.LAZAI_VOICE_PACKAGE;
const asset = (name) => readFile(path.join(folder, name));
await init();

test("a text is spoken as in Rust", async () => {
  const expected = JSON.parse(await readFile(path.join(process.env.LAZAI_ROOT, "vectors/voice/spoken.json")));
  // ANCHOR: speak
  const voice = await BaseVoice.open(asset);
  const heard = [];
  for (const { samples, sampleRate } of voice.speak("Hush, darling.", { speed: 1.1 })) {
    heard.push(samples.length / sampleRate);
  }
  // ANCHOR_END: speak
  assert.ok(heard.length === 1 && heard[0] > 0.5 && heard[0] < 3, `${heard} s`);
  compare(voice, expected);
  assert.deepEqual([...voice.speak("  \n ")], [], "of which nothing can be spoken");
  // Who has heard enough asks for no more.
  for (const phrase of voice.speak(expected.text)) {
    assert.ok(phrase.samples instanceof Int16Array && phrase.samples.length > 0);
    break;
  }
  voice.free();
});

test("what is no voice is refused by name", async () => {
  const missing = (name) => (name === "vocab.json" ? new Uint8Array() : asset(name));
  await assert.rejects(BaseVoice.open(missing), { name: "LazaiError", code: "model", message: /vocab\.json/ });
  const other = async (name) => (name === voiceAssets()[0] ? (await asset(name)).subarray(1) : asset(name));
  await assert.rejects(BaseVoice.open(other), { code: "model" });
  const voice = await BaseVoice.open(asset);
  assert.throws(() => voice.characterVoice(new Uint8Array(), new Uint8Array()), { code: "model", message: /adapter_config/ });
  assert.throws(() => [...voice.speak("Too fast.", { speed: 3 })], { code: "model" });
  voice.free();
});
