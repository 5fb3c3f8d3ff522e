// Plays speech while it comes, by Web Audio.

/** Seconds before the first phrase is heard: what comes meanwhile follows without a gap. */
const AHEAD_S = 0.05;

export class Player {
  #context;
  /** What is played or waits, and what to call when it has ended. */
  #heard = new Map();
  #end = 0;

  /** Make it where the visitor clicks: before, pages may not sound. */
  constructor(context = new AudioContext()) {
    this.#context = context;
  }

  /** Plays a phrase after those before; see `sound.d.ts`. */
  play({ samples, sampleRate }) {
    const context = this.#context;
    const buffer = context.createBuffer(1, samples.length, sampleRate);
    buffer.getChannelData(0).set(Float32Array.from(samples, (sample) => sample / 32768));
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(context.destination);
    const begin = Math.max(this.#end, context.currentTime + AHEAD_S);
    this.#end = begin + buffer.duration;
    const ended = new Promise((end) => this.#heard.set(source, end));
    source.onended = () => {
      this.#heard.get(source)?.();
      this.#heard.delete(source);
    };
    source.start(begin);
    // A suspended context sounds once the visitor has done something.
    context.resume();
    return { begins: this.#at(begin, ended), ends: ended };
  }

  /** A promise that is kept when the clock of the sound is there, or the phrase has ended before. */
  #at(time, ended) {
    const wait = async () => {
      for (let left; (left = time - this.#context.currentTime) > 0; ) {
        await new Promise((woken) => setTimeout(woken, Math.min(left * 1000, 100)));
        if (this.#context.state === "closed") return;
      }
    };
    return Promise.race([wait(), ended]);
  }

  /** Ends all that is played or waits. */
  stop() {
    for (const [source, end] of this.#heard) {
      source.onended = null;
      source.stop();
      source.disconnect();
      end();
    }
    this.#heard.clear();
    this.#end = 0;
  }

  /** Stops, and gives the sound of the system back. */
  async close() {
    this.stop();
    if (this.#context.state !== "closed") await this.#context.close();
  }
}
