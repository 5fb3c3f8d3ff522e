// node voice.mjs PACKAGE JOB.json: what texts cost to speak in WebAssembly, as a character, after one that warms up.
import { readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

const [pkg, job] = process.argv.slice(2);
const { package: assets, adapter, texts } = JSON.parse(readFileSync(job));
const { BaseVoice } = await import(path.join(pkg, "voice/node/voice.js"));
const base = await BaseVoice.open((name) => readFileSync(path.join(assets, name)));
const file = (name) => readFileSync(path.join(adapter, name));
const voice = base.characterVoice(file("adapter_config.json"), file("adapter_model.safetensors"));
const first = [];
let [samples, started] = [0, null];
for (const text of [texts[0], ...texts]) {
  const asked = performance.now();
  let heard = 0;
  for (const phrase of base.speak(text, { voice })) {
    if (started && heard++ === 0) first.push(performance.now() - asked);
    samples += phrase.samples.length;
  }
  if (!started) [samples, started] = [0, process.cpuUsage()];
}
const { user, system } = process.cpuUsage(started);
const module = readFileSync(path.join(pkg, "voice/node/lazai_voice_bg.wasm"));
console.log(JSON.stringify({
  cpu_s_per_audio_s: (user + system) / 1e6 / (samples / base.sampleRate),
  first_audio_ms: first.sort((a, b) => a - b)[first.length >> 1],
  module_gz_bytes: gzipSync(module, { level: 9 }).length,
  memory_mb: process.memoryUsage().arrayBuffers / 2 ** 20,
}));
