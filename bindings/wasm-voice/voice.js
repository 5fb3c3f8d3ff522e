// A base voice that speaks on this device: what Rust computes, as an iterator of phrases.
import * as module from "./lazai_voice.js";

export const voiceAssets = module.voiceAssets;
/** Loads the module in a page; in Node it is loaded already. */
export default async function init(source) {
  await module.default?.(source);
}

export class BaseVoice {
  #base;

  constructor(base) {
    this.#base = base;
  }

  /** Opens the files of the package; see `voice.d.ts`. */
  static async open(asset) {
    const named = await Promise.all(voiceAssets().map(async (name) => [name, new Uint8Array(await asset(name))]));
    const files = new Map(named);
    return new BaseVoice(new module.Base((name) => files.get(name)));
  }

  get sampleRate() {
    return this.#base.sampleRate;
  }

  get digest() {
    return this.#base.digest;
  }

  /** A character's voice, out of its two files. */
  characterVoice(config, weights) {
    return this.#base.characterVoice(config, weights);
  }

  /** Speaks, a phrase each time the next is asked for; see `voice.d.ts`. */
  *speak(text, { voice, speed = 1, seed = 0n } = {}) {
    const base = this.#base;
    const saying = voice ? base.sayAs(voice, text, speed, seed) : base.say(text, speed, seed);
    try {
      for (let samples; (samples = saying.next()); ) yield { samples, sampleRate: base.sampleRate };
    } finally {
      saying.free();
    }
  }

  free() {
    this.#base.free();
  }
}
