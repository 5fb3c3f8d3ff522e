// node run.mjs MODULE ONNX SENTENCES.json: what sentences of phonemes cost to speak, after one that warms up.
import { readFileSync } from "node:fs";

const [module, onnx, sentences] = process.argv.slice(2).map((path) => readFileSync(path));
const { instance } = await WebAssembly.instantiate(module, {});
const { memory, reserve, open, speak, rate } = instance.exports;
const place = (bytes) => {
  const at = reserve(bytes.byteLength);
  new Uint8Array(memory.buffer, at, bytes.byteLength).set(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  return at;
};
if (open(place(onnx), onnx.length) !== 0) throw new Error("the voice cannot be opened in WebAssembly");
const placed = JSON.parse(sentences).map((ids) => [place(Uint32Array.from(ids)), ids.length]);
const say = ([at, count]) => {
  const samples = speak(at, count);
  if (!samples) throw new Error("a sentence cannot be spoken in WebAssembly");
  return samples;
};
placed.slice(0, 4).forEach(say);
const { user, system } = process.cpuUsage();
const samples = placed.map(say).reduce((a, b) => a + b);
const spent = process.cpuUsage({ user, system });
const seconds = samples / rate();
console.log(JSON.stringify({ cpu_s_per_audio_s: (spent.user + spent.system) / 1e6 / seconds, memory_mb: memory.buffer.byteLength / 2 ** 20, module_bytes: module.length }));
